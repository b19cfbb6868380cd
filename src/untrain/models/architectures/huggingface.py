"""Image classifiers of Hugging Face transformers."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError, SpecError
from untrain.core.fields import Count
from untrain.models.architectures._transformers import Settings, digest_of, transformers_for
from untrain.models.architectures.base import Architecture

OWN = {"num_labels": "the data", "id2label": "the data", "label2id": "the data", "image_size": "size=... or the data"}
NOTE = "untrain_pixels"  # in config.json: how a model's pixels are prepared, so that save_pretrained keeps it


class HuggingFace(Architecture):
    """Image classifier of Hugging Face transformers, from a checkpoint or newly initialised.

    Name either ``checkpoint`` or ``kind``. Initial values are those of the checkpoint, and the head's as well where it
    has one logit per class; otherwise the head is drawn from the seed. A reset to 'fresh' or 'own' values
    and retraining begin there too: what the checkpoint itself was trained on is never forgotten by them. With
    ``weights='fresh'`` all initial values are drawn. Only safetensors are read, and no code of a checkpoint is run.

    The model is transformers' own class, so that ``save_pretrained`` writes it, with a preprocessor_config.json for pipelines.
    Before it sees images in [0, 1], grey ones get the channels of its own, they are resized, and normalised.

    Args:
        checkpoint: folder with config.json and model.safetensors, or a model on the hub as 'owner/name' or
            'owner/name@revision'.
        kind: a ``model_type`` of transformers, such as 'vit', 'resnet', 'convnext' or 'swin', made to the images' size.
        config: settings that differ from the checkpoint's or the kind's, such as {'hidden_size': 64}; kept as pairs.
        weights: whether a checkpoint's weights are loaded ('pretrained'), or drawn anew by its configuration ('fresh'); those
            of a kind are drawn.
        mean: subtracted from each channel, or one from all; empty for what the checkpoint was trained with, if any.
        std: divides the difference.
        size: pixels per side to which images are resized; None for what the checkpoint's config states, if anything.

    Source: Wolf et al. 2020, arXiv 1910.03771, and the papers of the models.
    Departs: attention is computed as written ('eager') and not by fused kernels; images are resized bilinearly, whole and
        never cropped, whatever the checkpoint's processor does.
    """

    checkpoint: str = ""
    kind: str = ""
    config: Settings = ()
    weights: Literal["pretrained", "fresh"] = "pretrained"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: Count | None = None

    def __post_init__(self) -> None:
        if bool(self.checkpoint) == bool(self.kind):
            raise SpecError("HuggingFace is made of either checkpoint='owner/name' (or a folder), or kind='vit' (or another)")
        for name, _ in self.config:
            if name.rpartition(".")[2] in OWN:
                raise SpecError(f"HuggingFace: config sets {name!r}, which comes from {OWN[name.rpartition('.')[2]]}: leave it out")
        if len(self.mean) != len(self.std) or not all(s > 0 for s in self.std):
            raise SpecError(f"HuggingFace: mean={self.mean} and std={self.std} need as many numbers each, and std above 0")

    def begins_alike(self) -> bool:
        """Return whether its values are those of a checkpoint."""
        return bool(self.checkpoint) and self.weights == "pretrained"

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The classifier with its initial values, in eval mode, for images (channels, height, width).

        Raises:
            ModelError: there is no such checkpoint, kind or setting, or the images do not fit it.
            MissingExtra: transformers, or a library that this kind needs, is not installed.
        """
        if len(shape) != 3:
            raise ModelError(f"HuggingFace takes images (channels, height, width), and these examples have shape {shape}")
        with transformers_for("HuggingFace"):
            from untrain.models.transformers import config as common
            from untrain.models.transformers import images as library
        side = None if self.size is None else (self.size, self.size)
        if self.kind:
            config = library.of_kind(self.kind, dict(self.config), shape, side or (shape[1], shape[2]), classes)
        else:
            config = library.of_checkpoint(self.checkpoint, dict(self.config), classes)
        stored = self.weights == "pretrained" and self.checkpoint
        net: Any = library.loaded(self.checkpoint, config) if stored else library.drawn(config)
        eye = library.seen_by(config)
        how = self._preparation(library, config) | ({} if side is None else {"size": side})
        channels = getattr(eye, "num_channels", shape[0])
        if shape[0] not in (1, channels):
            raise ModelError(f"{self!r} takes images of {channels} channels, and these have {shape[0]}: convert them")
        setattr(net.config, NOTE, how)
        net.head_names = library.heads(config)
        with common.plainly(f"how {self!r} prepares images"):
            size = _pair(how["size"] or getattr(eye, "image_size", None))
            net.pixels = Pixels(channels, size, how["mean"], how["std"], how["flip"])
        net.read_saved = common.read_saved
        wide = {name: how[name] * channels if len(how[name]) == 1 else how[name] for name in ("mean", "std")}
        net.save_pretrained = library.Saving(net, wide | {"flip": how["flip"], "size": size})
        net.pixels.model = f"transformers {common.VERSION}, config {digest_of(net.config)}"
        net.register_forward_pre_hook(_prepared, with_kwargs=True)
        network: nn.Module = net.eval()
        return network

    def normalises(self) -> bool:
        """As its checkpoint was trained, or as ``mean`` and ``std`` say."""
        return bool(self.checkpoint or self.mean)

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Images of ``size``, unless it is None."""
        return shape if self.size is None else (shape[0], self.size, self.size)

    def _preparation(self, library: ModuleType, config: Any) -> dict[str, Any]:
        """Preparation of pixels: as the checkpoint's config or its processor says, but for what the spec sets."""
        preparation: dict[str, Any] = {"mean": [0.0], "std": [1.0], "flip": False, "size": None} | (
            getattr(config, NOTE, None) or {}
        )
        if self.checkpoint and not hasattr(config, NOTE):
            preparation |= library.processing(self.checkpoint)
        return preparation | ({"mean": list(self.mean), "std": list(self.std)} if self.mean else {})


