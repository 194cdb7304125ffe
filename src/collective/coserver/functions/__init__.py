"""Python functions as jobs: ``from collective.coserver import task``.

``task`` makes a function one that can be queued and ``registry`` knows it by its dotted name.
``calls`` writes a call as a job's arguments and reads it again, with ``content`` for objects of
the site. ``run_as`` says as whom, ``eager`` makes the call at once, for tests.
"""
