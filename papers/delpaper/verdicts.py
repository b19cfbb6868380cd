"""The paper's claims, each with where it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from delpaper.claims import Claim, Found, Models, above, below, gap, lower, nearer, nearer_in_all, unknown, within

Document = dict[str, Any]
DEL, CONTROL = "ResetFinetune @ WeightedGrad", "ResetFinetune @ RandomMask"
DEEP, SHALLOW, CRITICAL = (f"ResetFinetune @ {n}" for n in ("Deepest", "Shallowest", "CriticalNeurons"))
NAMES = {
    "forget": "forget accuracy", "test": "test accuracy", "mia": "the efficacy of SalUn's attack", "retain": "retain accuracy",
}  # fmt: skip
LOOKED = " (oracle-tuned)"
# Points within which two things count as equal, set before any result was seen; that it also is what 'clearly' means was set after.
ABOUT_EQUAL = 2.0
MIDDLE = (0.05, 0.5)  # budgets over which is averaged: with less next to nothing may move, with all there is no mask
AFTERWARDS = " (a question asked after these curves had been seen)"
IN_THE_PAPER = (
    "Finetune", "GradAscent", "NegGrad", "RandomLabel", "RandomLabel, drawn once", "RandomLabel @ Gradient", "L1Sparse",
    "WoodFisher", "SSD", *(f"ResetFinetune @ {n}" for n in ("Gradient", "Deepest", "Shallowest", "CriticalNeurons", "RandomMask")),
)  # fmt: skip


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

    def closer(self, text: str, one: str, other: str, side: str = "forget", by: float = 0.0) -> Iterator[Claim]:
        """``one`` comes nearer to the oracles than ``other``, by more than so many points."""
        measured = f"distance in {NAMES[side]}, less the other's"
        rule = partial(below, bound=-by)
        return self(rule, text, measured, (one, other), lambda: nearer(self.models, one, other, side))

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
        for side in ("forget", "test", "mia"):
            yield from paper(judge.small(f"DEL's gap in {NAMES[side]} is within 1 point", DEL, side, 1.0))
        text = f"DEL's gap in retain accuracy is within {ABOUT_EQUAL:g} points"
        yield from judge.small(text, DEL, "retain", ABOUT_EQUAL)
        for other in judge.others:
            claim = judge.closer(f"DEL comes nearer to retraining, by forget accuracy, than {other}", DEL, other)
            yield from paper(claim) if other in IN_THE_PAPER else claim
        for side in ("mia", "retain"):
            for other in ("ResetFinetune, all weights", CONTROL, CRITICAL):
                text = f"DEL comes nearer to retraining, by {NAMES[side]}, than {other}"
                yield from judge.closer(text, DEL, other, side)
        for side in ("forget", "test"):
            text = f"a random mask of equal counts is clearly worse than DEL's, by {NAMES[side]} and {ABOUT_EQUAL:g} points"
            yield from paper(judge.closer(text, DEL, CONTROL, side, by=ABOUT_EQUAL))
        yield from paper(judge.higher("Deepest keeps test accuracy: it has more than Shallowest", DEEP, SHALLOW, "test"))
        yield from paper(judge.closer("Shallowest forgets better than Deepest, by forget accuracy", SHALLOW, DEEP))
        for simple in ("RandomLabel", "Finetune"):
            for side in ("forget", "mia"):
                text = f"CritMem does no better, by {NAMES[side]}, than a simple baseline on all weights: {simple}"
                yield from paper(judge.closer(text, simple, CRITICAL, side))
        yield from _oracle_tuned(document, request)


def _oracle_tuned(document: Document, request: str) -> Iterator[Claim]:
    """Where a look at oracles chose another setting for one of the two; elsewhere the claim is one of those above."""
    models, failed = of(document, request)
    plain = {m: rows for m, rows in models.items() if not m.endswith(LOOKED)}
    looked = {m.removesuffix(LOOKED): rows for m, rows in models.items() if m.endswith(LOOKED)}
    lost = {m.removesuffix(LOOKED) for m in failed if m.endswith(LOOKED) or m not in looked}
    judge = Judge({m: rows for m, rows in {**plain, **looked}.items() if m not in lost}, tuple(lost), request)
    for other in judge.others:
        if {DEL, other} & {*looked, *(m.removesuffix(LOOKED) for m in failed if m.endswith(LOOKED))}:
            text = f"tuned with a look at oracles, DEL comes nearer to retraining, by forget accuracy, than {other}"
            yield from judge.closer(text, DEL, other)


def budgets(document: Document) -> Iterator[Claim]:
    """Of the curves of reset and finetune."""
    for request in dict.fromkeys(r["request"] for r in document["rows"]):
        judge = Judge(*of(document, request, keep=0.3), request)
        for other in ("Gradient", "WeightMagnitude", "Fisher", "Deepest", "Shallowest", "RandomMask"):
            text = f"at 30 %, reset and finetune come nearer to retraining, by forget accuracy, with DEL's mask than with {other}"
            yield from paper(judge.closer(text, DEL, f"ResetFinetune @ {other}"))
        small, failed = of(document, request, keep=0.1)
        own = Judge({**small, CRITICAL: judge.models[CRITICAL]} if CRITICAL in judge.models else small, failed, request)
        text = "DEL's mask of 10 % comes nearer, by forget accuracy, than critical neurons, however many those are"
        yield from own.closer(text, DEL, CRITICAL)
        for keep in sorted({r["keep"] for r in document["rows"]}):
            text = f"DEL's gap in forget accuracy is within {ABOUT_EQUAL:g} points at {100 * keep:g} %"
            claim = Judge(*of(document, request, keep=keep), request).small(text, DEL, "forget", ABOUT_EQUAL)
            yield from paper(claim) if keep in (0.2, 0.3) else claim
        if request == "random":
            text = f"for a random request the score may be taken on all training data: equal within {ABOUT_EQUAL:g} points"
            yield from paper(judge.equal(text, DEL, f"{DEL} on all"))
        else:
            text = "for two classes the score has to be taken on the forget set: by forget accuracy that comes nearer"
            yield from paper(judge.closer(text, DEL, f"{DEL} on all"))
        yield from _throughout(document, request, DEL)


def _throughout(document: Document, request: str, one: str) -> Iterator[Claim]:
    """DEL's mask against each other one over all budgets of the middle; critical neurons spend what they spend at all of them."""
    rows = [r for r in document["rows"] if r["request"] == request and r["localizer"] != "CriticalNeurons"]
    keeps = sorted({r["keep"] for r in rows if MIDDLE[0] <= r["keep"] <= MIDDLE[1]})
    tables = [of(document, request, keep=keep) for keep in keeps]
    over = " and ".join(f"{100 * keep:g} %" for keep in (keeps[0], keeps[-1]))
    unlearner, seen = one.partition(" @ ")[0], one == DEL and request == "classes"
    for name in dict.fromkeys(r["localizer"] for r in rows):
        other = f"{unlearner} @ {name}"
        judge, found = _over(tables, request, one, other)
        for side in [] if other == one else ["forget", "mia", "test", "retain"] if name == "RandomMask" else ["forget"]:
            text = (
                f"averaged over the budgets between {over}, {unlearner} comes nearer, by {NAMES[side]}, with DEL's mask and its "
                f"setting than with {name} and its setting{AFTERWARDS if seen else ''}"
            )
            yield from judge(below, text, f"distance in {NAMES[side]}, less the other's", (one, other), partial(found, side))


