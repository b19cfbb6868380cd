"""Networks that crop and normalise their images themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from untrain.core.errors import ModelError, SpecError
from untrain.core.fields import Count, Positive
from untrain.models.architectures.base import Architecture


class Preprocessed(Architecture):
    """A network that first takes the middle of each image and normalises it, ``(x - mean) / std`` per channel.

    Training, localization, observers and unlearners all see the same. Augmented images that are no
    larger than ``crop`` keep their size. Parameters keep the names that they have without it.

    Args:
        model: the network.
        crop: most pixels on each side; None takes images whole.
        mean: subtracted from each channel, of pixels in [0, 1]; empty leaves them as they are.
        std: divides each channel then.

    Source: none; torchvision's CenterCrop and Normalize, as part of the model.
    """

    model: Architecture
    crop: Count | None = None
    mean: tuple[float, ...] = ()
    std: tuple[Positive, ...] = ()

    def __post_init__(self) -> None:
        if self.mean and self.model.normalises():
            raise SpecError(
                f"Preprocessed: {self.model!r} normalises its images itself, and they would be twice: leave out mean and std"
            )

    def normalises(self) -> bool:
        """True if ``mean`` is set, or its network normalises."""
        return bool(self.mean) or self.model.normalises()

    def begins_alike(self) -> bool:
        """Return whether its network does."""
        return self.model.begins_alike()

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The middle, as its network sees it."""
        return self.model.sees(self._middle(shape))

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """A freshly initialised network for images (channels, height, width).

        Raises:
            ModelError: the inputs are not images, or ``mean`` and ``std`` do not have one number per channel.
        """
        if len(shape) != 3:
            raise ModelError(f"{self!r} needs images (channels, height, width); these examples have shape {shape}")
        if len(self.mean) != len(self.std) or (self.mean and len(self.mean) != shape[0]):
            raise ModelError(
                f"mean={self.mean} and std={self.std} for images of {shape[0]} channels: give each one number per channel, or none"
            )
        network = self.model.build(self._middle(shape), classes)
        # A hook and no module around it: checkpoints keep their names. The outer of two comes first.
        network.register_forward_pre_hook(_Preparation(self.crop, self.mean, self.std), prepend=True)
        return network

    def _middle(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(side if self.crop is None else min(side, self.crop) for side in shape[1:]))


@dataclass(frozen=True)
class _Preparation:
    crop: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.of(inputs[0]), *inputs[1:])

    def of(self, x: Tensor) -> Tensor:
        for axis in (-2, -1):
            spare = 0 if self.crop is None else x.shape[axis] - self.crop
            x = x.narrow(axis, round(spare / 2), x.shape[axis] - spare) if spare > 0 else x
        if not self.mean:
            return x
        mean, std = (x.new_tensor(each)[:, None, None] for each in (self.mean, self.std))
        return (x - mean) / std
