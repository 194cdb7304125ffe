"""The history of PostgreSQL by days, and what belongs to none."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from coserver_consumer import store
from coserver_consumer.maintenance.pruner import Pruner
from coserver_consumer.model.job import State, new_id
from coserver_consumer.model.lifecycle import Ending, complete
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.logs import history_logs
from coserver_consumer.store import enqueue, maintain, manage
from coserver_consumer.store.maintain.partitions import first_id
from coserver_consumer.store.schema import tables
from support.databases import day_partitions, migrate, only_on
from support.history import DAY, TOLD, History
from support.threads import at_once
from support.waiting import wait_for

pytestmark = only_on("postgresql")  # it has partitions

REST = "coserver_history_rest"
KEEP = 30 * DAY


class Days(History):
    """Days and jobs of the past."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        now = store.read(engine, manage.now) // 1_000_000
        self.today = now // DAY * DAY

    def name(self, days_ago: int) -> str:
        """Return the name of a day's partition."""
        day = datetime.fromtimestamp(self.today, tz=UTC) - timedelta(days=days_ago)
        return f"coserver_history_{day:%Y%m%d}"

    def make_day(self, days_ago: int) -> str:
        """Make the partition of a day, and return its name."""
        name, start = self.name(days_ago), self.today - days_ago * DAY
        bounds = f"FROM ('{first_id(start * 1000)}') TO ('{first_id((start + DAY) * 1000)}')"
        with self.engine.begin() as connection:
            connection.exec_driver_sql(
                f"CREATE TABLE {name} PARTITION OF coserver_history FOR VALUES {bounds}"
            )
        return name

    def make_id(self, days_ago: int) -> str:
        """Return an id as one had it that was made at noon of that day."""
        noon = self.today - days_ago * DAY + DAY // 2
        return first_id(noon * 1000)[:14] + new_id()[14:]

    def place(self, job_id: str) -> str | None:
        """Return the partition that has the job."""
        query = sa.text("SELECT tableoid::regclass::text FROM coserver_history WHERE id = :id")
        with self.engine.connect() as connection:
            return connection.execute(query, {"id": job_id}).scalar()

    def days(self) -> list[str]:
        """Return the names of the partitions but for the default one."""
        with self.engine.connect() as connection:
            return day_partitions(connection)

    def drop_all(self) -> list[str]:
        """Drop what is old step by step; return the names of the days that went."""
        gone = []
        while step := store.write(self.engine, drop):
            assert step.is_done or step.cleared
            gone += [step.name] * step.is_done
        return gone

    @contextmanager
    def held(self, mode: str) -> Iterator[None]:
        """Hold a lock on the history, as somebody who reads or writes has it."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"LOCK TABLE coserver_history IN {mode} MODE")
            yield

    def is_awaited(self) -> bool:
        """Return True if somebody waits for a lock on the history."""
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        query += " AND relation = 'coserver_history'::regclass"
        with self.engine.connect() as connection:
            return bool(connection.exec_driver_sql(query).scalar())


def drop(connection: sa.Connection) -> Any:
    """Take a step on the way to drop a day of history that is kept for a month."""
    return maintain.drop_old_partition(connection, older_than=KEEP)


def make(connection: sa.Connection) -> list[str]:
    """Make the partitions of history that is kept for a month."""
    return maintain.make_partitions(connection, keep_days=30)


@pytest.fixture
def history(engine: Engine) -> Days:
    """The history, empty and without days."""
    return Days(engine)


@pytest.fixture
def patient(database_url: str) -> Iterator[Engine]:
    """An engine that would wait for a lock until its statement is cancelled, which is an error."""
    engine = store.open_engine(database_url, timeouts=store.Timeouts(lock=3600, statement=10))
    yield engine
    engine.dispose()


def test_the_next_days_have_partitions(queue, history):
    """From today for a week; the second time there is nothing to do."""
    names = [history.name(-ahead) for ahead in range(7)]
    assert queue.make_partitions(keep_days=30) == names
    assert history.days() == names
    assert queue.make_partitions(keep_days=30) == []


def test_the_days_go_on_where_they_end(queue, history):
    """Also after a while in which nobody made any, and with another width."""
    old, newest = history.make_day(9), history.make_day(-1)
    assert queue.make_partitions(keep_days=300) == [history.name(-2)]
    assert history.days() == [old, newest, history.name(-2)]
    last = history.end(history.make_id(-11))
    assert history.place(last) == history.name(-2)
    assert history.place(history.end(history.make_id(-12))) == REST


def test_history_for_years_has_few_partitions(queue, history):
    """A query that can't tell the day locks them all, and PostgreSQL has room for so many locks."""
    assert queue.make_partitions(keep_days=3000) == [history.name(0)]
    assert history.place(history.end(history.make_id(-99))) == history.name(0)


