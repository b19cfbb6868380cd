"""Promises of attributors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from untrain.attribution.base import Array, Attributor, TrainingEvidence
from untrain.attribution.toy import planted, trained
from untrain.core.contract import check_random_state_kept, require, seed_everything
from untrain.training.toy import marked, undone

NEAR = 1e-3  # share of the largest value by which two ways to the same values may differ: rounding, and solvers that stop


def it_finds_what_is_planted(made: Attributor) -> None:
    """Of a population whose logits are sums of planted effects it finds these, in their units and with their sign; of models, that
    training on an example raises the logit of its label more than training on another example does.

    Cure: let a value be positive where training on the example raises the output, and divide by nothing that is not in its formula.
    """
    if made.needs == "population":
        evidence, effects = planted()
        values = made(evidence)
        slope = float((values * effects).sum() / (effects**2).sum())
        fit = float(np.corrcoef(values.ravel(), effects.ravel())[0, 1])
        require(fit > 0.9, made, f"finds values whose correlation with the planted effects is {fit:.2f}")
        require(0.8 < slope < 1.2, made, f"finds {slope:.2f} times the planted effects")
        return
    evidence = _evidence(made)
    values, labels = made(evidence), evidence.train.y.cpu().numpy()
    on_label = values[:, np.arange(len(labels)), labels]
    own, mean = float(on_label.diagonal().mean()), float(on_label.mean())
    require(
        own > max(mean, 0.0), made, f"gives an example {own:.3g} for its own label's logit, and examples {mean:.3g} in the mean"
    )


def its_values_are_in_the_units_of_the_outputs(made: Attributor) -> None:
    """Of a population whose outputs are doubled, and moved by a constant, the values are doubled.

    Cure: put back what the outputs were divided by before they were fitted.
    """
    if made.needs == "population":
        evidence, _ = planted()
        outputs, _ = evidence.population()
        doubled = made(replace(evidence, outputs=2 * outputs + 5))
        _agree(made, 2 * made(evidence), doubled, "does not double its values where the outputs are doubled")


def it_finds_nothing_where_nothing_changes(made: Attributor) -> None:
    """An output that is the same in all models of a population owes nothing to any example.

    Cure: take care of outputs without spread before dividing by it.
    """
    if made.needs == "population":
        evidence, _ = planted()
        still = evidence.population()[0].copy()
        still[:, 3] = 7.0
        largest = float(np.abs(made(replace(evidence, outputs=still))[:, 3]).max())
        require(largest < 1e-5, made, f"attributes {largest:.3g} of an output that is the same in all models")


def it_is_blind_to_the_order_of_models(made: Attributor) -> None:
    """Models may come in any order.

    Cure: take means over models, and choose models by what they saw where some are set apart.
    """
    evidence = _evidence(made)
    arrays = {n: a[::-1] for n in ("outputs", "seen") if (a := getattr(evidence, n)) is not None}
    turned = replace(evidence, models=evidence.models[::-1], **arrays)
    _agree(made, made(evidence), made(turned), "depends on the order of models")


def an_example_has_the_values_alone_that_it_has_among_others(made: Attributor) -> None:
    """Values of some rows, for some of the queried examples, are those that they have when all are wanted.

    Cure: use all training examples whatever ``rows`` are, and treat each output by itself.
    """
    evidence = _evidence(made)
    rows, asked = np.array([4, 1]), np.array([7, 0, 2])
    _agree(made, made(evidence)[rows][:, asked], made(evidence, rows, asked), "gives rows other values alone than among all")


def it_leaves_the_model_alone(made: Attributor) -> None:
    """Parameters, buffers, gradients, modes and flags of models, the examples and the arrays are as they were.

    Cure: work on copies, or put everything back.
    """
    evidence = _evidence(made)
    before = {n: np.array(a) for n in ("outputs", "seen") if (a := getattr(evidence, n)) is not None}
    models = [marked(model) for model in evidence.models]
    for model in models or [None]:  # type: ignore[list-item]
        undone(made, model, (evidence.train, evidence.asked), lambda: made(evidence))
    spoiled = [name for name, array in before.items() if not np.array_equal(array, getattr(evidence, name))]
    require(not spoiled, made, f"changed what it was given: {', '.join(spoiled)}")


def it_leaves_the_random_state(made: Attributor) -> None:
    """torch's, numpy's and python's.

    Cure: draw from generators of its own, seeded by a field, and seed nothing global.
    """
    evidence = _evidence(made)
    check_random_state_kept(made, lambda: made(evidence))


def the_same_evidence_gives_the_same_values(made: Attributor) -> None:
    """Bit for bit, whatever the global random state.

    Cure: draw from generators of its own, seeded by a field.
    """
    evidence, values = _evidence(made), []
    for seed in (5, 6):
        seed_everything(seed)
        values.append(made(evidence))
    require(bool(np.array_equal(values[0], values[1])), made, "gives two tables for the same evidence")


def _evidence(made: Attributor) -> TrainingEvidence:
    return planted()[0] if made.needs == "population" else trained(made.learner)


def _agree(made: Attributor, one: Array, other: Array, broken: str) -> None:
    far = float(np.abs(one - other).max())
    require(far <= NEAR * float(np.abs(one).max()), made, f"{broken}: by {far:.3g}")
