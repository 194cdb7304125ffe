"""The job that the current request runs: ``from collective.coserver import current_job``."""

from __future__ import annotations

from typing import NoReturn

from zope.globalrequest import getRequest

from collective.coserver.database.engine import read, write
from collective.coserver.events.job_events import tell_progress
from collective.coserver.functions import eager
from collective.coserver.functions.result import read_result
from collective.coserver.identity.request_job import get_job
from collective.coserver.publication.ending import end_attempt, refuse_ended
from collective.coserver.publication.inflight import runs
from coserver_consumer.model.errors import JobNotFound
from coserver_consumer.model.followed import FollowedJob, to_followed
from coserver_consumer.model.job import Job
from coserver_consumer.model.options import read_snooze
from coserver_consumer.model.outcome import Cancelled, Failed, Snoozed
from coserver_consumer.model.report import read_line, read_progress
from coserver_consumer.model.value_types import Span
from coserver_consumer.store import manage


class CurrentJob:
    """The running job; false in a request that runs none.

    There ``progress``, ``log`` and ``check_cancelled`` do nothing, so that the function of a task
    can be called like any other. What ends an attempt raises an exception; the attempt has ended
    even where code catches that.
    """

    def __bool__(self) -> bool:
        return get_job(getRequest()) is not None

    @property
    def id(self) -> str:
        """The job's UUID as text."""
        return self._job.id

    @property
    def attempt(self) -> int:
        """Which attempt this is; the first is 1."""
        return self._job.attempt

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return self._job.queue

    @property
    def followed(self) -> tuple[FollowedJob, ...]:
        """What has become of the jobs that it came after, in the order of its option ``after``.

        They are read from the queue's database each time. None in a request that runs no job, and
        in a function that is called at once the calls that it follows.
        """
        if calls := eager.current():
            return calls.followed
        job = get_job(getRequest())
        if job is None:
            return ()
        found = read(lambda connection: manage.find_followed(connection, job.id))
        return tuple(to_followed(job_id, each, read_result) for job_id, each in found)

    def progress(self, fraction: float, text: str | None = None) -> None:
        """Show people how far the job is: ``fraction`` from 0 to 1, and what is being done.

        It is seen at once, not with the commit. Ends the attempt if the job has another one by now.
        Raises ``InvalidJob`` for what is no number, or no text.
        """
        progress = read_progress(fraction, text)
        job = self._find_wanted()
        if job is None:
            return
        if not write(lambda connection: manage.report(connection, job.key, *progress)):
            self._stop("its consumer lost the lease")
        tell_progress(job, *progress)

    def log(self, line: str) -> None:
        """Keep a line with the job, for whoever looks at it: at once, not with the commit.

        Ends the attempt if the job has another one by now. Raises ``InvalidJob`` for what is no
        text.
        """
        text = read_line(line)
        job = self._find_wanted()
        if job and not write(lambda connection: manage.add_line(connection, job.key, text)):
            self._stop("its consumer lost the lease")

    def check_cancelled(self) -> None:
        """End the attempt here, and abort its transaction, if somebody has cancelled the job.

        The same if its time is over. Call this now and then in what takes long.
        """
        job = self._find_wanted()
        if job is None:
            return
        running = read(lambda connection: manage.find_running(connection, job.key))
        if running is None:
            self._stop("its consumer lost the lease")
        if running.job.cancel_at is not None:
            end_attempt(getRequest(), Cancelled())
        if running.is_late:
            self._stop(f"it took longer than its timeout of {job.timeout:g} s")

    def snooze(self, seconds: Span) -> NoReturn:
        """End the attempt here, abort its transaction, and run the job again in ``seconds``.

        The attempt isn't counted. Raises ``JobNotFound`` in a request that runs no job, and
        ``InvalidJob`` for what is no number of seconds from 0 on.
        """
        if not self:
            raise JobNotFound("Only a job can snooze, and this request doesn't run one.")
        end_attempt(getRequest(), Snoozed(delay=read_snooze(seconds)))

    def _find_wanted(self) -> Job | None:
        """Return the job, None if there is none.

        Ends the attempt if its consumer doesn't want it any more, or if code has ended it before
        and gone on.
        """
        refuse_ended(getRequest())
        job = get_job(getRequest())
        if job and runs.is_stopped(job.key):
            self._stop("its consumer doesn't wait for it any more")
        return job

    def _stop(self, reason: str) -> NoReturn:
        """End the attempt as failed; the consumer, which may have asked for it, judges that."""
        end_attempt(getRequest(), Failed(error=f"Job {self.id} stops: {reason}."))

    @property
    def _job(self) -> Job:
        job = get_job(getRequest())
        if job is None:
            raise JobNotFound("This request doesn't run a job.")
        return job


current_job = CurrentJob()
