"""One method tried on one model of a search: trained, unlearned, asked on what may be seen, and kept in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from untrain.core.errors import BadInput, DataError, RunFailed, UntrainError
from untrain.core.metering import metered
from untrain.core.precision import computing
from untrain.core.seeds import seed_of
from untrain.core.spec import canonical, sources
from untrain.data.examples import Examples, take, to_device
from untrain.data.fingerprint import print_of
from untrain.data.requests.base import ForgetSet
from untrain.data.requests.resolve import request
from untrain.experiments.jobs import Method, engine
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Choose, network_of
from untrain.experiments.setting import Setting
from untrain.models.inference import logits
from untrain.models.state import arrays
from untrain.runtime.store import Entry, Store, key_of
from untrain.training.base import Learner
from untrain.training.problem import problem


@dataclass(frozen=True, eq=False)
class Ground:
    """What a search may see of a scenario: training data, the part to tune on, the request; no test data.

    Args:
        scenario: its spec.
        train: training data.
        valid: the part to tune on.
        asked: what is to be forgotten.
        learner: what trains.
        retain: rows of the training data that stay.
        wrong: whether most labels to forget are known to be wrong.
        prints: digests of the training data, the retain set, the part to tune on and the untrained model.
        seed: from which all seeds are derived.
        setting: device and threads.
    """

    scenario: Scenario
    train: Examples
    valid: Examples
    asked: ForgetSet
    learner: Learner
    retain: np.ndarray[Any, Any]
    wrong: bool
    prints: Mapping[str, str]
    seed: int
    setting: Setting


def open_ground(scenario: Scenario, seed: int, setting: Setting, choose: Choose | None = None) -> Ground:
    """Load what a search may see; the test data are let go unread.

    Args:
        scenario: its spec.
        seed: from which all seeds are derived.
        setting: device and threads.
        choose: what draws the request, where an ensemble has to be asked, also about the test data, as in other commands;
            of what it tells, the request sees the training data alone. None draws it of the training data.

    Raises:
        DataError: there is no part to tune on, or nothing to tell apart.
    """
    found = scenario.load()
    train, valid = found.train, found.valid
    if train.classes < 2:
        raise DataError("the training data have one class: there is nothing to tell apart")
    if valid is None or len(valid) == 0:
        raise DataError(f"{type(scenario).__name__} sets no validation data apart: a search has nothing to judge by")
    asked = request(train, scenario.request) if choose is None else choose(scenario, found).asked
    rows = np.asarray(asked.rows)
    retain = np.setdiff1d(np.arange(len(train)), rows)
    forget = take(train, rows)
    learner = scenario.learner()
    prints = {
        "train": print_of(train),
        "retain": print_of(take(train, retain)),
        "valid": print_of(valid),
        "network": network_of(learner, train),
    }
    wrong = forget.true is not None and float((forget.y != forget.true).float().mean()) > 0.5
    placed = [to_device(each, setting.device) for each in (train, valid)]
    return Ground(scenario, placed[0], placed[1], asked, learner, retain, wrong, prints, seed, setting)


def _common(ground: Ground) -> dict[str, Any]:
    setting = asdict(ground.setting) | {"device": torch.device(ground.setting.device).type}
    return {"engine": engine(), "torch": torch.__version__, **setting}


def _made(ground: Ground, kind: str, index: int) -> dict[str, Any]:
    """Ingredients of a trained model; a search has originals of its own, so that none is judged by in the audit."""
    rows = "retain" if kind == "oracle" else "train"
    return _common(ground) | {
        "kind": "start", "label": f"{kind} {index} to search {type(ground.scenario).__name__}", "data": ground.prints[rows],
        "learner": canonical(ground.learner), "sources": sources(ground.learner), "network": ground.prints["network"],
        "seed": seed_of(ground.seed, f"search {kind}", index),
    }  # fmt: skip


def start(ground: Ground, index: int, store: Store, kind: str = "original") -> Entry:
    """The index-th model that methods are tried on, or, as 'oracle', one that was retrained."""
    made = _made(ground, kind, index)

    def train() -> Entry:
        rows = ground.retain if kind == "oracle" else np.arange(len(ground.train))
        with metered() as meter:
            model = ground.learner(take(ground.train, rows), made["seed"])
            cost = meter.read()
        return store.put(made, {"cost": asdict(cost)}, {}, {"weights": arrays(model)})

    return _once(ground, made, store, train)


def attempt(ground: Ground, method: Method, index: int, store: Store, kind: str = "original") -> Entry:
    """A method tried on the index-th model: its answers on the forget set and on validation data, its cost, or its error."""
    begun = _made(ground, kind, index)
    made = _common(ground) | {
        "kind": "tried", "label": f"{method!r} on {kind} {index} to search {type(ground.scenario).__name__}",
        "model": key_of(begun), "forget": ground.asked.digest, "retain": ground.prints["retain"], "valid": ground.prints["valid"],
        "method": canonical(method), "sources": sources(method), "seed": seed_of(ground.seed, "search method", index),
    }  # fmt: skip
    return _once(ground, made, store, lambda: _attempt(ground, method, start(ground, index, store, kind), made, store))


def _once(ground: Ground, made: dict[str, Any], store: Store, work: Callable[[], Entry]) -> Entry:
    """Do the work of an entry, alone, unless it is there."""
    key = key_of(made)
    done = store.get(key)
    if done is not None and done.final:
        return done
    with store.alone(key), computing(ground.setting.precision, ground.setting.compiled):
        done = store.get(key)
        if done is not None and done.final:
            return done
        if done is not None:
            store.discard(key)
        return work()


def _attempt(ground: Ground, method: Method, begun: Entry, made: dict[str, Any], store: Store) -> Entry:
    origin = begun.record["ingredients"]["seed"]
    with store.alone(begun.key):  # so that it is not pruned between being found and being read
        weights = begun.tensors("weights")
    model = ground.learner.init(ground.train, origin)
    model.load_state_dict({n: torch.from_numpy(a) for n, a in weights.items()})
    try:
        posed = problem(ground.train, ground.asked, ground.learner, ground.valid, made["seed"], origin)
        outcome = method.run(model.eval(), posed)
        task = ground.learner.task
        sets = {"forget": posed.forget, "valid": ground.valid}
        answers = {name: logits(outcome.model, examples, task) for name, examples in sets.items()}
    except (RunFailed, BadInput) as error:
        return store.put(made, {"error": str(error), "cost": {}})
    except (MemoryError, OSError, UntrainError):
        raise
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return store.put(made, {"error": told, "again": True, "cost": {}})
    parts = {n: float((a.argmax(1) == sets[n].y.cpu().numpy()).mean()) for n, a in answers.items()}
    record = {"parts": parts, "cost": asdict(outcome.cost), "guard": asdict(outcome.guard)}
    return store.put(made, record, {f"logits_{n}": a for n, a in answers.items()})


def accuracies(ground: Ground, entry: Entry, before: Entry) -> dict[str, float]:
    """Accuracy of one try on the forget set and on validation data; 'alike' is that of the model before it on unseen examples.

    Those are the validation data, with the forget set's mix of classes: about what retraining would know of the forget set.
    """
    y = ground.valid.y.cpu().numpy()
    right = before.array("logits_valid").argmax(1) == y
    rows = torch.as_tensor(np.asarray(ground.asked.rows), device=ground.train.y.device)
    return dict(entry.record["parts"]) | {"alike": weighed(right, y, ground.train.y[rows].cpu().numpy())}


def weighed(right: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], forget: np.ndarray[Any, Any]) -> float:
    """Accuracy on held-out examples, each class counting as often as it stands in ``forget``.

    Args:
        right: whether each held-out example was answered right, bool (n,).
        labels: their classes, (n,).
        forget: classes of the examples to forget, (k,); those that no held-out example has are left out.

    Returns:
        Accuracy in [0, 1]; the plain one where no class is shared.
    """
    shared, counts = np.unique(forget[np.isin(forget, labels)], return_counts=True)
    if not len(shared):
        return float(right.mean())
    return float(np.average([right[labels == c].mean() for c in shared], weights=counts))


def share_of_retraining(ground: Ground, cost: Mapping[str, Any], begun: Entry) -> float | None:
    """Operations beside those of retraining, which are estimated from training the original: no oracle is trained for it."""
    whole = begun.record["cost"]["flops"] * len(ground.retain) / len(ground.train)
    return float(cost["flops"] / whole) if whole > 0 else None
