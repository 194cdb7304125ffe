"""A feed import: slow work on somebody else's server, which may be done twice without harm."""
