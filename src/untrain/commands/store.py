"""What a store holds."""

from __future__ import annotations

from pathlib import Path

from untrain.commands.run import Document
from untrain.core.errors import BadInput, StoreError


def store(path: str | Path, prune: bool = False, older_than: float | None = None, verify: bool = False) -> Document:
    """What a store holds and how large it is; with ``prune`` what is older than ``older_than`` days goes.

    Args:
        path: the store.
        prune: whether to remove entries.
        older_than: days; needed with ``prune``, 0 removes everything.
        verify: whether to compare each file with the digest it was written with.
    """
    from untrain.runtime.store import Store, folder_of, is_store

    if not is_store(path):
        raise StoreError(f"there is no store at {folder_of(path)}: name another --store")
    if prune and older_than is None:
        raise BadInput("--prune needs --older-than DAYS; --older-than 0 removes everything")
    held = Store(path)
    gone = held.prune((older_than or 0.0) * 86400) if prune else (0, 0)
    rows = held.entries()
    kinds = sorted({r["kind"] for r in rows})
    sizes = {
        k: {"entries": sum(r["kind"] == k for r in rows), "bytes": sum(r["bytes"] for r in rows if r["kind"] == k)} for k in kinds
    }
    told = {"store": str(held.path), "kinds": sizes, "bytes": sum(r["bytes"] for r in rows), "entries": len(rows)}
    damaged = held.verify() if verify else None
    return told | {
        "pruned": {"entries": gone[0], "bytes": gone[1]},
        "damaged": damaged,
        "runs": [r for r in rows if r["kind"] == "run"],
    }
