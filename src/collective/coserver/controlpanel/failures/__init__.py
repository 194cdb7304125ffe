"""The failures by task and error."""
