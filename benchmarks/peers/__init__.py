"""The contestants, one module each, run by the Python of its own virtual environment.

``python -m benchmarks.peers.NAME ROLE ...``, where the roles are those of ``protocol``. A module
imports its peer, ``marks`` and ``protocol``, and nothing else of the project.
"""
