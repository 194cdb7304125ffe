"""Jobs that run in the thread that asks for it, one after another: in scripts, and for tests."""
