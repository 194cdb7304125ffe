"""Gates: files by which a test holds a job in the middle and lets it go on."""

from __future__ import annotations

from pathlib import Path

from support.waiting import wait_for


class Gates:
    """The test's side; the job's side is ``coserver_acceptance.gates``."""

    VARIABLE = "COSERVER_ACCEPTANCE_GATES"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)

    def wait_reached(self, name: str, *, times: int = 1, within: float = 30) -> None:
        """Return when somebody has come to the gate for the so manieth time."""
        wait_for(
            lambda: len(list(self.directory.glob(f"{name}.reached-*"))) >= times,
            what=f"gate {name} to be reached {times} times",
            within=within,
        )

    def open(self, name: str) -> None:
        """Let every attempt through, those to come too."""
        (self.directory / f"{name}.open").touch()
