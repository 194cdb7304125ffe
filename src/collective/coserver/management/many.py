"""Many jobs, by a filter: those of the current site, unless another one is named."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Unpack

from sqlalchemy import Connection

from collective.coserver.database.engine import get_engine, read
from collective.coserver.identity.cross_site import refuse_cross_site
from collective.coserver.identity.owner import current_owner
from collective.coserver.identity.rerun import require_rerun
from collective.coserver.identity.site import find_site, site_path
from collective.coserver.management.jobs import find_secret
from coserver_consumer.model.job import Job, State
from coserver_consumer.model.lifecycle import WAITING
from coserver_consumer.model.options import PRIORITY, read_flag
from coserver_consumer.producer.bulk import (
    Act,
    Changes,
    change_all,
    make_act,
    notify_of_moved,
    sum_up,
)
from coserver_consumer.producer.filters import (
    JobFilter,
    ManyFilter,
    count_jobs,
    find_page,
    read_many,
)
from coserver_consumer.protocol.proof import make_transfer
from coserver_consumer.protocol.signing import make_renewal
from coserver_consumer.store import manage

EVERY_SITE = "*"  # for ``site``; the path of one begins with a slash


def find(*, limit: int = 50, before: str | None = None, **wanted: Unpack[JobFilter]) -> list[Job]:
    """Return up to ``limit`` jobs as they were committed, live and ended, the newest first.

    ``wanted`` is a ``JobFilter``; without ``site`` it means the current site, if there is one, and
    ``EVERY_SITE`` all jobs. ``before`` is the id of the last job of the page before, which may
    have been pruned meanwhile. Raises ``InvalidJob`` for a filter that is wrong.
    """
    said, here = _name_sites(wanted)
    return read(lambda connection: find_page(connection, said, limit=limit, before=before, **here))


def count(**wanted: Unpack[JobFilter]) -> int:
    """Return how many jobs there are, live and ended; ``wanted`` is that of ``find``."""
    said, here = _name_sites(wanted)
    return read(lambda connection: count_jobs(connection, said, **here))


def cancel_many(*, kill: bool = False, **wanted: Unpack[ManyFilter]) -> Changes:
    """Cancel the jobs that ``wanted`` lets through, by default of those that wait or run.

    At once, whatever becomes of the transaction, and page by page. ``wanted`` is that of ``find``,
    and ``all=True`` if it says nothing else. Returns how many were changed, and which weren't, with
    the reasons. Raises ``InvalidJob`` for a filter that is wrong or missing.
    """
    who, kill = current_owner().id, read_flag("kill", kill)
    return _change_many(
        make_act(manage.cancel, manage.cancel_many, by=who, kill=kill),
        wanted,
        {*WAITING, State.RUNNING},
    )


def retry_many(**wanted: Unpack[ManyFilter]) -> Changes:
    """Run jobs again, by default of those that have failed; see ``cancel_many``.

    Those that ``retry`` wouldn't run again for this request are refused. Raises also
    ``CrossSiteRequest``.
    """
    refuse_cross_site()
    who, renew = current_owner().id, make_renewal(find_secret)

    def retry(connection: Connection, job_id: str) -> None:
        require_rerun(manage.get(connection, job_id))
        manage.retry(connection, job_id, by=who, renew=renew)

    many = partial(manage.retry_many, by=who, renew=renew, allow=require_rerun)
    return _change_many(Act(one=retry, many=many), wanted, {State.FAILED})


def set_priority_many(priority: int, **wanted: Unpack[ManyFilter]) -> Changes:
    """Give jobs another priority, by default of all that wait; see ``cancel_many``."""
    who, number = current_owner().id, PRIORITY.read("priority", priority)
    return _change_many(
        make_act(manage.set_priority, manage.set_priority_many, priority=number, by=who),
        wanted,
        WAITING,
    )


def move_many(queue: str, **wanted: Unpack[ManyFilter]) -> Changes:
    """Move jobs to a queue, by default of all that wait; see ``cancel_many``.

    Raises ``UnknownQueue``.
    """
    read(lambda connection: manage.require_queue(connection, queue))
    who, sign = current_owner().id, make_transfer(find_secret)
    return _change_many(
        make_act(manage.move, manage.move_many, queue=queue, by=who, sign=sign),
        wanted,
        WAITING,
        moved_to=queue,
    )


def _change_many(
    act: Act, wanted: ManyFilter, states: Collection[State], *, moved_to: str | None = None
) -> Changes:
    engine = get_engine()
    said, here = _name_sites(wanted)
    which = here | read(lambda connection: read_many(connection, said, states))
    done = change_all(engine, which, act)
    return sum_up(done if moved_to is None else notify_of_moved(engine, done, moved_to))


def _name_sites(wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what was said, and the current site if no other and not all of them were named."""
    said, named = dict(wanted), wanted.get("site")
    if isinstance(named, str) and named == EVERY_SITE:
        return said | {"site": None}, {}
    site = site_path(find_site())
    return said, {} if site is None or named is not None else {"site": site}
