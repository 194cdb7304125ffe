"""A server in front of another, which hands on what comes and says when nobody is behind it."""

from __future__ import annotations

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from support.http_server import Answer, Call

NOT_HANDED_ON = ("connection", "host", "content-length", "transfer-encoding", "date", "server")


class Proxy:
    """Answers as the server at ``url`` does; while that is away with 502, each time in other words.

    ``asked`` are the paths that were asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self._pool = PoolManager(retries=False)

    def __call__(self, call: Call) -> Answer:
        """Return what the server says."""
        self.asked.append(call.target)
        try:
            reply = self._pool.request(
                call.method,
                self.url + call.target,
                headers=_hand_on(call.headers),
                body=call.body,
                redirect=False,
            )
        except HTTPError:
            return Answer(status=502, body=f"no answer to request {len(self.asked)}".encode())
        return Answer(status=reply.status, body=reply.data, headers=_hand_on(reply.headers))


def _hand_on(headers) -> dict[str, str]:
    """Return the headers without those of the connection, spelled as in most answers."""
    kept = {name.title(): value for name, value in headers.items()}
    return {name: value for name, value in kept.items() if name.lower() not in NOT_HANDED_ON}
