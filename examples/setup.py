"""The examples of collective.coserver, as an add-on that a Plone site can install."""

from setuptools import find_packages, setup

setup(
    name="coserver.examples",
    version="1.0.0a1.dev0",
    description="Examples for collective.coserver: a greeting, mails, a feed, a zip, a reindex.",
    license="GPL-2.0-or-later",
    classifiers=["Framework :: Plone :: 6.2", "Framework :: Plone :: Addon"],
    package_dir={"": "src"},
    packages=find_packages("src"),
    include_package_data=True,
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=["collective.coserver[plone]", "feedparser"],
    # With the module's name, because it isn't the distribution's.
    entry_points={"plone.autoinclude.plugin": ["target = plone", "module = coserver_examples"]},
)
