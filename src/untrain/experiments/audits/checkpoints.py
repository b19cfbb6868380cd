"""Checkpoints of other people's code: state dicts, loaded strictly, never unpickled as code."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from untrain.core.errors import DataError, ModelError
from untrain.core.paths import user_path
from untrain.experiments.scene import Scene
from untrain.models.compatibility import check_fit
from untrain.models.state import load_state, memory_of

WRAPPED = ("state_dict", "model_state_dict", "model", "net")
SHOWN = 3


def read_state(source: Any, who: str) -> dict[str, Tensor]:
    """Read the weights of a model from a state dict, a module, or the path of a .safetensors file or one that ``torch.save`` wrote.

    Raises:
        DataError: there is no such file, or it holds more than tensors by name.
    """
    if isinstance(source, nn.Module):
        return dict(source.state_dict())
    content = source if isinstance(source, Mapping) else _read(user_path(source), who)
    wrapped = [name for name in WRAPPED if isinstance(content, Mapping) and isinstance(content.get(name), Mapping)]
    if len(wrapped) == 1:
        content = content[wrapped[0]]
    if not isinstance(content, Mapping) or not content or not all(isinstance(t, Tensor) for t in content.values()):
        raise DataError(
            f"{who} holds {_content(content)}: a state dict, tensors by name, is needed (torch.save(model.state_dict(), ...))"
        )
    if all(str(name).startswith("module.") for name in content):  # as a data-parallel wrapper names them
        content = {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
    return {str(name): tensor.detach().cpu() for name, tensor in content.items()}


def _content(content: Any) -> str:
    """What a file holds that is not a state dict, for a message."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    other = next((f"{name!r}, a {type(t).__name__}" for name, t in content.items() if not isinstance(t, Tensor)), "nothing")
    return f"{other}, and no state dict under any of {', '.join(WRAPPED)}"


def _read(path: Path, who: str) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of torch about a file that is refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{who}: there is no file {path}") from None
    except pickle.UnpicklingError:
        raise DataError(
            f"{who} holds more than tensors, which is never unpickled: save model.state_dict(), not the model"
        ) from None
    except (OSError, ValueError, EOFError, RuntimeError, KeyError, SafetensorError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{who} cannot be read as a checkpoint: {reason}") from None


def loaded(state: Mapping[str, Tensor], scene: Scene, who: str) -> nn.Module:
    """Load weights into a model of a scene's learner, in eval mode.

    Raises:
        ModelError: names or shapes of the weights are not those of the model, or some are NaN or infinite.
    """
    model = scene.learner.init(scene.data.train, 0)
    mine = model.state_dict()
    missing, strange = [n for n in mine if n not in state], [n for n in state if n not in mine]
    # Like torch itself, take a number from an array of one.
    memory = memory_of(model)  # a memory may have any number of rows

    def shape(name: str, tensor: Tensor) -> tuple[int, ...]:
        return (-1, *tensor.shape[1:]) if name in memory and tensor.ndim else tuple(tensor.shape) or (1,)

    other = [n for n in mine if n in state and shape(n, mine[n]) != shape(n, state[n])]
    if missing or strange or other:
        complaints = [f"{word} {_some(names)}" for word, names in (("missing", missing), ("unexpected", strange)) if names]
        if other:
            n = other[0]
            more = f" and {len(other) - 1} more differ" if len(other) > 1 else ""
            complaints.append(f"{n} has shape {tuple(state[n].shape)} and the model's {tuple(mine[n].shape)}{more}")
        raise ModelError(f"{who} does not fit the model of {type(scene.scenario).__name__}: {'; '.join(complaints)}")
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{who} holds NaN or infinite weights in {name}: its outputs would mean nothing")
    load_state(model, state)
    check_fit(model.eval(), scene.task, scene.data.train)
    return model


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
