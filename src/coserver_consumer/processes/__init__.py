"""Processes: how they begin, are watched, replaced and ended."""
