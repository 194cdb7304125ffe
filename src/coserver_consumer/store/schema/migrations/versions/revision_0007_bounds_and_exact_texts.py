"""Rows that could stop others are refused or mended; texts are compared and kept to the letter.

On MariaDB and MySQL the tables have a character set of their own, whatever the database's is, and
a collation to which a space at the end is a difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from alembic import op

from coserver_consumer.store.database.family import Family
from coserver_consumer.store.schema.migrations.frozen import find_kind

revision = "0007"
down_revision = "0006"

JOB, HISTORY = "coserver_job", "coserver_history"
EARLIEST, LATEST = 1_000_000_000_000_000, 253_402_300_799_999_999  # 2001-09-09 to the year 9999
MOST = 2_000_000_000
SMALL = 65_536  # bytes
OWN_TIMES = ("started_at", "deadline_at", "voted_at", "cancel_at")
SIZE = {
    Family.SQLITE: "length(CAST({} AS BLOB))",
    Family.POSTGRESQL: "octet_length({}::text)",
    Family.MYSQL: "octet_length({})",
}
# Of each rule of coserver_job: its name, which begins with the column's; what holds; what SQLite
# tells instead; what a row becomes that breaks it already.
Rule = tuple[str, str, str, str]
# Of the rules of other tables: table, name, what holds, and what a row becomes.
OTHERS = [
    ("coserver_queue", "max_running_from_0", "max_running >= 0", "max_running = 0"),
    ("coserver_queue", "rate_number_from_1", "rate_number >= 1", "rate_number = 1"),
    (
        "coserver_queue",
        "rate_period_above_0",
        "rate_period > 0 AND rate_period <= 1000000000",
        "rate_period = 60",
    ),
    ("coserver_limit", "max_running_from_0", "max_running >= 0", "max_running = 0"),
]

NAME, LONG = "varchar(190)", "longtext"
OF_JOBS = {
    "queue": f"{NAME} NOT NULL DEFAULT 'default'",
    "state": "varchar(12) NOT NULL DEFAULT 'ready'",
    "task": f"{NAME} NOT NULL",
    "args": f"{LONG} NOT NULL DEFAULT ('{{}}')",
    "owner": NAME,
    "site": "varchar(512)",
    "origin": LONG,
    "title": "varchar(1024)",
    "unique_key": "varchar(255)",
    "concurrency_key": f"{NAME} NOT NULL DEFAULT ''",
    "requires": "varchar(255)",
    "signature": "varchar(128)",
    "progress_text": "varchar(1024)",
    "evidence": LONG,
}
TEXTS = {
    JOB: OF_JOBS,
    HISTORY: OF_JOBS | {"result": LONG, "error": LONG},
    "coserver_error": {"error": f"{LONG} NOT NULL", "traceback": LONG},
    "coserver_line": {"text": f"{LONG} NOT NULL"},
    "coserver_queue": {"name": f"{NAME} NOT NULL"},
    "coserver_limit": {"name": f"{NAME} NOT NULL"},
    "coserver_start": {"queue": f"{NAME} NOT NULL"},
    "coserver_consumer": {
        "name": f"{NAME} NOT NULL",
        "hostname": f"{NAME} NOT NULL",
        "version": "varchar(64) NOT NULL",
        "queues": f"{LONG} NOT NULL",
        "tasks": f"{LONG} NOT NULL",
        "capabilities": f"{LONG} NOT NULL",
    },
    "coserver_audit": {"who": NAME, "action": "varchar(32) NOT NULL", "queue": NAME},
}
HELD_KEY = (
    "CASE WHEN state = 'staged' OR (unique_for = 0 AND run > 0) THEN NULL ELSE unique_key END"
)


def upgrade() -> None:
    """Mend what breaks a rule, then add the rules; on MariaDB in one statement for each table."""
    kind = find_kind()
    rules = list(_rules(kind))
    for _, holds, _, mended in rules:
        op.execute(f"UPDATE {JOB} SET {mended} WHERE NOT ({holds})")  # noqa: S608  names of this module
    for table, _, holds, mended in OTHERS:
        op.execute(f"UPDATE {table} SET {mended} WHERE NOT ({holds})")  # noqa: S608  as above
    match kind:
        case Family.SQLITE:
            _make_triggers(rules)
        case Family.POSTGRESQL:
            _add_checks(JOB, [(name, holds) for name, holds, _, _ in rules])
            for table, name, holds, _ in OTHERS:
                _add_checks(table, [(name, holds)])
        case Family.MYSQL:
            _compare_to_the_letter(rules)
        case _:
            assert_never(kind)


def downgrade() -> None:
    """Take the rules away; the texts stay as they are."""
    kind = find_kind()
    if kind is Family.SQLITE:
        for name in ("added", "changed"):
            op.execute(f"DROP TRIGGER {JOB}_bounds_{name}")
        return
    names = [(JOB, name) for name, *_ in _rules(kind)]
    for table, name in [*names, *((table, name) for table, name, *_ in OTHERS)]:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{name}")


def _rules(kind: Family) -> Iterator[Rule]:
    for name in OWN_TIMES:
        yield (
            f"{name}_in_microseconds",
            f"{name} BETWEEN {EARLIEST} AND {LATEST}",
            f"{name} must be in microseconds since 1970",
            f"{name} = NULL",
        )
    for name in ("waits_for", "failed_parents"):
        yield (
            f"{name}_from_0",
            f"{name} BETWEEN 0 AND {MOST}",
            f"{name} must be 0 or more",
            f"{name} = CASE WHEN {name} < 0 THEN 0 ELSE {MOST} END",
        )
    yield "tid_from_0", "tid >= 0", "tid must be 0 or more", "tid = NULL"
    yield (
        "progress_from_0_to_1",
        "progress BETWEEN 0 AND 1",
        "progress must be from 0 to 1",
        "progress = NULL",
    )
    for name, mended in (("origin", f"'\"had more than {SMALL} bytes\"'"), ("evidence", "'{}'")):
        yield (
            f"{name}_up_to_64_kib",
            f"{SIZE[kind].format(name)} <= {SMALL}",
            f"{name} must have {SMALL} bytes at most",
            f"{name} = {mended}",
        )


def _add_checks(table: str, checks: list[tuple[str, str]]) -> None:
    added = [f"ADD CONSTRAINT {table}_{name} CHECK ({holds})" for name, holds in checks]
    op.execute(f"ALTER TABLE {table} {', '.join(added)}")


def _compare_to_the_letter(rules: list[Rule]) -> None:
    """Rebuild each table once; MariaDB and MySQL have different names for such a collation."""
    is_mariadb = getattr(op.get_bind().dialect, "is_mariadb", False)
    collation = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
    exactly = f"CHARACTER SET utf8mb4 COLLATE {collation}"
    checks = [(JOB, name, holds) for name, holds, _, _ in rules]
    checks += [(table, name, holds) for table, name, holds, _ in OTHERS]
    op.drop_index("coserver_job_unique", JOB)
    op.execute(f"ALTER TABLE {JOB} DROP COLUMN held_key")
    for table, columns in TEXTS.items():
        changes = [
            f"MODIFY {name} {_place(definition, exactly)}" for name, definition in columns.items()
        ]
        changes += [
            f"ADD CONSTRAINT {table}_{name} CHECK ({holds})"
            for where, name, holds in checks
            if where == table
        ]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
    op.execute(
        f"ALTER TABLE {JOB} ADD COLUMN held_key varchar(255) {exactly} AS ({HELD_KEY}) VIRTUAL"
    )
    op.create_index("coserver_job_unique", JOB, ["held_key"], unique=True)


def _place(definition: str, exactly: str) -> str:
    """Return the definition with the character set behind its type."""
    kind, _, rest = definition.partition(" ")
    return f"{kind} {exactly} {rest}".rstrip()


def _make_triggers(rules: list[Rule]) -> None:
    """Have SQLite look at new rows, and at changes of what only other programs change later."""
    _make_trigger("added", "INSERT", rules)
    slow = ("origin", "tid")
    _make_trigger(
        "changed",
        f"UPDATE OF {', '.join(slow)}",
        [rule for rule in rules if rule[0].startswith(slow)],
    )


def _make_trigger(name: str, event: str, rules: list[Rule]) -> None:
    """Make a trigger that refuses the row for the first rule that doesn't hold.

    A number that is text is the affair of the older triggers, which say so.
    """
    cases = "\n".join(
        f"WHEN NOT ({holds} OR {_is_text(message)}) THEN RAISE(ABORT, '{JOB}.{message}')"
        for _, holds, message, _ in rules
    )
    op.execute(
        f"CREATE TRIGGER {JOB}_bounds_{name} AFTER {event} ON {JOB} BEGIN\n"
        f"SELECT CASE\n{cases}\nEND FROM {JOB} WHERE rowid = NEW.rowid;\nEND"
    )


def _is_text(message: str) -> str:
    column = message.partition(" ")[0]
    return "false" if column in ("origin", "evidence") else f"typeof({column}) = 'text'"
