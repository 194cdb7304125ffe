"""Telling subscribers how jobs have ended."""
