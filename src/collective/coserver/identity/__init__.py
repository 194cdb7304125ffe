"""Whose job it is, where it comes from, and which job a request runs."""
