"""Places and overlaps of stored masks: arithmetic on their counts and bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from untrain.core.mask import Mask
from untrain.localizers._forward_order import in_forward_order
from untrain.maths.set_overlap import alike, by_chance, shared
from untrain.runtime.store import Entry
from untrain.training.problem import Problem

Row = dict[str, Any]
Array = np.ndarray[Any, Any]


def mask_contents(mask: Mask, model: nn.Module, problem: Problem) -> tuple[dict[str, Any], dict[str, Array]]:
    """Record and arrays of a mask: counts and the order in which an example meets the parameters, and bits, eight in a byte.

    Bits and counts are in the order in which the model declares its parameters.
    """
    flat = np.concatenate([b.cpu().numpy().ravel() for b in mask.bits.values()])
    counts = {n: [int(b.sum()), b.numel()] for n, b in mask.bits.items()}
    return {"layers": counts, "order": in_forward_order(model, problem)}, {"bits": np.packbits(flat)}


def has_mask(entries: Sequence[Entry]) -> bool:
    """Return whether all entries have a mask's bits; of one that an older untrain made they were not kept."""
    return bool(entries) and all("bits.npy" in e.record["files"] for e in entries)


def share(entry: Entry) -> float:
    """Share of the weights in a mask."""
    counts = entry.record["layers"].values()
    return float(sum(inside for inside, _ in counts) / sum(size for _, size in counts))


def by_layer(entries: Sequence[Entry]) -> list[Row]:
    """By layer, in the order in which an example meets them: its weights, the share of them in the mask (mean, least and greatest
    over models), and the share of the mask that lies there."""
    if not all(e.record.get("layers") for e in entries):
        return []
    counts = [e.record["layers"] for e in entries]
    layers: dict[str, list[str]] = {}
    for name in entries[0].record.get("order", counts[0]):
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    totals = [sum(inside for inside, _ in each.values()) for each in counts]
    rows = []
    for layer, names in layers.items():
        inside = [sum(each[n][0] for n in names) for each in counts]
        size = sum(counts[0][n][1] for n in names)
        shares = [n / max(size, 1) for n in inside]
        within = [n / total for n, total in zip(inside, totals, strict=True) if total]
        ends = {"kept": sum(shares) / len(shares), "low": min(shares), "high": max(shares)}
        rows.append({"layer": layer, "weights": size, **ends, "of_mask": mean(within) or 0.0})
    return rows


def compared(pairs: Sequence[tuple[Entry, Entry]]) -> Row:
    """Overlap of pairs of masks, averaged: intersection over union, what chance would give, and overlap of shares by layer.

    Chance draws as many weights in each parameter as each mask holds there.
    """
    row: Row = {"iou": None, "low": None, "high": None, "chance": None, "layers": None, "reason": None}
    if not pairs:
        return row | {"reason": "one model has no other to be compared with: --seeds 2 or more"}
    failed = next((e.record["error"] for pair in pairs for e in pair if e.record.get("error")), None)
    if failed:
        return row | {"reason": failed}
    values = [shared(one.array("bits"), other.array("bits")) for one, other in pairs]
    counts = [tuple([inside for inside, _ in e.record["layers"].values()] for e in pair) for pair in pairs]
    sizes = [size for _, size in pairs[0][0].record["layers"].values()]
    if any(v is None for v in values):
        return row | {"reason": "two masks are empty"}
    chance = [by_chance(one, other, sizes) for one, other in counts]
    layers = [alike(one, other) for one, other in counts]
    return row | {
        "iou": mean(values), "low": min(values), "high": max(values), "chance": mean(chance), "layers": mean(layers),  # type: ignore[type-var]
    }  # fmt: skip


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what has a value; None where nothing has."""
    numbers = [v for v in values if v is not None]
    return sum(numbers) / len(numbers) if numbers else None
