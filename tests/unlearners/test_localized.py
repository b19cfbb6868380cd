"""Every unlearner with every localizer: outside the mask bits are kept, inside something moves, the head does as it is told."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from methods import latin, localizers, name_of, that_move
from untrain.core.errors import ModelError
from untrain.core.spec import parse
from untrain.training.steps import Steps
from untrain.training.toy import small

UNLEARNERS = that_move("unlearner")
LOCALIZERS = localizers()
BRIEF = Steps(lr=0.01, epochs=1, batch=16)


def brief(made):
    """The same with one epoch, and with a threshold of SSD's that some weight passes in any mask."""
    made = replace(made, steps=BRIEF) if hasattr(made, "steps") else made
    return replace(made, select=0.5) if hasattr(made, "select") else made


BELOW = ("RMU",)  # which move what is below a layer in the middle
HEAD_ALONE = ("POUR",)  # whose changes are of the head, which a mask may leave out and free


@lru_cache(maxsize=32)
def found(localizer):
    """What a localizer by itself finds on the small problem."""
    return localizer(*small()).bits


def changes(made):
    """Name -> which weights an expression changed, and the names of the head."""
    model, problem = small()
    forgot = made(model, problem)
    moved = {n: p != forgot.get_parameter(n) for n, p in model.named_parameters()}
    return moved, problem.task.head(model)


@pytest.mark.parametrize(("unlearner", "localizer"), latin(UNLEARNERS, LOCALIZERS, 8), ids=name_of)
def test_every_unlearner_keeps_to_the_mask_of_every_localizer(unlearner, localizer):
    if name_of(unlearner) in BELOW and type(localizer).__name__ == "Deepest":
        with pytest.raises(ModelError, match="does not depend on any weight that may move: widen the mask"):
            changes(brief(unlearner) @ localizer)
        return
    moved, head = changes(brief(unlearner) @ localizer)
    mask = found(localizer)
    free = {n: b | (localizer.classifier == "full" and n in head) for n, b in mask.items()}
    assert not any(bool((moved[n] & ~free[n]).any()) for n in moved)
    wanted = free if name_of(unlearner) in HEAD_ALONE else mask
    assert any(bool((moved[n] & wanted[n]).any()) for n in moved)


HEADS = [replace(made, head=head) for made in LOCALIZERS if hasattr(made, "head") for head in ("full", "masked", "frozen")]


@pytest.mark.parametrize("localizer", HEADS, ids=repr)
def test_beside_every_localizer_the_head_moves_in_full_or_as_masked_or_not(localizer):
    moved, head = changes(parse("Finetune(steps=Steps(lr=0.05, epochs=1, batch=16))") @ localizer)
    for n in head:
        mask = found(localizer)[n]
        wanted = {"full": torch.ones_like(mask), "masked": mask, "frozen": torch.zeros_like(mask)}[localizer.head]
        assert torch.equal(moved[n], wanted)


@pytest.mark.parametrize(("unlearner", "head"), latin(UNLEARNERS, ["full", "masked", "frozen"], 3), ids=name_of)
def test_every_unlearner_does_as_told_about_the_head(unlearner, head):
    localizer = parse(f"WeightedGrad(per='weight', head={head!r})")
    if name_of(unlearner) in HEAD_ALONE and head == "frozen":
        with pytest.raises(ModelError, match="changes the head alone, and"):
            changes(brief(unlearner) @ localizer)
        return
    moved, parts = changes(brief(unlearner) @ localizer)
    mask = found(localizer)
    held = torch.cat([moved[n].flatten() for n in parts])
    bits = torch.cat([mask[n].flatten() for n in parts])
    assert bool((held & ~bits).any()) == (head == "full" and name_of(unlearner) not in BELOW)
    assert not (head == "frozen" and bool(held.any()))


SWITCHES = {
    "ResetFinetune(reset={}, steps=Steps(epochs=1)) @ WeightedGrad": ("'fresh'", "'own'", "'none'", "'perturb'"),
    "ResetFinetune(steps=Steps(epochs=1, buffers={})) @ WeightedGrad": ("'move'", "'freeze'", "'reestimate'"),
    "ResetFinetune(steps=Steps(epochs=1)) @ WeightedGrad(per='weight', head={})": ("'full'", "'masked'", "'frozen'"),
    "RandomLabel(draw={}, steps=Steps(epochs=1)) @ Gradient": ("'step'", "'once'"),
    "{} @ WeightedGrad": ("ResetFinetune(steps=Steps(epochs=1))", "SCRUB", "NegGrad(steps=Steps(epochs=1))"),
}


@pytest.mark.parametrize(("switch", "levels"), SWITCHES.items(), ids=SWITCHES)
def test_each_level_of_a_switch_of_the_ablations_makes_another_model(switch, levels):
    states = []
    for level in levels:
        forgot = parse(switch.format(level))(*small())
        states.append(torch.cat([held.double().flatten() for held in forgot.state_dict().values()]))
    assert not any(torch.equal(states[i], states[j]) for i in range(len(states)) for j in range(i))
