"""Where Zope finds its queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import transaction
from App.config import getConfiguration
from plone.testing import zca
from sqlalchemy import Engine
from z3c.saconfig import EngineFactory
from z3c.saconfig.interfaces import IEngineFactory
from zope.component import getGlobalSiteManager
from zope.configuration import xmlconfig
from Zope2.Startup.options import ZopeWSGIOptions

import collective.coserver
from collective.coserver import queue
from collective.coserver.database import engine as addon_engine
from collective.coserver.database.settings import get_settings
from coserver_consumer.errors import ConfigurationError, SchemaError, StoreUnavailable
from support.jobs import Jobs

PATH = "/plone/@@view"


@pytest.fixture
def registered(database_url: str, environment: pytest.MonkeyPatch) -> Iterator[EngineFactory]:
    """An engine factory named ``coserver``, as z3c.saconfig's ZCML registers it."""
    factory = EngineFactory(database_url)
    manager = getGlobalSiteManager()
    manager.registerUtility(factory, IEngineFactory, name="coserver")
    yield factory
    manager.unregisterUtility(factory, IEngineFactory, name="coserver")
    factory.reset()


def test_the_environment_names_the_database(jobs: Jobs, database_url: str) -> None:
    """COSERVER_DATABASE, as for a consumer."""
    job_id = queue.add(PATH)
    transaction.commit()
    assert jobs.exists(job_id)
    assert get_settings().database == database_url


def test_a_process_has_one_engine(jobs: Jobs) -> None:
    """Every thread uses the same pool."""
    assert addon_engine.get_engine() is addon_engine.get_engine()


def test_an_engine_of_z3c_saconfig_goes_before_the_environment(
    registered: EngineFactory, engine: Engine, environment: pytest.MonkeyPatch
) -> None:
    """A job that is queued goes where it points."""
    environment.setenv("COSERVER_DATABASE", "sqlite:////nonexistent/queue.sqlite")
    job_id = queue.add(PATH)
    transaction.commit()
    assert Jobs(engine).exists(job_id)
    assert addon_engine.get_engine() is registered()


def test_zope_conf_names_the_settings(
    tmp_path: Path, database_url: str, environment: pytest.MonkeyPatch
) -> None:
    """Its keys may have dashes; what it says outweighs the environment."""
    (tmp_path / "zope.conf").write_text(
        f"%define INSTANCE {tmp_path}\n"
        "instancehome $INSTANCE\n"
        "<product-config collective.coserver>\n"
        f"  database {database_url}\n"
        "  max-payload 2000\n"
        "</product-config>\n"
    )
    options = ZopeWSGIOptions(configfile=str(tmp_path / "zope.conf"))()
    environment.setattr(
        getConfiguration(), "product_config", options.configroot.product_config, raising=False
    )
    environment.setenv("COSERVER_MAX_PAYLOAD", "1000")
    assert get_settings().database == database_url
    assert get_settings().max_payload == 2000


def test_no_setting_is_a_clear_error(environment: pytest.MonkeyPatch) -> None:
    """It names the key."""
    environment.delenv("COSERVER_DATABASE", raising=False)
    with pytest.raises(ConfigurationError, match="'database' is missing"):
        queue.add(PATH)


def test_no_secret_is_a_clear_error(jobs: Jobs, environment: pytest.MonkeyPatch) -> None:
    """When the job is queued: a job without a signature could never run."""
    environment.delenv("COSERVER_SECRET")
    get_settings.cache_clear()
    with pytest.raises(ConfigurationError, match="'secret' is missing"):
        queue.add(PATH)


def test_missing_tables_are_an_error_that_names_the_command(
    empty_database_url: str, environment: pytest.MonkeyPatch
) -> None:
    """Zope makes no table."""
    environment.setenv("COSERVER_DATABASE", empty_database_url)
    with pytest.raises(SchemaError, match="coserver init"):
        queue.add(PATH)


def test_a_database_out_of_reach_is_named_without_its_password(
    environment: pytest.MonkeyPatch,
) -> None:
    """Who reads the error needs the address and nothing else."""
    environment.setenv("COSERVER_DATABASE", "postgresql://jane:hush@127.0.0.1:1/queue")
    with pytest.raises(StoreUnavailable, match="can't be reached") as caught:
        queue.add(PATH)
    assert "hush" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_loading_the_add_on_connects_to_nothing(
    functional: Any, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    """Zope starts whatever becomes of the queue; not even a file is made."""
    environment.setenv("COSERVER_DATABASE", f"sqlite:///{tmp_path}/queue.sqlite")
    context = zca.stackConfigurationContext(functional["configurationContext"])
    xmlconfig.file("configure.zcml", collective.coserver, context=context)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_database_shows_no_payload(jobs: Jobs) -> None:
    """What a job carries doesn't get into logs by way of SQLAlchemy's messages."""
    wrong = sa.text("SELECT 1 FROM elsewhere WHERE payload = :payload")
    with (
        addon_engine.get_engine().connect() as connection,
        pytest.raises(sa.exc.DBAPIError, match="elsewhere") as caught,
    ):
        connection.execute(wrong, {"payload": "hush"})
    assert "hush" not in str(caught.value)
