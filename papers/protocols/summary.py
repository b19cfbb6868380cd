"""The shares of outcomes in files of ``retrains``: ``python -m papers.protocols.summary digits.jsonl`` prints a table."""

from __future__ import annotations

import json
import sys
from collections import defaultdict

import numpy as np
from scipy import stats

WAYS = ("passes", "fails: remembers", "fails: hides the forget set", "fails: over-forgets or broke something", "open")


def main() -> None:
    """Print one table per file: designs and kinds of models down, protocols across."""
    for file in sys.argv[1:]:
        found = defaultdict(list)
        for line in open(file):  # noqa: SIM115
            one = json.loads(line)
            for name, ruled in one["outcomes"].items():
                found[name, one["m"], one["k"], one["kind"]].append(ruled)
        print("| protocol | models | kind | trials | passes, % | told | remembers, % | damaged, % | open, % |")
        print("|---" * 9 + "|")
        for (name, m, k, kind), ruled in found.items():
            n = len(ruled)
            counts = [sum(r["outcome"] == way for r in ruled) for way in WAYS]
            first = counts[0] if kind == "retrain" else counts[1] + counts[2]
            ends = stats.binomtest(first, n).proportion_ci()
            told = f"{100 * np.mean([r['told'] for r in ruled]):.0f}"
            shares = [f"{100 * c / n:.1f}" for c in counts]
            what = "passing" if kind == "retrain" else "failing"
            interval = f" ({what}: {100 * ends.low:.0f} to {100 * ends.high:.0f})"
            print(f"| {name} | {m} and {k} | {kind} | {n} | {shares[0]}{interval} | {told} | {' | '.join(shares[1:])} |")


if __name__ == "__main__":
    main()
