"""Zope inside a worker process."""
