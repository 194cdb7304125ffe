"""Progress on the terminal: what is being done, and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done; when it is done, how many seconds it took."""
    began = time.monotonic()
    say(f"{what} ...")
    yield
    say(f"    {time.monotonic() - began:.1f} s")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print a line about what went wrong."""
    sys.stdout.flush()
    print(text, file=sys.stderr, flush=True)
