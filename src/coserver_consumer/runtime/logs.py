"""What a consumer says while it runs: every line of its log, in one place and one voice.

Never a payload, a header, a token, or the parameters of an SQL statement. None of these functions
raises anything, whatever becomes of the line: the threads that call them have jobs to see to.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

from coserver_consumer.model.exception_text import format_traceback, words
from coserver_consumer.model.indoubt import Mark, Verdict
from coserver_consumer.model.job import Job, RunKey, State
from coserver_consumer.model.lifecycle import Ending
from coserver_consumer.model.texts import cut, make_line, make_lines

FORMAT = "%(asctime)s %(levelname)s {who}%(message)s"
CANNOT_MAKE_PARTITIONS = (
    "This user of the database may not add partitions to coserver_history: what no partition takes "
    "is removed row by row. `coserver init` as the tables' owner, once a week, makes them"
)
LONGEST = 500  # characters of an error in a line
LONGEST_NAME = 100  # characters of a job's title


class Log:
    """The consumer's logger. A handler that raises, as code of others may, costs a line only."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def is_on(self, level: int) -> bool:
        """Return True if lines of this level are written."""
        return self._logger.isEnabledFor(level)

    def write(self, level: int, text: str, *args: object) -> None:
        """Log a line."""
        with suppress(BaseException):  # SystemExit as well: it would end a thread
            self._logger.log(level, text, *args)

    def debug(self, text: str, *args: object) -> None:
        """Log a line that tells how the consumer works."""
        self.write(logging.DEBUG, text, *args)

    def info(self, text: str, *args: object) -> None:
        """Log a line that tells what happens."""
        self.write(logging.INFO, text, *args)

    def warning(self, text: str, *args: object) -> None:
        """Log a line about what isn't as it should be."""
        self.write(logging.WARNING, text, *args)

    def error(self, text: str, *args: object) -> None:
        """Log a line about what somebody has to see to."""
        self.write(logging.ERROR, text, *args)


log = Log("coserver")
_handler: logging.Handler = logging.StreamHandler()  # what writes the lines


class Formatter(logging.Formatter):
    """Writes a record so that nothing in it can be taken for another record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record without control characters, its further lines indented."""
        return make_lines(super().format(record), indent="  ")


