"""A job's request from its admission to its commit.

``admission`` lets it in by its run token, ``restoration`` holds it to its owner and restores where
it came from, ``completion`` ends its job with its commit, ``refusal`` is the answer to one that
isn't good. ``inflight`` knows the runs that are at work.
"""
