"""The paper's claims, each with where it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from delpaper.claims import Claim, Found, Models, above, below, gap, interval, lower, nearer, nearer_in_all, unknown, within

Document = dict[str, Any]
DEL, CONTROL = "ResetFinetune @ WeightedGrad", "ResetFinetune @ RandomMask"
DEEP, SHALLOW, CRITICAL = (f"ResetFinetune @ {n}" for n in ("Deepest", "Shallowest", "CriticalNeurons"))
NAMES = {"forget": "forget accuracy", "test": "test accuracy", "mia": "the efficacy of SalUn's attack"}
LOOKED = " (oracle-tuned)"
MIDDLE = (0.05, 0.5)  # budgets over which is averaged: with less next to nothing may move, with all there is no mask
ABOUT_EQUAL = 2.0  # points within which two things count as equal, set before any result was seen


def of(document: Document, request: str, **where: Any) -> tuple[Models, tuple[str, ...]]:
    """Of the rows of a request that fit: single models by label, with those of the oracles; and labels of what failed."""
    found: Models = {}
    failed = []
    for row in document["rows"]:
        if row["request"] == request and all(row.get(k) == v for k, v in where.items()):
            if row.get("error"):
                failed.append(row["label"])
                continue
            found[row["label"]] = row["models"]
            found["oracle"] = document["oracles"][row["scenario"]]
    return found, tuple(failed)


@dataclass(frozen=True)
class Judge:
    """Makes claims about the methods of one table; one whose methods failed is undecided, and says so."""

    models: Models
    failed: tuple[str, ...]
    request: str

    def __call__(self, rule: Rule, text: str, measured: str, needs: Sequence[str], found: Callable[[], Found]) -> Iterator[Claim]:
        """The claim; none about a method that has no row in this table."""
        if any(n not in self.models and n not in self.failed for n in needs):
            return
        missing = [n for n in needs if n in self.failed and n not in self.models]
        if missing:
            yield unknown(text, self.request, measured, f"{missing[0]} failed")
        else:
            yield rule(text, self.request, measured, found())

    @property
    def others(self) -> list[str]:
        """What DEL can be held against."""
        return [m for m in dict.fromkeys((*self.models, *self.failed)) if m not in (DEL, "oracle") and "oracle-tuned" not in m]

    def closer(self, text: str, one: str, other: str, side: str = "forget") -> Iterator[Claim]:
        """``one`` comes nearer to the oracles than ``other``."""
        measured = f"distance in {NAMES[side]}, less the other's"
        return self(below, text, measured, (one, other), lambda: nearer(self.models, one, other, side))

    def equal(self, text: str, one: str, other: str) -> Iterator[Claim]:
        """``one`` and ``other`` have the same accuracy on the forget set, within the margin."""
        rule = partial(within, margin=ABOUT_EQUAL)
        return self(rule, text, "difference in forget accuracy", (one, other), lambda: lower(self.models, one, other, "forget"))

    def small(self, text: str, one: str, side: str, margin: float) -> Iterator[Claim]:
        """The gap of ``one`` is within the margin."""
        return self(partial(within, margin=margin), text, f"gap in {NAMES[side]}", (one,), lambda: gap(self.models, one, side))

    def higher(self, text: str, one: str, other: str, side: str) -> Iterator[Claim]:
        """``one`` is more often right than ``other``."""
        return self(above, text, f"difference in {NAMES[side]}", (one, other), lambda: lower(self.models, other, one, side))


Rule = Callable[[str, str, str, Found], Claim]


def paper(claims: Iterator[Claim]) -> Iterator[Claim]:
    """Claims that are the paper's."""
    return (replace(claim, ours=False) for claim in claims)


def main(document: Document) -> Iterator[Claim]:
    """Of the main tables, and of the rows tuned with a look at oracles, as the paper's evidently were."""
    for request in ("random", "classes"):
        judge = Judge(*of(document, request), request)
        for side, name in NAMES.items():
            yield from paper(judge.small(f"DEL's gap in {name} is within 1 point", DEL, side, 1.0))
        for other in judge.others:
            yield from paper(judge.closer(f"DEL comes nearer to retraining than {other}", DEL, other))
        for side in ("forget", "test"):
            text = f"a random mask of equal counts is clearly worse than DEL's, by {NAMES[side]}"
            yield from paper(judge.closer(text, DEL, CONTROL, side))
        yield from paper(judge.higher("Deepest keeps test accuracy: it has more than Shallowest", DEEP, SHALLOW, "test"))
        yield from paper(judge.closer("Shallowest forgets better than Deepest", SHALLOW, DEEP))
        text = "CritMem does no better than a simple baseline, full finetuning from random labels"
        yield from paper(judge.closer(text, "RandomLabel", CRITICAL))
        yield from _oracle_tuned(document, request)


