"""Ratios measured side by side in one run: each repeat times every variant once, in turns, so that noise meets all alike."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]


def times(variants: Mapping[str, Callable[[], object]], repeats: int, inner: int = 1) -> dict[str, list[float]]:
    """Seconds of each variant, ``repeats`` times, after one call that is not counted; the order turns from repeat to repeat."""
    for work in variants.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for at in range(repeats):
        for name in names[at % len(names) :] + names[: at % len(names)]:
            start = time.perf_counter()
            for _ in range(inner):
                variants[name]()
            found[name].append((time.perf_counter() - start) / inner)
    return found


def ratio(name: str, over: Sequence[float], under: Sequence[float], asked: str = "", **more: Any) -> Row:
    """One row: the ratio of two variants, repeat by repeat.

    The ratio of the two least times is told too: noise only ever adds, so it is the steadier figure on a busy machine.
    """
    each = [a / b for a, b in zip(over, under, strict=True)]
    return row(
        name,
        "ratio",
        each,
        asked,
        least=min(over) / min(under),
        seconds=[statistics.median(over), statistics.median(under)],
        **more,
    )


def row(name: str, unit: str, values: Sequence[float], asked: str = "", **more: Any) -> Row:
    """One row of the results: median, minimum and maximum of some values."""
    return {
        "name": name, "unit": unit, "median": statistics.median(values), "min": min(values), "max": max(values),
        "n": len(values), "asked": asked, **more,
    }  # fmt: skip


def noise(threads: int, repeats: int = 15) -> Row:
    """How far the same matrix product swings on this machine now: the ratio of each to the fastest."""
    a = torch.randn(600, 600)
    found = times({"product": lambda: a @ a}, repeats, inner=5)["product"]
    return row("machine noise: one matrix product", "ratio to its fastest", [t / min(found) for t in found], threads=threads)


def peak(work: Callable[[], object]) -> int:
    """Most bytes that the process held during ``work``, what it held before included; Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    work()
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def machine() -> Row:
    """What the figures were measured on."""
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), ""
    )
    return {
        "processor": model, "instructions": torch.backends.cpu.get_cpu_capability(), "cores": os.cpu_count(),
        "load": os.getloadavg()[0], "torch": torch.__version__, "python": platform.python_version(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }  # fmt: skip


def show(rows: Sequence[Row]) -> None:
    """One JSON line a row."""
    for each in rows:
        print(json.dumps(each), flush=True)
