"""All contestants."""

from __future__ import annotations

from benchmarks.contestant import Contestant

COSERVER_LIVE = "SELECT count(*) FROM coserver_job"
CEILING_LIVE = "SELECT count(*) FROM raw_job"
HUEY_THREADS = {"PostgreSQL": "1 thread", "SQLite": "4 threads", "Redis": "4 threads"}
HUEY_LIVE = {
    "PostgreSQL": "SELECT count(*) FROM huey_task",
    "SQLite": "SELECT count(*) FROM task",
}
DATABASES = ("PostgreSQL", "SQLite", "MariaDB")


def _ours(server: str) -> Contestant:
    return Contestant(
        name=f"coserver on {server}",
        server=server,
        module="coserver",
        live=COSERVER_LIVE,
        past="INSERT INTO coserver_history (task, state) SELECT 'noop', 'completed'",
        manages=True,
        is_ours=True,
        is_quick=True,
        notes="4 threads a process; history, results, retries, rescue by lease and fencing token.",
    )


def _ceiling(server: str) -> Contestant:
    return Contestant(
        name=f"ceiling on {server}",
        server=server,
        module="ceiling",
        live=CEILING_LIVE,
        past="INSERT INTO raw_history (task, state) SELECT 'noop', 'completed'",
        is_ceiling=True,
        is_quick=True,
        notes="The driver alone: batches of 100, the ending fused with the next claim; history; "
        "the primary keys and the claim's index.",
    )


def _ceiling_on_ours(server: str) -> Contestant:
    return Contestant(
        name=f"ceiling with all indexes on {server}",
        server=server,
        module="ceiling",
        query="?tables=coserver",
        live=COSERVER_LIVE,
        is_ceiling=True,
        notes="The same on coserver's own tables.",
    )


def _huey(server: str) -> Contestant:
    return Contestant(
        name=f"huey on {server}",
        server=server,
        module="huey",
        venv="huey",
        live=HUEY_LIVE.get(server),
        is_quick=server != "PostgreSQL",
        share=0.25,
        notes=f"{HUEY_THREADS[server]} a process, which is its fastest; no history; "
        "a job is gone from the queue when it starts.",
    )


CONTESTANTS = [
    *(_ours(server) for server in DATABASES),
    *(_ceiling(server) for server in DATABASES),
    *(_ceiling_on_ours(server) for server in DATABASES),
    Contestant(
        name="procrastinate",
        server="PostgreSQL",
        module="procrastinate",
        venv="procrastinate",
        live="SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')",
        past="INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
        "SELECT 'default', 'noop', 'succeeded'",
        share=0.1,
        is_quick=True,
        notes="10 asynchronous jobs at once, LISTEN/NOTIFY; keeps ended jobs and their events.",
    ),
    Contestant(
        name="pgqueuer, asyncpg",
        server="PostgreSQL",
        module="pgqueuer",
        venv="pgqueuer",
        live="SELECT count(*) FROM pgqueuer",
        past="INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint) "
        "SELECT -n, 'successful', 0, 'noop'",
        is_quick=True,
        notes="Asynchronous jobs, batches of 100, uvloop; a log of each job's states.",
    ),
    Contestant(
        name="pgqueuer, psycopg",
        server="PostgreSQL",
        module="pgqueuer",
        venv="pgqueuer",
        query="?driver=psycopg",
        live="SELECT count(*) FROM pgqueuer",
        notes="As with asyncpg.",
    ),
    Contestant(
        name="chancy",
        server="PostgreSQL",
        module="chancy",
        venv="chancy",
        live="SELECT count(*) FROM chancy_jobs WHERE state IN ('pending', 'running', 'retrying')",
        share=0.25,
        notes="100 asynchronous jobs at once, eager polling; endings are written once a second.",
    ),
    Contestant(
        name="awa",
        server="PostgreSQL",
        module="awa",
        venv="awa",
        notes="A Rust engine, 500 Python coroutines at once; history for its default time.",
    ),
    Contestant(
        name="celery",
        server="Redis",
        module="celery",
        venv="celery",
        manages=True,
        share=0.5,
        notes="Prefork, prefetch 128, no results, early acknowledgement; Redis isn't durable.",
    ),
    Contestant(
        name="dramatiq",
        server="Redis",
        module="dramatiq",
        venv="dramatiq",
        manages=True,
        share=0.5,
        is_quick=True,
        notes="8 threads a process; no results, no history; Redis isn't durable.",
    ),
    Contestant(
        name="rq",
        server="Redis",
        module="rq",
        venv="rq",
        share=0.25,
        notes="SimpleWorker, no fork for each job; results for 500 s; Redis isn't durable.",
    ),
    *(_huey(server) for server in ("SQLite", "Redis", "PostgreSQL")),
]


def find(name: str) -> Contestant:
    """Return the contestant of that name."""
    return next(contestant for contestant in CONTESTANTS if contestant.name == name)
