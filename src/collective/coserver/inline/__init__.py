"""Jobs that run in the process that queues them: in tests, and for developers."""
