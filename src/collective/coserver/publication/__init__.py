"""The request of a job: it is recognized by its run token, and runs as the job's owner.

``start`` admits it, ``traversed`` holds it to its owner and restores where it came from,
``refusal`` is the answer to one that isn't good. ``inflight`` knows the runs that are at work.
"""
