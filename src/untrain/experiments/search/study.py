"""A search from start to end, by one process or several that share its journal."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from untrain.core.errors import BadInput, MissingExtra
from untrain.core.spec import canonical, digest, sources
from untrain.experiments.comparison import Comparison
from untrain.experiments.draw_request import chooser
from untrain.experiments.jobs import Method, engine
from untrain.experiments.price import Price, before
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Scene
from untrain.experiments.search.objectives import Objective, Parts, aim_of
from untrain.experiments.search.space import Space, space, start_of, with_values
from untrain.experiments.search.trials import Ground, accuracies, attempt, open_ground, share_of_retraining, start
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Executor, threads
from untrain.runtime.progress import OnProgress, Progress
from untrain.runtime.store import Entry, Store
from untrain.unlearners.nothing import Nothing

if TYPE_CHECKING:
    from untrain.experiments.search.optuna import PendingTrial, Study, TrialRecord

ENDED = ("done", "pruned", "failed")


@dataclass(frozen=True)
class SearchSpec:
    """What is searched, where, and for what.

    Args:
        scenario: data, learner and request.
        method: its fields in ``space`` are searched, the others stay.
        space: field name -> where to look.
        objective: the name of an aim.
        trials: in all, those of earlier starts included.
        seeds: number of original models that each trial is averaged over.
        seed: from which all seeds are derived.
    """

    scenario: Scenario
    method: Method
    space: Space
    objective: str = "balanced"
    trials: int = 30
    seeds: int = 2
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Search:
    """A search under way: what may be seen, the objective, the journal and where work is kept."""

    hunt: SearchSpec
    ground: Ground
    aim: Objective
    key: str
    study: Study
    store: Store


def key_of(hunt: SearchSpec, ground: Ground, aim: Objective) -> str:
    """All that the trials of a search depend on, their number left out: a longer search goes on where a shorter one ended."""
    return digest(
        {
            "scenario": canonical(hunt.scenario), "method": [repr(hunt.method), canonical(hunt.method)],
            "sources": sources(hunt.method), "space": {name: repr(d) for name, d in hunt.space.items()},
            "objective": [aim.name, aim.means],
            "seeds": hunt.seeds, "seed": hunt.seed, "engine": engine(), "torch": torch.__version__,
            "setting": asdict(ground.setting) | {"device": torch.device(ground.setting.device).type},
            "prints": dict(ground.prints), "forget": ground.asked.digest,
        }
    )  # fmt: skip


def hunt_of(asked: Comparison, objective: str, over: str | Sequence[str], trials: int) -> SearchSpec:
    """The search for the one method of a comparison.

    Raises:
        BadInput: a field, a value or the objective is none, or no trial is asked for.
        MissingExtra: optuna is not installed.
    """
    need_optuna()
    aim_of(objective, False)
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise BadInput(f"trials={trials!r}: a whole number is needed, at least 1")
    (method,) = asked.methods
    where = space(method, [over] if isinstance(over, str) else over)
    return SearchSpec(asked.scenario, method, where, objective, trials, asked.seeds, asked.seed)


def need_optuna() -> None:
    """Refuse to search without optuna.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import untrain.experiments.search.optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(f"a search needs {error.name}, which is not installed: pip install 'untrain[search]'") from None


def opened(
    hunt: SearchSpec, setting: Setting, store: Store, crew: Executor | None = None, on_progress: OnProgress | None = None
) -> Search:
    """Load the data and open the journal; the method as it was given is tried first where the space holds it.

    An ensemble that the request needs is trained by the crew, unless the store has it.
    """
    from untrain.experiments.search.optuna import Study

    def say(cost: Price, scene: Scene) -> None:
        if on_progress is not None:
            on_progress(Progress(0, 0, "", 0.0, None, cost.told()))

    price = before(store, setting, 1 if crew is None else crew.size, say)
    ground = open_ground(hunt.scenario, hunt.seed, setting, chooser(store, setting, crew, on_progress, price))
    aim = aim_of(hunt.objective, ground.wrong)
    key = key_of(hunt, ground, aim)
    facts = {
        "scenario": repr(hunt.scenario), "method": repr(hunt.method), "objective": aim.label, "oracle_guided": aim.oracle,
        "means": aim.means, "space": {name: repr(d) for name, d in hunt.space.items()},
    }  # fmt: skip
    with store.alone(key):
        study = Study(store.path / "search" / f"{key[:32]}.journal", key, hunt.seed, facts)
        given = start_of(hunt.method, hunt.space)
        if given is not None:
            study.begin(given, {"given": True})
    return Search(hunt, ground, aim, key, study, store)


