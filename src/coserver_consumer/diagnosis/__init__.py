"""Why something doesn't run, said to people."""
