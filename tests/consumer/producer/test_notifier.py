"""The notifier of a producer, where nobody listens."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

from coserver_consumer import Client, store
from coserver_consumer.producer.notifier import NullNotifier, find_notifier
from demo.ports import free_port
from support.waiting import PATIENCE


def test_to_notify_keeps_nobody_waiting():
    """The producer goes on while the server is being asked, which doesn't answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as threads:
        silent.settimeout(10)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        engine = store.open_engine(url, timeouts=store.Timeouts(connect=3600))
        notifying = threads.submit(find_notifier(engine).notify, ["default"])
        asking, _ = silent.accept()
        with asking:
            notifying.result(timeout=PATIENCE)
        engine.dispose()


def test_to_notify_without_a_server_is_no_error():
    """A consumer that isn't notified looks by itself."""
    engine = store.open_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    find_notifier(engine).notify(["default"])
    find_notifier(engine).flush()
    engine.dispose()


def test_other_databases_have_no_notifications(sqlite_url):
    """There consumers look by themselves."""
    with Client(sqlite_url) as client:
        assert isinstance(find_notifier(client._engine), NullNotifier)
        client.add("test.echo")
