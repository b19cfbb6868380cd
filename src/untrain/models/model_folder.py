"""Folders of language models, as Hugging Face transformers has them: weights, configuration and tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.core.paths import user_path
from untrain.models.wrappers import unwrap

# What a folder has beside weights and configuration, by the names that transformers gives it.
BESIDE = (
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "vocab.txt", "merges.txt", "chat_template.jinja", "chat_template.json", "generation_config.json",
)  # fmt: skip


def write_model(model: nn.Module, folder: str | Path, source: str | Path) -> Path:
    """Write a language model to a folder in the format of the one that it came from, tokenizer and configuration too; the folder.

    Args:
        model: of ``HuggingFaceLM``, without adapters.
        folder: new, or empty.
        source: the folder that it came from.

    Raises:
        ModelError: it is not a model of transformers, or has adapters.
        DataError: the folder holds something, or the source is none.
    """
    net: Any = unwrap(model)
    at, origin = user_path(folder), user_path(source)
    if not hasattr(net, "save_pretrained"):
        kind = type(net).__name__
        raise ModelError(f"{kind} is not a model of transformers: write its weights, safetensors.torch.save_model(model, ...)")
    if any(".lora_" in name for name, _ in net.named_parameters()):
        raise ModelError(f"{type(net).__name__} has adapters: write them by write_adapter, or merge them first by merge_adapter")
    if not (origin / "config.json").is_file():
        raise DataError(f"{str(origin)!r} is not the folder of a model: it has no config.json")
    if at.is_dir() and any(at.iterdir()):
        raise DataError(f"{str(at)!r} holds something already, which is not overwritten: name a new folder")
    at.mkdir(parents=True, exist_ok=True)
    net.save_pretrained(str(at))
    for name in BESIDE:
        if (origin / name).is_file():
            shutil.copyfile(origin / name, at / name)
    return at
