"""The document of an attribution: what raises and what lowers the margin of each queried example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from untrain.attribution.result import Attribution
from untrain.data.examples import Examples, take
from untrain.experiments.attribution_tables import labels_of, margin_effects, strongest
from untrain.experiments.run_record import named
from untrain.experiments.scene import Scene
from untrain.reports.formatting import label_text
from untrain.reports.shown import Shown, of_inputs

Array = np.ndarray[Any, Any]
Document = dict[str, Any]


def describe_attribution(
    scene: Scene, attribution: Attribution, chance: Array | None, asked: Array, base: Array, top: int
) -> Document:  # fmt: skip
    """Queried examples and what made their outputs so, as JSON has it.

    Args:
        scene: whose examples they are.
        attribution: values of all training examples for the queried ones.
        chance: values where memberships are shuffled; None where they were not.
        asked: places of the queried examples, among training examples followed by test examples, (t,).
        base: mean logits of the originals on all examples, (n + tests, c).
        top: number of training examples each way.
    """
    labels, shown_by = labels_of(scene), _shown_by(attribution)
    factors = np.where(np.arange(len(scene.data.train))[:, None] == asked, shown_by["own"], shown_by["others"])
    of = (base[asked], labels[asked], scene.task)
    effects = margin_effects(attribution.values, factors, *of)
    by_chance = None if chance is None else margin_effects(chance, factors, *of)
    margins = scene.task.signal({"logits": base[asked][None]}, labels[asked], "margin")[0]
    describe = _describer(scene)
    rows = []
    for at, place in enumerate(asked.tolist()):
        row = describe(place) | {
            "margin": float(margins[at]), "predicted": label_text(base[place].argmax(), _classes(scene)),
            "chance": None if by_chance is None else _reach(by_chance[:, at]),
        }  # fmt: skip
        for way, best in strongest(effects[:, at], top).items():
            row[way] = [describe(k) | {"value": float(effects[k, at]), "itself": k == place} for k in best.tolist()]
        rows.append(row)
    return {
        "scenario": repr(scene.scenario), "attributor": attribution.method, **attribution.facts, "train": len(scene.data.train),
        "forget": len(scene.forget_set.rows), "margin": scene.task.about_margin,
        "lds": {name: asdict(score) for name, score in attribution.lds.items()},
        "multipliers": None if attribution.multipliers is None else asdict(attribution.multipliers), "factors": shown_by,
        "asked": rows,
        "warnings": list(scene.notes),
    }  # fmt: skip


def _shown_by(attribution: Attribution) -> dict[str, float]:
    """The multipliers of shown values; where a multiplier corrects nothing, as it may be 0, they stand as they are."""
    fitted = attribution.multipliers
    return (
        {"own": 1.0, "others": 1.0} if fitted is None else {"own": fitted.own.factor or 1.0, "others": fitted.others.factor or 1.0}
    )


def show_examples(scene: Scene, document: Document) -> Mapping[str, Mapping[int, Shown]]:
    """All examples of a document as a page shows them: by set, 'train' or 'test', and row."""
    listed = [one for row in document["asked"] for one in (row, *row["raise"], *row["lower"])]
    return {
        name: _shown(scene, part, sorted({one["row"] for one in listed if one["set"] == name}))
        for name, part in (("train", scene.data.train), ("test", scene.data.test))
    }


def _shown(scene: Scene, part: Examples, rows: list[int]) -> dict[int, Shown]:
    if not rows:
        return {}
    inputs = of_inputs(scene.task.show(take(part, np.array(rows))), list(part.features) or None)
    return dict(zip(rows, inputs, strict=True))


def _describer(scene: Scene) -> Any:
    """A function from the place of an example to its set, row, id and labels."""
    data, classes, forget = scene.data, _classes(scene), set(np.asarray(scene.forget_set.rows).tolist())
    n, labels, true = len(data.train), labels_of(scene), labels_of(scene, true=True)

    def describe(place: int) -> Document:
        name, part, row = ("train", data.train, place) if place < n else ("test", data.test, place - n)
        given, truth = (label_text(of[place], classes) for of in (labels, true))
        return {
            "set": name, "row": row, "id": part.ids[row : row + 1].tolist()[0], "label": given,
            "true": None if truth == given else truth, "forget": place in forget,
        }  # fmt: skip

    return describe


def _classes(scene: Scene) -> list[str] | None:
    return named(scene.data.train).get("class_names")


def _reach(effects: Array) -> dict[str, float]:
    """The least and the greatest effect, or 0 where all are on one side of it."""
    return {"low": float(min(effects.min(), 0.0)), "high": float(max(effects.max(), 0.0))}