def test_an_ended_job_is_in_the_partition_of_its_day(queue, history):
    """And one with an id of another kind in the default one."""
    queue.make_partitions(keep_days=30)
    queue.put()
    [job] = queue.take()
    queue.end_attempts([Ending(key=job.key, state=State.COMPLETED)])
    assert history.place(job.id) == history.name(0)
    assert history.place(history.end(str(uuid.uuid4()))) == REST


def test_a_day_that_has_begun_elsewhere_stays_there(queue, history):
    """Its rows aren't moved; the days after it have their partitions."""
    today = history.end(history.make_id(0))
    names = [history.name(-ahead) for ahead in range(1, 7)]
    assert queue.make_partitions(keep_days=30) == names
    assert history.place(today) == REST
    assert history.place(history.end(history.make_id(-1))) == history.name(-1)


def test_two_that_make_partitions_do_not_fail(engine, history):
    """Two consumers start at once: one of them does it."""
    results = at_once(*[lambda: store.write(engine, make)] * 4)
    names = [history.name(-ahead) for ahead in range(7)]
    assert max(results, key=len) == names
    assert all(result in ([], names) for result in results)
    assert history.days() == names


def test_while_one_makes_them_another_does_not_even_try(engine, history):
    """It would wait for the other one's locks."""
    with engine.begin() as connection:
        assert len(make(connection)) == 7
        assert store.write(engine, make) == []
    assert len(history.days()) == 7


def test_who_stands_still_while_it_makes_them_keeps_no_job_from_ending(hasty, queue, history):
    """A process that was frozen right there: PostgreSQL ends its transaction after a while."""
    queue.put()
    [job] = queue.take()
    with hasty.connect() as frozen:
        assert len(make(frozen)) == 7
        assert set(queue.end_attempts([complete(job)])) == {job.key}
        with pytest.raises(sa.exc.DBAPIError, match="idle-in-transaction timeout"):
            frozen.commit()
    assert (history.days(), queue.get(job.id).state) == ([], State.COMPLETED)


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ROW EXCLUSIVE"])
def test_nothing_is_made_while_others_hold_the_default_partition(patient, history, mode):
    """Nobody waits behind it for long, and the next time it is made."""
    with history.held(mode):
        assert store.write(patient, make) == []
    assert len(store.write(patient, make)) == 7


def test_making_waits_for_nobody_who_uses_days(engine, history):
    """Those who end jobs and read history of other days go on."""
    history.make_day(1)
    with engine.begin() as connection:
        ended = sa.insert(tables.history).values(id=history.make_id(1), task="t")
        connection.execute(ended)
        assert len(store.write(engine, make)) == 7


def test_a_day_goes_as_a_whole_with_what_belongs_to_it(engine, history):
    """A job of that day that still lives keeps its errors, lines and parents."""
    name = history.make_day(32)
    for _ in range(3):
        history.tell(history.end(history.make_id(32), days_ago=31.4))
    live = store.write(engine, lambda c: enqueue.add(c, NewJob(task="t", id=history.make_id(32))))
    history.tell(live)
    young = history.end(history.make_id(1))
    history.tell(young)
    assert history.drop_all() == [name]
    assert history.days() == []
    assert history.told() == sorted([live, young] * len(TOLD))
    assert history.place(young) == REST


