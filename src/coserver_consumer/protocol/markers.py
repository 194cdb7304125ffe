"""The wire markers: what a consumer and Zope tell each other beside the body of a message."""

# The key of a WSGI environment under which a consumer hands the job to a Zope of its own process.
# What comes over a network is text, so no request from outside can bear a job.
IN_PROCESS = "coserver.job"

# The header by which Zope says that its transaction has completed a run, with the run's mark.
COMPLETED_RUN = "Coserver-Completed"

# The header by which Zope proves that it has the consumer's secret; see ``handshake``.
PROOF = "Coserver-Proof"
