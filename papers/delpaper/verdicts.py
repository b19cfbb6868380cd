"""The paper's claims, each with where it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from delpaper.claims import Claim, Found, Models, above, below, gap, interval, lower, nearer, unknown, within
from delpaper.experiments import KEEPS, SOME_KEEPS

Document = dict[str, Any]
DEL, CONTROL = "ResetFinetune @ WeightedGrad", "ResetFinetune @ RandomMask"
DEEP, SHALLOW, CRITICAL = (f"ResetFinetune @ {n}" for n in ("Deepest", "Shallowest", "CriticalNeurons"))
NAMES = {"forget": "forget accuracy", "test": "test accuracy", "mia": "the efficacy of SalUn's attack"}
ABOUT_EQUAL = 2.0  # points within which two things count as equal, set before any result was seen


def of(document: Document, request: str, **where: Any) -> Models:
    """Single models by label, of the rows of a request that fit, with those of the oracles."""
    found: Models = {}
    for row in document["rows"]:
        if row["request"] == request and all(row.get(k) == v for k, v in where.items()) and not row.get("error"):
            found[row["label"]] = row["models"]
            found["oracle"] = document["oracles"][row["scenario"]]
    return found


@dataclass(frozen=True)
class Judge:
    """Makes claims about the methods of one table; one whose methods failed is undecided, and says so."""

    models: Models
    request: str

    @property
    def others(self) -> list[str]:
        """What DEL can be held against."""
        return [m for m in self.models if m not in (DEL, "oracle") and "oracle-tuned" not in m]

    def closer(self, text: str, one: str, other: str, side: str = "forget") -> Claim:
        """``one`` comes nearer to the oracles than ``other``."""
        measured = f"distance from the oracles in {NAMES[side]}, its less the other's"
        return self._made(text, measured, (one, other), below, lambda: nearer(self.models, one, other, side))

    def equal(self, text: str, one: str, other: str) -> Claim:
        """``one`` and ``other`` are as far from the oracles, within the margin."""
        measured = "distance from the oracles in forget accuracy, its less the other's"
        rule: Rule = lambda t, w, m, f: within(t, w, m, f, ABOUT_EQUAL)  # noqa: E731
        return self._made(text, measured, (one, other), rule, lambda: nearer(self.models, one, other))

    def small(self, text: str, one: str, side: str, margin: float) -> Claim:
        """The gap of ``one`` is within the margin."""
        rule: Rule = lambda t, w, m, f: within(t, w, m, f, margin)  # noqa: E731
        return self._made(text, f"gap in {NAMES[side]}", (one,), rule, lambda: gap(self.models, one, side))

    def higher(self, text: str, one: str, other: str, side: str) -> Claim:
        """``one`` is more often right than ``other``."""
        return self._made(text, f"difference in {NAMES[side]}", (one, other), above, lambda: lower(self.models, other, one, side))

    def _made(self, text: str, measured: str, needs: tuple[str, ...], rule: Rule, found: Callable[[], Found]) -> Claim:
        missing = [n for n in needs if n not in self.models]
        if missing:
            return unknown(text, self.request, measured, f"{missing[0]} failed")
        return rule(text, self.request, measured, found())


Rule = Callable[[str, str, str, Found], Claim]


def main(document: Document) -> Iterator[Claim]:
    """Of the main tables."""
    for request in ("random", "classes"):
        judge = Judge(of(document, request), request)
        for side, name in NAMES.items():
            yield judge.small(f"DEL's gap in {name} is within 1 point", DEL, side, 1.0)
        for other in judge.others:
            yield judge.closer(f"DEL comes nearer to retraining than {other}", DEL, other)
        for side in ("forget", "test"):
            text = f"a random mask of equal counts is clearly worse than DEL's, by {NAMES[side]}"
            yield judge.closer(text, DEL, CONTROL, side)
        yield judge.higher("Deepest keeps test accuracy: it has more than Shallowest", DEEP, SHALLOW, "test")
        yield judge.closer("Shallowest forgets better than Deepest", SHALLOW, DEEP)
        yield judge.closer(
            "CritMem does no better than a simple baseline, full finetuning from random labels", "RandomLabel", CRITICAL
        )


def budgets(document: Document) -> Iterator[Claim]:
    """Of the curves of reset and finetune."""
    for request, keeps in (("classes", KEEPS), ("random", SOME_KEEPS)):
        at = {keep: of(document, request, keep=keep) for keep in keeps}
        judge = Judge(at[0.3], request)
        for other in ("Gradient", "WeightMagnitude", "Fisher", "Deepest", "Shallowest", "CriticalNeurons", "RandomMask"):
            text = f"at 30 %, reset and finetune come nearer to retraining with DEL's mask than with {other}"
            yield judge.closer(text, DEL, f"ResetFinetune @ {other}")
        for keep in keeps:
            text = f"DEL's gap is within {ABOUT_EQUAL:g} points at {100 * keep:g} %"
            yield Judge(at[keep], request).small(text, DEL, "forget", ABOUT_EQUAL)
        if request == "random":
            text = f"for a random request the score may be taken on all training data: equal within {ABOUT_EQUAL:g} points"
            yield judge.equal(text, DEL, f"{DEL} on all")
        else:
            text = "for two classes the score has to be taken on the forget set: it comes nearer than the one on all data"
            yield judge.closer(text, DEL, f"{DEL} on all")


def improved(document: Document) -> Iterator[Claim]:
    """Of the curves of other unlearners: what DEL's mask does for them."""
    for request, keeps in (("classes", KEEPS), ("random", SOME_KEEPS)):
        at = {keep: of(document, request, keep=keep) for keep in keeps}
        one = next(row["label"] for row in document["rows"] if row["localizer"] == "WeightedGrad")
        whole = {"all weights": at[1.0][one]} if one in at[1.0] else {}
        judge = Judge(at[0.3] | whole, request)
        unlearner = one.partition(" @ ")[0]
        text = f"DEL's mask improves {unlearner}: nearer to retraining at 30 % than with all weights"
        yield judge.closer(text, one, "all weights")
        for other in [m for m in at[0.3] if m not in (one, "oracle")]:
            yield judge.closer(f"at 30 %, {unlearner} comes nearer to retraining with DEL's mask than {other}", one, other)


