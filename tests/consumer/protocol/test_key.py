"""Keys of other programs: what they sign is taken, and nothing that was changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from coserver_consumer.errors import InvalidJob, InvalidKey, Unsigned
from coserver_consumer.model.new_job import NewJob
from coserver_consumer.model.options import JobOptions
from coserver_consumer.protocol import proof
from coserver_consumer.protocol.grant import make_grant
from coserver_consumer.protocol.key import Key, find_key_id, make_key, sign, verify
from coserver_consumer.protocol.known_key import KnownKey, assess, seal_grant
from coserver_consumer.protocol.signing import DAY_S, SIGNATURE, code_of, make_renewal
from coserver_consumer.store.schema import tables

SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "fedcba9876543210fedcba9876543210"
WORK = ("id", "task", "args", "payload", "owner", "site", "origin", "signature")
NOW = 1_800_000_000
GRANT = make_grant(
    id="01980cf2-53a1-7000-8000-0123456789ab",
    name="sync",
    owner="bot",
    site="/Plone",
    tasks=("call:my.addon.tasks.sync",),
    expires=NOW + 1000,
)
KEY = make_key(GRANT, SECRET)
KNOWN = KnownKey(grant=GRANT, seal=seal_grant(GRANT, SECRET), revoked_at=None, now=NOW)
ARGS = {"function": "my.addon.tasks.sync", "args": [1], "kwargs": {}}


@pytest.fixture
def claim(make_job):
    """Return a new job as a consumer claims it."""

    def claim(job):
        work = {name: getattr(job, name) for name in WORK}
        return make_job(queue=job.queue, max_attempts=job.options.max_attempts or 5, **work)

    return claim


@pytest.fixture
def signed(claim):
    """A job that the holder of the key has queued."""
    return claim(sign(NewJob(task="call", args=ARGS), KEY, now=NOW))


def test_a_job_of_a_key_runs_as_its_user(signed):
    """In the key's site, whatever machine verifies it."""
    verify(signed, KNOWN, SECRET)
    assert (signed.owner, signed.site, find_key_id(signed)) == ("bot", "/Plone", GRANT.id)


def test_a_signature_fits_its_column():
    """Also one of a job that is due at the end of the calendar, with all attempts."""
    options = JobOptions(eta=datetime(9999, 12, 31, tzinfo=UTC), max_attempts=1_000_000)
    lasting = make_key(replace(GRANT, expires=10**12), SECRET)
    assert (
        len(sign(NewJob(task="call", args=ARGS, options=options), lasting).signature)
        < tables.job.c.signature.type.length
    )


@pytest.mark.parametrize(
    "change",
    [
        {"args": ARGS | {"args": [2]}},
        {"args": ARGS | {"function": "my.addon.tasks.delete"}},
        {"args": ARGS | {"run_as": "system"}},
        {"task": "view"},
        {"owner": "admin"},
        {"site": "/Other"},
        {"origin": {"user_folder": "/acl_users"}},
        {"payload": b"more"},
        {"queue": "other"},
        {"id": "01980cf2-53a1-7000-8000-0123456789ac"},
        {"max_attempts": 6},
    ],
)
def test_a_changed_job_is_refused(signed, change):
    """Who can write to the tables only gains nothing by another program's jobs."""
    with pytest.raises(Unsigned, match="doesn't fit"):
        verify(signed._replace(**change), KNOWN, SECRET)


