"""The secret that Zope and its consumers share, in a file."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

log = logging.getLogger(__name__)


def make_sure_of(file: Path) -> None:
    """Write a new secret that only the owner can read, unless the file is there."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as opened:
        opened.write(secrets.token_urlsafe(48) + "\n")
    log.info("Made a secret: %s. Every machine of this site needs the same.", file)
