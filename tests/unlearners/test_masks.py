"""Masks reach every unlearner: what is outside keeps its bits, whatever the optimizer."""

from dataclasses import fields, replace

import pytest
import torch

from methods import latin, name_of, that_move
from untrain.core.errors import RunFailed
from untrain.core.mask import Mask
from untrain.training.steps import SGD, AdamW, Steps
from untrain.training.toy import small

ALL = that_move("unlearner")
STEPPED = [made for made in ALL if any(f.name == "steps" for f in fields(made))]


def masked(share=0.3):
    """The small problem with a random mask of that share, and the mask's bits."""
    model, problem = small()
    draw = torch.Generator().manual_seed(11)
    bits = {n: torch.rand(p.shape, generator=draw) < share for n, p in model.named_parameters()}
    return model, replace(problem, mask=Mask(bits, problem.digest), head="masked"), bits


def held(made):
    """Whether all bits outside the mask are kept and some within are not."""
    model, problem, bits = masked()
    forgot = dict(made(model, problem).named_parameters())
    outside = all(torch.equal(p[~bits[n]], forgot[n][~bits[n]]) for n, p in model.named_parameters())
    inside = any(not torch.equal(p[bits[n]], forgot[n][bits[n]]) for n, p in model.named_parameters())
    return outside and inside


@pytest.mark.parametrize("made", ALL, ids=name_of)
def test_what_is_outside_keeps_its_bits(made):
    assert held(made)


@pytest.mark.parametrize(("made", "optimizer"), latin(STEPPED, [SGD(momentum=0.9, decay=0.1), AdamW(decay=0.1)], 2), ids=name_of)
def test_weight_decay_does_not_leak(made, optimizer):
    assert held(replace(made, steps=Steps(lr=0.01, epochs=2, batch=16, optimizer=optimizer)))


@pytest.mark.parametrize("made", ALL, ids=name_of)
def test_an_empty_mask_moves_nothing_or_is_refused_in_one_line(made):
    model, problem, bits = masked()
    none = Mask({n: torch.zeros_like(b) for n, b in bits.items()}, problem.digest)
    with pytest.raises((RunFailed, ValueError)) as caught:
        made(model, replace(problem, mask=none))
    assert "\n" not in str(caught.value)