class Pixels(nn.Module):
    """Prepares images in [0, 1] for a classifier.

    Args:
        channels: of which an image has one already, or all.
        size: height and width to which images are resized; None leaves them.
        mean: subtracted from each channel, or one from all.
        std: divides the difference.
        flip: whether channels are turned round, RGB to BGR.
    """

    mean: Tensor
    std: Tensor
    model: str = ""

    def __init__(self, channels: int, size: tuple[int, int] | None, mean: Sequence[float], std: Sequence[float], flip: bool):
        super().__init__()
        if any(len(numbers) not in (1, channels) for numbers in (mean, std)):
            raise ModelError(f"images of {channels} channels cannot be normalised by mean={tuple(mean)} and std={tuple(std)}")
        self.channels, self.size, self.flip = channels, size, flip
        self.plain = set(mean) == {0.0} and set(std) == {1.0}
        # No part of the state dict, which stays that of the checkpoint.
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Images (b, channels, height, width), as the classifier wants them."""
        if x.shape[1] != self.channels:
            x = x.expand(-1, self.channels, -1, -1)
        if self.size is not None and tuple(x.shape[2:]) != self.size:
            x = F.interpolate(x, self.size, mode="bilinear", antialias=True)
        x = x.flip(1) if self.flip else x
        return x if self.plain else (x - self.mean) / self.std

    def extra_repr(self) -> str:
        """All that the logits depend on and that the layers' own words leave out: the store's keys contain it."""
        mean, std = self.mean.flatten().tolist(), self.std.flatten().tolist()
        return f"channels={self.channels}, size={self.size}, mean={mean}, std={std}, flip={self.flip}, {self.model}"


def _prepared(net: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if inputs:
        return (net.pixels(inputs[0]), *inputs[1:]), named
    return inputs, named | {"pixel_values": net.pixels(named["pixel_values"])}


def _pair(side: Any) -> tuple[int, int] | None:
    """Height and width, of one number for both or of two."""
    if side is None:
        return None
    high, wide = side if isinstance(side, Sequence) else (side, side)
    return int(high), int(wide)
