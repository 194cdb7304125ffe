"""What other programs may write into a job is checked where they write it.

PostgreSQL and MariaDB know a column's type; CHECK constraints add what a type can't say, under
names that begin with the column's. SQLite takes anything, so triggers tell it all of this.
"""

from __future__ import annotations

from collections.abc import Iterator

from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import find_kind

revision = "0003"
down_revision = "0002"

TABLE = "coserver_job"
STATES = ("staged", "scheduled", "ready", "blocked", "running", "finishing")
HEX = "[0-9a-f]"
UUID = "-".join(HEX * length for length in (8, 4, 4, 4, 12))
EARLIEST, LATEST = 1_000_000_000_000_000, 253_402_300_799_999_999  # 2001-09-09 to the year 9999

# Of each rule: its name, which begins with the column's; what holds; what SQLite tells instead.
Rule = tuple[str, str, str]
OF_STATE: list[Rule] = [
    (
        "state_is_live",
        f"state IN {STATES}",
        f"state must be one of {', '.join(STATES)}",
    ),
    (
        "state_staged_needs_batch",
        "state <> 'staged' OR (batch IS NOT NULL AND evidence IS NOT NULL)",
        "state must be ready or scheduled: a staged job belongs to a batch",
    ),
    (
        "state_running_needs_consumer",
        "state NOT IN ('running', 'finishing') OR (consumer IS NOT NULL AND run > 0)",
        "state must be ready or scheduled: a consumer that claims a job makes it running",
    ),
]
TIMES = ("run_at", "created_at")
COUNTS = ("run", "attempt", "rescues")
OF_VALUES: list[Rule] = [
    *(
        (
            f"{name}_in_microseconds",
            f"{name} BETWEEN {EARLIEST} AND {LATEST}",
            f"{name} must be in microseconds since 1970, such as 1893456000000000 for 2030",
        )
        for name in TIMES
    ),
    *(
        (f"{name}_from_0", f"{name} BETWEEN 0 AND 2000000000", f"{name} must be 0 or more")
        for name in COUNTS
    ),
    ("max_attempts_from_1", "max_attempts >= 1", "max_attempts must be 1 or more"),
    (
        "priority_within_a_million",
        "priority BETWEEN -1000000 AND 1000000",
        "priority must be from -1000000 to 1000000",
    ),
    (
        "timeout_above_0",
        "timeout > 0 AND timeout <= 1000000000",
        "timeout must be in seconds and more than 0",
    ),
    (
        "unique_for_from_0",
        "unique_for BETWEEN 0 AND 10000000000",
        "unique_for must be in seconds, 0 or more",
    ),
    ("task_not_empty", "task <> ''", "task must be the name of a task"),
]
LARGEST = 16_777_216  # bytes; what MariaDB takes in one statement, unless it is set up to take more
SIZES = {
    Family.SQLITE: {"args": "length(args)", "payload": "length(payload)"},
    Family.POSTGRESQL: {"args": "octet_length(args::text)", "payload": "octet_length(payload)"},
    Family.MYSQL: {"args": "octet_length(args)", "payload": "octet_length(payload)"},
}
LENGTHS = {
    "queue": 190,
    "task": 190,
    "args": None,
    "owner": 190,
    "site": 1024,
    "origin": None,
    "title": 1024,
    "unique_key": 255,
    "concurrency_key": 190,
    "requires": 255,
    "signature": 128,
}
OWN_TIMES = ("started_at", "deadline_at", "voted_at", "cancel_at")  # of consumers
INTEGERS = (
    *TIMES,
    *COUNTS,
    *OWN_TIMES,
    "priority",
    "max_attempts",
    "tid",
    "waits_for",
    "failed_parents",
)
NUMBERS = ("timeout", "unique_for", "progress")
OWN_TEXTS = ("consumer", "batch", "evidence", "progress_text")


