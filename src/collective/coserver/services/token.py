"""The token by which a request proves that it comes from a consumer."""

from __future__ import annotations

from typing import Any


def find_token(request: Any, scheme: str) -> str | None:
    """Return the token of ``Authorization: <scheme> <token>``, None without that scheme."""
    found, _, token = (getattr(request, "_auth", None) or "").partition(" ")
    return token.strip() if found.lower() == scheme else None