def _over(
    tables: Sequence[tuple[Models, tuple[str, ...]]], request: str, one: str, other: str
) -> tuple[Judge, Callable[[str], Found]]:
    """A judge of two methods over several tables, and by side how much farther ``one`` lies, averaged over the tables."""
    failed = tuple({label for _, lost in tables for label in lost})
    judge = Judge({m: tables[0][0].get(m, {}) for m in (one, other) if m not in failed}, failed, request)
    return judge, partial(nearer_in_all, [models for models, _ in tables], one, other)


def improved(document: Document) -> Iterator[Claim]:
    """Of the curves of other unlearners: what DEL's mask does for them."""
    whole = "all weights"
    for request in dict.fromkeys(r["request"] for r in document["rows"]):
        one = next(row["label"] for row in document["rows"] if row["localizer"] == "WeightedGrad")
        models, failed = of(document, request, keep=0.3)
        unmasked, lost = of(document, request, keep=1.0)
        judge = Judge(
            {**models, **({whole: unmasked[one]} if one in unmasked else {})}, (*failed, *([whole] if one in lost else [])), request
        )
        unlearner = one.partition(" @ ")[0]
        for side in ("forget", "mia"):
            text = (
                f"DEL's mask improves {unlearner}: nearer to retraining, by {NAMES[side]}, at 30 % than with all weights and the "
                "setting tuned for the mask"
            )
            yield from paper(judge.closer(text, one, whole, side))
        for other in [m for m in judge.others if m not in (one, whole)]:
            text = f"at 30 %, {unlearner} comes nearer to retraining, by forget accuracy, with DEL's mask than {other}"
            yield from judge.closer(text, one, other)
        yield from _throughout(document, request, one)


