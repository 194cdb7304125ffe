"""The smallest example: a job that makes one document."""
