"""A newsletter: one job for each recipient, so that one bad address stops nobody else's mail."""
