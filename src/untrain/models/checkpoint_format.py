"""Checkpoint files written again in their own format: with other weights, and nothing else of the old ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.core.tensor_files import write_tensors
from untrain.models.checkpoint_files import KEY, State, states_in
from untrain.models.checkpoints import FoundState, find_state, stored_names
from untrain.models.state import load_state


@dataclass(frozen=True, eq=False)
class CheckpointFile:
    """A checkpoint file and the weights that were found in it.

    Args:
        path: of the file.
        found: its content, and where the weights are.
        metadata: text by name, as safetensors keep it; None where the file is one of ``torch.save``.
    """

    path: Path
    found: FoundState
    metadata: dict[str, str] | None

    @property
    def kind(self) -> str:
        """The format: 'safetensors' or 'torch'."""
        return "torch" if self.metadata is None else "safetensors"

    @property
    def types(self) -> dict[str, torch.dtype]:
        """The type in which each weight is stored, by the model's name."""
        state = states_in(self.found.content, str(self.path))[self.found.at]
        return {own: state[stored].dtype for own, stored in self._names().items()}

    def rounded(self, model: nn.Module) -> nn.Module:
        """Round the weights of a model in place to the types in which they will be stored; the model."""
        types = self.types
        state = {
            name: value.to(types[name]).to(value.dtype) if name in types else value for name, value in model.state_dict().items()
        }
        return load_state(model, state)

    def write(self, model: nn.Module, file: Path) -> None:
        """Write the file again with the weights of a model: the same keys, names, types and metadata.

        Other state dicts that fit the model, such as averages of weights, become the new weights too. State of optimizers is
        emptied, and other tensors are left out: they come of training on what is forgotten. Notes report each.

        Args:
            model: of the kind of which the weights are.
            file: to write.
        """
        states = states_in(self.found.content, str(self.path))
        plan = {place: stored_names(model, state) for place, state in states.items() if place != self.found.at}
        plan[self.found.at] = self._names()
        own = model.state_dict()
        content = _rewritten(self.found.content, "", lambda place, state: _with_weights(state, plan.get(place), own))
        averages = [place for place, names in plan.items() if names is not None and place != self.found.at]
        if averages:
            add_note(f"{', '.join(map(repr, averages))} held weights of the model as well, and now hold the new ones")
        if self.metadata is not None:
            write_tensors({name: value.contiguous() for name, value in content.items()}, file, self.metadata)
        else:
            # Given a path, torch writes the name of the file into it, so that two equal checkpoints would have two digests.
            with file.open("wb") as opened:
                torch.save(content, opened)

    def _names(self) -> dict[str, str]:
        if self.found.names is None:
            raise ModelError(f"{self.path} holds weights under names that only its library writes: give the folder of the model")
        state = states_in(self.found.content, str(self.path))[self.found.at]
        return {own: stored for own, stored in self.found.names.items() if stored in state}


def open_checkpoint(source: str | Path, make: Callable[[], nn.Module], who: str, what: str) -> CheckpointFile:
    """Open a checkpoint file, to write it again later.

    Args:
        source: a file, or FILE#PLACE, of safetensors or ``torch.save``.
        make: makes the model whose weights they have to be.
        who: name of the checkpoint in messages.
        what: name of the model in messages.

    Raises:
        DataError: as of ``find_state``.
        ModelError: as of ``find_state``.
    """
    found = find_state(source, make, who, what)
    path = user_path(source)
    if not path.exists() and KEY in str(source):
        path = user_path(str(source).rpartition(KEY)[0])
    if path.is_dir():
        raise ModelError(f"{who} is a folder without config.json: name the file of weights in it")
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:9] != b"{":
        return CheckpointFile(path, found, None)
    with safe_open(path, framework="pt") as opened:
        return CheckpointFile(path, found, dict(opened.metadata() or {}))


def _with_weights(state: State, names: Mapping[str, str] | None, own: Mapping[str, Tensor]) -> State | None:
    """A state dict with the weights of a model under its own names and types; None where it is not one of the model."""
    if names is None:
        return None
    new = {stored: own[name].detach().cpu().to(state[stored].dtype).clone() for name, stored in names.items() if stored in state}
    return {name: new[name] for name in state if name in new}


def _rewritten(content: Any, place: str, weights: Callable[[str, State], State | None]) -> Any:
    """A copy of what a checkpoint holds with other weights; see ``CheckpointFile.write``."""
    if isinstance(content, Mapping):
        tensors = {name: value for name, value in content.items() if isinstance(value, Tensor) and isinstance(name, str)}
        new = weights(place, tensors) if tensors else {}
        optimizer = {"state", "param_groups"} <= content.keys()
        if optimizer and content["state"]:
            add_note(f"the state of the optimizer under {place!r} is emptied: it comes of training on what is forgotten")
        lost = [name for name, value in content.items() if _is_large(value) and name not in (new or {})]
        if lost and not optimizer:
            where = f" of {place!r}" if place else ""
            add_note(f"{len(lost)} tensors{where} that are not weights of the model are left out, such as {lost[0]!r}")
        made: Any = {}
        for name, value in content.items():
            inner = f"{place}.{name}" if place else str(name)
            if isinstance(value, Tensor):
                if new and name in new:
                    made[name] = new[name]
                elif not _is_large(value):
                    made[name] = value
            elif optimizer and name == "state":
                made[name] = {}
            else:
                made[name] = _rewritten(value, inner, weights)
        return _as_before(content, made)
    if isinstance(content, list | tuple):
        parts = [_rewritten(value, f"{place}.{at}" if place else str(at), weights) for at, value in enumerate(content)]
        return type(content)(parts) if type(content) in (list, tuple) else parts
    return None if _is_large(content) else content


def _is_large(value: Any) -> bool:
    """Return whether something is a tensor of more than one number."""
    return isinstance(value, Tensor) and value.numel() > 1


def _as_before(content: Mapping[Any, Any], made: dict[Any, Any]) -> Mapping[Any, Any]:
    """A mapping of the kind that it was, where torch loads it again without unpickling."""
    kind: Any = type(content)
    return made if kind is dict else kind(made) if kind.__name__ == "OrderedDict" else made
