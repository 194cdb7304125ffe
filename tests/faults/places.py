"""Where the scenarios take place: storages and queues that go together."""

from support.databases import DATABASES

RELSTORAGE = ["history-free", "history-preserving"]
PLACES = [("zeo", kind) for kind in DATABASES] + [
    (kind, "postgresql") for kind in RELSTORAGE if "postgresql" in DATABASES
]
STRONGEST = next(kind for kind in ("postgresql", "mysql", "sqlite") if kind in DATABASES)
STRONG_PLACES = [place for place in PLACES if STRONGEST in place]
