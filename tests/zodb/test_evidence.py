"""Whether a transaction committed, asked of real storages."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import transaction
from persistent.mapping import PersistentMapping
from ZODB.utils import u64

from collective.coserver.evidence import answer, tend
from collective.coserver.evidence.mark import mark_transaction
from coserver_consumer.model.indoubt import Fate, Mark, Question
from coserver_consumer.model.job import new_id


class Marker:
    """Marks its transaction as the queue's first data manager does."""

    def __init__(self, connection: Any, value: str) -> None:
        self.connection, self.value = connection, value
        self.evidence: dict[str, Any] = {}

    def sortKey(self) -> str:  # noqa: N802
        return "\0"

    def tpc_begin(self, current: Any) -> None:
        self.evidence |= mark_transaction(current, self.connection, Mark.BATCH, self.value)
        self.evidence["base_tid"] = u64(self.connection._storage.lastTransaction())

    def _nothing(self, current: Any) -> None:
        pass

    abort = commit = tpc_vote = tpc_finish = tpc_abort = _nothing


class Pause(Marker):
    """Votes last and then waits, so that its transaction has voted and not finished."""

    def __init__(self) -> None:
        self.has_voted, self.go_on = threading.Event(), threading.Event()
        self.fails = False

    def sortKey(self) -> str:  # noqa: N802
        return "~~~"

    def tpc_begin(self, current: Any) -> None:
        pass

    def tpc_vote(self, current: Any) -> None:
        self.has_voted.set()
        assert self.go_on.wait(30)
        if self.fails:
            raise RuntimeError("vetoed")


def write(db, *, commits: bool = True, pause: Pause | None = None) -> Question:
    """Change the database in a marked transaction; return the question about it."""
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    try:
        connection.root()[new_id()] = PersistentMapping()
        marker = Marker(connection, new_id())
        current = manager.get()
        current.join(marker)
        if pause is not None:
            current.join(pause)
        question = Question(mark=Mark.BATCH, value=marker.value, evidence=marker.evidence)
        _end(manager, commits=commits)
        return question
    finally:
        connection.close()


def _end(manager: Any, *, commits: bool) -> None:
    if commits:
        manager.commit()
        return
    veto = Pause()
    veto.fails = True
    veto.go_on.set()
    manager.get().join(veto)
    with pytest.raises(RuntimeError, match="vetoed"):
        manager.commit()
    manager.abort()


def find(db, *questions: Question) -> list[Fate]:
    """Return the findings in the order of the questions."""
    decisions = {decision.value: decision for decision in answer(questions, {"main": db})}
    return [decisions[question.value].fate for question in questions]


def test_a_committed_transaction_is_found_with_its_id(db):
    """Also when others came before and after it."""
    write(db)
    question = write(db)
    last = u64(db.storage.lastTransaction()) if hasattr(db.storage, "ping") else None
    write(db)
    (decision,) = answer([question], {"main": db})
    assert decision.fate is Fate.COMMITTED
    assert decision.tid > question.evidence["base_tid"]
    assert last is None or decision.tid == last


def test_an_aborted_transaction_is_absent(db):
    """It voted, and was vetoed by somebody else."""
    write(db)
    aborted = write(db, commits=False)
    committed = write(db)
    assert find(db, aborted, committed) == [Fate.ABORTED, Fate.COMMITTED]


@pytest.mark.parametrize("fails", [False, True])
def test_a_decision_waits_for_who_has_voted(db, fails):
    """While a transaction stands between vote and finish, nobody may call it absent."""
    write(db)
    pause, results = Pause(), []
    pause.fails = fails
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    connection.root()["x"] = PersistentMapping()
    marker = Marker(connection, new_id())
    manager.get().join(marker)
    manager.get().join(pause)
    producer = threading.Thread(target=lambda: _commit_quietly(manager))
    producer.start()
    assert pause.has_voted.wait(30)
    question = Question(mark=Mark.BATCH, value=marker.value, evidence=dict(marker.evidence))
    resolver = threading.Thread(target=lambda: results.extend(find(db, question)))
    resolver.start()
    resolver.join(0.3)
    assert results == []
    pause.go_on.set()
    producer.join(30)
    resolver.join(60)
    connection.close()
    assert results == [Fate.ABORTED if fails else Fate.COMMITTED]


def _commit_quietly(manager: Any) -> None:
    try:
        manager.commit()
    except RuntimeError:
        manager.abort()


def test_packed_evidence_is_lost_and_never_a_guess(db):
    """After a pack the silence of the database says nothing; a mark that is there still counts."""
    write(db)
    aborted, committed = write(db, commits=False), write(db)
    write(db)
    db.pack(time.time() + 1)
    write(db)
    findings = find(db, aborted, committed)
    assert findings in (
        [Fate.PACKED, Fate.PACKED],
        [Fate.PACKED, Fate.COMMITTED],
        [Fate.ABORTED, Fate.COMMITTED],  # this storage's pack took no evidence away
    )


