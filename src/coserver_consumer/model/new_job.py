"""A job that isn't queued yet. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from coserver_consumer.model.errors import InvalidJob
from coserver_consumer.model.job import new_id
from coserver_consumer.model.options import JobOptions
from coserver_consumer.model.value_types import Unqueued


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob(Unqueued):
    """A job as its producer describes it; the store writes it as a row.

    ``args`` are JSON, ``payload`` is bytes beside them. ``owner`` is a Plone user's id, ``site``
    the physical path of a Plone site, ``origin`` what of the queuing request is restored for the
    job (language, virtual host, skin), ``signature`` the proof of these. ``only_if_failed``: once
    the jobs that it comes after have ended it is cancelled, unless one of them has failed. ``id``
    is that of the options, if they say one.
    """

    task: str
    args: dict[str, Any] = field(default_factory=dict)
    options: JobOptions = field(default_factory=JobOptions)
    id: str = field(default_factory=new_id)
    payload: bytes | None = None
    owner: str | None = None
    site: str | None = None
    origin: dict[str, Any] | None = None
    signature: str | None = None
    only_if_failed: bool = False

    def __post_init__(self) -> None:
        said = self.options
        if said.id is not None:
            object.__setattr__(self, "id", said.id)
        if self.only_if_failed and not (said.after and said.accepts_failure):
            raise InvalidJob(
                "only_if_failed is for a job that comes after others and accepts failure."
            )

    @property
    def queue(self) -> str:
        """The queue that it is for."""
        return self.options.queue

    @property
    def title(self) -> str | None:
        """What people read in lists; they read the task of a job that has none."""
        return self.options.title

    @property
    def may_begin(self) -> bool:
        """True if it needn't wait for a time or another job once it is queued."""
        said = self.options
        return said.eta is None and said.delay <= 0 and not said.after
