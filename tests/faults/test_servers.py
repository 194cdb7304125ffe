"""Servers die while producers and consumers work, and some of these die too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from faults.ordeal import Ordeal, part
from faults.places import STRONGEST
from faults.storages import make_relational, prepare
from faults.tally import Tally
from faults.troubles import Outage
from support.databases import DATABASES

needs_postgresql = pytest.mark.skipif(
    "postgresql" not in DATABASES, reason="PostgreSQL isn't among COSERVER_TEST_DATABASES"
)


@pytest.fixture(params=[Ordeal.produce, Ordeal.consume], ids=["producers", "consumers"])
def suffer(request: pytest.FixtureRequest) -> Callable[[Ordeal, int], Tally]:
    """What is done while servers die."""
    return request.param


def test_the_zeo_server_may_die(suffer, zeo_server, open_queue, accept, tmp_path):
    """Killed and started again at random moments, it takes no job and no effect with it."""
    server, storage = zeo_server
    ordeal = Ordeal(
        name=f"{suffer.__name__}rs, the ZEO server dies",
        storage=storage,
        engine=open_queue(STRONGEST),
        directory=tmp_path,
        troubles=(Outage(server.kill, server.start, every=6),),
    )
    assert accept(suffer(ordeal, part(10))).faults == 0


@needs_postgresql
def test_postgresql_may_die(suffer, zeo_server, own_postgresql, own_queue, accept, tmp_path):
    """Its processes killed and started again, the queue has lost nothing that was committed."""
    ordeal = Ordeal(
        name=f"{suffer.__name__}rs, PostgreSQL dies",
        storage=zeo_server[1],
        engine=own_queue,
        directory=tmp_path,
        troubles=(Outage(own_postgresql.crash, own_postgresql.start, every=6),),
    )
    assert accept(suffer(ordeal, part(10))).faults == 0


@needs_postgresql
def test_all_that_is_in_postgresql_may_die(suffer, own_postgresql, own_queue, accept, tmp_path):
    """The ZODB is in a RelStorage beside the queue; both go down at once."""
    storage = make_relational(make_database(own_queue), keep_history=False)
    prepare(storage)
    ordeal = Ordeal(
        name=f"{suffer.__name__}rs, PostgreSQL dies with RelStorage",
        storage=storage,
        engine=own_queue,
        directory=tmp_path,
        troubles=(Outage(own_postgresql.crash, own_postgresql.start, every=6),),
    )
    assert accept(suffer(ordeal, part(10))).faults == 0


@pytest.fixture
def own_queue(own_postgresql):
    """An engine on a queue in the server that dies."""
    engine = store.open_engine(own_postgresql.url)
    store.upgrade(engine)
    yield engine
    engine.dispose()


def make_database(engine: sa.Engine) -> str:
    """Make a second database beside the queue; return its URL."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE zodb")
    return engine.url.set(database="zodb").render_as_string(hide_password=False)
