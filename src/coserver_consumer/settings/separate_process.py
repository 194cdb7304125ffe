"""Settings that are read in a process of its own, so that pydantic's memory goes with it.

Run as a module, it takes a question as JSON on standard input and answers as JSON on standard
output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from coserver_consumer.model.errors import ConfigurationError
from coserver_consumer.settings import python_command, signal_mask
from coserver_consumer.settings.loading import settings_from_json
from coserver_consumer.settings.settings import Settings

MODULE = "coserver_consumer.settings.separate_process"


def load_settings_apart(path: Path | None = None, **flags: Any) -> Settings:
    """Return what ``load_settings`` returns, and raise what it raises."""
    question = {"path": str(path) if path else None, "flags": flags}
    with signal_mask.blocked():  # the child is over soon, and this process obeys them afterwards
        child = subprocess.Popen(
            python_command.command(MODULE),
            env=python_command.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    output, _ = child.communicate(json.dumps(question, default=str))
    if child.returncode:
        raise ConfigurationError(
            f"The settings can't be read: the process that reads them ended with "
            f"{child.returncode}."
        )
    answer = json.loads(output)
    if "error" in answer:
        raise ConfigurationError(answer["error"])
    return settings_from_json(answer)


def main() -> None:
    """Answer one question, unless whoever asks has gone."""
    question = sys.stdin.read()
    if not question:
        return
    try:
        sys.stdout.write(_answer(question))
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)  # an ordinary end would try to write once more


def _answer(text: str) -> str:
    from coserver_consumer.settings.sources import check_settings  # pydantic

    question = json.loads(text)
    try:
        path = Path(question["path"]) if question["path"] else None
        return json.dumps(check_settings(path, question["flags"]), default=str)
    except ConfigurationError as error:
        return json.dumps({"error": str(error)})


if __name__ == "__main__":
    main()
