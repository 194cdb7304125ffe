"""The tables, their types and their clock, and their migrations."""
