"""The door for programs that queue jobs."""
