"""Transports: the ways in which a consumer has Zope run a job.

http      sends the job to a Zope instance
target    decides what is sent
reply     decides what the answer means
"""
