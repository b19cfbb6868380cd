"""Hugging Face transformers: image classifiers of a checkpoint, or of a kind of model by its configuration."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING as CLASSES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as KINDS
from transformers.utils import logging as bars
from transformers.utils.hub import cached_file

from untrain.core.errors import MissingExtra, ModelError, UntrainError, suggest
from untrain.core.paths import user_path

VERSION = str(transformers.__version__)
PROCESSORS = (("processor_config.json", "image_processor"), ("preprocessor_config.json", ""))
HUB_ID = r"\w[\w.-]*(/\w[\w.-]*)?"
# Attention written out: its operations are counted, and on a GPU no fused kernel's backward pass differs from run to run.
HOW = {"dtype": torch.float32, "attn_implementation": "eager"}

Config = Any  # a transformers.PreTrainedConfig
Overrides = Mapping[str, Any]


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
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ModelError(f"transformers has no image classifier of kind {kind!r}{suggest(kind, KINDS)}; it has {known}")
    with plainly(f"kind={kind!r}"):
        plain = transformers.AutoConfig.for_model(kind)
    _known(plain, overrides, f"kind={kind!r}")
    given: dict[str, Any] = {"num_labels": classes}
    eye = seen_by(plain)
    part = given if eye is plain else given.setdefault("vision_config", {})
    if hasattr(eye, "image_size"):
        two = size[0] != size[1] or isinstance(eye.image_size, list | tuple)
        part["image_size"] = list(size) if two else size[0]
    if hasattr(eye, "num_channels"):
        part["num_channels"] = shape[0]
    for name, value in overrides.items():
        *path, last = name.split(".")
        inner = given
        for step in path:
            inner = inner.setdefault(step, {})
        inner[last] = _listed(value)
    with plainly(f"kind={kind!r}"):
        return transformers.AutoConfig.for_model(kind, **given)


def of_checkpoint(name: str, overrides: Overrides, classes: int) -> Config:
    """The configuration of a checkpoint, for ``classes`` answers.

    Raises:
        ModelError: there is no such checkpoint or setting, or it is quantised.
    """
    who, (place, more) = f"checkpoint={name!r}", _place(name)
    with plainly(who):
        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, **more)
    if getattr(config, "quantization_config", None):
        raise ModelError(f"{who} holds quantised weights, which cannot be trained: take one that does not")
    _known(config, overrides, who)
    for setting, value in overrides.items():
        *path, last = setting.split(".")
        setattr(_part(config, path), last, _listed(value))
    if config.num_labels != classes:
        config.num_labels = classes
    return config


def seen_by(config: Config) -> Config:
    """The part of a configuration that tells of images: itself, or its ``vision_config``."""
    return config if not hasattr(config, "vision_config") or hasattr(config, "image_size") else config.vision_config


def drawn(config: Config) -> nn.Module:
    """A model with initial values from torch's global random state, in eval mode.

    Raises:
        ModelError: the settings make no model.
        MissingExtra: this kind needs a library that is not installed.
    """
    _class(config)
    with plainly(f"a model of kind {config.model_type!r}"):
        auto: Any = transformers.AutoModelForImageClassification
        made: nn.Module = auto.from_config(config, trust_remote_code=False, **HOW)
    return made.eval()


def loaded(name: str, config: Config) -> nn.Module:
    """The model of a checkpoint in float32 and eval mode, from safetensors alone; a head of other size is drawn.

    Raises:
        ModelError: there are no such weights, or they are those of another model.
        MissingExtra: this kind needs a library that is not installed.
    """
    who, (place, more) = f"checkpoint={name!r}", _place(name)
    if Path(place).is_dir() and not any(Path(place).glob("*.safetensors")):
        raise ModelError(f"{who} holds no .safetensors file, and no other is ever unpickled: write one with save_pretrained")
    if (Path(place) / "adapter_config.json").exists():
        raise ModelError(f"{who} holds an adapter and no whole model: merge it into its model first")
    with plainly(who):
        made, told = _class(config).from_pretrained(
            place, config=config, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **HOW, **more
        )
    absent = {*told["missing_keys"], *(e if isinstance(e, str) else e[0] for e in told["mismatched_keys"])} - set(heads(config))
    if absent:
        some = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise ModelError(f"{who} does not hold the weights of its config: {min(absent)}{some} is missing or of another shape")
    model: nn.Module = made.eval()
    return model


def read_saved(model: Any, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
    """Weights by the names that the model has, of those that ``save_pretrained`` writes; None where they are others.

    Some kinds of model are saved under names of their own.
    """
    try:
        with plainly("weights"):
            made, told = type(model).from_pretrained(
                None, config=model.config, state_dict=dict(state), output_loading_info=True, ignore_mismatched_sizes=True, **HOW
            )
    except ModelError:
        return None
    whole = not (told["missing_keys"] or told["unexpected_keys"] or told["mismatched_keys"])
    return dict(made.state_dict()) if whole else None


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
    """What the image processor of a checkpoint does to pixels in [0, 1]: ``mean`` and ``std``, and ``flip`` of RGB to BGR.

    Raises:
        ModelError: it cannot be told whether there is one.
    """
    place, more = _place(name)
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


@contextmanager
def plainly(what: str) -> Iterator[None]:
    """Errors of the library, of whatever kind, in one line; neither progress bars nor log lines.

    Raises:
        MissingExtra: a further library is needed.
        ModelError: something else went wrong.
    """
    shown, level = bars.is_progress_bar_enabled(), logging.root.manager.disable
    bars.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.disable(logging.CRITICAL)
    try:
        yield
    except (UntrainError, MemoryError):
        raise
    except ImportError as error:
        raise MissingExtra(f"{what}: {_line(error)}") from None
    except Exception as error:  # the library lets errors of many others through
        raise ModelError(f"{what}: {_line(error)}") from None
    finally:
        logging.disable(level)
        if shown:
            bars.enable_progress_bar()  # type: ignore[no-untyped-call]


def _line(error: Exception) -> str:
    return " ".join((str(error).strip() or type(error).__name__).split())[:300]


def _place(name: str) -> tuple[str, dict[str, str]]:
    """A folder, or an id on the hub and, after '@', one of its revisions."""
    if user_path(name).is_dir():
        return str(user_path(name)), {}
    hub, _, revision = name.partition("@")
    if not re.fullmatch(HUB_ID, hub):
        raise ModelError(f"checkpoint={name!r}: there is no such folder, and no model on the hub is named so")
    return hub, {"revision": revision} if revision else {}


def _class(config: Config) -> Any:
    """The class that classifies images; of several the one that the configuration names, or else the first."""
    try:
        found: Any = CLASSES[type(config)]
    except KeyError:
        raise ModelError(f"transformers has no image classifier of kind {config.model_type!r}") from None
    several = found if isinstance(found, tuple) else (found,)
    chosen: Any = next((c for c in several if c.__name__ in (config.architectures or ())), several[0])
    if getattr(chosen, "main_input_name", "pixel_values") != "pixel_values":
        raise ModelError(f"{chosen.__name__} of transformers takes {chosen.main_input_name}, and no images by themselves")
    config.architectures = [chosen.__name__]
    return chosen


def _known(config: Config, overrides: Overrides, who: str) -> None:
    for setting in overrides:
        *path, last = setting.split(".")
        part = _part(config, path)
        if last.startswith("_") or callable(getattr(part, last, len)):
            known = [n for n in (config if part is None else part).to_dict() if not n.startswith("_")]
            raise ModelError(f"{who} has no setting {setting!r}{suggest(last, known)}; it has {', '.join(sorted(known))}")


def _part(config: Config, path: list[str]) -> Config:
    for step in path:
        config = getattr(config, step, None)
    return config


def _listed(value: Any) -> Any:
    """Lists where a spelling has tuples, as in a config.json."""
    return [_listed(v) for v in value] if isinstance(value, tuple) else value
