"""A reindex of a whole subtree in chunks, each a job, beside which editors go on working."""
