"""The doctor: looks at all that a consumer needs, and says what to do about what is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from coserver_consumer import store
from coserver_consumer.diagnosis.hazards import find_hazards
from coserver_consumer.model.errors import (
    ConfigurationError,
    InvalidTask,
    SchemaError,
    StoreUnavailable,
)
from coserver_consumer.model.job import State
from coserver_consumer.protocol.handshake import DIFFERS
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import maintain, manage
from coserver_consumer.store.manage import Consumer, Count
from coserver_consumer.tasks.context import TaskContext
from coserver_consumer.tasks.registry import load_registry
from coserver_consumer.zope.probe import Able, Busy, ProbeResult, Silent, Unable, probe
from coserver_consumer.zope.service import Services

MAX_DRIFT_S = 2.0
WITHOUT_ZOPE = "Other jobs than Zope's run without it."


class Verdict(StrEnum):
    """How a check came out."""

    GOOD = "good"
    WARNING = "warning"  # it works, but not as well as it might, or not for every job
    BAD = "bad"  # no consumer can work like this


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found, and what to do about it."""

    name: str
    verdict: Verdict
    text: str
    advice: str = ""


def examine(settings: Settings, file: Path | None = None) -> Iterator[Finding]:
    """Yield a finding for each check, in the order in which one would mend them.

    ``file`` is where the settings came from.
    """
    engine, consumer = store.open_engine(settings.database), None
    try:
        yield (schema := _check_schema(engine))
        if schema.verdict is Verdict.GOOD:
            yield _check_writing(engine)
            consumer = store.read(engine, lambda connection: _find_consumer(connection, settings))
            yield from store.read(engine, lambda connection: _check_store(connection, settings))
    finally:
        engine.dispose()
    yield (secret := _check_secret(settings))
    for hazard in find_hazards(settings, file):
        yield _warning(*hazard)
    yield _check_tasks(settings)
    yield _check_transport(settings)
    if secret.verdict is Verdict.GOOD:
        yield from _check_instances(settings, consumer)


def _check_schema(engine: Engine) -> Finding:
    address = store.show_address(engine)
    try:
        store.check_schema(engine)
    except StoreUnavailable as error:
        advice = "Start the database, correct its address (setting database), or its rights."
        return _bad("database", str(error), advice)
    except SchemaError as error:
        return _bad("schema", str(error), "Run `coserver init` or `coserver upgrade`.")
    except SQLAlchemyError as error:
        return _bad(
            "database", f"{address}: {store.describe(error)}", "Correct its address and its rights."
        )
    return _good("database", f"{address} answers, its tables are up to date")


def _check_writing(engine: Engine) -> Finding:
    """Write what a consumer writes: a database may answer and take nothing."""
    try:
        maintain.try_to_write(engine)
    except SQLAlchemyError as error:
        text = f"{store.show_address(engine)} takes nothing: {store.describe(error)}"
        advice = "Without that no job begins or ends: mend its rights, its mode or its disk."
        return _bad("writing", text, advice)
    return _good("writing", "the database takes what consumers write")


def _check_store(connection: Connection, settings: Settings) -> list[Finding]:
    return [
        _check_clock(connection),
        _check_consumers(connection, settings.dead_after),
        *_check_work(connection, settings.dead_after),
    ]


def _check_clock(connection: Connection) -> Finding:
    """Compare this machine's clock with the database's, on which everybody agrees."""
    drift = time.time() - manage.now(connection) / store.SECOND
    if abs(drift) > MAX_DRIFT_S:
        return _warning(
            "clock",
            f"this machine's clock differs from the database's by {drift:+.1f} s",
            "Set the clocks by NTP. Jobs go by the database's, but the times in logs differ.",
        )
    return _good("clock", f"differs from the database's by {drift:+.1f} s")


def _check_consumers(connection: Connection, dead_after: float) -> Finding:
    consumers = manage.consumers(connection)
    dead = [consumer for consumer in consumers if consumer.is_dead(dead_after)]
    if dead:
        names = ", ".join(f"{each.name} (silent for {each.age:.0f} s)" for each in dead)
        advice = "A living consumer gives their jobs back within a minute: start one."
        return _warning("consumers", f"dead: {names}", advice)
    if not consumers:
        return _warning("consumers", "none runs", "Start one with `coserver run`.")
    return _good("consumers", f"{len(consumers)} alive")


def _check_work(connection: Connection, dead_after: float) -> Iterator[Finding]:
    """Look for queues and for jobs that no consumer would take."""
    alive = [each for each in manage.consumers(connection) if not each.is_dead(dead_after)]
    yield _check_queues(manage.queues(connection), alive)
    if alive:
        yield _check_jobs(manage.count(connection, states=[State.READY]), alive)


