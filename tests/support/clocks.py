"""Another time for a process, by libfaketime."""

from __future__ import annotations

from pathlib import Path


def set_clock(seconds: int) -> dict[str, str]:
    """Return the environment of a process whose clock is so many seconds ahead."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "The tests need libfaketime: apt-get install libfaketime"
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": f"{seconds:+}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
