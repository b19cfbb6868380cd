"""Hugging Face transformers: classifiers of texts, of a checkpoint, or of a kind by its configuration."""

from __future__ import annotations

import transformers
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING as CLASSES
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as KINDS

from untrain.models.transformers.causal import of_checkpoint as token_checkpoint
from untrain.models.transformers.causal import token_settings
from untrain.models.transformers.config import (
    Config,
    Overrides,
    check_settings,
    class_of,
    config_with,
    draw_model,
    load_weights,
    plain_config,
)

WHAT = "text classifier"
HEADS = ("classifier", "score", "classification_head", "pre_classifier")  # names of last layers


def of_kind(kind: str, overrides: Overrides, length: int, vocabulary: int, classes: int) -> Config:
    """The configuration of a kind of model for rows of ``length`` tokens of a ``vocabulary`` and some classes.

    Raises:
        ModelError: there is no such kind or setting, or they do not go together.
    """
    plain = plain_config(kind, KINDS, WHAT)
    check_settings(plain, overrides, f"kind={kind!r}")
    settings = token_settings(plain, length, vocabulary) | {"num_labels": classes, "pad_token_id": 0}
    return config_with(kind, settings, overrides)


def of_checkpoint(name: str, overrides: Overrides, length: int, vocabulary: int, classes: int) -> Config:
    """The configuration of a checkpoint, which has to have as many places and tokens.

    Raises:
        ModelError: it has fewer, there is no such checkpoint or setting, or it is quantised.
    """
    config = token_checkpoint(name, overrides, length, vocabulary)
    if config.num_labels != classes:
        config.num_labels = classes
    return config


def drawn(config: Config) -> nn.Module:
    """A model with initial values from torch's global random state, in eval mode.

    Raises:
        ModelError: the settings make no model.
        MissingExtra: this kind needs a library that is not installed.
    """
    return draw_model(transformers.AutoModelForSequenceClassification, config)


def loaded(name: str, config: Config) -> nn.Module:
    """The model of a checkpoint in float32 and eval mode, from safetensors alone; a head of other size is drawn.

    Raises:
        ModelError: there are no such weights, or they are those of another model.
        MissingExtra: this kind needs a library that is not installed.
    """
    made = class_of(config, CLASSES, WHAT)
    return load_weights(made, name, config, head_names(draw_model(transformers.AutoModelForSequenceClassification, config)))


def head_names(model: nn.Module) -> tuple[str, ...]:
    """Names of the parameters of the last layers, as the library calls them."""
    return tuple(name for name, _ in model.named_parameters() if name.partition(".")[0] in HEADS)
