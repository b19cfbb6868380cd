"""Estimated effects of a forget set on the outputs of a model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from untrain.core.errors import DataError
from untrain.data.examples import Examples


@dataclass(frozen=True, eq=False)
class Effects:
    """Estimates of how much training on the forget set raises each output, so that forgetting subtracts them.

    >>> Effects(forget=torch.ones(2, 3), retain=torch.zeros(8, 3)).forget.shape
    torch.Size([2, 3])

    Args:
        forget: on outputs of the examples to forget, such as logits (f, c), in their order.
        retain: on those of the retain set, (r, c), in its order.
        about: where they come from and how far to trust them, for the reader of the result.

    Raises:
        DataError: an estimate is NaN or infinite, or the two are of different outputs.
    """

    forget: Tensor
    retain: Tensor
    about: str = ""

    def __post_init__(self) -> None:
        shapes = [tuple(part.shape) for part in (self.forget, self.retain)]
        if shapes[0][1:] != shapes[1][1:]:
            raise DataError(f"effects on the forget and the retain set are of shapes {shapes[0]} and {shapes[1]}: outputs differ")
        if not all(bool(torch.isfinite(part).all()) for part in (self.forget, self.retain)):
            raise DataError("some effects are NaN or infinite: attribute again, with more models")

    @property
    def known(self) -> bool:
        """Return whether any effect is not 0."""
        return bool(self.forget.any()) or bool(self.retain.any())

    def check_covers(self, forget: Examples, retain: Examples | None) -> None:
        """Refuse effects on other examples, or other outputs, than those of a problem.

        Raises:
            DataError: their numbers differ, or there are fewer effects on an example than classes, where targets are classes.
        """
        for name, part, examples in (("forget", self.forget, forget), ("retain", self.retain, retain)):
            if examples is not None and len(part) != len(examples):
                raise DataError(f"there are effects on {len(part)} examples of the {name} set, which has {len(examples)}")
            # A model may have more outputs than there are classes; fewer effects would spread over all of them.
            if examples is not None and examples.classes and (part.ndim != 2 or part.shape[1] < examples.classes):
                shapes = f"{tuple(part.shape)}: one for each logit, {(len(examples), examples.classes)}"
                raise DataError(f"effects on the {name} set have shape {shapes}, is needed")

    def to(self, device: torch.device | None) -> Effects:
        """The effects on a device; None leaves them where they are."""
        return Effects(self.forget.to(device), self.retain.to(device), self.about)
