"""The user of a job's request."""
