"""A network with low-rank adapters, which alone are trained."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import nn

from untrain.core.errors import MissingExtra, SpecError
from untrain.core.fields import Count, Positive
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.models.architectures.base import Architecture, checkpoint_of
from untrain.models.architectures.huggingfacelm import HuggingFaceLM

Adapters = Literal["auto", "never"]
LARGE = 2 * 10**9  # bytes of weights in a folder: a billion of two bytes, to train which takes 16 GB


class LoRA(Architecture):
    """A network that stays as it was made, with low-rank adapters beside its layers, which alone are trained and unlearned.

    What the network itself was trained on is not forgotten by what moves adapters. To move its weights, merge the adapters
    (``untrain.merge_adapter``), or unlearn by ``LowRank``, which adds a change to the weights. Localizers choose among the weights
    of adapters. ``untrain.write_adapter`` writes them as the peft library does, which reads them too. Statistics of batch norm
    are not weights: they move in training as ever.

    Args:
        model: the network.
        rank: of an adapter.
        scale: of what it adds (alpha of the paper over the rank).
        targets: names of layers, or what names end with, such as 'q_proj'; empty takes all linear layers but the head.
        adapter: folder of adapters to begin with, whose rank, scale and layers hold then; empty begins with adapters that add
            nothing.

    Source: Hu et al. 2021, arXiv 2106.09685; by the library peft.
    Departs: no dropout.
    """

    model: Architecture
    rank: Count = 8
    scale: Positive = 2.0
    targets: tuple[str, ...] = ()
    adapter: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.model, LoRA):
            raise SpecError("LoRA(model=LoRA(...)): a network has one set of adapters; name the network itself")
        if self.adapter and self.targets:
            raise SpecError("LoRA(adapter=...) has layers of its own: leave targets out")

    def normalises(self) -> bool:
        """True if its network does."""
        return self.model.normalises()

    def begins_alike(self) -> bool:
        """True if network and adapters are loaded."""
        return bool(self.adapter) and self.model.begins_alike()

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The inputs of its network."""
        return self.model.sees(shape)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The network with its adapters.

        Raises:
            ModelError: there is no such layer, or the adapters are not those of this network.
            MissingExtra: peft is not installed.
        """
        try:
            from untrain.models.transformers import adapters as library
        except ModuleNotFoundError as error:
            raise MissingExtra(f"LoRA needs {error.name}, which is not installed: pip install 'untrain[lora]'") from None
        net = self.model.build(shape, classes)
        if self.adapter:
            return library.adapted(net, self.adapter)
        return library.adapt(net, self.rank, self.scale, self.targets, checkpoint_of(self.model))


def weight_bytes(folder: Path) -> int:
    """Bytes of the weights in the folder of a model; 0 where it holds none, or there is no such folder."""
    # Beside the pieces 'model-00001-of-...' some folders hold the same weights once more, as 'consolidated'.
    files = list(folder.glob("model*.safetensors")) or list(folder.glob("*.safetensors"))
    return sum(file.stat().st_size for file in files)


def with_adapters(model: Architecture, adapters: Adapters) -> Architecture:
    """A language model of a folder with LoRA's adapters beside it, where its weights take more than ``LARGE``; others as they are.

    A note says so.
    """
    folder = user_path(model.checkpoint) if isinstance(model, HuggingFaceLM) and model.checkpoint else None
    if adapters == "never" or folder is None or getattr(model, "weights", "") != "pretrained":
        return model
    size = weight_bytes(folder)
    if size <= LARGE:
        return model
    add_note(
        f"{checkpoint_of(model)!r} has {size / 1e9:.1f} GB of weights: low-rank adapters are trained beside them, which stay "
        "(LoRA); adapters='never' trains all of them"
    )
    return LoRA(model=model)