def left(at: Search, me: str = "") -> int:
    """Trials still to be begun; those whose process is gone are had tried again. Only while the search's key is held."""

    def gone(owner: str) -> bool:
        if not owner:
            return True
        if owner == me:
            return False
        with at.store.alone(owner, wait=False) as free:
            return free

    at.study.reclaim(gone)
    return at.hunt.trials - sum(t.state in (*ENDED, "running") for t in at.study.told())


def turns(at: Search, on_progress: Callable[[TrialRecord], None] | None = None) -> None:
    """Make trials until there are as many as asked for; whoever else shares the journal does the same."""
    me = uuid.uuid4().hex
    with threads(at.ground.setting.threads), at.store.alone(me):
        while True:
            with at.store.alone(at.key):
                if left(at, me) <= 0:
                    return
                asked = at.study.ask(at.hunt.space, me)
            _trial(at, asked)
            if on_progress is not None:
                on_progress(at.study.told()[asked.number])


def _trial(at: Search, asked: PendingTrial) -> None:
    """One trial: original after original, ended early where the mean so far is below the median of others."""
    study, seeds, parts, costs = at.study, at.hunt.seeds, [], []
    try:
        method = with_values(at.hunt.method, asked.drawn, at.hunt.space)
    except Exception as error:  # a plug-in's fields may forbid combinations that no type tells of
        study.fail(asked, " ".join(str(error).split()))
        return
    study.note(asked, method=repr(method))
    for index in range(seeds):
        entry = attempt(at.ground, method, index, at.store)
        if entry.record.get("error"):
            study.fail(asked, entry.record["error"])
            return
        parts.append(parts_of(at, entry, index))
        costs.append(cost_of(at, entry, index))
        value = float(np.mean([at.aim.score(p) for p in parts]))
        study.note(asked, parts=mean_of(parts), cost=mean_of(costs), models=index + 1)
        if study.hopeless(asked, index, value) and index + 1 < seeds:
            study.prune(asked)
            return
    study.done(asked, value)


def parts_of(at: Search, entry: Entry, index: int) -> dict[str, float]:
    """The accuracies of one try; those of retrained models only for an objective that looks at them."""
    found = accuracies(at.ground, entry, attempt(at.ground, Nothing(), index, at.store))
    if at.aim.oracle:
        oracles = [attempt(at.ground, Nothing(), i, at.store, "oracle") for i in range(max(2, at.hunt.seeds))]
        found["oracle_forget"] = float(np.mean([o.record["parts"]["forget"] for o in oracles]))
    return found


def cost_of(at: Search, entry: Entry, index: int) -> dict[str, float]:
    """Seconds of one try, and its share of what retraining would take where operations are counted."""
    cost = entry.record["cost"]
    share = share_of_retraining(at.ground, cost, start(at.ground, index, at.store))
    return {"seconds": cost["seconds"]} | ({} if share is None else {"share_of_retraining": share})


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """Name -> mean over rows."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def untouched(at: Search) -> tuple[float, Parts]:
    """The objective, and its parts, of models that are left as they are: what a search must beat."""
    with threads(at.ground.setting.threads):
        parts = [parts_of(at, attempt(at.ground, Nothing(), i, at.store), i) for i in range(at.hunt.seeds)]
    return float(np.mean([at.aim.score(p) for p in parts])), mean_of(parts)


def tracker(at: Search, on_progress: OnProgress | None) -> Callable[[TrialRecord | None], None]:
    """Counts trials, and says in every line what the best is so far and whether oracles were looked at."""
    started, first = time.perf_counter(), sum(t.state in ENDED for t in at.study.told())
    last = first

    def told(trial: TrialRecord | None) -> None:
        nonlocal last
        rows = at.study.told()
        ended = [t for t in rows if t.state in ENDED]
        if on_progress is None or (trial is None and len(ended) == last):
            return
        last = len(ended)
        gone = time.perf_counter() - started
        todo = max(0, at.hunt.trials - last)
        rest = 0.0 if todo == 0 else gone / (last - first) * todo if last > first else None
        values = [t.value for t in rows if t.state == "done" and t.value is not None]
        best = f"best {max(values):.3f}" if values else "none finished yet"
        newest = ended[-1].facts.get("method", "") if ended else ""
        on_progress(Progress(last, at.hunt.trials, f"{at.aim.label}: {best}; {newest}", gone, rest))

    return told
