"""A job's request from its admission to its commit.

``admission`` lets it in by its run token, ``restoration`` makes sure of its owner and restores
where it came from, ``completion`` completes the job with its commit, and ``refusal`` is the answer
when the job isn't completed. ``inflight`` knows the runs that are at work.
"""
