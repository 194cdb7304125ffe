"""A newsletter: one job a recipient, so that one bad address stops nobody else's mail."""
