"""Hugging Face transformers: models that predict the next token, of a checkpoint, or of a kind by its configuration."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING as CLASSES
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KINDS

from untrain.core.errors import ModelError
from untrain.models.transformers.config import (
    Config,
    Overrides,
    check_settings,
    class_of,
    config_of_checkpoint,
    config_with,
    draw_model,
    load_weights,
    plain_config,
    plainly,
)

WHAT = "model that predicts the next token"
PLACES = ("max_position_embeddings", "n_positions")  # names under which kinds have the number of places
SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id")


def of_kind(kind: str, overrides: Overrides, length: int, vocabulary: int) -> Config:
    """The configuration of a kind of model for rows of ``length`` tokens of a ``vocabulary``.

    Args:
        kind: its ``model_type``, such as 'llama' or 'gpt2'.
        overrides: name of a setting -> value.
        length: most tokens of a row.
        vocabulary: number of tokens.

    Raises:
        ModelError: there is no such kind or setting, or they do not go together.
    """
    plain = plain_config(kind, KINDS, WHAT)
    check_settings(plain, overrides, f"kind={kind!r}")
    return config_with(kind, token_settings(plain, length, vocabulary), overrides)


def token_settings(plain: Config, length: int, vocabulary: int) -> dict[str, Any]:
    """Settings of a kind for rows of so many tokens of a vocabulary."""
    places = {name: length for name in PLACES if hasattr(plain, name)}
    # Those of the published models are tokens of other vocabularies; which token ends an answer is the data's.
    return {"vocab_size": vocabulary, **places, **dict.fromkeys(SPECIAL)}


def of_checkpoint(name: str, overrides: Overrides, length: int, vocabulary: int) -> Config:
    """The configuration of a checkpoint, which has to have as many places and tokens.

    Raises:
        ModelError: it has fewer, there is no such checkpoint or setting, or it is quantised.
    """
    config = config_of_checkpoint(name, overrides)
    if config.vocab_size < vocabulary:
        raise ModelError(
            f"checkpoint={name!r} knows {config.vocab_size} tokens, and the data have {vocabulary}: take its own tokenizer, with "
            f"vocabulary={config.vocab_size}"
        )
    places = next((getattr(config, name) for name in PLACES if getattr(config, name, None)), None)
    if places is not None and places < length:
        raise ModelError(f"checkpoint={name!r} has {places} places, and rows have up to {length} tokens: take length={places}")
    return config


def drawn(config: Config) -> nn.Module:
    """A model with initial values from torch's global random state, in eval mode.

    Raises:
        ModelError: the settings make no model.
        MissingExtra: this kind needs a library that is not installed.
    """
    return draw_model(transformers.AutoModelForCausalLM, config)


def loaded(name: str, config: Config) -> nn.Module:
    """The model of a checkpoint in float32 and eval mode, from safetensors alone.

    Raises:
        ModelError: there are no such weights, or they are those of another model.
        MissingExtra: this kind needs a library that is not installed.
    """
    return load_weights(class_of(config, CLASSES, WHAT), name, config)


def head_names(model: Any) -> tuple[str, ...]:
    """Names of the parameters of the last layer; empty where its weight is an embedding's too."""
    layer, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    own = {id(p) for p in layer.parameters(recurse=False)} if isinstance(layer, nn.Module) else set()
    if any(id(p) in own for p in embedding.parameters()):
        return ()
    return tuple(name for name, p in model.named_parameters() if id(p) in own)


def as_asked(model: Any, dtype: str, checkpointing: bool) -> None:
    """Give a model's weights a type, in place, and let it keep less for gradients.

    Raises:
        ModelError: this kind always keeps all.
    """
    if dtype != "float32":
        model.to(getattr(torch, dtype))
        model.config.dtype = getattr(torch, dtype)  # so that it is written and read as such
    if checkpointing:
        with plainly("checkpointing=True"):
            # Named so since transformers 5.
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable({"use_reentrant": False})
