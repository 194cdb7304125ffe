"""From what a caller asks for to a signed job in the current transaction."""
