"""A byte of each file of each entry changes: no number may change without a word, and ``--verify`` names the entry."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

from attack import SILENT, Attack, Outcome
from child import apart
from sample import EVALUATORS, EXTRA, METHODS, difference, expected, root_of, run, steady

STEP = 13  # tries go through files and sections by this step, so that a few meet all kinds of entries
SECTIONS = ((0.0, 0.02), (0.02, 0.5), (0.5, 0.98), (0.98, 1.0))


def files(store: Path) -> list[Path]:
    """Files of all entries, in a fixed order."""
    return sorted(f.relative_to(store) for f in store.glob("objects/*/*/*") if f.is_file())


def copied(source: Path, target: Path) -> None:
    """A copy whose files are links, but for the index, which is written in place."""
    shutil.copytree(source, target, copy_function=lambda a, b: shutil.copy(a, b) if str(a).endswith("sqlite") else os.link(a, b))


def change(file: Path, draw: random.Random, section: tuple[float, float]) -> str:
    """Change one byte in a part of a file, in a copy of its own; what was done, in words."""
    raw = bytearray(file.read_bytes())
    low, high = (round(share * len(raw)) for share in section)
    place = min(draw.randrange(low, max(high, low + 1)), len(raw) - 1)
    flip = draw.choice([1 << draw.randrange(8), 0xFF])
    raw[place] ^= flip
    file.unlink()
    file.write_bytes(raw)
    return f"byte {place} of {len(raw)} ^ {flip:#x}"


def attempt(folder: Path, number: int) -> Outcome | None:
    """Change a byte; then verify, score again, and run one more method on the stored models."""
    draw, root, store = random.Random(number), root_of(folder), folder / "store"
    calm = expected(root)
    copied(root / "calm" / "store", store)
    names = files(store)
    at = number * STEP % (len(names) * len(SECTIONS))
    name = names[at % len(names)]
    what = f"{name.name}, {change(store / name, draw, SECTIONS[at // len(names)])}"
    key, kind = name.parts[2], kind_of(root / "calm" / "store", name.parts[2])
    verified = apart(lambda: verify(store), folder / "verify")
    if verified.failure:
        return verified.failure
    if verified.code == 0 and key not in verified.value:
        return Outcome(SILENT, f"--verify does not name it: {kind}, {what}", f"{kind}/{name.name}: verify")
    scored = apart(lambda: report(store, root, keep=kind == "scores"), folder / "report")
    wrong = compared(scored, calm["document"], f"report: {kind}, {what}", f"{kind}/{name.name}: report")
    if wrong:
        return wrong
    if kind in ("scores", "run"):
        return None
    more = apart(lambda: run(root, store, (*METHODS, EXTRA)), folder / "more")
    return compared(more, calm["more"], f"one more method: {kind}, {what}", f"{kind}/{name.name}: run")


def compared(ended: Any, calm: Any, what: str, site: str) -> Outcome | None:
    """Refused, or the numbers of the undisturbed run; a method that failed in words may be missing."""
    if ended.failure:
        return Outcome(ended.failure.verdict, f"{what}: {ended.failure.detail}", ended.failure.site)
    if ended.code or ended.value == calm:
        return None
    if any(row["error"] for row in ended.value["results"]):
        rows = [(a, b) for a, b in zip(calm["results"], ended.value["results"], strict=False) if not b["error"]]
        if all(a == b for a, b in rows):
            return None
    return Outcome(SILENT, f"{what}: {difference(calm, ended.value)}", site)


def kind_of(store: Path, key: str) -> str:
    """The kind of an undisturbed entry."""
    from untrain.runtime.store import Store

    entry = Store(store).get(key)
    return "gone" if entry is None else str(entry.record["ingredients"].get("kind"))


def verify(store: Path) -> list[str]:
    """Keys that the command names."""
    from untrain.commands.store import store as contents

    return list(contents(store, verify=True)["damaged"])


def report(store: Path, root: Path, keep: bool) -> Any:
    """The stored run scored anew, or read where its scores are kept; by its key, so that no index decides which run it is."""
    from untrain.experiments.results import score_run
    from untrain.experiments.run_options import evaluators_of
    from untrain.experiments.run_record import find_runs
    from untrain.runtime.store import Store

    kinds = {row["key"]: row["kind"] for row in Store(root / "calm" / "store").entries()}
    for key, kind in kinds.items():
        if kind == "scores" and not keep:
            shutil.rmtree(store / "objects" / key[:2] / key)
    place = Store(store)
    [entry] = find_runs(next(key for key, kind in kinds.items() if kind == "run"), place)
    return steady(score_run(entry, place, list(evaluators_of(EVALUATORS))))


ATTACKS = (Attack("bytes", "a changed byte in each file of each entry of a store", attempt, 160, 10, seconds=120, small=True),)
