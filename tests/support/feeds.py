"""A real HTTP server on the loopback address that serves an RSS feed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo.ports import HOST

RSS = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel>
<title>News of the harbour</title><link>https://harbour.example.org</link>
<description>Ships</description>
{items}
</channel></rss>
"""
ITEM = "<item><guid>{guid}</guid><title>{title}</title><description>{html}</description></item>"


class FeedServer(ThreadingHTTPServer):
    """Serves ``entries`` (titles by guid) with ``status``; ``served`` counts its answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), FeedHandler)
        self.entries: dict[str, str] = {}
        self.status = 200
        self.served = 0

    @property
    def url(self) -> str:
        """The feed's address."""
        return f"http://{HOST}:{self.server_port}/feed.rss"

    def render(self) -> bytes:
        """Return the feed as RSS 2.0; each entry has a script that nobody should be shown."""
        items = [
            ITEM.format(
                guid=guid,
                title=escape(title),
                html=escape(f"<p>{title} has come in.</p><script>evil()</script>"),
            )
            for guid, title in self.entries.items()
        ]
        return RSS.format(items="\n".join(items)).encode()


class FeedHandler(BaseHTTPRequestHandler):
    """Answers every GET with the feed."""

    server: FeedServer

    def do_GET(self) -> None:
        """Send the feed."""
        body = self.server.render()
        self.server.served += 1
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the test's output is for the test."""


@contextmanager
def serve_feed() -> Iterator[FeedServer]:
    """Run a feed server in a thread and yield it."""
    with FeedServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
