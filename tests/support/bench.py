"""A worker on a real database, inside the process of the tests."""

from __future__ import annotations

from coserver_consumer import store
from coserver_consumer.maintenance.heartbeat import make_heartbeat
from coserver_consumer.maintenance.heartbeat_health import HeartbeatHealth
from coserver_consumer.model.current_job import EndAttempt
from coserver_consumer.model.lifecycle import conclude
from coserver_consumer.model.outcome import Completed
from coserver_consumer.retry import PLAIN
from coserver_consumer.runtime.database import Database
from coserver_consumer.runtime.registration import Registration, describe_consumer
from coserver_consumer.settings.settings import Settings
from coserver_consumer.store import claim, enqueue, manage
from coserver_consumer.worker.executor import as_outcome
from coserver_consumer.worker.worker import Worker
from support.new_jobs import make_new
from support.waiting import wait_for

SETTINGS = Settings(
    database="sqlite:///elsewhere", threads=2, poll_min=0.01, poll_max=0.1, heartbeat_every=0.1
)


class Bench:
    """A registered worker whose attempts call ``work``, and the database it works on."""

    def __init__(self, engine, work=lambda current: Completed(), policy=PLAIN):
        self.engine = engine
        self.work = work
        self.database = Database(engine)
        self.registration = Registration(self.database, describe_consumer(SETTINGS, ["test"]))
        self.registration.register()
        self.worker = Worker(
            database=self.database,
            registration=self.registration,
            settings=SETTINGS,
            attempt=self.attempt,
            policy=lambda task: policy,
        )

    def attempt(self, current):
        """Run one attempt."""
        try:
            outcome = self.work(current)
        except EndAttempt as error:
            outcome = as_outcome(error)
        return conclude(current.job, outcome, backoff=SETTINGS.backoff)

    def write(self, function, *arguments, **options):
        """Call a function of the store in a transaction of its own."""
        return store.write(
            self.engine, lambda connection: function(connection, *arguments, **options)
        )

    def add(self, number=1, **options):
        """Queue jobs; return their ids."""
        return self.write(
            enqueue.add_many, [make_new(task="test", **options) for _ in range(number)]
        )

    def heartbeat(self):
        """Return this worker's heartbeat."""
        in_flight, health = self.worker.in_flight, HeartbeatHealth(SETTINGS)
        return make_heartbeat(self.database, self.registration, in_flight, health, every=0.05)

    def take(self, limit):
        """Claim jobs as this worker does; return them."""
        return self.write(
            claim.claim,
            consumer=self.registration.id,
            queues=["default"],
            tasks=["test"],
            limit=limit,
        )

    def state(self, job_id):
        """Return a job's state."""
        return self.write(manage.get, job_id).state

    def wait_state(self, job_id, state):
        """Wait until a job is in a state."""
        wait_for(lambda: self.state(job_id) is state, what=f"job to be {state}")
