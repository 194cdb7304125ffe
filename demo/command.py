"""The command ``bin/demo``: a Plone site with queue and consumer, to look at or to check."""

from __future__ import annotations

import argparse
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import button, leftovers
from demo.bootstrap import REPOSITORY
from demo.home import Busy, Home
from demo.ports import is_taken
from demo.processes import Process, ProcessFailed
from demo.stack import SCRIPTS, Stack
from demo.steps import complain, say, step

SITE = "Plone"
PROFILES = ["collective.coserver:default", "coserver_examples:default"]
FORM = "coserver-hello"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    home = Home(options.directory.resolve())
    try:
        with home.alone():
            return _demonstrate(home, options)
    except KeyboardInterrupt:
        say("Stopped.")
        return 0 if not options.check else 1
    except (Busy, ProcessFailed, button.CheckFailed) as error:
        complain(f"\n{error}")
    except OSError as error:
        complain(f"\n{error}\n{_room(home.directory)}")
    return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/demo",
        description="Start a Plone site with background jobs: ZEO, Zope, a SQLite queue and a "
        "consumer with a Zope of its own. Only this machine can reach it. Its data are kept in "
        "var/demo.",
    )
    parser.add_argument(
        "--check", action="store_true", help="press a button, see its job completed, and stop"
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="the port that Plone answers on (%(default)s)"
    )
    parser.add_argument(
        "--reset", action="store_true", help="begin anew: remove the data of earlier starts"
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=REPOSITORY / "var" / "demo",
        help="where data and logs are kept (%(default)s)",
    )
    return parser.parse_args(arguments)


def _demonstrate(home: Home, options: argparse.Namespace) -> int:
    if names := leftovers.end_all(home.directory):
        say(f"Stopped what an earlier start had left running: {', '.join(names)}.")
    if is_taken(options.port):
        complain(f"Port {options.port} is in use. Choose another: bin/demo --port 8081")
        return 1
    if options.reset:
        home.reset()
    settings = {"database": home.database, "secret_file": str(home.secret_file)}
    stack = Stack(home.directory, settings=settings, ports=[options.port])
    with _stopped_at_the_end(stack):
        _start(stack, home)
        if options.check:
            _check(stack)
        else:
            _welcome(stack)
            _watch(stack)
    return 0


def _start(stack: Stack, home: Home) -> None:
    with step("Preparing the queue"):
        stack.init_database()
    with step("Starting ZEO"):
        stack.start_zeo()
    if not home.has_site(PROFILES):
        with step("Creating the Plone site (once)"):
            stack.create_site(SITE, PROFILES)
        home.keep_site(PROFILES)
    with step("Starting Plone and the consumer"):
        zope = stack.launch_zope(path=f"/{SITE}")
        conf = str(stack.instances[0].conf)
        stack.start_consumer("consumer", "--zope-conf", conf, "--threads", "2")
        zope.wait_ready()


def _check(stack: Stack) -> None:
    """Press and wait; raise an error that says what went wrong, with the tails of the logs."""
    try:
        _press_and_wait(stack)
    except button.CheckFailed as error:
        tails = [process.failure("") for process in stack.processes.values()]
        raise button.CheckFailed("\n\n".join(map(str, [error, *tails]))) from error
    say("It works: the request queued the job, and the consumer ran it.")


def _press_and_wait(stack: Stack) -> None:
    with step("Logging in and pressing the example's button"):
        job_id = button.press(f"{stack.url}/{SITE}", stack.login, FORM)
    with step(f"Waiting for job {job_id}"):
        state = button.wait_for_end(stack.coserver, job_id)
    say(stack.coserver("jobs", "show", job_id))
    if state != "completed":
        raise button.CheckFailed(f"Job {job_id} is {state}.")


def _welcome(stack: Stack) -> None:
    coserver = SCRIPTS / "coserver"
    # Plone's theme isn't applied at the address 127.0.0.1.
    site = f"http://localhost:{stack.instances[0].port}/{SITE}"
    say(f"""
Examples   {site}/@@coserver-examples
Jobs       {site}/@@coserver-jobs
Login      {stack.login.name}, password {stack.login.password}

Command    {coserver} --config {stack.config} jobs list
Logs       {stack.directory / "log"}

Ctrl-C stops everything; the data are kept for the next start.""")


def _watch(stack: Stack) -> None:
    """Return never: Ctrl-C ends it, or a process that ended by itself."""
    while True:
        for process in stack.processes.values():
            _expect_running(process)
        time.sleep(1)


def _expect_running(process: Process) -> None:
    if not process.is_running:
        raise process.failure(f"It ended with exit code {process.exit_code}.")


@contextmanager
def _stopped_at_the_end(stack: Stack) -> Iterator[None]:
    """Stop the stack whatever happens, and let no second Ctrl-C come between."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        with step("Stopping"):
            stack.stop()


def _interrupt(number: int, frame: object) -> None:
    """Let a signal end the program as Ctrl-C does, also in the background of a shell."""
    raise KeyboardInterrupt


def _room(directory: Path) -> str:
    free = shutil.disk_usage(directory).free
    return f"{free / 1e6:.0f} MB are free at {directory}."
