"""What coserver costs and does, measured beside a peer or a database's own ceiling in one run."""