def upgrade() -> None:
    """Add the rules; a row that breaks one already stops this, and the error names the rule.

    In one statement, since MariaDB's DDL knows no transaction. SQLite's triggers look at new rows
    and changes only.
    """
    if find_kind() is Family.SQLITE:
        _make_triggers()
        return
    added = [f"ADD CONSTRAINT {TABLE}_{name} CHECK ({holds})" for name, holds, _ in _checks()]
    op.execute(f"ALTER TABLE {TABLE} {', '.join(added)}")


def downgrade() -> None:
    """Take them away."""
    if find_kind() is Family.SQLITE:
        for name in ("added", "changed", "state_changed"):
            op.execute(f"DROP TRIGGER {TABLE}_{name}")
        return
    for name, _, _ in _checks():
        op.drop_constraint(f"{TABLE}_{name}", TABLE, type_="check")


def _checks() -> list[Rule]:
    """Return what PostgreSQL's and MariaDB's types don't say."""
    if find_kind() is Family.POSTGRESQL:
        return [*OF_STATE, *OF_VALUES, *_sizes(Family.POSTGRESQL)]
    shape = "-".join(f"{HEX}{{{length}}}" for length in (8, 4, 4, 4, 12))
    is_uuid = ("id_is_uuid", f"id REGEXP '^{shape}$'", "")
    return [*OF_STATE, *OF_VALUES, *_sizes(Family.MYSQL), is_uuid]


def _sizes(kind: Family) -> Iterator[Rule]:
    """Yield what keeps a consumer's memory in bounds, however much it claims at once."""
    for name, size in SIZES[kind].items():
        yield (
            f"{name}_up_to_16_mib",
            f"{size} <= {LARGEST}",
            f"{name} must have {LARGEST} bytes at most",
        )


def _make_triggers() -> None:
    """Make three, so that a claim, which changes state and counts, pays for the state only."""
    others = ("id", "priority", "max_attempts", "cancel_at", "timeout", "unique_for", "payload")
    columns = ", ".join([*TIMES, *others, *LENGTHS])
    values = [*_types(), *OF_VALUES, *_sizes(Family.SQLITE)]
    _make_trigger("added", "INSERT", [*OF_STATE, *values])
    _make_trigger("state_changed", "UPDATE OF state", OF_STATE)
    _make_trigger("changed", f"UPDATE OF {columns}", values)


def _make_trigger(name: str, event: str, rules: list[Rule]) -> None:
    """Make a trigger that refuses the row for the first rule that doesn't hold."""
    cases = "\n".join(
        f"WHEN NOT ({holds}) THEN RAISE(ABORT, '{TABLE}.{message}')" for _, holds, message in rules
    )
    op.execute(
        f"CREATE TRIGGER {TABLE}_{name} AFTER {event} ON {TABLE} BEGIN\n"
        f"SELECT CASE\n{cases}\nEND FROM {TABLE} WHERE rowid = NEW.rowid;\nEND"
    )


def _types() -> Iterator[Rule]:
    """Yield what SQLite must be told of each column that another program may write."""
    yield (
        "id",
        f"typeof(id) = 'text' AND id GLOB '{UUID}'",
        "id must be a UUID in lower case, as text with hyphens",
    )
    for name in INTEGERS:
        yield name, f"typeof({name}) IN ('integer', 'null')", f"{name} must be an integer"
    for name in NUMBERS:
        yield name, f"typeof({name}) IN ('real', 'integer', 'null')", f"{name} must be a number"
    yield "payload", "typeof(payload) IN ('blob', 'null')", "payload must be a blob"
    for name, length in {**LENGTHS, **dict.fromkeys(OWN_TEXTS)}.items():
        yield name, f"typeof({name}) IN ('text', 'null')", f"{name} must be text"
        if length:
            yield (
                name,
                f"length({name}) <= {length}",
                f"{name} must have {length} characters at most",
            )
    for name in ("args", "origin"):
        yield name, f"{name} IS NULL OR json_valid({name})", f"{name} must be JSON"
