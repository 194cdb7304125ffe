"""Tasks: the named code that jobs run, as plugins.

A task is a callable ``(job, **args)``, or a class with a method ``run(job)`` that each consumer
instantiates once, with a ``TaskContext``. ``job`` is a ``CurrentJob``. What the task returns (JSON)
is the job's result; an exception is a failed attempt. Distributions offer tasks by entry points of
the group ``coserver.tasks``.
"""
