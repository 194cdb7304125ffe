"""How an attempt or a job ends."""
