"""Train one model for each pair of a subset and a seed, and ask all of them about the same examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.code_digest import code_digest
from untrain.core.errors import BadInput, DataError
from untrain.core.spec import canonical, sources
from untrain.data.examples import Examples
from untrain.data.fingerprint import print_of
from untrain.data.on_disk import OnDisk
from untrain.data.readers.convert import examples
from untrain.experiments.jobs import engine
from untrain.experiments.populations import worker as works
from untrain.experiments.populations.pairs import Pair, checked, prints
from untrain.experiments.populations.strategy import How, Together, decide, units, working
from untrain.experiments.populations.worker import Array, Made, Work, laid, scratch
from untrain.experiments.scene import network_of
from untrain.runtime.executors.base import Executor, each
from untrain.runtime.store import Store, key_of
from untrain.training.base import Learner
from untrain.training.stacked.stack import Member


def train_population(
    learner: Learner,
    train: Any,
    pairs: Sequence[Pair],
    seen: Any,
    *,
    store: Store | str | Path | None = None,
    crew: Executor | None = None,
    keep_models: bool = False,
    together: Together = "auto",
) -> Array:
    """Train one model for each pair of a subset and a seed, and ask all of them about the same examples.

    A model is that of ``learner(take(train, rows), seed)``, the rows in ascending order. Models that are trained stacked
    differ from it by rounding, others at the same number of threads by nothing.

    Args:
        learner: what trains.
        train: the data that subsets are of: Examples, or anything that ``examples`` takes.
        pairs: rows of ``train``, in any order, each once, and a seed.
        seen: what the models are asked about.
        store: where answers are kept, pair by pair; pairs that are there already are not trained again.
        crew: who trains; None for this process or, where models are packed, one process a core.
        keep_models: whether weights are kept in the store too, for ``load_model``.
        together: 'stacked' trains models of one shape as one, where no layer is a convolution, or where a last linear layer
            alone is trained; 'packed' trains one model a process, each on one thread; 'loop' one after the other; 'auto'
            chooses.

    Returns:
        Answers of the models in eval mode, float32 (m, n, c), in the order of ``pairs``; memory-mapped with a store.

    Raises:
        BadInput: something of the above is wrong; nothing was trained.
        NotFinite: a loss or an answer of a model became NaN or infinite; the model is named.
    """
    if keep_models and store is None:
        raise BadInput("keep_models needs a store to keep them in: name one, such as store='models'")
    ask = _asked(learner, train, pairs, seen, together, crew)
    kept = _opened(store)
    missing = {k: m for k, m in ask.members.items() if kept is None or not _there(kept, k, keep_models)}
    answers: dict[str, Array] = {}
    for key, made in _trained(ask, missing, crew, keep_models, None if kept is None else kept.path / "tmp"):
        if kept is None:
            answers[key] = made.answers
            continue
        with kept.alone(key):
            if _there(kept, key, keep_models):  # another process was first
                continue
            kept.discard(key)  # one without the weights that are wanted now
            weights = {"weights": made.weights} if keep_models else {}
            kept.put(ask.made[key], {"cost": asdict(made.cost)}, {"logits": made.answers}, weights)
    return np.stack([answers[key] for key in ask.keys]) if kept is None else _joined(ask.keys, kept)


def finished(
    learner: Learner, train: Any, pairs: Sequence[Pair], seen: Any, *, store: Store | str | Path | None = None,
    crew: Executor | None = None, keep_models: bool = False, together: Together = "auto",
) -> list[bool]:  # fmt: skip
    """Whether each pair is in the store already; what is not is what ``train_population`` with the same arguments would train."""
    ask, kept = _asked(learner, train, pairs, seen, together, crew), _opened(store)
    return [kept is not None and _there(kept, key, keep_models) for key in ask.keys]


def load_model(
    learner: Learner, train: Any, pair: Pair, seen: Any, *, store: Store | str | Path, crew: Executor | None = None,
    together: Together = "auto",
) -> nn.Module:  # fmt: skip
    """A model that ``train_population`` kept, asked for by the same arguments.

    Raises:
        BadInput: it is not there.
    """
    kept = _opened(store)
    ask = _asked(learner, train, [pair], seen, together, crew)
    if kept is None or not _there(kept, ask.keys[0], weights=True):
        raise BadInput(f"{store} holds no model of this pair: populate(..., keep_models=True) keeps it, with the same arguments")
    entry = kept.get(ask.keys[0])
    model = learner.init(ask.train, ask.members[ask.keys[0]].seed)
    weights = {} if entry is None else {name: torch.from_numpy(a) for name, a in entry.tensors("weights").items()}
    model.load_state_dict(model.state_dict() | weights)
    return model.eval()


@dataclass(frozen=True, eq=False)
class _Ask:
    """What was asked for, checked: data, how it is done, the key of each pair, and members and ingredients by key."""

    learner: Learner
    data: tuple[Examples, Examples]
    how: How
    keys: list[str]
    members: Mapping[str, Member]
    made: Mapping[str, dict[str, Any]]

    @property
    def train(self) -> Examples:
        """The training data."""
        return self.data[0]


def _asked(learner: Learner, train: Any, pairs: Sequence[Pair], seen: Any, together: str, crew: Executor | None) -> _Ask:
    if not isinstance(learner, Learner):
        raise BadInput(f"{learner!r} is no learner: give one such as Train(model=MLP())")
    if "logits" not in learner.task.outputs:
        kind, stored = type(learner.task).__name__, ", ".join(learner.task.outputs)
        raise BadInput(f"a population keeps logits, and {kind} stores {stored} of each example: train its models one by one")
    # As in a Problem: true labels and further columns are for requests and reports.
    held = [replace(e if isinstance(e, Examples) else examples(e), true=None, columns={}) for e in (train, seen)]
    if held[0].x.shape[1:] != held[1].x.shape[1:]:
        shapes = [tuple(e.x.shape[1:]) for e in held]
        raise DataError(f"train has examples of shape {shapes[0]} and seen of shape {shapes[1]}: they have to be alike")
    members = checked(pairs, len(held[0]))
    how = decide(learner, held[0], members, together, crew)
    made = _ingredients(learner, (held[0], held[1]), how, members)
    keys = [key_of(one) for one in made]
    return _Ask(learner, (held[0], held[1]), how, keys, dict(zip(keys, members, strict=True)), dict(zip(keys, made, strict=True)))


def _ingredients(learner: Learner, data: tuple[Examples, Examples], how: How, members: Sequence[Member]) -> list[dict[str, Any]]:
    """All that the answers of each member depend on; whom it is stacked with is rounding."""
    rows = prints(data[0])
    common = {
        "kind": "member", "engine": engine(), "torch": torch.__version__, "device": data[0].y.device.type, "threads": how.threads,
        "precision": "float32", "learner": canonical(learner), "sources": sources(learner), "network": network_of(learner, data[0]),
        "seen": print_of(data[1]), "training": how.kind if how.kind == "alone" else f"{how.kind} {code_digest(works)}",
    }  # fmt: skip
    return [
        common | {"label": f"seed {m.seed} on {len(m.rows)} examples", "data": rows.of(m.rows), "seed": m.seed} for m in members
    ]


def _opened(store: Store | str | Path | None) -> Store | None:
    return store if store is None or isinstance(store, Store) else Store(store)


def _there(store: Store, key: str, weights: bool) -> bool:
    entry = store.get(key)
    return entry is not None and entry.final and (not weights or "weights.safetensors" in entry.record["files"])


def _trained(
    ask: _Ask, missing: Mapping[str, Member], crew: Executor | None, keep: bool, near: Path | None
) -> Iterator[tuple[str, Made]]:
    """Each missing member as it is finished, with its key."""
    if not missing:
        return
    files = tuple(e.x if isinstance(e.x, OnDisk) else None for e in ask.data)
    with working(ask.how, crew) as crew, laid(*ask.data, apart=crew.apart, near=near) as folder:
        parts = {part[0]: part for part in units(ask.how, ask.learner, ask.train, len(ask.data[1]), missing, crew.size)}
        calls = {
            name: (Work(ask.learner, tuple(missing[k] for k in part), ask.how.kind, keep, folder, (files[0], files[1])),)
            for name, part in parts.items()
        }
        for name, made in each(crew, works.do, calls):
            yield from zip(parts[name], made, strict=True)


def _joined(keys: Sequence[str], store: Store) -> Array:
    """The answers of all in one memory-mapped array, which is an entry too."""
    made = {"kind": "population", "label": f"{len(keys)} models", "members": list(keys)}
    done = store.get(key_of(made))
    if done is None:
        found = [entry.array("logits") for entry in map(store.get, keys) if entry is not None]
        with scratch(store.path / "tmp") as folder:
            shape = (len(keys), *found[0].shape)
            whole = np.lib.format.open_memmap(folder / "logits.npy", mode="w+", dtype=np.float32, shape=shape)
            for row, answers in zip(whole, found, strict=True):
                row[...] = answers
            done = store.put(made, {}, {"logits": whole})
    return done.array("logits")
