"""Families of databases: those that are spoken to alike."""

from __future__ import annotations


def family(dialect_name: str) -> str:
    """Return sqlite, postgresql or mysql: MariaDB and MySQL are one family."""
    return "mysql" if dialect_name == "mariadb" else dialect_name