@pytest.mark.parametrize("change", [(2, "9999999999"), (3, "50"), (4, "0" * 64)])
def test_what_a_signature_says_itself_cannot_be_changed(signed, change):
    """Neither when the job was due, nor how often it may be tried."""
    at, text = change
    parts = signed.signature.split(":")
    parts[at] = text
    with pytest.raises(Unsigned, match="doesn't fit"):
        verify(signed._replace(signature=":".join(parts)), KNOWN, SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": ("call:my.addon.tasks.delete",)},
        {"tasks": (*GRANT.tasks, "view:/Plone/*")},
        {"owner": "admin"},
        {"site": "/Other"},
        {"origin": {**GRANT.origin, "user_folder": "/acl_users"}},
        {"expires": NOW + 10**9},
        {"name": "another"},
    ],
)
def test_a_grant_that_was_altered_is_no_grant(claim, change):
    """Whether the thief has the key, and signs by what the altered grant says, or hasn't."""
    altered = replace(GRANT, **change)
    known = replace(KNOWN, grant=altered)
    forged = replace(KEY, grant=altered)
    args = ARGS | {"function": altered.tasks[0].partition(":")[2]}
    job = claim(sign(NewJob(task="call", args=args), forged, now=NOW))
    with pytest.raises(Unsigned, match="was changed in the tables"):
        verify(job, known, SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"args": ARGS | {"function": "my.addon.tasks.delete"}},
        {"args": ARGS | {"run_as": "system"}},
        {"owner": "admin"},
        {"site": "/Other"},
        {"origin": {"user_folder": "/acl_users"}},
        {"task": "view", "args": {"path": "/Plone/@@delete"}},
        {"task": "xmlrpc", "args": {"path": "/Plone", "method": "manage_delObjects"}},
    ],
)
def test_a_thief_who_signs_more_than_is_granted_is_refused(claim, change):
    """The signature is good then; what stands in the grant decides, and is told."""
    job = claim(sign(NewJob(task="call", args=ARGS), KEY, now=NOW))._replace(**change)
    told = job.signature.rpartition(":")[0]
    job = job._replace(signature=f"{told}:{code_of(job, KEY.secret, told)}")
    assert find_key_id(job) == GRANT.id
    with pytest.raises(Unsigned, match=r"isn't allowed. The key 'sync' "):
        verify(job, KNOWN, SECRET)


def test_a_revoked_key_is_refused(signed):
    """Also if somebody takes the date of it away: its seal is gone."""
    with pytest.raises(Unsigned, match="was revoked at"):
        verify(signed, replace(KNOWN, seal=None, revoked_at=NOW * 10**6), SECRET)
    with pytest.raises(Unsigned, match="was revoked"):
        verify(signed, replace(KNOWN, seal=None), SECRET)
    with pytest.raises(Unsigned, match="was changed in the tables"):
        verify(signed, replace(KNOWN, seal=KEY.secret), SECRET)


def test_a_key_that_the_settings_revoke_is_refused_whatever_the_tables_say(signed):
    """For a thief who has a copy of the row."""
    with pytest.raises(Unsigned, match="by the setting revoked_keys"):
        verify(signed, KNOWN, SECRET, revoked=[GRANT.id])


def test_an_expired_key_is_refused(signed):
    """From its last second on, by the database's clock; what it had queued before as well."""
    verify(signed, replace(KNOWN, now=GRANT.expires - 1), SECRET)
    with pytest.raises(Unsigned, match="expired at"):
        verify(signed, replace(KNOWN, now=GRANT.expires), SECRET)


def test_a_key_of_another_installation_is_refused(claim):
    """There it isn't known; who copies its row has no seal that fits."""
    other = make_key(GRANT, OTHER_SECRET)
    job = claim(sign(NewJob(task="call", args=ARGS), other, now=NOW))
    with pytest.raises(Unsigned, match="isn't known here"):
        verify(job, None, SECRET)
    with pytest.raises(Unsigned, match="was made with another secret"):
        verify(job, replace(KNOWN, seal=seal_grant(GRANT, OTHER_SECRET)), SECRET)
    with pytest.raises(Unsigned, match="doesn't fit"):
        verify(job, KNOWN, SECRET)


def test_an_old_job_is_refused(claim):
    """It could have been copied back from the history."""
    lasting = replace(GRANT, expires=NOW + 10**9)
    known = replace(KNOWN, grant=lasting, seal=seal_grant(lasting, SECRET))
    job = claim(sign(NewJob(task="call", args=ARGS), make_key(lasting, SECRET), now=NOW))
    verify(job, replace(known, now=NOW + 2 * DAY_S), SECRET, signed_days=2)
    with pytest.raises(Unsigned, match="queue it anew"):
        verify(job, replace(known, now=NOW + 3 * DAY_S), SECRET, signed_days=2)


