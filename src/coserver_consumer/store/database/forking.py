"""Engines in a process that was forked: its connections are its parent's, which goes on with them.

Two processes that talk on one connection get each other's answers.
"""

from __future__ import annotations

from sqlalchemy import Engine, Pool

_inherited: list[Pool] = []  # kept: to be collected would close what the parent uses


def leave_to_parent(engine: Engine) -> None:
    """Give the engine an empty pool, in a process that has just been forked."""
    _inherited.append(engine.pool)
    engine.dispose(close=False)
