"""One module a revision, named for what it changes; the newest is `tables.REVISION`.

A revision takes nothing from today's tables, only from `frozen`, so it does the same for ever.
`coserver upgrade` runs it after the old code was stopped and before the new code starts: code of
another revision refuses to start.
"""