PAIRS = (
    ("reset", "fresh", "none"), ("reset", "fresh", "own"), ("reset", "fresh", "perturb"),
    ("head", "full", "masked"), ("head", "full", "frozen"), ("buffers", "move", "freeze"), ("buffers", "move", "reestimate"),
    ("unit", "whole", "elements"), ("code", "paper", "authors' code"), ("on", "forget", "all"),
)  # fmt: skip


def ablations(document: Document) -> Iterator[Claim]:
    """Of the ablations: what is changed is not tuned anew."""
    base = "WeightedGrad per channel"
    for request in ("random", "classes"):
        models, failed = of(document, request, ablation="criterion")
        judge = Judge(models, failed, request)
        for other in [m for m in (*models, *failed) if m not in (base, "oracle")]:
            text = f"with DEL's setting, weighted gradients per channel come nearer, by forget accuracy, than {other}"
            table = other in ("WeightedGrad per weight", "Gradient per channel", "Gradient per weight")  # the paper's Table 1
            yield from paper(judge.closer(text, base, other)) if table else judge.closer(text, base, other)
        drawn, lost = of(document, request, ablation="random mask")
        judge = Judge({**drawn, base: models[base]} if base in models else drawn, lost, request)
        for other in [m for m in (*drawn, *lost) if m != "oracle"]:
            text = f"with DEL's setting, a random mask by {other} is clearly worse, by forget accuracy and {ABOUT_EQUAL:g} points"
            claim = judge.closer(text, base, other, by=ABOUT_EQUAL)
            yield from paper(claim) if other == "channel" else claim
        for name, one, other in PAIRS:
            text = f"{name}: {one} comes nearer to retraining, by forget accuracy, than {other}"
            if name == "code":
                text = "the paper's mask comes nearer to retraining, by forget accuracy, than that of the authors' code"
            yield from Judge(*of(document, request, ablation=name), request).closer(text, one, other)
        judge = Judge(*of(document, request, ablation="h"), request)
        for h in [h for h in judge.models if h not in ("cout10", "oracle")]:
            yield from judge.equal(f"h: {h} does as the authors' rule within {ABOUT_EQUAL:g} points", h, "cout10")