def configure(level: str, who: str = "") -> None:
    """Write lines of this level and above to standard error, each with ``who`` if given."""
    global _handler  # noqa: PLW0603  of this process, as logging itself is
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(Formatter(FORMAT.format(who=f"[{who}] " if who else "")))
    logging.basicConfig(handlers=[_handler], level=level.upper(), force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs URLs


def hold() -> None:
    """Wait until no line is being written, and let none begin until ``release``."""
    _handler.acquire()


def release() -> None:
    """Let lines be written again."""
    _handler.release()


def starting(name: str, database: str) -> None:
    """``database`` is its address without a password."""
    log.info("Consumer %s starts on %s", name, database)


def hazard(text: str, advice: str) -> None:
    """Something about the settings works, but shouldn't stay as it is."""
    log.warning("%s%s. %s", text[0].upper(), text[1:], advice)


def task_left_out(name: str, why: str) -> None:
    """A task isn't offered; its jobs wait for another consumer."""
    log.warning("Task %s is off, its jobs wait: %s", name, why)


def ready(consumer_id: str, queues: Iterable[str], tasks: Iterable[str], threads: int) -> None:
    """The consumer looks for jobs."""
    log.info(
        "Consumer is ready as %s: queues %s; tasks %s; %s threads",
        consumer_id,
        ", ".join(queues),
        ", ".join(tasks) or "none",
        threads,
    )


def draining(signal_name: str, running: int, grace: float) -> None:
    """The first signal to stop came."""
    log.info("%s: no new jobs; %s running, given %g s to end", signal_name, running, grace)


def retiring(why: str, running: int) -> None:
    """The process ends when its jobs have ended."""
    log.info("No new jobs here: %s; %s running, which are waited for", why, running)


def stopping_now(signal_name: str) -> None:
    """The second signal came."""
    log.warning("%s again: stopping now", signal_name)


def put_down(job: Job) -> None:
    """The process ends because of this job."""
    log.error("Job %s hangs or was cancelled; this process ends with it", _name_job(job))


def files_closed() -> None:
    """The process ends because a job has closed what it needs."""
    log.error("A job has closed files that aren't its own, perhaps all; this process ends with it")


def threads(lines: Iterable[str]) -> None:
    """Somebody asked what the threads do."""
    for line in lines:
        log.info("%s", line)


def cannot_reload() -> None:
    """Somebody asked a process that has no supervisor to read its settings anew."""
    log.warning("Settings are read anew only with `processes` of 1 or more; restart this consumer")


def process_started(number: int, pid: int) -> None:
    """The supervisor has a new worker process."""
    log.debug("Worker process %s started (pid %s)", number, pid)


def process_died(number: int, pid: int, code: int, pause: float) -> None:
    """A worker process ended that nobody had asked to."""
    log.error(
        "Worker process %s (pid %s) ended by itself with %s; another takes its place%s",
        number,
        pid,
        f"signal {-code}" if code < 0 else f"exit code {code}",
        f" in {pause:g} s" if pause else "",
    )


def process_is_worn(number: int, why: str) -> None:
    """A worker process gets a successor."""
    log.info("Worker process %s is to be replaced: %s", number, why)


def process_is_silent(number: int, pid: int, seconds: float) -> None:
    """A worker process whose threads don't get their turn any more is killed."""
    log.error("Worker process %s (pid %s) was silent for %.0f s; killed", number, pid, seconds)


def process_is_late(number: int, pid: int) -> None:
    """A worker process didn't end when it had to."""
    log.error("Worker process %s (pid %s) doesn't end; killed", number, pid)


def reloading(processes: int) -> None:
    """New settings were read; they are in force as soon as the new processes are ready."""
    log.info("Settings were read anew: starting %s worker processes with them", processes)


def reload_refused(why: str) -> None:
    """The settings on file are wrong, or no process can work with them; the old ones stay."""
    log.error("The new settings can't be used, the old ones stay: %s", shorten(why))


def stopped(given_back: int) -> None:
    """The consumer has told the database all it had to."""
    log.info("Consumer stopped; %s jobs given back", given_back)


def stopped_untold(number: int) -> None:
    """The consumer stops though the database doesn't know it; the rescuer of another will."""
    log.error("Consumer stopped without reaching the database; %s endings weren't told", number)


def claimed(jobs: Iterable[Job]) -> None:
    """The attempts of these jobs begin."""
    if log.is_on(logging.DEBUG):
        for job in jobs:
            log.debug("Job %s started (%s)", _name_job(job), _attempt(job))


def ended(job: Job, ending: Ending, seconds: float) -> None:
    """The database knows how an attempt ended."""
    failed = ending.error is not None and ending.state is not State.CANCELLED
    level = logging.WARNING if failed or ending.note else logging.INFO
    if ending.state is State.READY:  # nothing was tried
        level = logging.DEBUG
    if not log.is_on(level):
        return
    how, what_follows = _describe(ending)
    log.write(
        level,
        "Job %s %s in %.1f s (%s)%s%s",
        _name_job(job),
        how,
        seconds,
        _attempt(job),
        what_follows,
        f": {shorten(ending.error)}" if failed else "",
    )


def attempt_broke(key: RunKey, why: str, traceback: str | None) -> None:
    """An attempt was ended by an error of the consumer's own; it goes on with the next job."""
    log.error("Job %s (run %s): %s%s", *key, why, f"\n{traceback}" if traceback else "")


def job_thread_ended(name: str) -> None:
    """A thread that runs jobs has ended against all care; another one is started."""
    log.error("The thread %s has ended and is replaced", name)


def lease_lost(key: RunKey) -> None:
    """Somebody else has the job now, or the ending was written before the connection broke."""
    log.warning("Job %s isn't ours any more (run %s): this ending changes nothing", *key)


def untellable(key: RunKey, error: Exception) -> None:
    """The database refuses an ending as it is."""
    why = shorten(words(getattr(error, "orig", error)))
    log.error("Job %s: its ending can't be written (run %s): %s", *key, why)


def orphans_released(jobs: Iterable[Job]) -> None:
    """Claims whose answer never came: nobody runs these jobs."""
    for job in jobs:
        log.info("Job %s was claimed while the connection broke; given back", job.id)


def twins_refused(keys: Iterable[RunKey]) -> None:
    """Another program has copied jobs back that had ended, such as old ones of a Plone user."""
    for key in keys:
        log.error("Job %s has ended already; a row with its id was removed (run %s)", *key)


def declared_dead(consumer_id: str, running: int) -> None:
    """The heartbeat found that this consumer had been given up."""
    log.error(
        "Consumer %s was silent for too long and given up; its %s running jobs are lost to it",
        consumer_id,
        running,
    )


def registered_anew(consumer_id: str) -> None:
    """The consumer goes on under a new id."""
    log.info("Consumer goes on as %s", consumer_id)


def rescued(key: RunKey) -> None:
    """A job was taken from a dead consumer and given back to its queue."""
    log.warning("Job %s was rescued from a dead consumer (run %s)", *key)


def poisoned(key: RunKey) -> None:
    """A job was rescued once too often and has failed."""
    log.error("Job %s failed: its consumers died while they ran it (run %s)", *key)


def gave_up(consumer_id: str) -> None:
    """A dead consumer holds nothing any more and is forgotten."""
    log.warning("Consumer %s is dead and was removed", consumer_id)


def resolved(verdict: Verdict, number: int) -> None:
    """The ZODB told what became of a transaction whose process died."""
    log.warning(
        "%s %s was left open; the ZODB says: %s (%s jobs)", *_name(verdict), verdict.finding, number
    )


def _name(verdict: Verdict) -> tuple[str, str]:
    return "Batch" if verdict.mark is Mark.BATCH else "Run", shorten(verdict.value)


def unsettled(verdict: Verdict, error: Exception) -> None:
    """What the ZODB told can't be written; the others are."""
    why = shorten(str(getattr(error, "orig", error)))
    log.error("%s %s is %s, which can't be written: %s", *_name(verdict), verdict.finding, why)


def unresolved(why: str) -> None:
    """The ZODB couldn't be asked; said once."""
    log.error("%s", why)


def pruned(number: int) -> None:
    """Old history was removed."""
    log.info("%s old jobs were removed from the history", number)


def partitions_made(names: Iterable[str]) -> None:
    """The jobs of the next days have their places in the history."""
    log.debug("The history has new partitions: %s", ", ".join(names))


def partition_dropped(name: str) -> None:
    """A day of history was removed as a whole."""
    log.info("Old history was removed with its partition %s", name)


def cannot_stand_back(error: OSError) -> None:
    """The kernel didn't let the session be lowered (setting ``nice``)."""
    log.warning("The setting nice may do little: the session can't stand back (%s)", error)


def cannot_make_partitions() -> None:
    """The database's user lacks rights; said once."""
    log.warning("%s", CANNOT_MAKE_PARTITIONS)


def misfits_failed(queue: str, job_ids: Sequence[str]) -> None:
    """Jobs were failed that nobody would ever have run."""
    told = "%s jobs failed: no queue is called '%s'; the first is %s"
    log.warning(told, len(job_ids), shorten(queue), job_ids[0])


def instance_away(url: str, why: str) -> None:
    """A Zope instance gets no jobs for now; said once, and once a minute if the reason changes."""
    log.error("Zope at %s gets no jobs until it can run them: %s", url, shorten(why))


def instance_back(url: str, seconds: float) -> None:
    """It can run jobs again."""
    log.info("Zope at %s can run jobs again after %.0f s", url, seconds)


def zodb_away(why: str) -> None:
    """The Zope of this process gets no jobs for now; said once."""
    log.error("The Zope of this process gets no jobs for now: %s", why)


def zodb_back() -> None:
    """It can run jobs again."""
    log.info("The Zope of this process can run jobs again")


def database_away(why: str) -> None:
    """The first statement failed because nobody answered."""
    log.error("The database is away: %s", shorten(why))


def database_awaited(why: str, seconds: float) -> None:
    """It is away as the consumer starts, and is waited for."""
    log.warning("Waiting up to %g s for the database: %s", seconds, shorten(why))


def database_back(seconds: float) -> None:
    """The first statement succeeded after that."""
    log.info("The database is back after %.1f s", seconds)


def loop_failed(name: str, error: BaseException) -> None:
    """A loop met an error that isn't an outage; it goes on."""
    log.error("Loop %s: %s\n%s", name, shorten(words(error)), format_traceback(error))


def shorten(text: str | None) -> str:
    """Return the text as one line that isn't too long for a log."""
    return make_line(text or "", LONGEST)


def _name_job(job: Job) -> str:
    """Return the job's id and what people know it by: its title, or its task."""
    return f"{job.id} '{cut(job.name, LONGEST_NAME)}'"


def _attempt(job: Job) -> str:
    return f"attempt {job.attempt} of {job.max_attempts}"


def _describe(ending: Ending) -> tuple[str, str]:
    """Return how the attempt ended, and what follows from it."""
    match ending:
        case Ending(state=State.SCHEDULED, note=str(note), delay=delay):
            return "wasn't tried", f", is looked at again in {delay:g} s: {shorten(note)}"
        case Ending(state=State.SCHEDULED, error=None, delay=delay):
            return "snoozed", f", goes on in {delay:g} s"
        case Ending(state=State.SCHEDULED, delay=delay):
            return "failed", f", is tried again in {delay:.0f} s"
        case Ending(state=State.READY):
            return "was given back", ""
        case _:
            return str(ending.state), ""
