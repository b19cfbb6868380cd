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
    """Show what a store holds; verify files or remove entries.

    Examples:
        untrain store
        untrain store --verify
        untrain store --prune --older-than 30

    Args:
        prune: remove entries older than ``--older-than`` days, and with ``--verify`` damaged ones.
        older_than: age in days beyond which ``--prune`` removes entries and other machines' unfinished work; 0 removes all.
        verify: compare each file with the digest that was saved with it.

    Returns:
        Sizes by kind, runs, and names of what is ``damaged`` (without ``verify`` as far as it shows unread), ``left`` by processes
        that were killed, ``stays`` since a process may be at work on it (and why), or lies ``beside`` the store's own files and is
        never removed.
    """
    from untrain.runtime.store import Store, folder_of, is_store
    from untrain.runtime.upkeep import DAMAGED, beside, left_work, size_of, staying

    if not is_store(store):
        raise StoreError(f"there is no store at {folder_of(store)}: name another --store")
    if prune and older_than is None and not verify:
        raise BadInput("--prune needs --older-than DAYS, or --verify for what is damaged; --older-than 0 removes everything")
    place = Store(store)
    damaged = place.verify() if verify else None
    age = float("inf") if older_than is None else older_than * 86400
    removed = place.prune(age, also=damaged or ()) if prune else (0, 0)
    rows = place.entries()
    if damaged is None or prune:  # what prune removed is not there any more
        still = {row["key"] for row in rows}
        damaged = sorted({row["key"] for row in rows if row["kind"] == DAMAGED} | (set(damaged or ()) & still))
    sizes = {}
    for kind in sorted({row["kind"] or "" for row in rows}):
        of_kind = [row["bytes"] for row in rows if (row["kind"] or "") == kind]
        sizes[kind] = {"entries": len(of_kind), "bytes": sum(of_kind)}
    return {
        "store": str(place.path), "kinds": sizes, "bytes": sum(row["bytes"] for row in rows), "entries": len(rows),
        "pruned": {"entries": removed[0], "bytes": removed[1]}, "damaged": damaged,
        "left": [str(left) for left in left_work(place)],
        "stays": [{"name": str(path), "why": why} for path, why in staying(place).items()],
        "beside": [{"name": path.name, "bytes": size_of(path)} for path in beside(place)],
        "runs": [row for row in rows if row["kind"] == "run"],
    }  # fmt: skip