PAIRS = (
    ("reset", "fresh", "none"), ("head", "full", "masked"), ("head", "full", "frozen"), ("buffers", "move", "freeze"),
    ("unit", "whole", "elements"), ("code", "paper", "authors' code"), ("on", "forget", "all"),
)  # fmt: skip


def ablations(document: Document) -> Iterator[Claim]:
    """Of the ablations."""
    base = "WeightedGrad per channel"
    for request in ("random", "classes"):
        judge = Judge(of(document, request, ablation="criterion"), request)
        for other in [m for m in judge.models if m not in (base, "oracle")]:
            yield judge.closer(f"weighted gradients per channel come nearer than {other}", base, other)
        for name, one, other in PAIRS:
            text = f"{name}: {one} comes nearer to retraining than {other}"
            yield Judge(of(document, request, ablation=name), request).closer(text, one, other)
        judge = Judge(of(document, request, ablation="h"), request)
        for h in [h for h in judge.models if h not in ("cout10", "oracle")]:
            yield judge.equal(f"h: {h} does as well as the authors' rule within {ABOUT_EQUAL:g} points", h, "cout10")


def cost(document: Document) -> Iterator[Claim]:
    """Of cost against gap."""
    for request in ("random", "classes"):
        for share in sorted({r["share"] for r in document["rows"]}, reverse=True):
            judge = Judge(of(document, request, share=share), request)
            for other in judge.others:
                text = f"with {100 * share:g} % of retraining's operations DEL comes nearer than {other}"
                yield judge.closer(text, DEL, other)


def fractions(document: Document) -> Iterator[Claim]:
    """Of the sizes of forget sets."""
    for fraction in sorted({r["fraction"] for r in document["rows"]}):
        judge = Judge(of(document, "random", fraction=fraction), "random")
        for other in judge.others:
            yield judge.closer(f"with {100 * fraction:g} % to forget DEL comes nearer than {other}", DEL, other)


def sequential(document: Document) -> Iterator[Claim]:
    """Of requests in a row, after the last."""
    rows = [r for r in document["rows"] if not r["error"]]
    oracles = [r["rows"] for r in rows if r["label"] == "oracle"]
    for label in dict.fromkeys(r["label"] for r in rows if r["label"] != "oracle"):
        walks = [r["rows"] for r in rows if r["label"] == label]
        for side, name in (("forgotten", "all that was to be forgotten"), ("test", "test data")):
            last, truth = (np.array([w[-1][side] for w in group]) for group in (walks, oracles))
            found = interval([last], truth, lambda m, o: o - m[0])
            text = f"after {document['count']} requests {label} is within {ABOUT_EQUAL:g} points of retraining on {name}"
            yield within(text, "random", f"gap in accuracy on {name}", found, ABOUT_EQUAL)


CLAIMS: dict[str, Callable[[Document], Iterator[Claim]]] = {
    "main": main, "vit": main, "budgets": budgets, "ablations": ablations, "cost": cost, "fractions": fractions,
    "sequential": sequential, "budgets-randomlabel": improved, "budgets-neggrad": improved,
}  # fmt: skip
