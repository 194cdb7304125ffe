"""Zope in the process that runs the jobs."""
