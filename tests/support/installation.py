"""A whole installation for the acceptance tests: every process as it runs in production.

Two Zope instances share a ZEO server. People visit the first; consumers send jobs to the
second, so that a job is never run by the instance that queued it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coserver_consumer import store
from coserver_consumer.model.job import RunKey
from coserver_consumer.protocol.tokens import make_token
from demo.ports import HOST, free_port
from demo.processes import Process
from demo.stack import Stack
from support.browser import Browser
from support.gates import Gates
from support.jobs import Jobs
from support.line import Line
from support.mail import Mailbox
from support.tutorial import write_package

ADDON = Path(__file__).parents[1] / "acceptance" / "addon"
PROFILES = ["collective.coserver:default", "coserver_examples:default"]
PASSWORD = "Coserver-12345"
SECRET = "only for tests: 0123456789abcdef0123456789abcdef"
SETTINGS = {
    "secret": SECRET,
    "heartbeat_every": "0.5",
    "dead_after": "5",
    "backoff_base": "0.1",
    "poll_max": "0.2",
}


class Installation:
    """The running processes, the queue's database, and ways in for people."""

    def __init__(self, stack: Stack, jobs: Jobs, gates: Gates, line: Line) -> None:
        self.stack = stack
        self.jobs = jobs
        self.gates = gates
        self.line = line  # from the ZEO server to the instance that runs the jobs
        self.queue_name = "default"  # where jobs go unless a test says otherwise

    @property
    def url(self) -> str:
        """The site's address, as people know it."""
        return f"{self.stack.url}/Plone"

    @property
    def job_zope(self) -> Process:
        """The Zope instance that runs the jobs."""
        return self.stack.processes["zope2"]

    @property
    def job_zope_url(self) -> str:
        """Where that instance answers."""
        return self.stack.instances[1].url

    def visitor(self) -> Browser:
        """Return the browser of somebody who isn't logged in."""
        return Browser(self.url)

    def user(self, name: str) -> Browser:
        """Return the browser of a user of the site."""
        return Browser(self.url, login=(name, PASSWORD))

    def admin(self) -> Browser:
        """Return the browser of the root folder's manager."""
        return Browser(self.url, login=(self.stack.login.name, self.stack.login.password))

    def admin_behind_proxy(self, public: str, *, root: str = "Plone") -> Browser:
        """Return the manager's browser, behind a proxy that shows ``root`` at ``public``."""
        scheme, host = public.split("://")
        port = {"http": 80, "https": 443}[scheme]
        virtual = f"VirtualHostBase/{scheme}/{host}:{port}/{root}/VirtualHostRoot"
        return Browser(
            f"{self.stack.url}/{virtual}", public=public, login=self.admin().session.auth
        )

    def queue(
        self,
        view: str,
        *,
        by: Browser | None = None,
        at: str = "@@test-queue",
        **options: object,
    ) -> str:
        """Have a request queue ``view`` of the site with these options; return the job's id.

        ``at`` is what the request asks for; with ``by`` it may be of another object than the site.
        """
        said = json.dumps({"queue": self.queue_name, **options})
        answer = (by or self.admin()).get(at, view=view, options=said)
        answer.raise_for_status()
        return answer.text

    def make_document(self, *, by: Browser | None = None, **options: str) -> dict[str, str]:
        """Have a request make a document and queue its publication; return its name and job_id."""
        said = {"queue": self.queue_name, **options}
        answer = (by or self.admin()).get("@@test-make-document", **said)
        answer.raise_for_status()
        return dict(answer.json())

    def queue_call(
        self, function: str, name: str, *, by: Browser | None = None, **options: object
    ) -> str:
        """Have a request queue the call of a function; return the job's id."""
        said = json.dumps({"queue": self.queue_name, **options})
        browser = by or self.admin()
        answer = browser.get("@@test-queue-call", function=function, name=name, options=said)
        answer.raise_for_status()
        return answer.text

    def queue_xmlrpc(self, method: str, *args: object, **options: object) -> str:
        """Have a request queue the call of a method of the site; return the job's id."""
        said = json.dumps({"queue": self.queue_name, **options})
        answer = self.admin().get(
            "@@test-queue-xmlrpc", method=method, args=json.dumps(args), options=said
        )
        answer.raise_for_status()
        return answer.text

    def start_zodb_consumer(self, name: str, *flags: str, queue: str) -> Process:
        """Start a consumer that runs Zope's jobs in a Zope of its own; return when it is ready."""
        conf = str(self.stack.instances[1].conf)
        return self.stack.start_consumer(name, "--queues", queue, "--zope-conf", conf, *flags)

    def token(self, key: RunKey, path: str, *, lifetime: float = 60, secret=SECRET) -> str:
        """Return a token as a consumer makes it for a GET of ``path``."""
        expires = time.time() + lifetime
        return make_token(key, method="GET", target=path, secret=secret, expires=expires)

    def prepare_site(self, mailbox: Mailbox) -> None:
        """Tell the site about its users, its languages and the SMTP server."""
        answer = self.admin().post(
            "@@test-prepare", smtp_host=HOST, smtp_port=str(mailbox.port), password=PASSWORD
        )
        answer.raise_for_status()


@contextmanager
def run_installation(directory: Path, database: str, mailbox: Mailbox) -> Iterator[Installation]:
    """Start everything, yield it, and stop everything."""
    engine = store.open_engine(database)
    gates = Gates(directory / "gates")
    tutorial = write_package(directory / "tutorial")
    with _make_stack(directory, database, gates, tutorial) as stack:
        stack.init_database()
        stack.start_zeo()
        stack.create_site("Plone", PROFILES)
        line = _draw_line(stack)
        _start_zopes(stack)
        stack.start_consumer()
        installation = Installation(stack, Jobs(engine), gates, line)
        installation.prepare_site(mailbox)
        yield installation
    line.close()
    engine.dispose()


def _make_stack(directory: Path, database: str, gates: Gates, tutorial: Path) -> Stack:
    ports = [free_port(), free_port()]
    stack = Stack(
        directory,
        settings={
            **SETTINGS,
            "database": database,
            "zope_url": f"http://{HOST}:{ports[1]}",
        },
        ports=ports,
        environment={
            "PYTHONPATH": _join_paths(ADDON, tutorial),
            gates.VARIABLE: str(gates.directory),
        },
    )
    for instance in stack.instances:
        shutil.copy(ADDON / "site.zcml", instance.directory / "etc")
    return stack


def _join_paths(*added: Path) -> str:
    """Return a PYTHONPATH that has these folders before those it has already."""
    return os.pathsep.join(filter(None, [*map(str, added), os.environ.get("PYTHONPATH")]))


def _draw_line(stack: Stack) -> Line:
    """Have the instance that runs the jobs reach the ZEO server over a line.

    It is also the one that has XML-RPC.
    """
    line = Line(stack.zeo.port)
    conf = stack.instances[1].conf
    direct = f"server {HOST}:{stack.zeo.port}\n"
    text = conf.read_text().replace(direct, f"server {HOST}:{line.port}\n")
    conf.write_text(f"enable-xmlrpc on\n{text}")
    return line


def _start_zopes(stack: Stack) -> None:
    """Start both instances at once: each takes ten seconds, mostly of one core."""
    processes = [stack.launch_zope(number, path="/Plone/@@ok") for number in (1, 2)]
    for process in processes:
        process.wait_ready()
