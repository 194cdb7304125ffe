"""What kind a storage is, beneath its wrappers."""

from __future__ import annotations

from typing import Any


def unwrap(storage: Any) -> Any:
    """Return the storage that wrappers such as zlibstorage hold in ``base``.

    A DemoStorage has a ``base`` too, but isn't a wrapper: its changes are beside it.
    """
    while hasattr(storage, "base") and not hasattr(storage, "changes"):
        storage = storage.base
    return storage


def keeps_history(storage: Any) -> bool:
    """Return False for a history-free RelStorage, which forgets what transactions there were."""
    return bool(getattr(unwrap(storage), "keep_history", True))


def keeps_metadata(storage: Any) -> bool:
    """Return False for RelStorage: history-free it keeps none, and it has no barrier."""
    return not type(unwrap(storage)).__module__.startswith("relstorage.")