def test_a_pack_that_takes_evidence_away_is_noticed(packing):
    """These storages forget transactions, or objects that nothing refers to."""
    write(packing)
    aborted = write(packing, commits=False)
    write(packing)
    packing.pack(time.time() + 1)
    assert find(packing, aborted) == [Fate.PACKED]


def test_evidence_after_a_pack_is_good_again(db):
    """The pack took what was before it only; RelStorage has to be tended."""
    write(db)
    db.pack(time.time() + 1)
    tend({"main": db})
    write(db)
    aborted, committed = write(db, commits=False), write(db)
    assert find(db, aborted, committed) == [Fate.ABORTED, Fate.COMMITTED]


def test_a_question_without_evidence_is_lost(db):
    """Some other program wrote the row."""
    question = Question(mark=Mark.BATCH, value="x", evidence={"database": "main"})
    assert find(db, question) == [Fate.UNTRACEABLE]


def test_a_database_that_is_not_mounted_here_is_not_answered_for(db):
    """Another Zope may know it; the question stays open."""
    question = Question(mark=Mark.BATCH, value="x", evidence={"database": "other", "base_tid": 1})
    assert answer([question], {"main": db}) == []


def test_the_first_marked_transaction_of_all_may_abort(db):
    """What its evidence hangs on is there before it."""
    aborted = write(db, commits=False)
    assert find(db, aborted) == [Fate.ABORTED]


def test_the_first_marked_transaction_of_all_may_commit(db):
    """Also when the next one aborts."""
    committed = write(db)
    assert find(db, committed, write(db, commits=False)) == [Fate.COMMITTED, Fate.ABORTED]


NONSENSE = [
    {"base_tid": -1},
    {"base_tid": 2**64},
    {"base_tid": 10**400},
    {"base_tid": True},
    {"base_tid": "1"},
    {"base_tid": 1.5},
    {"base_tid": None},
    {},
    {"base_tid": 1, "marker": -1, "witness": -1},
    {"base_tid": 1, "marker": 2**64, "witness": "x"},
    {"base_tid": 1, "marker": [], "witness": {}},
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
def test_nonsense_is_answered_by_itself(db, nonsense):
    """Whatever a row says of its evidence, those asked about beside it get their decisions."""
    write(db)
    aborted, committed = write(db, commits=False), write(db)
    odd = Question(mark=Mark.BATCH, value="odd", evidence={"database": "main"} | nonsense)
    found, *others = find(db, odd, aborted, committed)
    assert found in (Fate.UNTRACEABLE, Fate.PACKED)
    assert others == [Fate.ABORTED, Fate.COMMITTED]


def test_a_base_that_is_yet_to_come_is_nobodys(db):
    """The ZODB is another one, or has lost what was there: no guess."""
    write(db)
    ahead = u64(db.storage.lastTransaction()) + 2**40
    committed = write(db)
    evidence = write(db).evidence | {"base_tid": ahead, "witness": 2**62, "marker": 2**62}
    late = Question(mark=Mark.BATCH, value="late", evidence=evidence)
    assert find(db, late, committed) == [Fate.PACKED, Fate.COMMITTED]


@pytest.mark.parametrize("name", [None, 7, ["main"], {"main": 1}, "\0"])
def test_a_database_whose_name_is_nonsense_is_not_answered_for(db, name):
    """It is somebody else's, if anybody's; the others are answered."""
    odd = Question(mark=Mark.BATCH, value="odd", evidence={"database": name, "base_tid": 1})
    committed = write(db)
    [decision] = answer([odd, committed], {"main": db})
    assert (decision.value, decision.fate) == (committed.value, Fate.COMMITTED)


def test_what_others_write_into_a_transaction_is_theirs(db):
    """Another add-on's extended info may be anything."""
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    connection.root()["other"] = 1
    first = write(db, commits=False)
    manager.begin()
    connection.root()["other"] = 2
    manager.get().setExtendedInfo("other", {"a": []})
    manager.get().setExtendedInfo("coserver-run", ["not", "ours"])
    manager.commit()
    connection.close()
    assert find(db, first, write(db)) == [Fate.ABORTED, Fate.COMMITTED]


def test_another_object_under_the_oid_of_a_marker_is_no_mark(marking):
    """A ZODB that was restored from a backup gives the same oids out again."""
    mine, others = write(marking), write(marking)
    evidence = others.evidence | {"marker": mine.evidence["marker"]}
    mixed = Question(mark=Mark.BATCH, value=others.value, evidence=evidence)
    assert find(marking, mixed) == [Fate.ABORTED]
