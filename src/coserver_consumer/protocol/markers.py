"""What a consumer and Zope tell each other beside a job's request and its answer."""

# The key of a WSGI environment under which a consumer hands the job to a Zope of its own process.
# What comes over a network is text, so no request from outside can bear a job.
IN_PROCESS = "coserver.job"

# The header by which Zope says that its transaction has completed a run in the store, by its mark.
ENDED = "Coserver-Ended"

# The header by which Zope proves that it has the consumer's secret; see ``handshake``.
PROOF = "Coserver-Proof"
