"""Promises of every role: spelling and documentation."""

from __future__ import annotations

import dataclasses
import inspect
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from untrain.core.errors import BrokenPromise, SpecError
from untrain.core.spec import Spec, parse


class Refuted(BrokenPromise):
    """The promise that was being tried is broken, and not another one on the way."""


def its_spelling_makes_it_again(made: Spec) -> None:
    """``parse(repr(m)) == m``.

    Cure: keep every value in a field that text can say: a number, a word, a tuple, or another method.
    """
    try:
        again = parse(repr(made))
    except SpecError as error:
        raise Refuted(f"{type(made).__name__} is spelled {made!r}, which cannot be read: {error}") from None
    require(again == made, made, f"is spelled {made!r}, which makes {again!r}")


def its_args_list_its_fields_in_order(made: Spec) -> None:
    """The docstring's ``Args:`` are the fields, each once, in the order of the fields.

    Cure: list each field once under `Args:` in the docstring, in the order of the class body.
    """
    _, _, tail = inspect.cleandoc(type(made).__doc__ or "").partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", tail)[0]
    documented = re.findall(r"^ {4}(\w+):", section, flags=re.MULTILINE)
    fields = [f.name for f in dataclasses.fields(made)]  # type: ignore[arg-type]
    require(documented == fields, made, f"documents the fields {documented}; it has {fields}")


def it_names_its_source(made: Spec) -> None:
    """The docstring has a ``Source:`` that is not empty.

    Cure: add a line `Source:` with the paper or the code to the docstring, or `Source: own`.
    """
    text = inspect.cleandoc(type(made).__doc__ or "")
    require(re.search(r"^Source: *\S", text, flags=re.MULTILINE) is not None, made, "has no 'Source:' in its docstring")


def require(holds: bool, made: Spec, broken: str) -> None:
    """Raise Refuted, naming the method and what it did, unless the promise holds."""
    if not holds:
        raise Refuted(f"{type(made).__name__} {broken}")


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore the global random state at the end of the block."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])


def seed_everything(seed: int) -> None:
    """Seed torch's, numpy's and python's global generators."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


def _randomness() -> dict[str, bytes]:
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": repr((numpy["state"]["key"].tolist(), numpy["state"]["pos"])).encode(),
        "python": repr(random.getstate()).encode(),
    }


def check_random_state_kept(made: Spec, act: Callable[[], Any]) -> None:
    """Check that ``act`` leaves the global random state as it was."""
    before = _randomness()
    act()
    moved = [name for name, state in _randomness().items() if state != before[name]]
    require(not moved, made, f"disturbed the global random state of {', '.join(moved)}")