def _oracle_tuned(document: Document, request: str) -> Iterator[Claim]:
    models, failed = of(document, request)
    best = {m.removesuffix(LOOKED): rows for m, rows in models.items() if m.endswith(LOOKED)}
    judge = Judge({m: best.get(m, rows) for m, rows in models.items() if not m.endswith(LOOKED)}, failed, request)
    for other in judge.others:
        yield from judge.closer(f"tuned with a look at oracles, DEL comes nearer to retraining than {other}", DEL, other)


def budgets(document: Document) -> Iterator[Claim]:
    """Of the curves of reset and finetune."""
    for request in dict.fromkeys(r["request"] for r in document["rows"]):
        judge = Judge(*of(document, request, keep=0.3), request)
        for other in ("Gradient", "WeightMagnitude", "Fisher", "Deepest", "Shallowest", "RandomMask"):
            text = f"at 30 %, reset and finetune come nearer to retraining with DEL's mask than with {other}"
            yield from paper(judge.closer(text, DEL, f"ResetFinetune @ {other}"))
        small, failed = of(document, request, keep=0.1)
        own = Judge({**small, CRITICAL: judge.models[CRITICAL]} if CRITICAL in judge.models else small, failed, request)
        yield from own.closer("DEL's mask of 10 % comes nearer than critical neurons with what their search spends", DEL, CRITICAL)
        for keep in sorted({r["keep"] for r in document["rows"]}):
            text = f"DEL's gap is within {ABOUT_EQUAL:g} points at {100 * keep:g} %"
            claim = Judge(*of(document, request, keep=keep), request).small(text, DEL, "forget", ABOUT_EQUAL)
            yield from paper(claim) if keep in (0.2, 0.3) else claim
        if request == "random":
            text = f"for a random request the score may be taken on all training data: equal within {ABOUT_EQUAL:g} points"
            yield from paper(judge.equal(text, DEL, f"{DEL} on all"))
        else:
            text = "for two classes the score has to be taken on the forget set: it comes nearer than the one on all data"
            yield from paper(judge.closer(text, DEL, f"{DEL} on all"))
        yield from _throughout(document, request, DEL)


def _throughout(document: Document, request: str, one: str) -> Iterator[Claim]:
    """DEL's mask against each other one over all budgets of the middle; critical neurons spend what they spend at all of them."""
    rows = [r for r in document["rows"] if r["request"] == request and r["localizer"] != "CriticalNeurons"]
    keeps = sorted({r["keep"] for r in rows if MIDDLE[0] <= r["keep"] <= MIDDLE[1]})
    tables = [of(document, request, keep=keep) for keep in keeps]
    over = " and ".join(f"{100 * keep:g} %" for keep in (keeps[0], keeps[-1]))
    for name in dict.fromkeys(r["localizer"] for r in rows):
        other = f"{one.partition(' @ ')[0]} @ {name}"
        failed = tuple({label for _, lost in tables for label in lost})
        judge = Judge({m: tables[0][0].get(m, {}) for m in (one, other) if m not in failed}, failed, request)
        for side in [] if other == one else ["forget", "mia", "test"] if name == "RandomMask" else ["forget"]:
            found = partial(nearer_in_all, [models for models, _ in tables], one, other, side)
            text = f"averaged over the budgets between {over}, it comes nearer with DEL's mask than with {name}"
            yield from judge(below, text, f"distance in {NAMES[side]}, less the other's", (one, other), found)


def improved(document: Document) -> Iterator[Claim]:
    """Of the curves of other unlearners: what DEL's mask does for them."""
    for request in dict.fromkeys(r["request"] for r in document["rows"]):
        one = next(row["label"] for row in document["rows"] if row["localizer"] == "WeightedGrad")
        models, failed = of(document, request, keep=0.3)
        whole = of(document, request, keep=1.0)[0]
        judge = Judge({**models, "all weights": whole[one]} if one in whole else models, failed, request)
        unlearner = one.partition(" @ ")[0]
        text = f"DEL's mask improves {unlearner}: nearer to retraining at 30 % than with all weights and the same setting"
        yield from paper(judge.closer(text, one, "all weights"))
        for other in [m for m in judge.others if m not in (one, "all weights")]:
            yield from judge.closer(f"at 30 %, {unlearner} comes nearer to retraining with DEL's mask than {other}", one, other)
        yield from _throughout(document, request, one)


