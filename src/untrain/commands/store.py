"""The contents of a store, with the fields that ``untrain store --json`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from untrain.commands.arguments import AtLeast, Document
from untrain.core.errors import BadInput, StoreError


def store(
    store: str | Path | None = None, prune: bool = False, older_than: Annotated[float, AtLeast(0)] | None = None,
    verify: bool = False,
) -> Document:  # fmt: skip
    """Show how large a store is and what it holds; remove old entries, or verify its files.

    Args:
        prune: remove entries; needs ``--older-than``.
        older_than: age in days beyond which entries are removed; 0 removes all.
        verify: compare each file with the digest that was saved with it.
    """
    from untrain.runtime.store import Store, folder_of, is_store

    if not is_store(store):
        raise StoreError(f"there is no store at {folder_of(store)}: name another --store")
    if prune and older_than is None:
        raise BadInput("--prune needs --older-than DAYS; --older-than 0 removes everything")
    place = Store(store)
    removed = place.prune((older_than or 0.0) * 86400) if prune else (0, 0)
    rows = place.entries()
    sizes = {}
    for kind in sorted({row["kind"] for row in rows}):
        of_kind = [row["bytes"] for row in rows if row["kind"] == kind]
        sizes[kind] = {"entries": len(of_kind), "bytes": sum(of_kind)}
    return {
        "store": str(place.path), "kinds": sizes, "bytes": sum(row["bytes"] for row in rows), "entries": len(rows),
        "pruned": {"entries": removed[0], "bytes": removed[1]}, "damaged": place.verify() if verify else None,
        "runs": [row for row in rows if row["kind"] == "run"],
    }  # fmt: skip
