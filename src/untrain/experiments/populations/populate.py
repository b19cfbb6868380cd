"""Train one model for each pair of a subset and a seed, and observe all of them on the same examples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.code_digest import code_digest
from untrain.core.errors import BadInput, DataError
from untrain.core.work_files import scratch
from untrain.data.examples import Examples
from untrain.data.on_disk import OnDisk
from untrain.data.readers.convert import examples
from untrain.experiments.keys import member_ingredients, population_ingredients
from untrain.experiments.populations import worker as works
from untrain.experiments.populations.pairs import Pair, check_pairs, row_digests
from untrain.experiments.populations.strategy import Strategy, Together, choose_strategy, open_pool, split_members
from untrain.experiments.populations.worker import Array, TrainedMember, Work, share_data
from untrain.models.state import load_state
from untrain.runtime.disk import store_error
from untrain.runtime.executors.base import Executor, Pool
from untrain.runtime.progress import OnProgress, ProgressTracker
from untrain.runtime.store import Contents, Store, key_of
from untrain.training.base import Learner
from untrain.training.stacked.stack import Member


def train_population(
    learner: Learner,
    train: Any,
    pairs: Sequence[Pair],
    observed: Any,
    *,
    store: Store | str | Path | None = None,
    executor: Executor | Pool | None = None,
    keep_models: bool = False,
    together: Together = "auto",
    on_progress: OnProgress | None = None,
) -> dict[str, Array]:
    """Train one model for each pair of a subset and a seed, and observe all of them on the same examples.

    A model is that of ``learner(take(train, rows), seed)``, the rows in ascending order. Models that are trained stacked
    differ from it by rounding, others at the same number of threads by nothing.

    Args:
        learner: what trains.
        train: the data that subsets are of: Examples, or anything that ``examples`` takes.
        pairs: rows of ``train``, in any order, each once, and a seed.
        observed: what the models are observed on.
        store: where outputs are kept, pair by pair; pairs that are there already are not trained again.
        executor: who trains, or a pool that is open and stays so; None for this process or, where models are packed, one
            process per core.
        keep_models: whether weights are kept in the store too, for ``load_model``.
        together: 'stacked' trains models of one shape as one, where no layer is a convolution, or where a last linear layer
            alone is trained; 'packed' trains one model per process, each on one thread; 'loop' one after the other; 'auto'
            chooses.
        on_progress: called with progress, after each task of one or more models.

    Returns:
        Outputs of the models in eval mode, by the names that the learner's task gives them, such as 'logits' (m, n, c):
        float32 (m, n, ...), in the order of ``pairs``; memory-mapped with a store.

    Raises:
        BadInput: something of the above is wrong; nothing was trained.
        NotFinite: a loss or an output of a model became NaN or infinite; the model is named.
    """
    if keep_models and store is None:
        raise BadInput("keep_models needs a store to keep them in: name one, such as store='models'")
    order = _order(learner, train, pairs, observed, together, executor)
    opened = _open_store(store)
    missing = {k: m for k, m in order.members.items() if opened is None or not _is_stored(opened, k, keep_models)}
    tracker = ProgressTracker(on_progress, len(missing), label="ensemble")
    outputs: dict[str, Mapping[str, Array]] = {}
    folder = None if opened is None else opened.path / "tmp"
    for members in _train(order, missing, executor, keep_models, folder, tracker.note):
        for key, trained in members:
            if opened is None:
                outputs[key] = trained.outputs
            else:
                _save_member(order.ingredients[key], trained, keep_models, opened)
        tracker.finished("ensemble", len(members))
    if opened is not None:
        return _joined(order.keys, learner.task.outputs, opened)
    return {name: np.stack([outputs[key][name] for key in order.keys]) for name in learner.task.outputs}


def _save_member(ingredients: dict[str, Any], trained: TrainedMember, keep_models: bool, store: Store) -> None:
    key = key_of(ingredients)
    with store.alone(key):
        if not _is_stored(store, key, keep_models):  # else another process was first
            store.discard(key)  # one without the weights that are wanted now
            weights = {"weights": trained.weights} if keep_models else {}
            store.put(ingredients, {"cost": asdict(trained.cost)}, trained.outputs, weights)


def are_stored(
    learner: Learner, train: Any, pairs: Sequence[Pair], observed: Any, *, store: Store | str | Path | None = None,
    executor: Executor | Pool | None = None, keep_models: bool = False, together: Together = "auto",
) -> list[bool]:  # fmt: skip
    """Return whether each pair is in the store already; ``train_population`` with the same arguments would train the others."""
    order, opened = _order(learner, train, pairs, observed, together, executor), _open_store(store)
    return [opened is not None and _is_stored(opened, key, keep_models) for key in order.keys]


def load_model(
    learner: Learner, train: Any, pair: Pair, observed: Any, *, store: Store | str | Path, executor: Executor | Pool | None = None,
    together: Together = "auto",
) -> nn.Module:  # fmt: skip
    """A model that ``train_population`` kept, by the same arguments.

    Raises:
        BadInput: it is not there.
    """
    opened = _open_store(store)
    order = _order(learner, train, [pair], observed, together, executor)
    if opened is None or not _is_stored(opened, order.keys[0], weights=True):
        raise BadInput(
            f"{store} holds no model of this pair: train_population(..., keep_models=True) keeps it, with the same arguments"
        )
    model = learner.init(order.train, order.members[order.keys[0]].seed)
    weights = {name: torch.from_numpy(a) for name, a in opened.tensors(order.keys[0], "weights").items()}
    return load_state(model, model.state_dict() | weights).eval()


@dataclass(frozen=True, eq=False)
class _Order:
    """The checked plan of a training: data, strategy, the key of each pair, and members and ingredients by key."""

    learner: Learner
    data: tuple[Examples, Examples]
    strategy: Strategy
    keys: list[str]
    members: Mapping[str, Member]
    ingredients: Mapping[str, dict[str, Any]]

    @property
    def train(self) -> Examples:
        """The training data."""
        return self.data[0]


def _order(
    learner: Learner, train: Any, pairs: Sequence[Pair], observed: Any, together: str, executor: Executor | Pool | None
) -> _Order:
    both = as_examples(learner, {"train": train, "observed": observed})
    # As in a Problem: true labels and further columns are for requests and reports.
    data = [replace(e, true=None, columns={}, features=()) for e in both]
    data[1] = learner.task.asked(data[1])  # keys cover no more of what models are asked
    members = check_pairs(pairs, len(data[0]))
    strategy = choose_strategy(learner, data[0], members, together, executor)
    rows, kind = row_digests(data[0]), strategy.kind
    training = kind if kind == "alone" else f"{kind} {code_digest(works)}"
    subsets = [(rows.of(m.rows), len(m.rows), m.seed) for m in members]
    ingredients = member_ingredients(learner, data[0], data[1], training, strategy.threads, subsets)
    keys = [key_of(one) for one in ingredients]
    by_key = dict(zip(keys, members, strict=True)), dict(zip(keys, ingredients, strict=True))
    return _Order(learner, (data[0], data[1]), strategy, keys, *by_key)


def as_examples(learner: Learner, parts: Mapping[str, Any]) -> list[Examples]:
    """Make Examples of two parts, by their names in messages, and check that what the learner's models are shown of both is alike.

    Raises:
        BadInput: it is not a learner.
        DataError: they differ in the shape of their inputs.
    """
    if not isinstance(learner, Learner):
        raise BadInput(f"{learner!r} is not a learner: give one such as Train(model=MLP())")
    data = [e if isinstance(e, Examples) else examples(e) for e in parts.values()]
    shapes = {name: learner.task.input_shape(e) for name, e in zip(parts, data, strict=True)}
    if len(set(shapes.values())) > 1:
        (one, shape), (other, another) = shapes.items()
        raise DataError(f"{one} has examples of shape {shape} and {other} of shape {another}: they have to be alike")
    return data


def _open_store(store: Store | str | Path | None) -> Store | None:
    return store if store is None or isinstance(store, Store) else Store(store)


def _is_stored(store: Store, key: str, weights: bool) -> bool:
    entry = store.get(key)
    return entry is not None and entry.final and (not weights or "weights.safetensors" in entry.record["files"])


def _train(
    order: _Order, missing: Mapping[str, Member], executor: Executor | Pool | None, keep: bool, near: Path | None,
    on_retry: Callable[[str], None],
) -> Iterator[list[tuple[str, TrainedMember]]]:  # fmt: skip
    """The missing members of each task as it is finished, with their keys."""
    if not missing:
        return
    files = tuple(e.x if isinstance(e.x, OnDisk) else None for e in order.data)
    with open_pool(order.strategy, executor) as pool, share_data(*order.data, remote=pool.remote, near=near) as folder:
        pool.on_retry = on_retry
        sizes = len(order.data[1]), pool.size
        parts = {part[0]: part for part in split_members(order.strategy, order.learner, order.train, missing, *sizes)}
        calls = {
            name: (Work(order.learner, tuple(missing[k] for k in part), order.strategy.kind, keep, folder, (files[0], files[1])),)
            for name, part in parts.items()
        }
        for name, trained in pool.run_all(works.train_members, calls):
            yield list(zip(parts[name], trained, strict=True))


def _joined(keys: Sequence[str], names: Sequence[str], store: Store) -> dict[str, Array]:
    """The outputs of all in memory-mapped arrays, which are an entry too."""
    ingredients = population_ingredients(keys)
    entry = store.get(key_of(ingredients))
    if entry is None:
        members = [member for member in map(store.get, keys) if member is not None]
        with scratch("joined", store.path / "tmp") as folder:
            whole = {n: _stacked(folder / f"{n}.npy", [member.array(n) for member in members], store) for n in names}
            entry = store.get_or_make(ingredients, lambda: Contents({}, whole))
    return {name: entry.array(name) for name in names}


def _stacked(file: Path, rows: Sequence[Array], store: Store) -> Array:
    """Arrays (n, ...) as one (m, n, ...) that lies in a file."""
    whole = _open_array(file, (len(rows), *rows[0].shape), store)
    for row, outputs in zip(whole, rows, strict=True):
        row[...] = outputs
    return whole


def _open_array(file: Path, shape: tuple[int, ...], store: Store) -> Array:
    """A mapped array to write to, whose place on the disk is taken at once: a full disk would otherwise kill the process."""
    try:
        array = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except OSError as error:
        raise store_error(store.path, error) from None
    return array
