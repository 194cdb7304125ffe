"""Asking Zope instances to tell their subscribers how jobs have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coserver_consumer.model.errors import ZopeUnavailable
from coserver_consumer.model.told_event import EventReport
from coserver_consumer.protocol.services import EVENTS
from coserver_consumer.zope.instances import Instances
from coserver_consumer.zope.service import Services, ZopeBusy

Tell = Callable[[Sequence[int]], EventReport]
"""Has Zope tell events, by their ids. Raises ``ZopeUnavailable`` if it doesn't answer.

A ``ZopeBusy`` among these has been asked, and didn't answer in time.
"""


def tell_events(services: Services, instances: Instances, event_ids: Sequence[int]) -> EventReport:
    """Have the first instance tell them that can; raise as ``Tell``."""
    tried: set[str] = set()
    why = instances.trouble
    while True:
        with instances.least_busy(tried) as url:
            if url is None:
                raise ZopeUnavailable(f"Zope can't tell events: {why}.")
            try:
                return services.ask(url, EVENTS, event_ids)
            except ZopeBusy:
                raise
            except ZopeUnavailable as error:
                why = f"{url}: {error}"
                tried.add(url)
