"""What became of runs, and their end if a consumer asks for it."""
