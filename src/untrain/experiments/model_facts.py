"""Summaries of the records of some models: cost, guard, certificates and notes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from untrain.runtime.store import Entry
from untrain.training.guard import Guard

SHARES = {
    "share_of_retraining": "flops", "share_of_examples": "forward", "share_of_backward": "backward",
    "share_of_seconds": "seconds", "share_of_peak": "peak",
}  # fmt: skip
BREAK_EVEN = "retraining is cheaper from here"


def cost(entries: list[Entry], oracles: list[Entry]) -> dict[str, Any]:
    """Mean cost of some models, and each part of it as a share of retraining's; 'share_of_retraining' is that of operations.

    The cost of models that were made elsewhere is not known, and None; so are operations that were not counted.
    """

    def mean(name: str, of: list[Entry]) -> float | None:
        costs = [e.record.get("cost") or {} for e in of]
        return None if any(c.get(name) is None for c in costs) else float(np.mean([c[name] for c in costs]))

    def share(name: str) -> float | None:
        part, whole = mean(name, entries), mean(name, oracles)
        return part / whole if part is not None and whole else None

    plain: dict[str, Any] = {n: mean(n, entries) for n in ("seconds", "forward", "backward", "flops", "peak")}
    return plain | {name: share(of) for name, of in SHARES.items()}


def break_even(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The line from which retraining is cheaper, by operations: its share, and the methods at or above it."""
    shares = {r["method"]: r["cost"].get("share_of_retraining") for r in rows}
    return {"share": 1.0, "line": BREAK_EVEN, "methods": [m for m, s in shares.items() if s is not None and s >= 1.0]}


def notes(entries: list[Entry]) -> list[str]:
    """Notes on how some models were made, each once."""
    return list(dict.fromkeys(n for e in entries for n in e.record.get("notes", [])))


def certificates(entries: list[Entry]) -> list[dict[str, Any]]:
    """The proof of a method about each of its models, or why there is none; empty for methods that prove nothing of any."""
    return [e.record["certificate"] for e in entries if "certificate" in e.record]


def guard(entries: list[Entry]) -> dict[str, float | None]:
    """The guard over seeds: the worst leak, the mean of the rest; None where a model was made elsewhere."""
    if not all(e.record.get("guard") for e in entries):
        return {f.name: None for f in fields(Guard)}
    guards = [e.record["guard"] for e in entries]
    means = {n: float(np.mean([g[n] for g in guards])) for n in guards[0]}
    return means | {"outside_mask_max": max(g["outside_mask_max"] for g in guards)}
