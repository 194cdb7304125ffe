"""What a queue can be called, wherever its name is given. Pure."""

from __future__ import annotations

LONGEST = 190  # characters
RULE = f"1 to {LONGEST} printable characters, without commas, not beginning or ending with a space"


def can_name_queue(name: str) -> bool:
    """Return True if a queue can be called so."""
    is_plain = name.isprintable() and name == name.strip() and "," not in name
    return 0 < len(name) <= LONGEST and is_plain
