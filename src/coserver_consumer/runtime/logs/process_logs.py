"""What a supervisor logs about its worker processes and their settings."""

from __future__ import annotations

from coserver_consumer.runtime.logs.log import log
from coserver_consumer.runtime.logs.log_texts import shorten


def started(slot: int, pid: int) -> None:
    """The supervisor has a new worker process."""
    log.debug("Worker process %s started (pid %s)", slot, pid)


def died(slot: int, pid: int, code: int, backoff: float) -> None:
    """A worker process ended that nobody had asked to."""
    log.error(
        "Worker process %s (pid %s) ended by itself with %s; another takes its place%s",
        slot,
        pid,
        f"signal {-code}" if code < 0 else f"exit code {code}",
        f" in {backoff:g} s" if backoff else "",
    )


def worn(slot: int, why: str) -> None:
    """A worker process gets a successor."""
    log.info("Worker process %s is to be replaced: %s", slot, why)


def silent(slot: int, pid: int, seconds: float) -> None:
    """A worker process whose threads don't run any more is killed."""
    log.error("Worker process %s (pid %s) was silent for %.0f s; killed", slot, pid, seconds)


def late(slot: int, pid: int) -> None:
    """A worker process didn't end when it had to."""
    log.error("Worker process %s (pid %s) doesn't end; killed", slot, pid)


def reloading(processes: int) -> None:
    """New settings were read; they are in force as soon as the new processes are ready."""
    log.info("Settings were read anew: starting %s worker processes with them", processes)


def reload_refused(why: str) -> None:
    """The settings on file are wrong, or no process can work with them; the old ones stay."""
    log.error("The new settings can't be used, the old ones stay: %s", shorten(why))
