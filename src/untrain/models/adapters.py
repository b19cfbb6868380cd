"""Adapters of a network: written to a folder, and added to its weights; by the peft library, imported when first needed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from torch import nn

from untrain.core.errors import MissingExtra


def merge_adapter(model: nn.Module) -> nn.Module:
    """Add the adapters of a network to its weights, in place, so that it is a network as any other.

    Args:
        model: made by ``LoRA(model=...)``.

    Raises:
        ModelError: it has no adapters.
        MissingExtra: peft is not installed.
    """
    merged: nn.Module = _library().merge_adapter(model)
    return merged


def write_adapter(model: nn.Module, folder: str | Path) -> Path:
    """Write the adapters of a network to a folder that ``LoRA(adapter=...)`` and peft read; the folder.

    Args:
        model: made by ``LoRA(model=...)``.
        folder: is made where it is not there.

    Raises:
        ModelError: it has no adapters, or has batch norm, whose statistics are in none.
        MissingExtra: peft is not installed.
    """
    written: Path = _library().write_adapter(model, folder)
    return written


def _library() -> ModuleType:
    try:
        from untrain.models.transformers import adapters
    except ModuleNotFoundError as error:
        raise MissingExtra(f"adapters need {error.name}, which is not installed: pip install 'untrain[lora]'") from None
    return adapters
