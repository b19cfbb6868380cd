"""Promises of localizers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from untrain.core.contract import check_random_state_kept, require, seed_everything
from untrain.core.errors import BadInput, MaskError
from untrain.localizers.base import Localizer
from untrain.training.toy import UNITS, changes, marked, neuron, small, undone
from untrain.training.toy_text import small_text


def its_mask_has_the_shapes_of_the_weights(made: Localizer) -> None:
    """One bool tensor a parameter.

    Cure: return one tensor of bool for each of `model.named_parameters()`, of its shape.
    """
    model, problem = small()
    bits = made(model, problem).bits
    for name, p in model.named_parameters():
        require(
            name in bits and bits[name].dtype == torch.bool and bits[name].shape == p.shape,
            made,
            f"has no fitting mask of {name!r}",
        )


def it_keeps_the_share_that_was_asked_for(made: Localizer) -> None:
    """At most ``keep`` and not nothing; exactly, where single weights compete; by tensor, as the one it is ``like``.

    Cure: mark at most `keep` of all weights and at least one; with per='weight' exactly that many.
    """
    model, problem = small()
    total = sum(p.numel() for p in model.parameters())
    others: tuple[dict[str, Any], ...] = ({"keep": 0.3}, {"keep": 1.0}) if hasattr(made, "keep") else ()
    for each in [made, *(replace(made, **other) for other in others)]:
        counts = {n: int(b.sum()) for n, b in each(model, problem).bits.items()}
        count, room = sum(counts.values()), int(getattr(each, "keep", 1.0) * total + 1e-9)
        exact = getattr(each, "per", None) == "weight" or room == total == count
        require(0 < count <= room, made, f"keeps {count} of {total} weights where {room} may be")
        require(count == room or not exact, made, f"keeps {count} single weights where {room} were requested")
        if hasattr(each, "like"):
            like = {n: int(b.sum()) for n, b in each.like(model, problem).bits.items()}
            require(counts == like, made, f"keeps {counts}, and {each.like!r} keeps {like}")


def it_finds_a_planted_neuron(made: Localizer) -> None:
    """Of 12 units it marks the weights of the one that the forget set activates most; ``ignores_forget_set`` excuses a method.

    Cure: let the score of a weight follow from the forget set; a control that is not to, says so in `ignores_forget_set`.
    """
    for unit in () if made.ignores_forget_set() else range(UNITS):
        bits = made(*neuron(unit)).bits
        # What goes into each unit, and what comes out of it.
        marked = torch.cat([bits["0.weight"], bits["0.bias"][:, None], bits["2.weight"].T], 1).double().mean(1)
        rest = marked[torch.arange(UNITS) != unit].mean()
        require(bool(marked[unit] > rest), made, f"does not find unit {unit}, the only one that the forget set wakes")


def it_marks_weights_of_a_transformer(made: Localizer) -> None:
    """Of a text classifier with embeddings and layer norms its mask has the shapes of the weights, or it refuses in a line.

    Cure: ask the model by `problem.task.forward(model, batch)`, and give each parameter a mask, layer norms and embeddings too;
        what cannot work on texts raises `untrain.core.errors.ModelError`, with what would do.
    """
    model, problem = small_text()
    try:
        bits = made(model, problem).bits
    except MaskError:
        raise
    except BadInput:
        return
    unfit = [n for n, p in model.named_parameters() if n not in bits or bits[n].shape != p.shape]
    require(not unfit, made, f"has no fitting mask of {', '.join(unfit[:2])}, of a transformer")


def it_leaves_the_model_alone(made: Localizer) -> None:
    """Parameters, buffers, gradients, modes and flags of the model, and the examples, are as they were.

    Cure: work on a deepcopy, or put parameters, buffers, gradients, modes and flags back.
    """
    model, problem = small()
    marked(model)
    undone(made, model, (problem.forget, problem.rest), lambda: made(model, problem))


def it_leaves_the_random_state(made: Localizer) -> None:
    """torch's, numpy's and python's.

    Cure: draw from a generator seeded by `problem.seed`, and seed nothing global.
    """
    model, problem = small()
    check_random_state_kept(made, lambda: made(model, problem))


def the_same_seed_gives_the_same_mask(made: Localizer) -> None:
    """Bit for bit, whatever the global random state.

    Cure: draw from a generator seeded by `problem.seed`.
    """
    masks = []
    for seed in (5, 6):
        model, problem = small()
        seed_everything(seed)
        masks.append(dict(made(model, problem).bits))
    require(not changes(*masks), made, "gives two masks for one seed")
