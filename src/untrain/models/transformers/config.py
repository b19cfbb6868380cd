"""Shared parts of adapters of Hugging Face transformers: places, settings and errors of the library."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers.utils import logging as bars

from untrain.core.errors import MissingExtra, ModelError, UntrainError, suggest
from untrain.core.paths import user_path

VERSION = str(transformers.__version__)
HUB_ID = r"\w[\w.-]*(/\w[\w.-]*)?"
# Attention written out: its operations are counted, and on a GPU no fused kernel's backward pass differs from run to run.
HOW = {"dtype": torch.float32, "attn_implementation": "eager"}

Config = Any  # a transformers.PreTrainedConfig
Overrides = Mapping[str, Any]


def plain_config(kind: str, kinds: Iterable[str], what: str) -> Config:
    """The configuration of a kind of model with the library's defaults.

    Args:
        kind: its ``model_type``.
        kinds: those that there are.
        what: such models are, as a noun.

    Raises:
        ModelError: there is no such kind.
    """
    if kind not in kinds:
        known = ", ".join(sorted(kinds))
        raise ModelError(f"transformers has no {what} of kind {kind!r}{suggest(kind, kinds)}; it has {known}")
    with plainly(f"kind={kind!r}"):
        return transformers.AutoConfig.for_model(kind)


def config_with(kind: str, given: dict[str, Any], overrides: Overrides) -> Config:
    """The configuration of a kind of model with some settings.

    Args:
        kind: its ``model_type``.
        given: settings, nested as in a config.json.
        overrides: name of a setting -> value; 'vision_config.hidden_size' for one of a part.

    Raises:
        ModelError: the settings do not go together.
    """
    for name, value in overrides.items():
        *path, last = name.split(".")
        inner = given
        for step in path:
            inner = inner.setdefault(step, {})
        inner[last] = listed(value)
    with plainly(f"kind={kind!r}"):
        return transformers.AutoConfig.for_model(kind, **given)


def config_of_checkpoint(name: str, overrides: Overrides) -> Config:
    """The configuration of a checkpoint, with some settings changed.

    Raises:
        ModelError: there is no such checkpoint or setting, or it is quantised.
    """
    who, (place, more) = f"checkpoint={name!r}", place_of(name)
    with plainly(who):
        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, **more)
    if getattr(config, "quantization_config", None):
        raise ModelError(f"{who} holds quantised weights, which cannot be trained: take the model that they were made of")
    check_settings(config, overrides, who)
    for setting, value in overrides.items():
        *path, last = setting.split(".")
        setattr(part_of(config, path), last, listed(value))
    return config


def class_of(config: Config, classes: Any, what: str) -> Any:
    """The library's classes for a configuration: one, or several.

    Args:
        config: of the model.
        classes: of a library's table, by the class of their configuration.
        what: such models are, as a noun.

    Raises:
        ModelError: it has none.
    """
    try:
        return classes[type(config)]
    except KeyError:
        raise ModelError(f"transformers has no {what} of kind {config.model_type!r}") from None


def draw_model(auto: Any, config: Config) -> nn.Module:
    """A model with initial values from torch's global random state, in eval mode.

    Args:
        auto: the library's class that makes such models.
        config: of the model.

    Raises:
        ModelError: the settings make no model.
        MissingExtra: this kind needs a library that is not installed.
    """
    with plainly(f"a model of kind {config.model_type!r}"):
        made: nn.Module = auto.from_config(config, trust_remote_code=False, **HOW)
    return made.eval()


def load_weights(made_by: Any, name: str, config: Config, drawn: Iterable[str] = ()) -> nn.Module:
    """The model of a checkpoint in float32 and eval mode, from safetensors alone.

    Args:
        made_by: the model's class.
        name: of the checkpoint.
        config: of the model.
        drawn: names of parameters that may be missing or of another shape, and are drawn then.

    Raises:
        ModelError: there are no such weights, or they are those of another model.
        MissingExtra: this kind needs a library that is not installed.
    """
    who, (place, more) = f"checkpoint={name!r}", place_of(name)
    if Path(place).is_dir() and not any(Path(place).glob("*.safetensors")):
        raise ModelError(f"{who} holds no .safetensors file, and no other is ever unpickled: write one with save_pretrained")
    if (Path(place) / "adapter_config.json").exists():
        raise ModelError(f"{who} holds an adapter and no whole model: merge it into its model first")
    with plainly(who):
        made, told = made_by.from_pretrained(
            place, config=config, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **HOW, **more
        )
    absent = {*told["missing_keys"], *(e if isinstance(e, str) else e[0] for e in told["mismatched_keys"])} - set(drawn)
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
        raise MissingExtra(f"{what}: {one_line(error)}") from None
    except Exception as error:  # the library lets errors of many others through
        raise ModelError(f"{what}: {one_line(error)}") from None
    finally:
        logging.disable(level)
        if shown:
            bars.enable_progress_bar()  # type: ignore[no-untyped-call]


def one_line(error: Exception) -> str:
    """The text of an error in one line."""
    return " ".join((str(error).strip() or type(error).__name__).split())[:300]


def place_of(name: str) -> tuple[str, dict[str, str]]:
    """A folder, or an id on the hub and, after '@', one of its revisions."""
    if user_path(name).is_dir():
        return str(user_path(name)), {}
    hub, _, revision = name.partition("@")
    if not re.fullmatch(HUB_ID, hub):
        raise ModelError(f"checkpoint={name!r}: there is no such folder, and no model on the hub is named so")
    return hub, {"revision": revision} if revision else {}


def check_settings(config: Config, overrides: Overrides, who: str) -> None:
    """Refuse a setting that the configuration does not have.

    Raises:
        ModelError: there is one.
    """
    for setting in overrides:
        *path, last = setting.split(".")
        part = part_of(config, path)
        if last.startswith("_") or callable(getattr(part, last, len)):
            known = [n for n in (config if part is None else part).to_dict() if not n.startswith("_")]
            raise ModelError(f"{who} has no setting {setting!r}{suggest(last, known)}; it has {', '.join(sorted(known))}")


def part_of(config: Config, path: list[str]) -> Config:
    """A part of a configuration, such as its ``vision_config``; None where it has none of the name."""
    for step in path:
        config = getattr(config, step, None)
    return config


def listed(value: Any) -> Any:
    """Lists where a spelling has tuples, as in a config.json."""
    return [listed(v) for v in value] if isinstance(value, tuple) else value
