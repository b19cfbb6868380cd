"""Checkpoints of other people's code as weights of a model; torch says whether they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from untrain.core.errors import DataError, ModelError
from untrain.core.metering import add_note, metered
from untrain.models.checkpoint_files import KEY, State, read_content, states_in
from untrain.models.state import load_state, memory_of
from untrain.models.wrappers import renamed, unwrap

SHOWN = 3


@dataclass(frozen=True, eq=False)
class FoundState:
    """The weights of a model in what a checkpoint holds.

    Args:
        content: all that the checkpoint holds.
        at: place of the weights in it, such as 'ema.model'; empty where it is nothing else.
        state: the weights under the model's names.
        names: the name of each weight in the checkpoint, by the model's; None where the model's class reads others itself.
    """

    content: Any
    at: str
    state: State
    names: dict[str, str] | None


def read_state(source: Any, make: Callable[[], nn.Module], who: str, what: str) -> State:
    """Read the weights of a checkpoint, under the names that a model gives them; the rest is as of ``find_state``."""
    return find_state(source, make, who, what).state


def find_state(source: Any, make: Callable[[], nn.Module], who: str, what: str) -> FoundState:
    """Find the weights of a model in a checkpoint.

    Args:
        source: a state dict, a module, or the path of a .safetensors file, of one that ``torch.save`` wrote, or of a folder that
            ``save_pretrained`` wrote. The weights may lie anywhere in it, and be those of a wrapped model.
        make: makes the model whose weights they have to be, once the file is read.
        who: name of the checkpoint in messages.
        what: name of the model in messages.

    Raises:
        DataError: it cannot be read, holds no state dict, or several that fit.
        ModelError: names or shapes of the weights are not those of the model, or some are NaN or infinite.
    """
    if isinstance(source, nn.Module):
        source = unwrap(source).state_dict()
    content, place = (source, "") if isinstance(source, Mapping) else read_content(source, who)
    states = states_in(content, who)
    if place and place not in states:
        raise DataError(f"{who}: there is no state dict under {place!r}; there is one under {_some(list(states))}")
    model = make()
    fitting = {at: fit for at, state in states.items() if (not place or at == place) and (fit := _fit(model, state, who))}
    if len(fitting) > 1:
        names = " and ".join(repr(at or "the whole") for at in fitting)
        raise DataError(
            f"{who} holds several state dicts that fit, {names}: name one, such as FILE{KEY}{next(filter(None, fitting))}, or give "
            "the dict itself"
        )
    if not fitting:
        closest = max(((place,) if place else states), key=lambda at: _closeness(model, states[at]))
        raise ModelError(f"{who} does not fit {what}: {_complaints(model, states[closest])}")
    ((at, (taken, state, stored)),) = fitting.items()
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{who} holds NaN or infinite weights in {name}: its outputs would mean nothing")
    if taken:
        add_note(
            f"{who}: weights are read without {taken} in their names" if "lack" not in taken else f"{who}: {taken} is made up for"
        )
    if beside := _beside(content, states, at):
        add_note(f"{who}: beside the weights{f' under {at!r}' if at else ''} it holds {_some(beside)}, which are not read")
    return FoundState(content, at, state, stored)


def stored_names(model: nn.Module, state: State) -> dict[str, str] | None:
    """The name of each weight in a state dict by that in a model; None where the weights are not the model's.

    >>> stored_names(nn.Linear(1, 1), {"module.weight": torch.ones(1, 1), "module.bias": torch.ones(1)})
    {'weight': 'module.weight', 'bias': 'module.bias'}
    """
    with metered():  # what is noted here was noted when the weights were read
        found = _fit(model, state, "the state dict")
    return None if found is None else found[2]


def _fit(model: nn.Module, state: State, who: str) -> tuple[str, State, dict[str, str] | None] | None:
    """The part taken from the names, the weights as the model holds them once torch has loaded them, and their names as stored.

    None if torch does not load them.
    """
    for taken, named, stored in _namings(model, state):
        if named.keys() & model.state_dict().keys():
            complete = _tied(model, named, who)
            copy = deepcopy(model)
            if any(not _holds(t, complete[n]) for n, t in copy.state_dict().items() if n in complete):
                continue
            try:
                load_state(copy, complete)
            except (RuntimeError, ValueError, TypeError):
                continue
            weights = copy.state_dict()
            for given, kept in sorted({(complete[n].dtype, weights[n].dtype) for n in complete}, key=str):
                if note := _rounding(given, kept):
                    add_note(f"{who}: {note}")
            return taken, {name: tensor.detach().clone() for name, tensor in weights.items()}, stored
    return None


def _holds(own: Tensor, given: Tensor) -> bool:
    """Return whether a tensor of the model takes a given one as it is: fractions no whole numbers, whole numbers nothing else."""
    if own.is_complex() or own.is_floating_point():
        return own.is_complex() == given.is_complex() and own.is_floating_point() == given.is_floating_point()
    return given.dtype == own.dtype or (not given.is_complex() and bool((given.to(own.dtype).double() == given.double()).all()))


def _rounding(given: torch.dtype, kept: torch.dtype) -> str:
    """Say how weights of one kind are rounded that the model holds in another; empty where they are not."""
    if given == kept or not (given.is_floating_point and kept.is_floating_point):
        return ""
    names = [str(each).removeprefix("torch.") for each in (given, kept)]
    if torch.finfo(given).bits >= torch.finfo(kept).bits:
        return f"weights in {names[0]} are rounded to the model's {names[1]}"
    # Numbers of 16 bits are what many models are trained in; those of fewer were made of others, and most often have a scale.
    scaled = torch.finfo(given).bits < 16
    return f"weights were rounded to {names[0]} when they were saved, and are read as they are, without any scale" if scaled else ""


def _namings(model: nn.Module, state: State) -> Iterator[tuple[str, State, dict[str, str] | None]]:
    """The weights under the names that they may have in the model, and the names that they are stored under."""
    for (taken, named), (_, stored) in zip(renamed(state, model.state_dict()), _renamed_names(model, state), strict=True):
        yield taken, named, stored
    # A class that saves other names than it has, as some of transformers do, reads them itself.
    read: Any = getattr(model, "read_saved", None)
    for taken, named in renamed(state, {}) if read is not None else ():
        if own := read(model, named):
            yield taken, own, None


def _renamed_names(model: nn.Module, state: State) -> Iterator[tuple[str, dict[str, str]]]:
    return renamed({name: name for name in state}, model.state_dict())


def _tied(model: nn.Module, state: State, who: str) -> State:
    """With every name of a tensor that has several, as safetensors writes one of them.

    Raises:
        ModelError: tensors differ that are one in the model.
    """
    groups: dict[tuple[int, torch.Size, tuple[int, ...]], list[str]] = {}
    for name, tensor in model.state_dict().items():
        if tensor.numel():
            groups.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), []).append(name)
    more: State = {}
    for names in (names for names in groups.values() if len(names) > 1):
        there = [name for name in names if name in state]
        for name in there[1:]:
            if not torch.equal(state[name], state[there[0]]):
                raise ModelError(f"{who}: {there[0]} and {name} differ, and are one in the model")
        more |= {name: state[there[0]] for name in names if there}
    return {**more, **state}


def _closeness(model: nn.Module, state: State) -> int:
    """The number of names that fit, under the best of all namings."""
    wanted = model.state_dict().keys()
    return max(len(named.keys() & wanted) for _, named in renamed(state, model.state_dict()))


def _complaints(model: nn.Module, state: State) -> str:
    """The reason why torch would refuse, in one line."""
    mine, memory = model.state_dict(), memory_of(model)  # a memory may have any number of rows
    named = max((each for _, each in renamed(state, mine)), key=lambda each: len(each.keys() & mine.keys()))
    missing = [n for n in mine if n not in named and not n.endswith("num_batches_tracked")]
    strange = [n for n in named if n not in mine]
    other = [n for n in mine if n in named and _shape(n, mine[n], memory) != _shape(n, named[n], memory)]
    complaints = [f"{word} {_some(names)}" for word, names in (("missing", missing), ("unexpected", strange)) if names]
    if other:
        n = other[0]
        more = f" and {len(other) - 1} more differ" if len(other) > 1 else ""
        complaints.append(f"{n} has shape {tuple(named[n].shape)} and the model's {tuple(mine[n].shape)}{more}")
    if types := [n for n in mine if n in named and not _holds(mine[n], named[n])]:
        kinds = [str(each[types[0]].dtype).removeprefix("torch.") for each in (named, mine)]
        more = f", and so in {len(types) - 1} more" if len(types) > 1 else ""
        complaints.append(
            f"{types[0]} holds {kinds[0]} and the model's {kinds[1]}{more}: take the weights themselves, "
            "not a mask or codes of a quantised copy"
        )
    return "; ".join(complaints) or "torch does not load it"


def _shape(name: str, tensor: Tensor, memory: tuple[str, ...]) -> tuple[int, ...]:
    """Like torch itself, take a number from an array of one."""
    return (-1, *tensor.shape[1:]) if name in memory and tensor.ndim else tuple(tensor.shape) or (1,)


def _beside(content: Any, states: Mapping[str, State], at: str) -> list[str]:
    """Other values in the mapping of the weights itself; what lies beside it, such as an optimizer, is usual."""
    for part in filter(None, at.split(".")):
        content = content.get(part) if isinstance(content, Mapping) else None
    return [str(name) for name in content if name not in states[at]] if isinstance(content, Mapping) else []


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
