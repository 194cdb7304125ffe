"""What the loops of maintenance do for everybody."""