def test_what_belongs_to_a_day_goes_in_small_steps(engine, history):
    """The day goes when nothing is left of it."""
    history.make_day(40)
    for _ in range(5):
        history.tell(history.end(history.make_id(40), days_ago=40))

    def step(connection: sa.Connection) -> Any:
        return maintain.drop_old_partition(connection, older_than=KEEP, limit=2)

    steps, whole = [store.write(engine, step) for _ in range(5)], 2 * len(TOLD)
    cleared = [each.cleared if each else None for each in steps]
    assert cleared == [whole, whole, len(TOLD), 0, None]
    assert [each.is_done for each in steps[:4]] == [False, False, False, True]


def test_days_that_are_to_come_are_not_old(queue, history):
    """They are empty, which isn't the same; nor is a day whose jobs end now."""
    history.make_day(29)
    queue.make_partitions(keep_days=30)
    history.end(history.make_id(29), days_ago=29.4)
    assert history.drop_all() == []


def test_a_job_that_ended_late_keeps_its_day(queue, history):
    """The others of that day go one by one, a day after they might have gone as a whole."""
    name = history.make_day(40)
    old = [history.end(history.make_id(40), days_ago=39.4) for _ in range(3)]
    late = history.end(history.make_id(40), days_ago=2)
    for job_id in (*old, late):
        history.tell(job_id)
    assert history.drop_all() == []
    assert queue.prune(older_than=KEEP, limit=2) == 2
    assert queue.prune(older_than=KEEP, limit=2) == 1
    assert history.place(late) == name
    assert history.told() == [late] * len(TOLD)


def test_a_day_that_goes_as_a_whole_is_not_pruned_row_by_row(queue, history):
    """The default partition is."""
    history.make_day(30)
    history.end(history.make_id(30), days_ago=30.2)
    history.end(history.make_id(33), days_ago=32)
    history.end(str(uuid.uuid4()), days_ago=31)
    young = history.end(history.make_id(33), days_ago=2)
    assert queue.prune(older_than=KEEP) == 2
    assert history.place(young) == REST
    assert queue.prune(older_than=KEEP) == 0


def test_a_job_that_ends_meanwhile_keeps_its_day(engine, history):
    """The lock is taken before the last look."""
    name = history.make_day(40)
    history.end(history.make_id(40), days_ago=40)
    results: list[Any] = []
    with engine.begin() as connection:
        late = sa.insert(tables.history).values(id=history.make_id(40), task="t")
        connection.execute(late)
        thread = threading.Thread(target=lambda: results.append(store.write(engine, drop)))
        thread.start()
        wait_for(history.is_awaited, what="the one who drops to wait")
    thread.join(10)
    assert [result.is_done for result in results] == [False]
    assert history.days() == [name]


def test_a_day_is_not_dropped_while_others_read(patient, history):
    """Nobody waits behind it for long, and the next time it goes."""
    name = history.make_day(40)
    with history.held("ACCESS SHARE"):
        step = store.write(patient, drop)
    assert step is not None
    assert not step.is_done
    assert history.drop_all() == [name]


def test_two_pruners_at_once_do_not_fail(engine, history):
    """Each day is made once and dropped once, whoever does it, and all that is old is gone."""
    for days_ago in (40, 41, 42):
        history.make_day(days_ago)
        for _ in range(20):
            history.tell(history.end(history.make_id(days_ago), days_ago=days_ago))
            history.end(str(uuid.uuid4()), days_ago=days_ago)
    pruners = [Pruner(Database(engine), keep_days=30) for _ in range(3)]

    def prune(pruner: Pruner) -> None:
        for _ in range(20):
            pruner.tick()

    assert at_once(*[lambda each=each: prune(each) for each in pruners]) == [None] * 3
    with engine.connect() as connection:
        left = sa.select(sa.func.count()).select_from(tables.history)
        assert connection.execute(left).scalar() == 0
    assert history.told() == []
    assert history.days() == [history.name(-ahead) for ahead in range(7)]


