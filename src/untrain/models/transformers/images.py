"""Hugging Face transformers: image classifiers of a checkpoint, or of a kind of model by its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING as CLASSES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as KINDS
from transformers.utils.hub import cached_file

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
    place_of,
    plain_config,
    plainly,
)

PROCESSORS = (("processor_config.json", "image_processor"), ("preprocessor_config.json", ""))
WHAT = "image classifier"


def of_kind(kind: str, overrides: Overrides, shape: tuple[int, ...], size: tuple[int, int], classes: int) -> Config:
    """The configuration of a kind of model for ``classes`` answers, with images' size and channels where it holds them.

    Args:
        kind: its ``model_type``, such as 'vit'.
        overrides: name of a setting -> value; 'vision_config.hidden_size' for one of a part.
        shape: of an image, (channels, height, width).
        size: height and width at which the model sees it.
        classes: number of answers.

    Raises:
        ModelError: there is no such kind or setting, or they do not go together.
    """
    plain = plain_config(kind, KINDS, WHAT)
    check_settings(plain, overrides, f"kind={kind!r}")
    given: dict[str, Any] = {"num_labels": classes}
    eye = seen_by(plain)
    part = given if eye is plain else given.setdefault("vision_config", {})
    if hasattr(eye, "image_size"):
        two = size[0] != size[1] or isinstance(eye.image_size, list | tuple)
        part["image_size"] = list(size) if two else size[0]
    if hasattr(eye, "num_channels"):
        part["num_channels"] = shape[0]
    return config_with(kind, given, overrides)


def of_checkpoint(name: str, overrides: Overrides, classes: int) -> Config:
    """The configuration of a checkpoint, for ``classes`` answers.

    Raises:
        ModelError: there is no such checkpoint or setting, or it is quantised.
    """
    config = config_of_checkpoint(name, overrides)
    if config.num_labels != classes:
        config.num_labels = classes
    return config


def seen_by(config: Config) -> Config:
    """The part of a configuration about images: itself, or its ``vision_config``."""
    return config if not hasattr(config, "vision_config") or hasattr(config, "image_size") else config.vision_config


def drawn(config: Config) -> nn.Module:
    """A model with initial values from torch's global random state, in eval mode.

    Raises:
        ModelError: the settings make no model.
        MissingExtra: this kind needs a library that is not installed.
    """
    _class(config)
    return draw_model(transformers.AutoModelForImageClassification, config)


def loaded(name: str, config: Config) -> nn.Module:
    """The model of a checkpoint in float32 and eval mode, from safetensors alone; a head of other size is drawn.

    Raises:
        ModelError: there are no such weights, or they are those of another model.
        MissingExtra: this kind needs a library that is not installed.
    """
    return load_weights(_class(config), name, config, heads(config))


class Saving:
    """``save_pretrained`` of a model, which also writes how its images are prepared, as the library's pipelines read it.

    Args:
        model: what is saved.
        prepared: 'mean' and 'std' of each channel, 'flip' of RGB to BGR, and 'size', (height, width) or None.
    """

    def __init__(self, model: Any, prepared: Mapping[str, Any]) -> None:
        self.model, self.prepared = model, dict(prepared)

    def __call__(self, save_directory: Any, *args: Any, **named: Any) -> None:
        """Write config, weights and preprocessor_config.json into a folder."""
        type(self.model).save_pretrained(self.model, save_directory, *args, **named)
        mean, std, size = (self.prepared[name] for name in ("mean", "std", "size"))
        settings = {
            "image_processor_type": "ViTImageProcessor", "do_rescale": True, "rescale_factor": 1 / 255,
            "do_resize": size is not None, "resample": 2,  # bilinear
            "do_normalize": True, "image_mean": mean, "image_std": std,
        }  # fmt: skip
        if size is not None:
            settings["size"] = {"height": size[0], "width": size[1]}
        if self.prepared["flip"]:
            settings["do_flip_channel_order"] = True
        text = json.dumps(settings, indent=2) + "\n"
        (Path(save_directory) / PROCESSORS[1][0]).write_text(text, encoding="utf-8")


def heads(config: Config) -> tuple[str, ...]:
    """Names of the parameters whose shapes depend on the number of answers, as the model declares them."""
    shapes = []
    for more in (0, 1):
        other = deepcopy(config)
        other.num_labels = config.num_labels + more
        with plainly(f"a model of kind {config.model_type!r}"), torch.device("meta"):
            shapes.append({n: tuple(p.shape) for n, p in _class(other)(other).named_parameters()})
    return tuple(n for n, shape in shapes[0].items() if shapes[1][n] != shape)


def processing(name: str) -> dict[str, Any]:
    """The operation of a checkpoint's image processor on pixels in [0, 1]: ``mean`` and ``std``, and ``flip`` of RGB to BGR.

    Raises:
        ModelError: nothing shows whether there is one.
    """
    place, more = place_of(name)
    for file, inner in PROCESSORS:
        with plainly(f"{file} of checkpoint={name!r}, which says how images are prepared"):
            path = cached_file(place, file, _raise_exceptions_for_missing_entries=False, **more)
            held = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
            held = held.get(inner, {}) if inner else held
        if held:
            return _processing(held)
    return {}


def _processing(held: Mapping[str, Any]) -> dict[str, Any]:
    flip = bool(held.get("do_flip_channel_order", False))
    mean, std = held.get("image_mean"), held.get("image_std")
    # x is in [0, 1] already; a processor that scales bytes otherwise than by 255 is made up for here.
    scale = 255 * held.get("rescale_factor", 1 / 255) if held.get("do_rescale", True) else 255.0
    if not held.get("do_normalize", mean is not None) or mean is None or std is None:
        mean, std = [0.0], [1.0]
    mean, std = (list(v) if isinstance(v, list) else [v] for v in (mean, std))
    return {"mean": [m / scale for m in mean], "std": [v / scale for v in std], "flip": flip}


def _class(config: Config) -> Any:
    """The class that classifies images; of several the one that the configuration names, or else the first."""
    found = class_of(config, CLASSES, WHAT)
    several = found if isinstance(found, tuple) else (found,)
    chosen: Any = next((c for c in several if c.__name__ in (config.architectures or ())), several[0])
    if getattr(chosen, "main_input_name", "pixel_values") != "pixel_values":
        raise ModelError(f"{chosen.__name__} of transformers takes {chosen.main_input_name}, and no images by themselves")
    config.architectures = [chosen.__name__]
    return chosen
