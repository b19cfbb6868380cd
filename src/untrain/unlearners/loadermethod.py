"""A method of a paper's repository: a function of a model and two data loaders."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from untrain.core.errors import ModelError, RunFailed, SpecError, UntrainError
from untrain.core.mask import Mask
from untrain.core.metering import add_note, count_once
from untrain.data.batching import count, shuffled
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.problem import Problem
from untrain.training.trainable import NOTHING
from untrain.unlearners.base import Unlearner

# What a parameter is given, by how a word of its name begins; "val" is a word by itself, since values are none.
WORDS = {"forget": "forget", "retain": "retain", "remain": "retain", "valid": "valid", "device": "device", "model": "model"}
WHOLE = {"val": "valid", "net": "model"}


def ascend(model: nn.Module, forget_loader: DataLoader[tuple[Tensor, Tensor]], lr: float = 0.01) -> None:
    """One epoch of gradient steps up the loss on the forget set, written as repositories of papers write them."""
    model.train()
    for x, y in forget_loader:
        model.zero_grad()
        outputs = model(x)
        outputs = getattr(outputs, "logits", outputs)
        loss = nn.functional.mse_loss if y.is_floating_point() else nn.functional.cross_entropy
        loss(outputs.reshape(y.shape) if y.is_floating_point() else outputs, y).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for p in model.parameters():
                if p.grad is not None:
                    p.add_(p.grad, alpha=lr)


class LoaderMethod(Unlearner):
    """Call a function such as ``unlearn(model, retain_loader, forget_loader)``, as repositories of papers have them.

    The name of a parameter decides what it is given: 'forget', 'retain' (or 'remain') and 'val' a loader, 'model' or 'net' the
    model, 'device' its device. Other parameters need a default, which they keep, or ``functools.partial``. The function changes the
    model that it is given, or returns another. Loaders yield pairs (inputs, labels), shuffled by the seed. Buffers are left to it.

    >>> from untrain.training.toy import small
    >>> def unlearn(net, retain_loader, forget_loader, epochs=2):
    ...     for _ in range(epochs):
    ...         ascend(net, forget_loader)
    >>> method = LoaderMethod(function=unlearn)
    >>> sorted(method.needed())
    ['forget', 'labels', 'retain']
    >>> forgot = method(*small())

    Under a mask, gradients outside are zero, and whatever moves there in another way, such as by weight decay, is put back at the
    end. No budget stops a function, and no loop of untrain watches its loss.

    Args:
        function: changes a model, or returns another; the default is an example, ``ascend``.
        batch: examples per batch of a loader.

    Source: none; it adapts the functions of others.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    function: Callable[..., Any] = ascend
    batch: Annotated[int, Field(ge=1)] = 64

    def __post_init__(self) -> None:
        """Refuse a function whose parameters nothing fills."""
        roles_of(self.function)

    def needed(self) -> frozenset[str]:
        """The loaders that the function has a parameter for, and labels."""
        return frozenset({"forget", "labels"} | ({"retain", "valid"} & set(roles_of(self.function).values())))

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that the function changed or returned.

        Raises:
            ModelError: nothing may move, or the function returned something else than a model.
            RunFailed: the function failed.
        """
        movable = (
            problem.trainable.bits.values() if problem.trainable else (torch.tensor(p.requires_grad) for p in model.parameters())
        )
        if not any(bool(bits.any()) for bits in movable):
            raise ModelError(NOTHING)
        rng = np.random.default_rng(problem.seed)
        given: dict[str, Any] = {"model": model, "device": next(model.parameters()).device}
        read: list[_Pairs] = []
        for role in ("forget", "retain", "valid"):
            examples = getattr(problem, role)
            if examples is not None:
                read.append(_Pairs(examples, problem.task))
                given[role] = _loader(read[-1], self.batch, rng)
        wanted = {name: given.get(role) for name, role in roles_of(self.function).items()}
        add_note("the function steps by itself: no budget stops it")
        with _confined(model, problem.trainable) as put_back:
            made = count_once(lambda: _called(self.function, wanted), lambda: sum(pairs.read for pairs in read))
        if made is not None and not isinstance(made, nn.Module):
            kind = type(made).__name__
            raise ModelError(f"the function returned {kind}: it has to return a model, or None and change the one given")
        forgot = model if made is None else made
        put_back(forgot)
        return forgot


def _only(p: nn.Parameter, bits: Tensor) -> Any:
    return p.register_hook(lambda gradient: gradient * bits)  # type: ignore[no-untyped-call]


def _called(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    try:
        return function(**given)
    except (MemoryError, torch.OutOfMemoryError, UntrainError):
        raise
    except Exception as error:
        why = " ".join(str(error).split())
        raise RunFailed(f"the function failed: {type(error).__name__}: {why}; call it by hand to see where") from error


@contextmanager
def _confined(model: nn.Module, trainable: Mask | None) -> Iterator[Callable[[nn.Module], None]]:
    """Let no gradient of a loop within pass outside a mask; gives what puts back all that moved there all the same."""
    if trainable is None:
        yield lambda forgot: None
        return
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    bits = {name: trainable.bits[name].to(p.device) for name, p in before.items()}
    hooks = [_only(p, bits[name]) for name, p in model.named_parameters() if p.requires_grad]

    def put_back(forgot: nn.Module) -> None:
        with torch.no_grad():
            for name, p in forgot.named_parameters():
                if name in before:
                    p.copy_(torch.where(bits[name], p, before[name]))

    try:
        yield put_back
    finally:
        for hook in hooks:
            hook.remove()


def roles_of(function: Callable[..., Any]) -> dict[str, str]:
    """The value for each parameter of a function: 'model', 'device', or the loader of a set.

    >>> roles_of(lambda net, forget_dl, epochs=3: None)
    {'net': 'model', 'forget_dl': 'forget'}

    Raises:
        SpecError: a parameter without a default has a name that says nothing, or none is for the model or the forget set.
    """
    roles, lost = {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        role = _role_of(name) if parameter.kind is not parameter.POSITIONAL_ONLY else None
        if role is not None and parameter.default in (parameter.empty, None):
            roles[name] = role
        elif parameter.default is parameter.empty:
            lost.append(name)
    if lost:
        raise SpecError(
            f"nothing is known to give {', '.join(map(repr, lost))}: names with 'forget', 'retain', 'val', 'model' or 'device' are "
            "filled, others need a default or functools.partial"
        )
    absent = {"model", "forget"} - set(roles.values())
    if absent:
        lacks = " and none for the ".join(f"{each} set" if each == "forget" else each for each in sorted(absent))
        raise SpecError(f"the function has no parameter for the {lacks}: name one 'model' and one 'forget_loader'")
    return roles


def _role_of(name: str) -> str | None:
    for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name):
        role = WHOLE.get(word.lower()) or next((WORDS[part] for part in WORDS if word.lower().startswith(part)), None)
        if role is not None:
            return role
    return None


class _Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Inputs, as the task shows them to a model, and labels; it counts what was read."""

    def __init__(self, examples: Examples, task: Task):
        self.examples, self.task, self.read = examples, task, 0

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, at: int) -> tuple[Tensor, Tensor]:
        x, y = self.__getitems__([at])
        return x[0], y[0]

    def __getitems__(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch, as torch's loader asks for it; rows of tokens are padded together."""
        self.read += len(rows)
        batch = batch_of(self.examples, np.asarray(rows))
        return self.task.inputs(batch), batch.y


@dataclass(frozen=True)
class _Batches(Sampler[list[int]]):
    """Rows of each batch, in a new order each time; a single example comes twice, as batch statistics of one do not exist."""

    examples: int
    batch: int
    rng: np.random.Generator

    def __len__(self) -> int:
        return count(self.examples, self.batch)

    def __iter__(self) -> Iterator[list[int]]:
        for rows in shuffled(self.examples, self.batch, self.rng):
            yield (rows if len(rows) > 1 else np.repeat(rows, 2)).tolist()


def _loader(pairs: _Pairs, batch: int, rng: np.random.Generator) -> DataLoader[tuple[Tensor, Tensor]]:
    return DataLoader(pairs, batch_sampler=_Batches(len(pairs), batch, rng), collate_fn=lambda made: made)
