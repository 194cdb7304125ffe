"""Keys of other programs: what each is granted, and what has become of it; never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from coserver_consumer.model.errors import UnknownKey, WrongState
from coserver_consumer.model.exception_text import brief_text
from coserver_consumer.protocol.grant import Grant
from coserver_consumer.protocol.known_key import KnownKey
from coserver_consumer.store.manage.audit import audit
from coserver_consumer.store.schema import tables
from coserver_consumer.store.schema.clock import SECOND, Now
from coserver_consumer.store.schema.fragments import count_up


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What there is to tell of a key. Times are microseconds since the epoch.

    ``jobs``: how many of its jobs consumers have begun, the last one at ``last_used_at``.
    """

    known: KnownKey
    created_at: int
    created_by: str | None
    revoked_by: str | None
    last_used_at: int | None
    jobs: int

    @property
    def grant(self) -> Grant:
        """What it allows, as the tables tell it."""
        return self.known.grant


def add_key(connection: Connection, grant: Grant, seal: str, *, by: str | None = None) -> None:
    """Make a key valid; raise ``WrongState`` if another that isn't past has its name."""
    named = [each for each in keys(connection) if each.grant.name == grant.name]
    if not all(each.known.is_past for each in named):
        raise WrongState(
            f"There is a key '{grant.name}' already: revoke it, or give this one another name."
        )
    row = {
        "id": grant.id,
        "name": grant.name,
        "owner": grant.owner,
        "site": grant.site,
        "origin": dict(grant.origin),
        "tasks": list(grant.tasks),
        "expires_at": grant.expires * SECOND,
        "seal": seal,
        "created_by": by,
    }
    connection.execute(sa.insert(tables.key).values(row))
    audit(connection, "add_key", who=by, key_name=grant.name)


def revoke_key(connection: Connection, said: str, *, by: str | None = None) -> list[str]:
    """Make the keys with that name or id invalid, also expired ones; return their ids.

    Their seals go: without the secret nobody can make one. Raises ``UnknownKey``.
    """
    known = [each for each in keys(connection) if each.known.revoked_at is None]
    meant = [each.grant for each in known if said in (each.grant.name, each.grant.id)]
    if not meant:
        names = ", ".join(sorted({each.grant.name for each in known})) or "none"
        raise UnknownKey(
            f"No key that could be revoked is called '{brief_text(said)}'; known are: {names}."
        )
    ids = [grant.id for grant in meant]
    revoked = sa.update(tables.key).where(tables.key.c.id.in_(ids))
    connection.execute(revoked.values(seal=None, revoked_at=Now(), revoked_by=by))
    for name in {grant.name for grant in meant}:
        audit(connection, "revoke_key", who=by, key_name=name)
    return ids


def keys(connection: Connection) -> list[KeyRecord]:
    """Return all keys, those too that aren't valid any more, the oldest first."""
    query = sa.select(tables.key, Now().label("now")).order_by(tables.key.c.id)
    return [_to_record(row) for row in connection.execute(query).mappings()]


def find_key(connection: Connection, key_id: str) -> KnownKey | None:
    """Return what verifies the jobs of a key, None if there is none with that id."""
    query = sa.select(tables.key, Now().label("now")).where(tables.key.c.id == key_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _to_known(row)


def note_key_use(connection: Connection, key_id: str) -> None:
    """Count one more job of a key, begun now."""
    row = tables.key.c
    used = sa.update(tables.key).where(row.id == key_id)
    connection.execute(used.values(jobs=count_up(row.jobs), last_used_at=Now()))


def _to_record(row: Mapping[Any, Any]) -> KeyRecord:
    return KeyRecord(
        known=_to_known(row),
        created_at=_take(row, "created_at", int, None),
        created_by=row["created_by"],
        revoked_by=row["revoked_by"],
        last_used_at=_take(row, "last_used_at", int, None),
        jobs=_take(row, "jobs", int, 0),
    )


def _to_known(row: Mapping[Any, Any]) -> KnownKey:
    return KnownKey(
        grant=_to_grant(row),
        seal=_take(row, "seal", str, None),
        revoked_at=_take(row, "revoked_at", int, None),
        now=row["now"] / SECOND,
    )


def _to_grant(row: Mapping[Any, Any]) -> Grant:
    """Return the grant that a row tells, whatever another program has written into it."""
    return Grant(
        id=str(row["id"]),
        name=str(row["name"]),
        owner=str(row["owner"]),
        site=str(row["site"]),
        origin=_take(row, "origin", dict, {}),
        tasks=tuple(str(task) for task in _take(row, "tasks", list, [])),
        expires=_take(row, "expires_at", int, 0) // SECOND,
    )


def _take(row: Mapping[Any, Any], name: str, kind: type, default: Any) -> Any:
    return row[name] if isinstance(row[name], kind) else default
