"""Transports: the ways in which a consumer has Zope run a job.

zope          picks the way by the job's queue
http          sends the job to a Zope instance
zodb          runs the job in a Zope of this process
run_request   is what both send, and what they make of the answer
target        decides what is sent, ``reply`` what the answer means
"""