def control(document: Document) -> Iterator[Claim]:
    """Of DEL's mask against random ones with many originals: over all settings first, then setting by setting."""
    clearly = f"and {ABOUT_EQUAL:g} points"
    for request in dict.fromkeys(r["request"] for r in document["rows"]):
        every = list(dict.fromkeys(r["steps"] for r in document["rows"]))
        tables, over = [of(document, request, steps=steps) for steps in every], f"averaged over {len(every)} settings"
        whole, found = _over(tables, request, DEL, CONTROL)
        for side in NAMES:
            measured = f"distance in {NAMES[side]}, less the random mask's"
            text = f"{over} DEL's mask comes nearer, by {NAMES[side]}, than a random one of equal counts"
            yield from whole(below, text, measured, (DEL, CONTROL), partial(found, side))
            text = f"{over} both masks come equally near, within {ABOUT_EQUAL:g} points of {NAMES[side]}"
            yield from whole(partial(within, margin=ABOUT_EQUAL), text, measured, (DEL, CONTROL), partial(found, side))
        for steps, (models, lost) in zip(every, tables, strict=True):
            judge = Judge(models, lost, request)
            for side in ("forget", "test"):
                text = f"at {steps} a random mask of equal counts is clearly worse than DEL's, by {NAMES[side]} {clearly}"
                yield from paper(judge.closer(text, DEL, CONTROL, side, by=ABOUT_EQUAL))
            for side in ("forget", "mia", "retain"):
                text = f"at {steps} DEL's mask comes nearer, by {NAMES[side]}, than a random one of equal counts"
                yield from judge.closer(text, DEL, CONTROL, side)


def cost(document: Document) -> Iterator[Claim]:
    """Of cost against gap."""
    for request in ("random", "classes"):
        for share in sorted({r["share"] for r in document["rows"]}, reverse=True):
            judge = Judge(*of(document, request, share=share), request)
            for other in judge.others:
                text = f"with {100 * share:g} % of retraining's operations DEL comes nearer, by forget accuracy, than {other}"
                yield from judge.closer(text, DEL, other)


def fractions(document: Document) -> Iterator[Claim]:
    """Of the sizes of forget sets; 0.1 % are five examples, whose accuracy decides nothing."""
    for fraction in sorted({r["fraction"] for r in document["rows"]} - {0.001}):
        judge = Judge(*of(document, "random", fraction=fraction), "random")
        for other in judge.others:
            text = f"with {100 * fraction:g} % to forget DEL comes nearer, by forget accuracy, than {other}"
            yield from judge.closer(text, DEL, other)


WALKED = {"forgotten": "all that was to be forgotten", "test": "test data"}


def sequential(document: Document) -> Iterator[Claim]:
    """Of requests in a row, after the last."""
    ends: Models = {}
    failed: dict[str, str] = {}
    for label in dict.fromkeys(r["label"] for r in document["rows"]):
        rows = [r for r in document["rows"] if r["label"] == label]
        told = next((r["error"] for r in rows if r["error"]), None)
        if told and (label != "oracle" or len([r for r in rows if not r["error"]]) < 2):
            failed[label] = told
        else:
            ends[label] = {side: [r["rows"][-1][side] for r in rows if not r["error"]] for side in WALKED}
    after = f"after {document['count']} requests"
    for side, name in WALKED.items():
        measured = f"gap in accuracy on {name}"
        for label in [m for m in (*ends, *failed) if m != "oracle"]:
            text = f"{after} {label} is within {ABOUT_EQUAL:g} points of retraining on {name}"
            broken = failed.get("oracle") or failed.get(label)
            if broken:
                yield unknown(text, "random", measured, broken)
                continue
            yield within(text, "random", measured, gap(ends, label, side), ABOUT_EQUAL)
            if label != DEL and DEL in ends:
                text = f"{after} DEL is nearer to retraining than {label}, on {name}"
                yield below(text, "random", f"distance in accuracy on {name}, less the other's", nearer(ends, DEL, label, side))


CLAIMS: dict[str, Callable[[Document], Iterator[Claim]]] = {
    "main": main, "vit": main, "budgets": budgets, "budgets-random": budgets, "ablations": ablations, "cost": cost,
    "fractions": fractions, "sequential": sequential, "control": control,
    **{f"budgets-{name}{more}": improved for name in ("randomlabel", "neggrad") for more in ("", "-random")},
}  # fmt: skip
