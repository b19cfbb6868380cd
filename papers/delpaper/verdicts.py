"""The paper's claims, each with where it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from delpaper.claims import Claim, above, below, gap, interval, lower, nearer, unknown, within
from delpaper.experiments import KEEPS, SOME_KEEPS

Document = dict[str, Any]
Models = dict[str, dict[str, list[float]]]
DEL, CONTROL = "ResetFinetune @ WeightedGrad", "ResetFinetune @ RandomMask"
DEEP, SHALLOW, CRITICAL = (f"ResetFinetune @ {n}" for n in ("Deepest", "Shallowest", "CriticalNeurons"))
FORGET, TEST, MIA = "gap in forget accuracy", "gap in test accuracy", "gap in the efficacy of SalUn's attack"
NEARER = "distance in forget accuracy from the oracles, its less the other's"
ABOUT_EQUAL = 2.0  # points within which two things count as equal, set before any result was seen


def of(document: Document, request: str, **where: Any) -> Models:
    """Single models by label, of the rows of a request that fit, with those of the oracles."""
    found: Models = {}
    for row in document["rows"]:
        if row["request"] == request and all(row.get(k) == v for k, v in where.items()) and not row.get("error"):
            found[row["label"]] = row["models"]
            found["oracle"] = document["oracles"][row["scenario"]]
    return found


def tried(text: str, where: str, measured: str, needs: tuple[str, ...], models: Models, make: Callable[[], Claim]) -> Claim:
    """The claim, or why it cannot be judged."""
    missing = [n for n in needs if n not in models]
    return unknown(text, where, measured, f"{missing[0]} failed") if missing else make()


def main(document: Document) -> list[Claim]:
    """Of the main tables."""
    return list(_main(document))


def _main(document: Document) -> Iterator[Claim]:
    for request in ("random", "classes"):
        models = of(document, request)
        if DEL not in models:
            continue
        for side, name in (("forget", FORGET), ("mia", MIA), ("test", TEST)):
            yield within(f"DEL's {name} is within 1 point", request, name, gap(models, DEL, side), 1.0)
        for other in models:
            if other in (DEL, "oracle") or "oracle-tuned" in other:
                continue
            text = f"DEL comes nearer to retraining than {other}"
            yield below(text, request, NEARER, nearer(models, DEL, other))
        for side, word in (("forget", "forgets"), ("test", "is on test data")):
            text = f"a random mask of equal counts is clearly worse than DEL's: how far it {word} from retraining"
            yield tried(
                text,
                request,
                side,
                (CONTROL,),
                models,
                lambda s=side, t=text: below(
                    t, request, f"distance in {s} accuracy, DEL's less the random mask's", nearer(models, DEL, CONTROL, s)
                ),
            )  # type: ignore[misc]
        text = "Deepest keeps test accuracy: higher than Shallowest's"
        yield tried(
            text,
            request,
            TEST,
            (DEEP, SHALLOW),
            models,
            lambda t=text: above(
                t, request, "test accuracy of Deepest less that of Shallowest", lower(models, SHALLOW, DEEP, "test")
            ),
        )  # type: ignore[misc]
        text = "Shallowest forgets better than Deepest"
        yield tried(
            text, request, NEARER, (DEEP, SHALLOW), models, lambda t=text: below(t, request, NEARER, nearer(models, SHALLOW, DEEP))
        )  # type: ignore[misc]
        text = "CritMem comes no nearer to retraining than full finetuning from random labels"
        yield tried(
            text,
            request,
            NEARER,
            (CRITICAL, "RandomLabel"),
            models,
            lambda t=text: above(t, request, NEARER, nearer(models, CRITICAL, "RandomLabel")),
        )  # type: ignore[misc]


def budgets(document: Document) -> list[Claim]:
    """Of the curves."""
    return list(_budgets(document))


def _budgets(document: Document) -> Iterator[Claim]:
    for request, keeps in (("classes", KEEPS), ("random", SOME_KEEPS)):
        at = {keep: of(document, request, keep=keep) for keep in keeps}
        models = at[0.3]
        for unlearner in ("RandomLabel", "NegGrad"):
            one, whole = f"{unlearner} @ WeightedGrad", at[1.0]
            text = f"DEL's mask improves {unlearner}: nearer to retraining at 30 % than with all weights"
            if one in models and one in whole:
                both = {**models, "whole": whole[one]}
                yield below(text, request, NEARER, nearer(both, one, "whole"))
        for other in ("Gradient", "WeightMagnitude", "Fisher", "Deepest", "Shallowest", "CriticalNeurons", "RandomMask"):
            name = f"ResetFinetune @ {other}"
            text = f"at 30 %, reset and finetune come nearer to retraining with DEL's mask than with {other}"
            yield tried(
                text, request, NEARER, (DEL, name), models, lambda t=text, n=name: below(t, request, NEARER, nearer(models, DEL, n))
            )  # type: ignore[misc]
        for keep in keeps:
            if DEL in at[keep]:
                yield within(
                    f"DEL's gap is within {ABOUT_EQUAL:g} points at {100 * keep:g} %",
                    request,
                    FORGET,
                    gap(at[keep], DEL, "forget"),
                    ABOUT_EQUAL,
                )
        yield from _on(models, request)


def _on(models: Models, request: str) -> Iterator[Claim]:
    """Score on the forget set against score on all training data."""
    agnostic = f"{DEL} on all"
    if DEL not in models or agnostic not in models:
        return
    found = nearer(models, DEL, agnostic)
    if request == "random":
        text = f"for a random request the score may be taken on all training data: distances differ by less than {ABOUT_EQUAL:g} points"
        yield within(text, request, NEARER, found, ABOUT_EQUAL)
    else:
        text = "for two classes the score has to be taken on the forget set: it comes nearer than the one on all data"
        yield below(text, request, NEARER, found)


def ablations(document: Document) -> list[Claim]:
    """Of the ablations."""
    return list(_ablations(document))


def _ablations(document: Document) -> Iterator[Claim]:
    base = "WeightedGrad per channel"
    for request in ("random", "classes"):
        models = of(document, request, ablation="criterion")
        for other in [m for m in models if m not in (base, "oracle")]:
            if base in models:
                yield below(
                    f"weighted gradients per channel come nearer than {other}", request, NEARER, nearer(models, base, other)
                )
        for name, one, other in (
            ("reset", "fresh", "none"), ("head", "full", "masked"), ("head", "full", "frozen"), ("buffers", "move", "freeze"),
            ("unit", "whole", "elements"), ("code", "paper", "authors' code"), ("on", "forget", "all"),
        ):  # fmt: skip
            held = of(document, request, ablation=name)
            if one in held and other in held:
                text = f"{name}: {one} comes nearer to retraining than {other}"
                yield below(text, request, NEARER, nearer(held, one, other))
        heights = of(document, request, ablation="h")
        for h in [h for h in heights if h not in ("cout10", "oracle")]:
            text = f"h: {h} does as well as the authors' rule within {ABOUT_EQUAL:g} points"
            if "cout10" in heights:
                yield within(text, request, NEARER, nearer(heights, h, "cout10"), ABOUT_EQUAL)


def cost(document: Document) -> list[Claim]:
    """Of cost against gap."""
    found = []
    for request in ("random", "classes"):
        for share in sorted({r["share"] for r in document["rows"]}, reverse=True):
            models = of(document, request, share=share)
            for other in [m for m in models if m not in (DEL, "oracle")]:
                if DEL in models:
                    text = f"with {100 * share:g} % of retraining's operations DEL comes nearer than {other}"
                    found.append(below(text, request, NEARER, nearer(models, DEL, other)))
    return found


def fractions(document: Document) -> list[Claim]:
    """Of the sizes of forget sets."""
    found = []
    for fraction in sorted({r["fraction"] for r in document["rows"]}):
        models = of(document, "random", fraction=fraction)
        for other in [m for m in models if m not in (DEL, "oracle")]:
            if DEL in models:
                text = f"with {100 * fraction:g} % to forget DEL comes nearer than {other}"
                found.append(below(text, "random", NEARER, nearer(models, DEL, other)))
    return found


def sequential(document: Document) -> list[Claim]:
    """Of requests in a row: the last request against the first."""
    found = []
    rows = [r for r in document["rows"] if not r["error"]]
    oracles = [r["rows"] for r in rows if r["label"] == "oracle"]
    for label in dict.fromkeys(r["label"] for r in rows if r["label"] != "oracle"):
        walks = [r["rows"] for r in rows if r["label"] == label]
        for side, name in (("forgotten", "all that was to be forgotten"), ("test", "test data")):
            last, truth = (np.array([w[-1][side] for w in group]) for group in (walks, oracles))
            value = tuple(round(100 * v, 2) for v in interval([last], truth, lambda m, o: o - m[0]))
            text = f"after {document['count']} requests {label} is within {ABOUT_EQUAL:g} points of retraining on {name}"
            found.append(within(text, "random", f"gap in accuracy on {name}", value, ABOUT_EQUAL))  # type: ignore[arg-type]
    return found


CLAIMS: dict[str, Callable[[Document], list[Claim]]] = {
    "main": main, "vit": main, "budgets": budgets, "ablations": ablations, "cost": cost, "fractions": fractions,
    "sequential": sequential,
}  # fmt: skip