def _check_queues(known: list[str], alive: list[Consumer]) -> Finding:
    served = {name for each in alive for name in each.queues}
    left = [name for name in known if name not in served]
    if served and left:
        advice = "Name them in the setting queues of a consumer."
        return _warning("queues", f"nobody serves {', '.join(left)}", advice)
    return _good("queues", ", ".join(known))


def _check_jobs(ready: list[Count], alive: list[Consumer]) -> Finding:
    """See whether each job that is ready has a consumer of its queue that knows its task."""
    known = {(queue, task) for each in alive for queue in each.queues for task in each.tasks}
    served = {queue for queue, _ in known}
    left = [of for of in ready if of.queue in served and (of.queue, of.task) not in known]
    if not left:
        return _good("jobs", f"{sum(of.number for of in ready)} are ready to run")
    listed = "; ".join(f"{of.number} jobs in {of.queue} want: {of.task}" for of in left)
    return _warning(
        "jobs",
        f"no living consumer knows what {listed}",
        "Install the task's plugin where a consumer runs, or cancel them; see `coserver tasks`.",
    )


def _check_secret(settings: Settings) -> Finding:
    try:
        _ = settings.secret_text  # raises
    except ConfigurationError as error:
        if settings.secret_file is not None:
            return _bad("secret", str(error), "Let the consumer's user read it, or name another.")
        advice = "Without it, jobs that run in Zope wait. Make one: openssl rand -hex 32"
        return _warning("secret", str(error), advice)
    return _good("secret", "there")


def _find_consumer(connection: Connection, settings: Settings) -> str | None:
    """Return the id of a consumer that lives, which a Zope of the same queue knows too."""
    alive = [each for each in manage.consumers(connection) if not each.is_dead(settings.dead_after)]
    return alive[-1].id if alive else None


def _check_tasks(settings: Settings) -> Finding:
    try:
        registry = load_registry(TaskContext(settings=settings))
    except InvalidTask as error:
        return _bad("tasks", str(error), "Mend or uninstall the plugin.")
    except ConfigurationError as error:
        return _bad("tasks", str(error), "Correct the setting.")
    off = "".join(f"; {name} is off: {why}" for name, why in registry.left_out.items())
    text = (", ".join(registry.names) or "none") + off
    if off:
        return _warning("tasks", text, "Add the setting if this consumer is to run these jobs.")
    return _good("tasks", text)


def _check_transport(settings: Settings) -> Finding:
    """Say where Zope's jobs run, and that a zope.conf which is named is there."""
    if settings.zope_conf is None:
        return _good("transport", "Zope's jobs are sent to zope_url")
    if not settings.zope_conf.is_file():
        text = f"{settings.zope_conf} can't be read"
        return _bad("transport", text, "Correct the setting zope_conf.")
    which = ", ".join(settings.zodb_queues) or "all queues"
    return _good("transport", f"Zope is started from {settings.zope_conf} for {which}")


def _check_instances(settings: Settings, consumer: str | None) -> Iterator[Finding]:
    """Ask each Zope instance whether it has the same secret and the same queue.

    Where no jobs are sent to them only the secret matters: of those that they queue.
    """
    services, are_needed = Services(settings), settings.zope_conf is None or settings.zodb_queues
    for url in settings.zope_url:
        found = probe(lambda url: services.greet(url, consumer), url)
        if are_needed or isinstance(found, Able) or found == Unable(DIFFERS):
            yield _check_instance(url, found)


def _check_instance(url: str, found: ProbeResult) -> Finding:
    match found:
        case Able(greeting=greeting):
            queue = ", and the same queue" if greeting.knows else ""
            return _good("zope", f"{url} can run jobs: it has the same secret{queue}")
        case Busy(why=why) | Silent(why=why):
            advice = f"Start Zope, or correct the setting zope_url. {WITHOUT_ZOPE}"
            return _warning("zope", f"{url}: {why}", advice)
        case Unable(why=why):
            advice = f"Until that is mended its jobs wait. {WITHOUT_ZOPE}"
            return _bad("zope", f"{url}: {why}", advice)
        case _:
            assert_never(found)


def _good(name: str, text: str) -> Finding:
    return Finding(name=name, verdict=Verdict.GOOD, text=text)


def _warning(name: str, text: str, advice: str) -> Finding:
    return Finding(name=name, verdict=Verdict.WARNING, text=text, advice=advice)


def _bad(name: str, text: str, advice: str) -> Finding:
    return Finding(name=name, verdict=Verdict.BAD, text=text, advice=advice)
