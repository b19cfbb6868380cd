"""False alarms and power of every tested score, by simulation: ``python papers/audit.py [SIMULATIONS]`` prints a table.

Models answer with normal logits; examples differ in how easy they are, and models in skill. On the null, unlearned models and
oracles are of one law. A leak is planted in two ways: 1 % of the forget set is looked up, or all of it is remembered a little.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from scipy import stats

from untrain.evaluation.glossary import evaluators
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.hypothesis_tests import Case, tested
from untrain.maths.permutation import splits

OURS, THEIRS, SPLITS, LEVEL = 5, 12, 60, 0.05
FORGET, RETAIN, TEST, CLASSES = 100, 20, 60, 3
KINDS = {"null": (0.0, 0), "look-up": (0.0, 1), "remembers": (1.0, 0)}
POWER = 300  # simulations of each leak, at most
SIDE = np.repeat(["forget", "retain", "test"], [FORGET, RETAIN, TEST])


def models(draw: np.random.Generator, easy: np.ndarray, count: int, lift: float, kept: int) -> Observation:
    """Answers of some models; the forget set is lifted, or its first examples are looked up."""
    labels = np.arange(len(SIDE)) % CLASSES
    logits = draw.normal(size=(count, len(SIDE), CLASSES)).astype(np.float32)
    logits[:, np.arange(len(SIDE)), labels] += easy + draw.normal(0, 0.4, (count, 1)) + lift * (SIDE == "forget")
    logits[:, np.arange(kept), labels[:kept]] += 20
    return Observation.of_logits(logits, labels, labels, SIDE, np.arange(len(SIDE)))


def once(at: int) -> dict[tuple[str, str], bool]:
    """Whether each score alone, and all together, raise an alarm in one simulation of each kind."""
    found = {}
    chosen = [KLoM(least=5) if isinstance(e, KLoM) else e for e in evaluators()]
    chosen = [e for e in chosen if any(about.margin is not None for about in e.scores.values())]
    for kind, (lift, kept) in KINDS.items():
        if kind != "null" and at >= POWER:
            continue
        draw = np.random.default_rng((at, len(kind)))
        easy = draw.normal(1.5, 1.5, len(SIDE))
        original = models(draw, easy, OURS, 2.0, 0)
        ours, theirs = models(draw, easy, OURS, lift, kept), models(draw, easy, THEIRS, 0.0, 0)
        known = {"original": original, "unlearned": ours, "oracle": theirs}
        cases = [Case(e, {name: e.prepare(seen) for name, seen in known.items()}) for e in chosen]
        held = tested(cases, theirs, splits(OURS + THEIRS, OURS, SPLITS, at), OURS, False)
        sizes = {name: t.sizes for name, t in held.items()} | {"all together": np.max([t.sizes for t in held.values()], axis=0)}
        for name, size in sizes.items():
            found[kind, name] = bool(np.mean(size >= size[0] * (1 - 1e-9)) <= LEVEL)
    return found


def main(times: int) -> None:
    """Print the shares of alarms with Clopper-Pearson intervals."""
    counts: dict[tuple[str, str], int] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for found in pool.map(once, range(times), chunksize=20):
            for key, alarm in found.items():
                counts[key] = counts.get(key, 0) + alarm
    print(f"| score | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    for name in dict.fromkeys(name for _, name in counts):
        cells = []
        for kind in KINDS:
            tries = times if kind == "null" else min(times, POWER)
            low, high = stats.binomtest(counts[kind, name], tries).proportion_ci(0.95, "exact")
            cells.append(f"{100 * counts[kind, name] / tries:.1f} % [{100 * low:.1f}, {100 * high:.1f}]")
        print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("simulations", nargs="?", type=int, default=2000, help="simulations of the null; 2,000 take hours")
    main(words.parse_args().simulations)
