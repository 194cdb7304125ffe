"""How jobs come in."""
