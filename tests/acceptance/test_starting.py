"""How Zope starts: by itself, and in a consumer, beside another Zope on an empty ZODB."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.processes import ProcessFailed
from demo.stack import Stack
from support.installation import SECRET, SETTINGS

SITE_ZCML = """\
<configure xmlns="http://namespaces.zope.org/zope" xmlns:five="http://namespaces.zope.org/five">
  <include package="Zope2.App" />
  <include package="Products.Five" />
  <five:registerPackage package="rival" initialize="rival.initialize" />
</configure>
"""

# Zope calls it in the middle of its start, whose transaction it joins.
RIVAL = """\
from pathlib import Path

import Zope2
from transaction import TransactionManager

MARK = Path({mark!r})


def initialize(context):
    \"\"\"Write to the root folder, but after somebody else, at the first start only.\"\"\"
    if MARK.exists():
        return
    MARK.touch()
    write("The Zope that starts")
    manager = TransactionManager()
    write("The other Zope", manager)
    manager.commit()


def write(title, manager=None):
    Zope2.DB.open(manager).root()["Application"].title = title
"""


@pytest.fixture
def stack(tmp_path: Path):
    """An empty ZODB behind ZEO, and a Zope that another one comes before at its first start."""
    package = tmp_path / "lib" / "rival"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(RIVAL.format(mark=str(tmp_path / "was-here")))
    settings = {"database": f"sqlite:///{tmp_path / 'queue.sqlite'}", **SETTINGS}
    environment = {"PYTHONPATH": str(package.parent)}
    with Stack(tmp_path, settings=settings, environment=environment) as stack:
        (stack.instances[0].directory / "etc" / "site.zcml").write_text(SITE_ZCML)
        stack.init_database()
        stack.start_zeo()
        yield stack


def test_a_supervisor_starts_another_process(stack: Stack, tmp_path: Path) -> None:
    """The first process says why it can't start, and the second one works."""
    consumer = stack.start_consumer("first", "--zope-conf", str(stack.instances[0].conf))
    assert (tmp_path / "was-here").exists()
    assert "Another Zope wrote to the ZODB of" in consumer.output()
    assert consumer.output().count("Consumer first starts") == 2
    assert consumer.stop() == 0


def test_a_consumer_of_one_process_asks_for_another_start(stack: Stack) -> None:
    """It ends with 75, as a worn one does, so that systemd or the like starts it again."""
    conf = str(stack.instances[0].conf)
    alone = ["alone", "--processes", "0", "--zope-conf", conf]
    with pytest.raises(ProcessFailed, match="It ended with exit code 75"):
        stack.start_consumer(*alone)
    assert stack.start_consumer(*alone).stop() == 0


PLONE_ZCML = """\
<configure xmlns="http://namespaces.zope.org/zope" xmlns:five="http://namespaces.zope.org/five">
  <include package="Zope2.App" />
  <five:loadProducts file="meta.zcml" />
  <five:loadProducts />
  <five:loadProductsOverrides />
</configure>
"""

# Its pickler is as that of Python 3.13.0, in which no plugin can tell it what to keep apart.
PYTHON = """\
import pickle


class Pickler(pickle.Pickler):
    persistent_id = property(lambda self: lambda each: None)


pickle.Pickler = Pickler
"""


def test_zope_says_at_its_start_what_is_wrong(tmp_path: Path) -> None:
    """A misspelt setting and a Python that Plone can't work in; and it starts all the same."""
    library = tmp_path / "lib"
    library.mkdir()
    (library / "sitecustomize.py").write_text(PYTHON)
    settings = {"databse": "sqlite:///queue.sqlite", "secret": SECRET}
    environment = {"PYTHONPATH": str(library), "COSERVER_CONFIG": ""}
    with Stack(tmp_path, settings=settings, environment=environment) as stack:
        (stack.instances[0].directory / "etc" / "site.zcml").write_text(PLONE_ZCML)
        stack.start_zeo()
        said = stack.start_zope().output()
    assert (
        "WARNING collective.coserver This Zope can neither queue nor run jobs: Unknown setting "
        "'databse' in <product-config collective.coserver> of zope.conf; known are: " in said
    )
    assert "can't keep versions of content: persistent_id is read-only in it" in said
