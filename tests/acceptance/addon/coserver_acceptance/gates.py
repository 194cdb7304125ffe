"""A gate at which a job stands until the test opens it."""

import os
import time
from pathlib import Path
from uuid import uuid4

DIRECTORY = Path(os.environ["COSERVER_ACCEPTANCE_GATES"])
PATIENCE = 60  # seconds; longer than any test waits


def stand_at(name: str) -> None:
    """Say that one more has come, and return when the gate is open."""
    (DIRECTORY / f"{name}.reached-{uuid4()}").touch()
    end = time.monotonic() + PATIENCE
    while not (DIRECTORY / f"{name}.open").exists():
        if time.monotonic() > end:
            raise TimeoutError(f"Nobody opened the gate {name}.")
        time.sleep(0.02)
