"""Keys in the tables: who can write there can end a key, and do no more."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from coserver_consumer.errors import UnknownKey, Unsigned, WrongState
from coserver_consumer.model.job import new_id
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.protocol.grant import make_grant
from coserver_consumer.protocol.key import make_key, sign, verify
from coserver_consumer.protocol.known_key import assess, seal_grant
from coserver_consumer.store.schema import tables

SECRET = "0123456789abcdef0123456789abcdef"
HOUR = 3600
ARGS = {"function": "my.addon.tasks.sync", "args": [1], "kwargs": {"a": "ü"}}


def make(name: str = "sync", *, lasts: int = HOUR):
    """Return a new grant, which ends in so many seconds."""
    return make_grant(
        id=new_id(),
        name=name,
        owner="bot",
        site="/Plone",
        tasks=("call:my.addon.tasks.sync", "view:/Plone/@@ü"),
        expires=int(time.time()) + lasts,
        public_url="https://www.example.com/é",
    )


@pytest.fixture
def add(queue):
    """Make a key valid, and return its grant."""

    def run(*args, **options):
        grant = make(*args, **options)
        queue.add_key(grant, seal_grant(grant, SECRET), by="ada")
        return grant

    return run


@pytest.fixture
def check(queue):
    """Verify a job of a key's program, as the queue has both."""

    def run(grant):
        job_id = queue.add(sign(NewJob(task="call", args=ARGS), make_key(grant, SECRET)))
        verify(queue.get(job_id), queue.find_key(grant.id), SECRET)

    return run


@pytest.fixture
def attack(queue):
    """Write to the tables by SQL alone, as somebody can who doesn't know the secret."""

    def run(statement):
        with queue.engine.begin() as connection:
            return connection.execute(statement)

    return run


def audited(queue):
    """Return what the audit tells of keys, the oldest first."""
    row = tables.audit.c
    with queue.engine.connect() as connection:
        query = sa.select(row.action, row.who, row.key_name).order_by(row.id)
        return [tuple(found) for found in connection.execute(query)]


def test_a_key_that_was_added_is_valid(queue, add, check):
    """The grant comes back to the letter, on each database; nothing in the tables is secret."""
    grant = add()
    check(grant)
    assert queue.find_key(grant.id).grant == grant
    (record,) = queue.keys()
    assert (record.grant, record.created_by, record.jobs) == (grant, "ada", 0)
    assert assess(record.known, SECRET, []).state == "valid"
    with queue.engine.connect() as connection:
        row = connection.execute(sa.select(tables.key)).one()
    assert make_key(grant, SECRET).secret not in str(row)
    assert audited(queue) == [("add_key", "ada", "sync")]


def test_a_revoked_key_is_not(queue, add, check):
    """What the program has queued before is refused as well. Its name is free then."""
    grant = add()
    assert queue.revoke_key("sync", by="eve") == [grant.id]
    with pytest.raises(Unsigned, match="was revoked at"):
        check(grant)
    (record,) = queue.keys()
    assert (assess(record.known, SECRET, []).state, record.revoked_by) == ("revoked", "eve")
    assert audited(queue)[-1] == ("revoke_key", "eve", "sync")
    check(add())


def test_a_key_is_revoked_by_its_name_or_its_id_and_once(queue, add):
    """Whoever mistypes it is told what there is."""
    first, _second = add("one"), add("two")
    assert queue.revoke_key(first.id) == [first.id]
    with pytest.raises(UnknownKey, match=r"called 'one'; known are: two\."):
        queue.revoke_key("one")


def test_two_valid_keys_dont_share_a_name(add):
    """To revoke one would end the other; an expired one is in nobody's way."""
    add("old", lasts=-HOUR)
    add("old")
    with pytest.raises(WrongState, match="a key 'old' already"):
        add("old")


def test_nobody_undoes_a_revocation_by_sql(queue, add, check, attack):
    """Neither by taking its date away, nor by deleting the row, nor by writing a new one."""
    grant, key = add(), tables.key
    queue.revoke_key("sync")
    attack(sa.update(key).values(revoked_at=None, revoked_by=None))
    with pytest.raises(Unsigned, match="was revoked"):
        check(grant)
    attack(sa.update(key).values(seal=make_key(grant, "a guess of the secret").secret))
    with pytest.raises(Unsigned, match="was changed in the tables"):
        check(grant)
    attack(sa.delete(key))
    with pytest.raises(Unsigned, match="isn't known here"):
        check(grant)


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": ["call:my.addon.tasks.sync", "view:/Plone/*"]},
        {"tasks": {"call:my.addon.tasks.sync": True}},
        {"owner": "admin"},
        {"site": "/Other"},
        {"origin": {"user_folder": "/acl_users"}},
        {"origin": []},
        {"expires_at": 4_000_000_000_000_000},
        {"name": "other"},
        {"seal": ""},
    ],
)
def test_a_grant_that_was_altered_by_sql_is_none(add, check, attack, change):
    """The key stops to work, and says why."""
    grant = add()
    attack(sa.update(tables.key).values(**change))
    with pytest.raises(Unsigned, match="was changed in the tables"):
        check(grant)


def test_the_seal_of_one_key_isnt_that_of_another(add, check, attack):
    """Who reads and writes the tables can't lend one key the other's rights."""
    old, new = add("old"), add("new")
    row = tables.key.c
    seal = sa.select(row.seal).where(row.id == new.id)
    with_seal = attack(seal).scalar_one()
    attack(sa.update(tables.key).where(row.id == old.id).values(seal=with_seal))
    with pytest.raises(Unsigned, match="was changed in the tables"):
        check(old)


def test_uses_are_counted(queue, add):
    """With the time of the last one, by the database's clock."""
    grant = add()
    queue.note_key_use(grant.id)
    queue.note_key_use(grant.id)
    (record,) = queue.keys()
    assert record.jobs == 2
    assert record.created_at <= record.last_used_at <= queue.now()
