"""Whose job it is, and where it comes from."""
