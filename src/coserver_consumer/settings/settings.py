"""The settings, as plain values.

Zope and every consumer read the same settings, and a key is spelled the same everywhere:
``http_timeout`` is ``--http-timeout``, ``COSERVER_HTTP_TIMEOUT``, and ``http_timeout`` or
``http-timeout`` in the file.
"""

from __future__ import annotations

import os
import socket
from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any, Literal

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.model.job import MAX_COUNT
from coserver_consumer.model.options import MAX_DELAY_S, MAX_TIMEOUT_S
from coserver_consumer.model.retry import Backoff
from coserver_consumer.model.value_types import DAY_S
from coserver_consumer.settings.named_file import read_named_file

MIN_SECRET_LENGTH = 32  # characters
PREFIX = "COSERVER_"  # of the settings in the environment
FILE = Path("coserver.toml")  # in the working directory

MAX_AT_ONCE = 1000  # processes, and threads of each: every thread has a connection
MAX_BYTES = 16_777_216  # of the values in a row: MariaDB's usual max_allowed_packet
MAX_DAYS = 36_500  # a hundred years


def setting(description: str, *, default: Any = None, **limits: Any) -> Any:
    """Declare one setting; ``limits`` are those of ``pydantic.Field``."""
    return field(default=default, metadata={"description": description, **limits})


