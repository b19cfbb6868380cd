"""The price of a leaderboard: trials of every method, then the models that are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from untrain.core.spec import parse
from untrain.experiments.keys import Job, Method, model_key
from untrain.experiments.leaderboard.board import Board
from untrain.experiments.leaderboard.entrants import Candidate
from untrain.experiments.leaderboard.tuning import search_scene, spec_of_search
from untrain.experiments.price import PastCosts, Price, spread_over
from untrain.experiments.scene import Scene
from untrain.experiments.search.results import ended_trials
from untrain.experiments.search.study import check_optuna, journal_of, search_key
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store


def price_tuning(
    candidates: Sequence[Candidate], scenes: Sequence[Scene], board: Board, store: Store | None, setting: Setting, workers: int
) -> Price:  # fmt: skip
    """The price of the trials of some methods that are still to be made; hopeless ones end early and take less.

    A trial counts as the method with its defaults. Requests share the originals, unless they change the data.

    Args:
        candidates: the methods.
        scenes: of the run, one for each request.
        board: how many trials, over how many models.
        store: where trials may be; None where there is no store yet.
        setting: where and how models are made.
        workers: number of models made at once.
    """
    searched = [candidate for candidate in candidates if candidate.space]
    if not searched:
        return Price(0, 0, 0.0, workers, "nothing", {})
    check_optuna()
    costs = PastCosts(store, setting)
    originals, todo = dict[str, Scene](), list[tuple[Scene, Job]]()
    for scene in (search_scene(scene, setting) for scene in scenes):
        originals |= {model_key(scene, Job("original", at), board.seed, setting): scene for at in range(board.models)}
        for candidate in searched:
            left = max(0, board.trials - len(stored_trials(candidate, scene, board, store, setting)))
            todo += [(scene, Job("unlearned", 0, candidate.method))] * (left * board.models)
    lacking = [scene for key, scene in originals.items() if store is None or not store.has(key)]
    found = [costs.seconds(scene, job) for scene, job in [*((scene, Job("original", 0)) for scene in lacking), *todo]]
    known = [seconds for seconds, _ in found if seconds is not None]
    whole, bases = (spread_over(known, workers) if len(known) == len(found) else None), {basis for _, basis in found}
    basis = "nothing" if not found or whole is None else bases.pop() if len(bases) == 1 else "both"
    stored = len(originals) - len(lacking) + len(searched) * len(scenes) * board.trials * board.models - len(todo)
    return Price(len(found), stored, whole, workers, basis, {"original": len(lacking), "trial": len(todo)})


def stored_trials(
    candidate: Candidate, scene: Scene, board: Board, store: Store | None, setting: Setting
) -> list[dict[str, Any]]:  # fmt: skip
    """The trials of a method that a store has, the best first; nothing is written."""
    from untrain.experiments.search.optuna import Study

    if store is None or not candidate.space:
        return []
    key = search_key(spec_of_search(candidate, scene, board), scene, setting)
    journal = journal_of(key, store)
    return ended_trials(Study(journal, key, board.seed, {})) if journal.exists() else []


def expected_methods(
    candidates: Sequence[Candidate], scene: Scene, board: Board, store: Store | None, setting: Setting
) -> tuple[Method, ...]:  # fmt: skip
    """Each method with the settings that were chosen, where its trials are all there; else with its defaults, in their place."""
    search, methods = search_scene(scene, setting), []
    for candidate in candidates:
        trials = stored_trials(candidate, search, board, store, setting)
        settled = len(trials) >= board.trials and trials[0]["state"] == "done"
        methods.append(parse(trials[0]["method"]) if settled else candidate.method)
    return tuple(dict.fromkeys(methods))