def test_to_run_a_job_again_doesnt_free_it_from_its_key(signed):
    """The secret never signs what a key has signed: it would outlive the key."""
    assert make_renewal(lambda: SECRET)(signed) == signed.signature
    assert SIGNATURE.fullmatch(signed.signature) is None


def test_a_proof_is_by_the_secret_or_by_a_key(signed):
    """One is never taken for the other."""
    proof.verify(signed, SECRET, lambda key_id: KNOWN if key_id == GRANT.id else None)
    with pytest.raises(Unsigned, match="bears no signature"):
        proof.verify(signed._replace(signature=None), SECRET, lambda _: KNOWN)
    with pytest.raises(Unsigned, match="isn't known here"):
        proof.verify(signed, SECRET, lambda _: None)


def test_a_program_is_told_what_its_key_doesnt_allow():
    """Before anything is queued."""
    with pytest.raises(InvalidJob, match=r"doesn't allow call:other\.thing; it allows call:my"):
        sign(NewJob(task="call", args=ARGS | {"function": "other.thing"}), KEY)


def test_a_key_is_one_word_and_back():
    """Which shows nothing of its secret where a program shows its values."""
    text = KEY.as_text()
    assert Key.read(f" {text}\n") == KEY
    assert len(text.split()) == 1
    assert KEY.secret in text
    assert KEY.secret not in repr(KEY)
    assert SECRET not in text


@pytest.mark.parametrize("text", ["", "a.b.c", "x", KEY.as_text()[1:], KEY.as_text().encode(), 5])
def test_what_isnt_a_key_is_refused_without_showing_it(text):
    """It might be a key that was mistyped."""
    with pytest.raises(InvalidKey, match="This isn't a key"):
        Key.read(text)


def test_a_key_that_was_cut_off_is_none():
    """Nor one that was changed on its way: its jobs would be queued, and all of them refused."""
    text = KEY.as_text()
    other = "b" if text[40] == "a" else "a"
    damaged = [text[:end] for end in range(len("coserver-key-1."), len(text))]
    for each in [*damaged, text[:40] + other + text[41:], text[:40] + "\n" + text[40:]]:
        with pytest.raises(InvalidKey, match="The key is cut off, or was") as error:
            Key.read(each)
        assert len(str(error.value)) < 150


def test_an_expired_key_queues_nothing():
    """Nor does a good one what would be due after its end: the job would be refused then."""
    job = NewJob(task="call", args=ARGS)
    sign(job, KEY, now=GRANT.expires - 1)
    with pytest.raises(InvalidKey, match=r"The key 'sync' expired at .*`coserver keys add` makes"):
        sign(job, KEY, now=GRANT.expires)
    late = NewJob(task="call", args=ARGS, options=JobOptions(delay=1000))
    with pytest.raises(InvalidJob, match=r"The job is for .*, and the key 'sync' expires at"):
        sign(late, KEY, now=NOW)


def test_it_is_told_what_a_key_is_worth():
    """By the same rules by which its jobs are refused; without the secret nobody can tell."""
    void, past = replace(KNOWN, seal="0" * 64), replace(KNOWN, now=GRANT.expires)
    revoked = replace(KNOWN, seal=None, revoked_at=NOW * 10**6)
    for known, secret, ids, state, why in [
        (KNOWN, SECRET, [], "valid", None),
        (KNOWN, None, [], "unchecked", "can't be checked without the secret"),
        (KNOWN, OTHER_SECRET, [], "void", "was made with another secret, or what it allows was"),
        (KNOWN, SECRET, [GRANT.id], "revoked", "is revoked by the setting revoked_keys"),
        (void, SECRET, [], "void", "was made with another secret, or what it allows was changed"),
        (replace(KNOWN, seal=None), None, [], "void", "its seal is gone"),
        (replace(KNOWN, grant=replace(GRANT, owner="admin")), SECRET, [], "void", "was changed"),
        (past, SECRET, [], "expired", "expired at"),
        (past, None, [], "expired", "expired at"),
        (revoked, None, [], "revoked", "was revoked at"),
    ]:
        worth = assess(known, secret, ids)
        assert worth.state == state
        assert (why or "") in (worth.why or "")
