"""The last layer of a network, found by its number of outputs."""

from __future__ import annotations

from torch import nn

from untrain.core.errors import ModelError


def head_of(model: nn.Module, outputs: int, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of the head's parameters: those named here or by the model, or of the last layer with so many outputs.

    Args:
        model: the network.
        outputs: number of outputs that the head has.
        named: names of the parameters, where the user gives them.

    Raises:
        ModelError: no layer has as many outputs.
    """
    known = named or getattr(model, "head_names", ())
    if known:
        return tuple(known)
    wide = [part for part in model.modules() if width_of(part) >= outputs]
    if not wide:
        kind = f"{type(model).__name__} has no linear layer with {outputs} or more outputs"
        raise ModelError(f"{kind} to take for its head: name it with head_names=(...)")
    layer = ([part for part in wide if width_of(part) == outputs] or wide)[-1]
    own = {id(p) for p in layer.parameters(recurse=False)}
    # By identity: a tied weight has the name under which the model declares it first.
    return tuple(n for n, p in model.named_parameters() if id(p) in own)


def width_of(part: nn.Module) -> int:
    """Number of outputs of a layer that may be a head, 0 for others."""
    if isinstance(part, nn.Linear):
        return part.out_features
    return part.out_channels if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) else 0
