"""Trains some members of a population, here or in another process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from untrain.core.errors import NotFinite, RunFailed, StoreError
from untrain.core.foreign import foreign
from untrain.core.metering import Cost, metered
from untrain.core.precision import computing
from untrain.core.work_files import scratch
from untrain.data.examples import Column, Examples, take
from untrain.data.on_disk import OnDisk
from untrain.data.ragged import Ragged
from untrain.models.compatibility import check_fit
from untrain.models.inference import predict
from untrain.models.state import arrays
from untrain.training import linear_probe
from untrain.training.base import Learner
from untrain.training.stacked.stack import Member, check_finite, train_together

Array = np.ndarray[Any, Any]
Kind = Literal["stacked", "heads", "alone"]


@dataclass(frozen=True, eq=False)
class Work:
    """Members to train.

    Args:
        learner: what trains.
        members: those that are trained together, or one.
        kind: 'stacked', 'heads' (stacked, on features that are computed once) or 'alone'.
        keep: whether weights are wanted too.
        folder: where the data are shared.
        files: inputs of train and of what is observed where these lie in files of their own.
    """

    learner: Learner
    members: tuple[Member, ...]
    kind: Kind
    keep: bool
    folder: str
    files: tuple[OnDisk | None, OnDisk | None] = (None, None)


@dataclass(frozen=True, eq=False)
class TrainedMember:
    """Of one member: outputs (n, ...) by name, weights by name where they are wanted, and its share of the cost."""

    outputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    cost: Cost


_loaded: dict[str, tuple[Examples, Examples]] = {}
_features: dict[str, tuple[Examples, Examples]] = {}


@contextmanager
def share_data(train: Examples, observed: Examples, remote: bool, near: Path | None) -> Iterator[str]:
    """Put the data where workers find them: in this process, or in a folder that is removed in the end.

    Args:
        train: of which members have rows.
        observed: what models are observed on.
        remote: whether workers are other processes.
        near: where the folder is made, such as on a disk that all machines see; None for the system's own place.
    """
    with scratch("population", near) as at:
        folder = str(at)
        _loaded[folder] = (train, observed)
        if remote:
            try:
                for name, part in (("train", train), ("observed", observed)):
                    _lay_all(at, name, part)
            except OSError as error:
                reason = error.strerror or error
                raise StoreError(f"the data cannot be shared through {at.parent} ({reason}): give a store with more room") from None
        try:
            yield folder
        finally:
            for cache in (_loaded, _features):
                cache.pop(folder, None)


def _lay_all(at: Path, name: str, part: Examples) -> None:
    for field, column in part.fields.items():
        _lay(at / f"{name}.{field}", column)
    names = np.array(part.categories, dtype=str)
    np.savez(at / f"{name}.npz", fields=list(part.fields), ids=part.ids, categories=names)


def _lay(path: Path, column: Column) -> None:
    """Write a column, unless it lies in a file of its own."""
    if isinstance(column, Ragged):
        np.save(path.with_name(f"{path.name}.starts.npy"), column.starts)
        column = column.values
    if not isinstance(column, OnDisk):
        np.save(path.with_name(f"{path.name}.npy"), column.cpu().numpy())


def _data(work: Work) -> tuple[Examples, Examples]:
    if work.folder not in _loaded:
        _loaded.clear()
        _features.clear()
        try:
            parts = [_read(Path(work.folder), name, file) for name, file in zip(("train", "observed"), work.files, strict=True)]
        except OSError:
            raise RunFailed(f"a worker does not see {work.folder}: give a store on a disk that all machines share") from None
        _loaded[work.folder] = (parts[0], parts[1])
    return _loaded[work.folder]


def _read(folder: Path, name: str, file: OnDisk | None) -> Examples:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as rest:
        names, ids, categories = rest["fields"].tolist(), rest["ids"], tuple(rest["categories"].tolist())
    fields: dict[str, Column] = {}
    for field in names:
        fields[field] = file if file is not None and not fields else _column(folder, f"{name}.{field}")
    return Examples(fields, ids, categories)


def _column(folder: Path, name: str) -> Column:
    # Mapped copy-on-write: workers share the pages, and torch does not complain of an array that cannot be written.
    values = torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False))
    starts = folder / f"{name}.starts.npy"
    return Ragged(values, np.load(starts, allow_pickle=False)) if starts.exists() else values


def train_members(work: Work) -> list[TrainedMember]:
    """Train the members, and observe them.

    Raises:
        NotFinite: a loss or an output became NaN or infinite.
    """
    train, observed = _data(work)
    with metered() as meter, computing():
        if work.kind == "alone":
            trained = [_train_alone(work, work.members[0], train, observed)]
        else:
            trained = _train_stacked(work, train, observed)
        cost = meter.read()
    m = len(trained)
    flops = None if cost.flops is None else cost.flops // m
    share = Cost(cost.seconds / m, cost.forward // m, cost.backward // m, flops, cost.peak)
    return [TrainedMember(outputs, weights, share) for outputs, weights in trained]


Arrays = Mapping[str, Array]


def _train_alone(work: Work, member: Member, train: Examples, observed: Examples) -> tuple[Arrays, Arrays]:
    try:
        # Ids are in no member's key, so that no learner sees them.
        model = work.learner(replace(take(train, member.rows), ids=np.arange(len(member.rows))), member.seed)
        with foreign(work.learner):
            outputs = predict(model, observed, work.learner.task)
    except NotFinite as error:
        raise NotFinite(f"the model of seed {member.seed} on {len(member.rows)} examples: {error}") from None
    return outputs, arrays(model) if work.keep else {}


def _train_stacked(work: Work, train: Examples, observed: Examples) -> list[tuple[Arrays, Arrays]]:
    learner, task, name = work.learner, work.learner.task, ""
    models = [learner.init(train, member.seed) for member in work.members]
    with foreign(learner):
        check_fit(models[0].eval(), task, train)
    if work.kind == "heads":
        name = f"{linear_probe.head_of(models[0])}."
        if work.folder not in _features:
            of_train, of_observed = (linear_probe.features(models[0], examples, task) for examples in (train, observed))
            _features[work.folder] = of_train, of_observed
        train, observed = _features[work.folder]
        models = [linear_probe.head(model) for model in models]
    steps = learner.steps  # type: ignore[attr-defined]
    stack = train_together(models, train, work.members, steps, task)
    outputs = stack.predict(observed, task)
    check_finite(work.members, outputs)
    kept: list[Arrays] = [{} for _ in models]
    if work.keep:
        kept = [{f"{name}{n}": a for n, a in arrays(stack.put_back(at, m)).items()} for at, m in enumerate(models)]
    return [({name: array[at] for name, array in outputs.items()}, weights) for at, weights in enumerate(kept)]
