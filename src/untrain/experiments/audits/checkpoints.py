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
from untrain.experiments.scene import Scene
from untrain.models.compatibility import check_fit

WRAPPED = ("state_dict", "model_state_dict", "model", "net")
SHOWN = 3


def read_state(given: Any, who: str) -> dict[str, Tensor]:
    """The weights of a model: a state dict, a module, or the path of a .safetensors file or of what ``torch.save`` wrote.

    Raises:
        DataError: there is no such file, or it holds more than tensors by name.
    """
    if isinstance(given, nn.Module):
        return dict(given.state_dict())
    held = given if isinstance(given, Mapping) else _read(Path(given), who)
    wrapped = [name for name in WRAPPED if isinstance(held, Mapping) and isinstance(held.get(name), Mapping)]
    if len(wrapped) == 1:
        held = held[wrapped[0]]
    if not isinstance(held, Mapping) or not held or not all(isinstance(t, Tensor) for t in held.values()):
        raise DataError(
            f"{who} holds {_told(held)}: a state dict, tensors by name, is needed (torch.save(model.state_dict(), ...))"
        )
    if all(str(name).startswith("module.") for name in held):  # as a data-parallel wrapper names them
        held = {str(name).removeprefix("module."): tensor for name, tensor in held.items()}
    return {str(name): tensor.detach().cpu() for name, tensor in held.items()}


def _told(held: Any) -> str:
    if not isinstance(held, Mapping):
        return type(held).__name__
    other = next((f"{name!r}, a {type(t).__name__}" for name, t in held.items() if not isinstance(t, Tensor)), "nothing")
    return f"{other}, and no state dict under any of {', '.join(WRAPPED)}"


def _read(path: Path, who: str) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch has to say of a file that is refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{who}: there is no file {path}") from None
    except pickle.UnpicklingError:
        raise DataError(
            f"{who} holds more than tensors, which is never unpickled: save model.state_dict(), not the model"
        ) from None
    except (OSError, ValueError, EOFError, RuntimeError, KeyError, SafetensorError, zipfile.BadZipFile) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{who} cannot be read as a checkpoint: {told}") from None


def loaded(state: Mapping[str, Tensor], scene: Scene, who: str) -> nn.Module:
    """A model of a scene's learner with these weights, in eval mode.

    Raises:
        ModelError: names or shapes of the weights are not those of the model, or some are NaN or infinite.
    """
    model = scene.learner.init(scene.data.train, 0)
    mine = model.state_dict()
    missing, strange = [n for n in mine if n not in state], [n for n in state if n not in mine]
    # As torch itself does, a number is taken from an array of one.
    other = [n for n in mine if n in state and (mine[n].shape or (1,)) != (state[n].shape or (1,))]
    if missing or strange or other:
        complaints = [f"{word} {_some(names)}" for word, names in (("missing", missing), ("unexpected", strange)) if names]
        if other:
            n = other[0]
            more = f" and {len(other) - 1} more differ" if len(other) > 1 else ""
            complaints.append(f"{n} has shape {tuple(state[n].shape)} and the model's {tuple(mine[n].shape)}{more}")
        raise ModelError(f"{who} does not fit the model of {type(scene.scenario).__name__}: {'; '.join(complaints)}")
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{who} holds NaN or infinite weights in {name}: it cannot be asked")
    model.load_state_dict(dict(state))
    check_fit(model.eval(), scene.task, scene.data.train)
    return model


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
