"""A Zope whose setting ``eager`` is on begins to run jobs itself."""

from __future__ import annotations

from zope.component import adapter
from zope.processlifetime import IDatabaseOpenedWithRoot

from collective.coserver.database.settings import get_settings
from collective.coserver.datamanager.listeners import listen
from collective.coserver.inline import logs
from collective.coserver.inline.eager import EagerConsumer
from coserver_consumer.model.errors import ConfigurationError


@adapter(IDatabaseOpenedWithRoot)
def start_eager(event: IDatabaseOpenedWithRoot) -> None:
    """Have jobs run in this process, if its settings say so; what is wrong in them others say."""
    try:
        is_eager = get_settings().eager
    except ConfigurationError:
        return
    if is_eager:
        logs.is_eager()
        consumer = EagerConsumer()
        listen(consumer.notify)
        consumer.start()
