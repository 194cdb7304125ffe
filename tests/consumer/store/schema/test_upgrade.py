"""The tables: made, kept up to date, and held against the code."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from coserver_consumer import store
from coserver_consumer.errors import ConfigurationError, SchemaError, StoreError, StoreUnavailable
from coserver_consumer.model.job import new_id
from coserver_consumer.store import claim, enqueue, maintain, manage
from coserver_consumer.store.database.advisory_lock import UPGRADE, hold
from coserver_consumer.store.maintain.partitions import first_id
from coserver_consumer.store.schema import tables, upgrade
from coserver_consumer.store.schema.upgrade import MIGRATIONS
from support.databases import DATABASES, fresh_database, migrate
from support.waiting import PATIENCE, wait_for

SCRIPT = """
import sys
from coserver_consumer import store
store.upgrade(store.open_engine(sys.argv[1]))
"""


def test_a_missing_schema_names_the_command(empty_database_url):
    """Whoever meets it knows what to do."""
    engine = store.open_engine(empty_database_url)
    with pytest.raises(SchemaError, match="coserver init"):
        store.check_schema(engine)
    assert store.upgrade(engine) == (None, tables.REVISION)
    assert store.upgrade(engine) == (tables.REVISION, tables.REVISION)
    store.check_schema(engine)
    engine.dispose()


def test_a_schema_of_another_version_is_refused(empty_database_url):
    """Old code must not write into new tables."""
    engine = store.open_engine(empty_database_url)
    store.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {tables.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(SchemaError, match="revision 9999"):
        store.check_schema(engine)
    engine.dispose()


def test_the_migrations_make_what_the_code_says(engine):
    """Alembic's own comparison of the database with ``tables`` finds no difference.

    Partitions aren't in it: PostgreSQL itself keeps them like their parent.
    """

    def is_named(name, kind, _):
        return kind != "table" or not name.startswith("coserver_history_")

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": tables.VERSION_TABLE, "include_name": is_named}
        )
        assert compare_metadata(context, tables_of(engine)) == []


def tables_of(engine):
    """Return the tables with those indexes that this kind of database has."""
    here = "postgresql" if engine.dialect.name == "postgresql" else "others"
    metadata = sa.MetaData()
    for table in tables.metadata.sorted_tables:
        copied = table.to_metadata(metadata)
        copied.indexes.clear()
        for index in table.indexes:
            if index.info.get("on", here) == here:
                columns = [copied.c[column.name] for column in index.columns]
                where = index.info["where"] and sa.text(index.info["where"])
                partial = {"postgresql_where": where, "sqlite_where": where}
                sa.Index(index.name, *columns, unique=index.unique, **partial)
    return metadata


def test_the_newest_migration_is_the_one_the_code_needs():
    """check_schema compares with this constant, so that nobody but upgrade imports Alembic."""
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(configuration).get_current_head() == tables.REVISION


def test_two_upgrades_at_once_wait_for_each_other(empty_database_url):
    """Containers start together."""
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, empty_database_url]) for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]


HAS_WAITED = {  # longer than a statement of the engine may take
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event = 'advisory' AND clock_timestamp() - query_start > interval '0.6 s'",
    "mysql": "SELECT count(*) FROM information_schema.processlist"
    " WHERE db = DATABASE() AND state = 'User lock' AND time_ms > 600",
}
LIMIT = {
    "postgresql": ("SHOW statement_timeout", "300ms"),
    "mysql": ("SELECT @@max_statement_time", 0.3),
}


@pytest.fixture(params=[kind for kind in DATABASES if kind != "sqlite"])
def served_url(request, tmp_path):
    """The URL of a database without tables on a server, which limits the time of statements."""
    with fresh_database(request.param, tmp_path) as url:
        yield url


def test_an_upgrade_may_take_longer_than_other_statements(served_url):
    """Large tables do; here it waits for another. Later ones are limited as before."""
    holder = store.open_engine(served_url)
    hasty = store.open_engine(served_url, timeouts=store.Timeouts(statement=0.3))
    kind = holder.dialect.name

    def has_waited():
        with holder.connect() as connection:
            return connection.exec_driver_sql(HAS_WAITED[kind]).scalar()

    with ThreadPoolExecutor() as threads:
        with holder.connect() as connection, hold(connection, UPGRADE):
            upgrade = threads.submit(store.upgrade, hasty)
            wait_for(
                lambda: has_waited() or upgrade.done(),
                what="the upgrade to have waited",
            )
            assert not upgrade.done()
        assert upgrade.result(timeout=PATIENCE) == (None, tables.REVISION)
    question, answer = LIMIT[kind]
    with hasty.connect() as connection:
        assert connection.exec_driver_sql(question).scalar() == answer
    holder.dispose()
    hasty.dispose()


def test_an_upgrade_that_does_not_get_its_lock_does_nothing(served_url, monkeypatch):
    """The other one may be in the middle of the same tables."""
    monkeypatch.setattr(upgrade, "UPGRADE", replace(UPGRADE, timeout_s=1))
    holder = store.open_engine(served_url)
    engine = store.open_engine(served_url)
    with (
        holder.connect() as connection,
        hold(connection, UPGRADE),
        pytest.raises(StoreError, match=r"Another process|lock timeout"),
    ):
        store.upgrade(engine)
    assert sa.inspect(engine).get_table_names() == []
    holder.dispose()
    engine.dispose()


def test_an_unreachable_database_is_named_without_its_password():
    """Nothing listens on port 1."""
    engine = store.open_engine("postgresql://joe:hunter2@127.0.0.1:1/x")
    with pytest.raises(StoreUnavailable, match=r"joe:\*\*\*@127.0.0.1:1/x") as caught:
        store.check_schema(engine)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense"])
def test_an_address_that_cannot_serve_is_refused(url):
    """A database in memory is seen by one process only."""
    with pytest.raises(ConfigurationError):
        store.open_engine(url)


def test_sqlite_is_durable_and_does_not_block_readers(tmp_path):
    """Write-ahead log, and every commit is on disk."""
    engine = store.open_engine(f"sqlite:///{tmp_path / 'q.sqlite'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_a_deadlock_is_tried_again(engine):
    """Two transactions that lock two jobs crosswise both succeed in the end."""
    if engine.dialect.name == "sqlite":
        return _busy_sqlite_is_tried_again(engine)
    return _crossed_locks_are_tried_again(engine)


def _busy_sqlite_is_tried_again(engine):
    tries = []

    def work(connection):
        tries.append(1)
        if len(tries) == 1:
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise sa.exc.OperationalError("", {}, busy)
        return "done"

    assert store.write(engine, work) == "done"
    assert len(tries) == 2


def _crossed_locks_are_tried_again(engine):
    import threading

    from coserver_consumer.model.new_job import NewJob

    one, two = store.write(
        engine, lambda c: enqueue.add_many(c, [NewJob(task="t"), NewJob(task="t")])
    )
    meeting, tries = threading.Barrier(2), []

    def cross(first, second):
        def work(connection):
            tries.append(first)
            touch(connection, first)
            if len(tries) <= 2:
                meeting.wait(10)
            touch(connection, second)

        store.write(engine, work)

    def touch(connection, job_id):
        connection.execute(sa.update(tables.job).where(tables.job.c.id == job_id).values(title="x"))

    threads = [threading.Thread(target=cross, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert len(tries) > 2


ADDED = {"expires_at", "parents"}  # columns of the history, since


@pytest.fixture
def old_engine(empty_database_url):
    """An engine on tables of the revision before partitions, with history."""
    engine = store.open_engine(empty_database_url)
    migrate(engine, "0004")
    rows = [
        {"id": new_id(), "task": "t", "state": "failed", "site": "/Plone", "error": f"no {number}"}
        for number in range(30)
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.history), rows)
    yield engine
    engine.dispose()


def read_history(engine):
    """Return all that the history holds in the columns that it has had ever since."""
    with engine.connect() as connection:
        kept = [column for column in tables.history.c if column.name not in ADDED]
        query = sa.select(*kept).order_by(tables.history.c.id)
        return [tuple(row) for row in connection.execute(query)]


def test_history_from_before_partitions_stays(old_engine):
    """On PostgreSQL its table becomes the default partition."""
    before = read_history(old_engine)
    assert store.upgrade(old_engine) == ("0004", tables.REVISION)
    assert read_history(old_engine) == before
    found = store.read(old_engine, lambda c: manage.find(c, site="/Plone", limit=99))
    assert len(found) == len(before)


def test_partitions_become_one_table_again(old_engine):
    """When the tables are taken back to the revision before."""
    store.upgrade(old_engine)
    if maintain.has_partitions(old_engine):
        store.write(old_engine, lambda c: maintain.make_partitions(c, keep_days=30))
    tomorrow = first_id(store.read(old_engine, manage.now) // 1000 + 86_400_000)
    with old_engine.begin() as connection:
        connection.execute(sa.insert(tables.history).values(id=tomorrow, task="t"))
    before = read_history(old_engine)
    migrate(old_engine, "0004")
    assert read_history(old_engine) == before
    assert store.upgrade(old_engine) == ("0004", tables.REVISION)
    assert read_history(old_engine) == before


@pytest.fixture
def loose_engine(empty_database_url):
    """An engine on tables of the revision before bounds, with rows that are out of them."""
    engine = store.open_engine(empty_database_url)
    migrate(engine, "0006")
    large = {"x": "x" * 70_000}
    rows = [
        {"title": "origin", "origin": large},
        {"title": "progress", "progress": 7.5},
        {"title": "waits", "waits_for": -5, "failed_parents": -1},
        {"title": "times", "cancel_at": 5, "deadline_at": -1},
        {"title": "tid", "tid": -1},
    ]
    with engine.begin() as connection:
        for row in rows:
            connection.execute(
                sa.insert(tables.job).values(task="t", unique_key=row["title"], **row)
            )
        connection.execute(sa.update(tables.queue).values(rate_number=-1, rate_period=-5.0))
    yield engine
    engine.dispose()


def test_rows_out_of_bounds_are_mended(loose_engine):
    """They are few, and no reason not to upgrade; one that can't be mended fails with words."""
    assert store.upgrade(loose_engine) == ("0006", tables.REVISION)
    found = {job.title: job for job in store.read(loose_engine, lambda c: manage.find(c, limit=9))}
    assert found["origin"].origin == "had more than 65536 bytes"
    assert found["progress"].progress is None
    assert (found["waits"].waits_for, found["waits"].failed_parents) == (0, 0)
    assert (found["times"].cancel_at, found["times"].deadline_at) == (None, None)
    assert found["tid"].tid is None
    claimed = {"consumer": new_id(), "queues": ["default"], "tasks": ["t"], "limit": 9}
    assert len(store.write(loose_engine, lambda c: claim.claim(c, **claimed))) == 1
    migrate(loose_engine, "0006")
    assert store.upgrade(loose_engine) == ("0006", tables.REVISION)


def test_tables_of_a_newer_version_are_left_alone(engine):
    """Neither an upgrade nor a start can do anything with them, and both say so in a sentence."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {tables.VERSION_TABLE} SET version_num = '9999'")
    try:
        for use in (store.upgrade, store.check_schema):
            with pytest.raises(SchemaError, match="9999, which is newer") as refused:
                use(engine)
            assert str(refused.value).count("\n") == 0
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE {tables.VERSION_TABLE} SET version_num = '{tables.REVISION}'"
            )