PAIRS = (
    ("reset", "fresh", "none"), ("reset", "fresh", "own"), ("reset", "fresh", "perturb"),
    ("head", "full", "masked"), ("head", "full", "frozen"), ("buffers", "move", "freeze"), ("buffers", "move", "reestimate"),
    ("unit", "whole", "elements"), ("code", "paper", "authors' code"),
)  # fmt: skip


def ablations(document: Document) -> Iterator[Claim]:
    """Of the ablations."""
    base = "WeightedGrad per channel"
    for request in ("random", "classes"):
        models, failed = of(document, request, ablation="criterion")
        judge = Judge(models, failed, request)
        for other in [m for m in (*models, *failed) if m not in (base, "oracle")]:
            claim = judge.closer(f"weighted gradients per channel come nearer than {other}", base, other)
            table = other in ("WeightedGrad per weight", "Gradient per channel", "Gradient per weight")  # the paper's Table 1
            yield from paper(claim) if table else claim
        drawn, lost = of(document, request, ablation="random mask")
        judge = Judge({**drawn, base: models[base]} if base in models else drawn, lost, request)
        for other in [m for m in (*drawn, *lost) if m != "oracle"]:
            text = f"with the same setting, DEL's mask comes nearer than a random one drawn by {other}"
            yield from paper(judge.closer(text, base, other)) if other == "channel" else judge.closer(text, base, other)
        for name, one, other in PAIRS:
            text = f"{name}: {one} comes nearer to retraining than {other}"
            yield from Judge(*of(document, request, ablation=name), request).closer(text, one, other)
        judge = Judge(*of(document, request, ablation="h"), request)
        for h in [h for h in judge.models if h not in ("cout10", "oracle")]:
            yield from judge.equal(f"h: {h} does as the authors' rule within {ABOUT_EQUAL:g} points", h, "cout10")


def cost(document: Document) -> Iterator[Claim]:
    """Of cost against gap."""
    for request in ("random", "classes"):
        for share in sorted({r["share"] for r in document["rows"]}, reverse=True):
            judge = Judge(*of(document, request, share=share), request)
            for other in judge.others:
                text = f"with at most {100 * share:g} % of retraining's operations DEL comes nearer than {other}"
                yield from judge.closer(text, DEL, other)


def fractions(document: Document) -> Iterator[Claim]:
    """Of the sizes of forget sets; 0.1 % are five examples, whose accuracy decides nothing."""
    for fraction in sorted({r["fraction"] for r in document["rows"]} - {0.001}):
        judge = Judge(*of(document, "random", fraction=fraction), "random")
        for other in judge.others:
            yield from judge.closer(f"with {100 * fraction:g} % to forget DEL comes nearer than {other}", DEL, other)


def sequential(document: Document) -> Iterator[Claim]:
    """Of requests in a row, after the last."""
    oracles = [r["rows"] for r in document["rows"] if r["label"] == "oracle"]
    for label in dict.fromkeys(r["label"] for r in document["rows"] if r["label"] != "oracle"):
        rows = [r for r in document["rows"] if r["label"] == label]
        failed = next((r["error"] for r in rows if r["error"]), None)
        for side, name in (("forgotten", "all that was to be forgotten"), ("test", "test data")):
            text = f"after {document['count']} requests {label} is within {ABOUT_EQUAL:g} points of retraining on {name}"
            measured = f"gap in accuracy on {name}"
            if failed:
                yield unknown(text, "random", measured, failed)
                continue
            last, truth = (np.array([w[-1][side] for w in group]) for group in ([r["rows"] for r in rows], oracles))
            yield within(text, "random", measured, interval([last], truth, lambda m, o: o - m[0]), ABOUT_EQUAL)


CLAIMS: dict[str, Callable[[Document], Iterator[Claim]]] = {
    "main": main, "vit": main, "budgets": budgets, "budgets-random": budgets, "ablations": ablations, "cost": cost,
    "fractions": fractions, "sequential": sequential,
    **{f"budgets-{name}{more}": improved for name in ("randomlabel", "neggrad") for more in ("", "-random")},
}  # fmt: skip
