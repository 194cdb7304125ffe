"""The distribution: what is in it and what it needs. Locked in requirements.lock."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent

CONSUMER = [
    "SQLAlchemy>=2.1",
    "alembic",
    "click",
    "rich",
    "pydantic-settings",
    "urllib3>=2",
    "PyJWT",
    "uuid-utils",
    "psutil",
]
ZODB = ["Zope>=5.10", "ZODB", "ZEO", "transaction"]
PLONE = [
    *ZODB,
    "Products.CMFPlone>=6.1",
    "plone.api",
    "plone.restapi",
    "z3c.saconfig>=2.1",
    "zope.component",
    "zope.interface",
]
POSTGRESQL = ["psycopg[binary]>=3.2"]
MYSQL = ["PyMySQL>=1.1"]
DEMO = [*PLONE, "Plone>=6.2", "waitress", "feedparser"]
BUILDOUT = ["zc.buildout>=5", "zc.recipe.egg"]
TEST = [
    *DEMO,
    *POSTGRESQL,
    *MYSQL,
    *BUILDOUT,
    "aiosmtpd",
    "axe-playwright-python",
    "build",
    "Django>=5.2",
    "docutils",
    "hypothesis",
    "import-linter",
    "mypy",
    "plone.app.testing",
    "playwright",
    "plone.recipe.zeoserver",
    "plone.recipe.zope2instance",
    "pytest",
    "pytest-plone",
    "pytest-timeout",
    "pytest-xdist",
    "RelStorage",
    "psycopg2-binary",
    "requests",
    "ruff",
    "towncrier",
]

setup(
    name="collective.coserver",
    version="1.0.0a1.dev0",
    description="Background jobs for Zope and Plone in an SQL database, "
    "queued inside the transaction and run by a standalone consumer.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="GPL-2.0-or-later",
    license_files=["LICENSE"],
    url="https://github.com/collective/collective.coserver",
    keywords="plone zope queue jobs background tasks sql consumer",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Web Environment",
        "Framework :: Plone",
        "Framework :: Plone :: 6.1",
        "Framework :: Plone :: 6.2",
        "Framework :: Plone :: Addon",
        "Framework :: Zope",
        "Operating System :: OS Independent",
        "Programming Language :: Python",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
    ],
    package_dir={"": "src"},
    packages=find_namespace_packages("src", include=["collective.coserver*", "coserver_consumer*"]),
    include_package_data=True,
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=CONSUMER,
    extras_require={
        "zodb": ZODB,
        "plone": PLONE,
        "postgresql": POSTGRESQL,
        "mysql": MYSQL,
        "buildout": BUILDOUT,
        "demo": DEMO,
        "test": TEST,
    },
    entry_points={
        "console_scripts": ["coserver = coserver_consumer.__main__:main"],
        "coserver.tasks": [
            "view = coserver_consumer.tasks.view:View",
            "http = coserver_consumer.tasks.http:Http",
            "call = coserver_consumer.tasks.call:Call",
            "xmlrpc = coserver_consumer.tasks.xmlrpc:XmlRpc",
        ],
        "coserver.transports": [
            "zodb = collective.coserver.embedded.transport:ZodbTransport",
        ],
        "pytest11": ["coserver = collective.coserver.testing.pytest_plugin"],
        "zc.buildout": ["default = collective.coserver.recipe:Consumer"],
        "z3c.autoinclude.plugin": ["target = plone"],
    },
)
