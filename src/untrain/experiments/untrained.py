"""The untrained model of a learner: its digest, and what is promised of it."""

from __future__ import annotations

import copy
import hashlib
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.code_reach import reach, values_read
from untrain.core.errors import ModelError
from untrain.core.foreign import foreign
from untrain.core.ownership import is_ours
from untrain.core.spec_sources import sources
from untrain.data.examples import Examples, batch_of
from untrain.data.fingerprint import array_digest
from untrain.models.newness import check_apart
from untrain.models.state import arrays
from untrain.models.tasks.base import Task
from untrain.training.base import Learner

ASKED = 2  # examples
DIGITS = ((torch.float64, 6), (torch.float32, 2))  # that outputs have on every machine


def network_of(learner: Learner, examples: Examples) -> str:
    """Digest of the untrained model: two functions of one name need not make the same one.

    It covers its layers and weights, and the code of their classes. Where code of the user takes part it covers all that this code
    reads as well, what the network puts out on a few examples, to a precision that every machine has, and the promises of
    ``check_start`` are tried.

    Raises:
        ModelError: a promise is broken.
    """
    if is_ours(learner):
        return _digest(_start(learner, examples, 0), reach_of=False)
    values = values_read(learner)
    model = check_start(learner, examples)
    outputs = _outputs(model, learner.task.resolve(examples), examples)
    # What changes while a network is made and asked is state, and no part of what it is.
    values.note_moves()
    code, of_key = reach(learner), sources(learner)
    again = _start(learner, examples, 0)
    if reach(learner) != code:
        code = ""
        if sources(learner) != of_key:
            raise ModelError(
                f"{learner!r} reads a value that changes each time it makes a network, so that stored models of it could not be "
                "found again: keep what counts or draws out of the code that makes the network"
            )
    steady = reach(again) == reach(model)
    return hashlib.sha256(f"{_digest(model, steady)} {code} {outputs}".encode()).hexdigest()


def check_start(learner: Learner, examples: Examples) -> nn.Module:
    """The untrained model for seed 0, after a trial of what is promised of it.

    Every call makes a new one, one seed gives the same weights twice, and two seeds give two, unless all are constants, the learner
    is deterministic or says that it begins alike.

    Raises:
        ModelError: a promise is broken.
    """
    who = repr(learner)
    model, again = _start(learner, examples, 0), _start(learner, examples, 0)
    check_apart(again, model, who)
    if _weights(model) != _weights(again):
        raise ModelError(f"{who} makes two initial weights for one seed: draw them from torch's generator alone")
    if learner.deterministic or learner.begins_alike or all(_is_constant(p) for p in model.parameters()):
        return model
    if _weights(model) == _weights(_start(learner, examples, 1)):
        raise ModelError(
            f"{who} makes the same initial weights for every seed, as where it loads them or sets a seed itself: oracles would "
            "begin with what others have learned, and models would not differ. Draw them from torch's generator; or, if they "
            "are of other data, make them in an Architecture whose begins_alike() is True"
        )
    return model


def check_trained(learner: Learner, trained: nn.Module, examples: Examples) -> None:
    """Refuse a learner whose trained model does not fit into the untrained one; every method begins in that one.

    Raises:
        ModelError: names or shapes of weights differ.
    """
    shapes = [
        {n: tuple(t.shape[1:] if n in getattr(m, "memory", ()) else t.shape) for n, t in m.state_dict().items()}
        for m in (_start(learner, examples, 0), trained)
    ]
    if shapes[0] != shapes[1]:
        name: str = next(n for n in (*shapes[1], *shapes[0]) if shapes[0].get(n) != shapes[1].get(n))
        raise ModelError(
            f"{learner!r} trains a model whose {name!r} is {shapes[1].get(name, 'missing')}, and init makes "
            f"{shapes[0].get(name, 'none')}: init has to make what is trained"
        )


def _start(learner: Learner, examples: Examples, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]), foreign(learner, draws=True):
        return learner.init(examples, seed)


def _weights(model: nn.Module) -> dict[str, str]:
    return {n: array_digest(np.atleast_1d(a)) for n, a in arrays(model).items()}


def _is_constant(p: Tensor) -> bool:
    return p.numel() == 0 or bool((p == p.reshape(-1)[0]).all())


def _digest(model: nn.Module, reach_of: bool) -> str:
    shape = re.sub(r" at 0x[0-9a-f]+", "", repr(model))  # addresses differ from process to process
    return hashlib.sha256(f"{shape}{_weights(model)}{reach(model, values=reach_of)}".encode()).hexdigest()


def _outputs(model: nn.Module, task: Task, examples: Examples) -> str:
    """Outputs of a model on a few examples, rounded; empty where it takes none, which training then reports."""
    batch = batch_of(examples, np.arange(min(ASKED, len(examples))), examples.x.device)
    for kind, digits in DIGITS:
        try:
            with torch.random.fork_rng(devices=[]), foreign("a forward pass", draws=True), torch.no_grad():
                torch.manual_seed(0)
                asked = copy.deepcopy(model).to(kind).eval()
                asked.register_forward_pre_hook(lambda _, inputs, kind=kind: tuple(_as(kind, each) for each in inputs))
                outputs = task.forward(asked, batch)
        except Exception:  # whatever the code of a network does with what it was not made for
            continue
        scale = outputs.abs().max()
        if bool(torch.isfinite(scale)) and scale > 0:
            return str(((outputs / scale).double() * 10**digits).round().long().tolist()) + f"{float(scale):.{digits}g}"
    return ""


def _as(kind: torch.dtype, value: Any) -> Any:
    return value.to(kind) if isinstance(value, Tensor) and value.is_floating_point() else value
