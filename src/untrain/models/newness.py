"""A check that a model was made anew: what was trained already would begin the next training where the last one ended."""

from __future__ import annotations

from torch import nn
from torch.utils.weak import WeakTensorKeyDictionary

from untrain.core.errors import ModelError

_made = WeakTensorKeyDictionary()


def check_new(model: nn.Module, who: str) -> nn.Module:
    """Return a model of a factory that no call has returned before, whole or in part.

    >>> net = nn.Linear(2, 2)
    >>> check_new(net, "make") is net
    True
    >>> check_new(nn.Sequential(net), "make")
    Traceback (most recent call last):
    ...
    untrain.core.errors.ModelError: make returns parameters that it has returned before ('0.weight'): every call has to make new \
ones, as by lambda: Net(), or training would go on where the last one ended

    Raises:
        ModelError: a parameter is one of a model that was made before.
    """
    parameters = list(model.named_parameters())
    old = next((name for name, p in parameters if p in _made), None)
    if old is not None:
        raise ModelError(
            f"{who} returns parameters that it has returned before ({old!r}): every call has to make new ones, as by "
            "lambda: Net(), or training would go on where the last one ended"
        )
    for _, p in parameters:
        _made[p] = True
    return model


def check_apart(model: nn.Module, other: nn.Module, who: str) -> None:
    """Refuse two models of a factory whose parameters lie in the same memory.

    Raises:
        ModelError: some do.
    """
    there = {p.untyped_storage().data_ptr() for p in other.parameters() if p.numel()}
    shared = next((n for n, p in model.named_parameters() if p.numel() and p.untyped_storage().data_ptr() in there), None)
    if shared is not None:
        raise ModelError(
            f"{who} makes models whose parameters lie in the same memory ({shared!r}): every call has to make new ones, as by "
            "clone()"
        )
