"""How we speak to each of the databases; nothing here knows a table."""
