"""Tasks: the named code that jobs run, as plugins.

A task is a callable ``(job, **args)``, or a class that is made once per consumer with a
``TaskContext`` and has a method ``run(job)``. ``job`` is a ``CurrentJob``. What it returns (JSON)
is the job's result; an exception is a failed attempt. Distributions offer tasks by entry points
of the group ``coserver.tasks``.
"""
