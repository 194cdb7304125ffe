"""``coserver keys``."""

from __future__ import annotations

import json
import stat
import time
from datetime import datetime

import pytest
import sqlalchemy as sa

from coserver_consumer import store
from coserver_consumer.protocol.key import Key
from coserver_consumer.store.schema import tables

SECRET = "0123456789abcdef0123456789abcdef"
TASK = "call:my.addon.tasks.sync"
ADD = ("keys", "add", "sync", "--user", "bot", "--site", "/Plone", "--task", TASK)
DAY = 86_400


@pytest.fixture
def keys(call, sqlite_url):
    """Run a command about keys where the secret is known."""
    return lambda *arguments, **more: call(
        sqlite_url, *arguments, **{"COSERVER_SECRET": SECRET} | more
    )


def listed(keys, *more):
    """Return what the list tells programs."""
    return json.loads(keys("keys", "list", *more, "--json").stdout)


def test_a_key_is_shown_once(keys):
    """When it is made; neither lists nor the database have it."""
    done = keys(*ADD)
    assert done.exit_code == 0, done.stderr
    key = Key.read(done.stdout.splitlines()[-1])
    assert (key.grant.owner, key.grant.site, key.grant.tasks) == ("bot", "/Plone", (TASK,))
    assert key.secret not in keys("keys", "list", "--all").stdout
    (found,) = listed(keys)
    assert (found["name"], found["state"], found["jobs"]) == ("sync", "valid", 0)
    assert found["created_by"].endswith("(command line)")


def test_a_key_ends_after_a_year_unless_it_is_said(keys):
    """A span from now, or a date."""
    for number, (said, seconds) in enumerate(
        [((), 365 * DAY), (("--expires", "90d"), 90 * DAY), (("--expires", "12h"), DAY / 2)]
    ):
        done = keys("keys", "add", f"k{number}", *ADD[3:], *said, "--json")
        end = datetime.fromisoformat(json.loads(done.stdout)["expires_at"]).timestamp()
        assert abs(end - time.time() - seconds) < DAY / 24
    done = keys("keys", "add", "date", *ADD[3:], "--expires", "2090-01-02T03:04:05Z", "--json")
    assert json.loads(done.stdout)["expires_at"] == "2090-01-02T03:04:05+00:00"


def test_a_key_goes_into_a_file_that_only_its_owner_reads(keys, tmp_path):
    """A new one; nothing is shown, and nothing is added that couldn't be written."""
    file = tmp_path / "sync.key"
    done = keys(*ADD, "--output", str(file))
    key = Key.read(file.read_text())
    assert key.secret not in done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = keys("keys", "add", "other", *ADD[3:], "--output", str(file))
    assert again.exit_code == 2
    assert "File exists" in again.stderr
    assert [each["name"] for each in listed(keys)] == ["sync"]


def test_a_key_that_isnt_added_leaves_no_file(keys, tmp_path):
    """Its name is another's."""
    keys(*ADD)
    done = keys(*ADD, "--output", str(tmp_path / "sync.key"))
    assert done.exit_code == 1
    assert "There is a key 'sync' already" in done.stderr
    assert not (tmp_path / "sync.key").exists()


def test_a_revoked_key_is_listed_with_who_did_it(keys):
    """If one asks for all."""
    keys(*ADD)
    done = keys("keys", "revoke", "sync")
    assert done.exit_code == 0
    assert listed(keys) == []
    (found,) = listed(keys, "--all")
    assert (found["state"], found["name"]) == ("revoked", "sync")
    assert found["revoked_by"] == found["created_by"]
    assert keys("keys", "revoke", "sync").exit_code == 1


def test_a_key_that_is_void_is_listed_with_the_reason(keys, sqlite_url, tmp_path):
    """Whatever made it void: nobody is told that it is valid."""
    for name in ("good", "sealed", "altered", "revoked"):
        keys("keys", "add", name, *ADD[3:])
    key, engine = tables.key, store.open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(sa.update(key).where(key.c.name == "sealed").values(seal=None))
        connection.execute(sa.update(key).where(key.c.name == "altered").values(owner="admin"))
    engine.dispose()
    ids = {each["name"]: each["id"] for each in listed(keys)}
    by_setting = {"COSERVER_REVOKED_KEYS": ids["revoked"]}
    done = keys("keys", "list", "--all", "--json", **by_setting)
    found = {each["name"]: (each["state"], each["why"]) for each in json.loads(done.stdout)}
    assert found["good"] == ("valid", None)
    assert found["sealed"] == ("void", "was revoked: its seal is gone from the tables")
    assert found["altered"][0] == "void"
    assert "was changed in the tables" in found["altered"][1]
    assert found["revoked"] == ("revoked", "is revoked by the setting revoked_keys")
    other = json.loads(keys("keys", "list", "--json", COSERVER_SECRET=SECRET[::-1]).stdout)
    assert {each["state"] for each in other} == {"void"}
    assert "was made with another secret" in keys("keys", "list", COSERVER_SECRET="x" * 32).stdout


def test_without_the_secret_no_key_is_called_valid(keys, call, sqlite_url):
    """Nobody can tell."""
    keys(*ADD)
    (found,) = json.loads(call(sqlite_url, "keys", "list", "--json").stdout)
    assert (found["state"], found["why"]) == ("unchecked", "can't be checked without the secret")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--expires", "2020-01-01"), "would have expired already"),
        (("--expires", "soon"), "neither a time nor a span"),
        (("--expires", "99999d"), "of up to 36525d"),
        (("--task", "http"), "'http' can't be granted"),
        (("--site", "Plone"), "can't be a key's site"),
        (("--output", "-"), "leave it out, and the key is written to standard output"),
    ],
)
def test_what_makes_no_sense_is_wrong_use(keys, change, said):
    """Nothing is added."""
    done = keys(*ADD, *change)
    assert done.exit_code == 2
    assert said in done.stderr
    assert listed(keys) == []


def test_without_the_secret_there_is_no_key(call, sqlite_url):
    """Only who knows it can make one."""
    done = call(sqlite_url, *ADD)
    assert done.exit_code == 2
    assert "secret" in done.stderr
