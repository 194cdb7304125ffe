"""Which functions are tasks."""
