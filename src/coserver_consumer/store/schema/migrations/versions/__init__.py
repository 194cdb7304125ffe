"""One module a revision; the newest is `schema.REVISION`."""