def secret_setting(description: str, **default: Any) -> Any:
    """Declare a setting that is never shown."""
    return field(repr=False, metadata={"description": description}, **default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting. Times are in seconds, sizes in bytes."""

    database: str = secret_setting("The queue's database, as a URL.")
    database_file: Path | None = setting(  # noqa: RUF009  it makes a field, like the others
        "A file that holds the database's URL, instead of `database`.", default=None
    )
    commit_timeout: float = setting(
        "How long a request in Zope waits for each answer from the queue's database.",
        default=5.0,
        ge=0.1,
        le=DAY_S,
    )
    wait_for_database: float = setting(
        "How long a consumer waits for its database when it starts.",
        default=0.0,
        ge=0,
        le=MAX_TIMEOUT_S,
    )
    secret: str | None = secret_setting(
        "A text that Zope and its consumers share, to sign jobs.", default=None
    )
    secret_file: Path | None = setting(  # noqa: RUF009  it makes a field, like the others
        "A file that holds the secret, instead of `secret`.", default=None
    )
    eager: bool = setting(
        "For a developer's Zope, without consumers: it runs jobs itself, after the commit.",
        default=False,
    )
    queues: tuple[str, ...] = setting(
        "The queues to serve; jobs of the first go before those of the second.",
        default=("default",),
        min_length=1,
    )
    processes: int = setting(
        "How many worker processes to run; 0 runs the jobs in the process that you start.",
        default=1,
        ge=0,
        le=MAX_AT_ONCE,
    )
    threads: int = setting("How many jobs a process runs at once.", default=4, ge=1, le=MAX_AT_ONCE)
    zope_url: tuple[str, ...] = setting(
        "The Zope instances that run the jobs, one or several.",
        default=("http://127.0.0.1:8080",),
        min_length=1,
    )
    zope_conf: Path | None = setting(  # noqa: RUF009  it makes a field, like the others
        "The zope.conf of a Zope that worker processes start themselves, to run jobs in it.",
        default=None,
    )
    zodb_queues: tuple[str, ...] = setting(
        "The queues whose jobs run in that Zope; all if none is named.", default=()
    )
    public_url: str | None = setting(
        "The address under which visitors see the site, for jobs that scripts in Zope queue.",
        default=None,
    )
    http_timeout: float = setting(
        "How long a job without a timeout may wait for an answer.",
        default=300.0,
        gt=0,
        le=MAX_TIMEOUT_S,
    )
    http_allow: tuple[str, ...] = setting(
        "What the `http` task may call: hosts or beginnings of URLs.", default=()
    )
    capabilities: tuple[str, ...] = setting(
        "What this consumer is capable of, beside its platform.", default=()
    )
    name: str = setting(
        "What this consumer is called.",
        default=socket.gethostname(),
        min_length=1,
        max_length=180,  # a number follows if there are several processes
    )
    grace: float = setting(
        "How long running jobs may take to end when the consumer stops.",
        default=30.0,
        ge=0,
        le=MAX_TIMEOUT_S,
    )
    kill_after: float = setting(
        "How long after its timeout a job may go on before its process is killed.",
        default=10.0,
        ge=0,
        le=MAX_TIMEOUT_S,
    )
    max_jobs: int | None = setting(
        "After how many jobs a worker process is replaced by a fresh one.",
        default=None,
        ge=1,
        le=MAX_COUNT,
    )
    max_memory: int | None = setting(
        "The resident memory at which a worker process is replaced by a fresh one.",
        default=None,
        ge=1_000_000,
        le=10**15,
    )
    nice: int = setting(
        "How far its processes give way to others that want the processor, too (see nice(1)).",
        default=0,
        ge=0,
        le=19,
    )
    heartbeat_every: float = setting(
        "How often a consumer says that it lives.", default=10.0, gt=0, le=DAY_S
    )
    dead_after: float = setting(
        "How long a consumer may be silent before its jobs are given to others.",
        default=45.0,
        gt=0,
        le=MAX_TIMEOUT_S,
    )
    max_rescues: int = setting(
        "The rescue at which a job fails, since it seems to kill its consumers.",
        default=3,
        ge=1,
        le=MAX_COUNT,
    )
    resolve_every: float = setting(
        "How often a consumer asks what became of requests that died.",
        default=10.0,
        gt=0,
        le=DAY_S,
    )
    signed_days: float = setting(
        "For how many days after it was due a job that runs as a Plone user may begin.",
        default=30.0,
        gt=0,
        le=MAX_DAYS,
    )
    revoked_keys: tuple[str, ...] = setting(
        "Ids of keys of other programs that aren't valid, whatever the tables say.", default=()
    )
    keep_days: float = setting(
        "How many days an ended job is kept.", default=30.0, gt=0, le=MAX_DAYS
    )
    max_payload: int = setting(
        "The largest arguments and payload.", default=1_048_576, ge=1, le=MAX_BYTES
    )
    max_result: int = setting(
        "The largest result that is kept.", default=65_536, ge=1, le=MAX_BYTES
    )
    poll_min: float = setting(
        "The pause between two looks at a busy queue.", default=0.05, gt=0, le=DAY_S
    )
    poll_max: float = setting(
        "The pause between two looks at an empty queue.", default=1.0, gt=0, le=DAY_S
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "The lowest level of the lines that are logged.", default="info"
    )
    backoff_base: float = setting(
        "The longest wait before the second attempt; it doubles with each attempt.",
        default=15.0,
        gt=0,
        le=MAX_DELAY_S,
    )
    backoff_cap: float = setting(
        "The longest wait before any attempt.", default=3600.0, gt=0, le=MAX_DELAY_S
    )

    @property
    def secret_text(self) -> str:
        """The secret; raises ``ConfigurationError`` if there is none or it is too short."""
        if self.secret is not None:
            return self.secret
        if self.secret_file is not None:
            return _read_secret(self.secret_file)
        raise ConfigurationError(
            "Setting 'secret' is missing: give the same secret to Zope and to every consumer, "
            "as COSERVER_SECRET or in a file named by COSERVER_SECRET_FILE."
        )

    def runs_in_process(self, queue: str) -> bool:
        """Return True if Zope's jobs of this queue run in a Zope of the worker process."""
        return self.zope_conf is not None and queue in (self.zodb_queues or (queue,))

    @property
    def backoff(self) -> Backoff:
        """How long to wait between attempts."""
        return Backoff(base=self.backoff_base, cap=self.backoff_cap)


def is_number(setting: Field[Any]) -> bool:
    """Return True if the setting is a number, of whichever kind."""
    return str(setting.type).removesuffix(" | None") in ("int", "float")


def find_file(path: Path | None) -> Path | None:
    """Return the settings file: the one that is named, here or by the environment, or ``FILE``."""
    if path is not None:
        return path
    if named := os.environ.get(PREFIX + "CONFIG"):
        return Path(named)
    return FILE if FILE.is_file() else None


def _read_secret(file: Path) -> str:
    secret = read_named_file(file, "'secret_file'")
    if len(secret) < MIN_SECRET_LENGTH:
        raise ConfigurationError(
            f"Setting 'secret_file' is wrong: {file} holds {len(secret)} characters, "
            f"wanted at least {MIN_SECRET_LENGTH}."
        )
    return secret
