"""Between the live table and the history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.job import State
from coserver_consumer.store import schema
from coserver_consumer.store.rows import KEPT

MAX_RESULT = 65_536  # characters of JSON
MAX_ERROR = 4_096  # characters
RESET = {
    "consumer",
    "started_at",
    "deadline_at",
    "voted_at",
    "cancel_at",
    "progress",
    "progress_text",
}


def move_to_history(
    connection: Connection,
    job_ids: Sequence[str],
    *,
    state: State,
    result: Any = None,
    error: str | None = None,
    max_result: int = MAX_RESULT,
) -> None:
    """End live jobs as ``state``. The caller holds their rows' locks and knows they may end."""
    moved = [
        sa.literal(state.value, sa.String).label("state") if name == "state" else schema.job.c[name]
        for name in KEPT
    ]
    told = [
        sa.literal(cap_result(result, max_result), schema.history.c.result.type).label("result"),
        sa.literal(cap_error(error), schema.history.c.error.type).label("error"),
    ]
    source = sa.select(*moved, *told).where(schema.job.c.id.in_(job_ids))
    connection.execute(
        sa.insert(schema.history).from_select(
            [*KEPT, "result", "error"], source, include_defaults=False
        )
    )
    connection.execute(sa.delete(schema.job).where(schema.job.c.id.in_(job_ids)))


def revive(connection: Connection, job_ids: Sequence[str], *, state: State, **changes: Any) -> int:
    """Bring ended jobs back to life as ``state``, with all their attempts before them.

    The run stays and the next claim raises it, so no old attempt can end the new one. ``changes``
    are further columns, as SQL expressions.
    """
    if not job_ids:
        return 0
    names = [name for name in KEPT if name not in RESET]
    changed = {
        "state": sa.literal(state.value, sa.String),
        "attempt": sa.literal(0),
        "rescues": sa.literal(0),
        **changes,
    }
    moved = [changed.get(name, schema.history.c[name]).label(name) for name in names]
    source = sa.select(*moved).where(schema.history.c.id.in_(job_ids))
    connection.execute(sa.insert(schema.job).from_select(names, source, include_defaults=False))
    gone = sa.delete(schema.history).where(schema.history.c.id.in_(job_ids))
    return connection.execute(gone).rowcount


def cap_result(result: Any, limit: int) -> Any:
    """Return the result, or a note of its size if its JSON has more characters than ``limit``."""
    if result is None:
        return None
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        return {"not_kept": f"the result isn't JSON: {error}"}
    if len(text) > limit:
        return {"not_kept": f"the result has {len(text)} characters; the limit is {limit}"}
    return result


def cap_error(error: str | None, limit: int = MAX_ERROR) -> str | None:
    """Return the text, cut to what the store keeps, and without what PostgreSQL can't hold."""
    if error is None:
        return None
    text = error.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