@pytest.fixture
def role(engine: Engine) -> Iterator[str]:
    """A user of the database who has no rights yet."""
    name = f"coserver_test_{uuid.uuid4().hex[:8]}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name}")
    yield name
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {name}")
        connection.exec_driver_sql(f"DROP ROLE {name}")


@pytest.fixture
def poor_engine(engine: Engine, database_url: str, role: str) -> Iterator[Engine]:
    """An engine whose user may change the rows of the tables that there are, and nothing else."""
    with engine.begin() as connection:
        for table in tables.metadata.tables:
            connection.exec_driver_sql(f"GRANT ALL ON {table} TO {role}")
        connection.exec_driver_sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
    poor = store.open_engine(f"{database_url}?options=-crole%3D{role}")
    yield poor
    poor.dispose()


def test_without_rights_there_is_one_line_and_history_goes_on(poor_engine, history, caplog):
    """Rows go to the default partition and are pruned, also those of days that nobody drops.

    There may be no rights on partitions either.
    """
    name = history.make_day(40)
    history.tell(history.end(history.make_id(40), days_ago=40))
    old, young = [history.end(history.make_id(0), days_ago=days) for days in (31, 0)]
    pruner = Pruner(Database(poor_engine), keep_days=30)
    for _ in range(3):
        assert pruner.tick() is None
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert warnings == [history_logs.CANNOT_MAKE_PARTITIONS]
    assert history.days() == [name]
    assert history.place(old) is None
    assert history.place(young) == REST
    with poor_engine.connect() as connection:
        assert connection.execute(sa.select(tables.history.c.id)).scalars().all() == [young]
    assert history.told() == []


def test_rights_on_the_history_outlast_the_upgrade(engine, role):
    """Other programs read it; and whoever owned the tables owns them still."""
    with engine.begin() as connection:
        connection.exec_driver_sql("GRANT INSERT ON coserver_history TO PUBLIC")
        connection.exec_driver_sql(f"ALTER TABLE coserver_history OWNER TO {role}")
    for revision in ("0004", tables.REVISION):
        migrate(engine, revision)
        with engine.connect() as connection:
            query = "SELECT relowner::regrole::text, relacl::text FROM pg_class"
            query += " WHERE oid = 'coserver_history'::regclass"
            owner, rights = connection.exec_driver_sql(query).one()
        assert owner == role
        assert "=a/" in rights
    with engine.begin() as connection:
        connection.exec_driver_sql("REVOKE ALL ON coserver_history FROM PUBLIC")
        connection.exec_driver_sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")


def test_jobs_of_all_partitions_are_in_one_list(queue, history):
    """The newest first, page by page."""
    for days_ago in (3, 2):
        history.make_day(days_ago)
    ids = [history.end(history.make_id(days_ago)) for days_ago in (4, 3, 2, 1)]
    places = [history.place(job_id) for job_id in ids]
    assert places == [REST, history.name(3), history.name(2), REST]
    page = queue.find(limit=3)
    assert [job.id for job in page] == ids[:0:-1]
    assert [job.id for job in queue.find(limit=3, before=page[-1].id)] == ids[:1]
    assert [queue.get(job_id).id for job_id in ids] == ids


def test_a_job_of_any_partition_can_be_run_again(queue, history):
    """It leaves the history, and comes back to its day."""
    history.make_day(3)
    for job_id in (history.end(history.make_id(3)), history.end(str(uuid.uuid4()))):
        place = history.place(job_id)
        queue.retry(job_id)
        assert history.place(job_id) is None
        [job] = queue.take()
        assert job.id == job_id
        queue.end_attempts([Ending(key=job.key, state=State.FAILED, error="no")])
        assert history.place(job_id) == place
        queue.retry(job_id)
        queue.cancel(job_id)
