"""The bell by which producers call, where nobody hears it."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

from coserver_consumer import Client, store
from coserver_consumer.producer.notifier import Silence, find_bell
from demo.ports import free_port


def test_a_bell_keeps_nobody_waiting():
    """Who rings goes on while the server is being asked, which doesn't answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as threads:
        silent.settimeout(10)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        engine = store.open_engine(url, timeouts=store.Timeouts(connect=3600))
        ringing = threads.submit(find_bell(engine).ring, ["default"])
        asking, _ = silent.accept()
        with asking:
            ringing.result(timeout=10)
        engine.dispose()


def test_a_bell_without_a_server_is_no_error():
    """Whoever isn't called looks by itself."""
    engine = store.open_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    find_bell(engine).ring(["default"])
    find_bell(engine).quiet()
    engine.dispose()


def test_other_databases_have_no_bell(sqlite_url):
    """There consumers look by themselves."""
    with Client(sqlite_url) as client:
        assert isinstance(find_bell(client._engine), Silence)
        client.add("test.echo")
