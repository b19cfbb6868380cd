"""The price of a leaderboard: trials of every method, then the models that are ranked."""

from __future__ import annotations

from collections.abc import Sequence

from untrain.experiments.keys import Job, model_key
from untrain.experiments.leaderboard.board import Board
from untrain.experiments.leaderboard.entrants import Candidate
from untrain.experiments.leaderboard.tuning import search_scene, spec_of_search
from untrain.experiments.price import PastCosts, Price, spread_over
from untrain.experiments.scene import Scene
from untrain.experiments.search.study import ENDED, check_optuna, journal_of, search_key
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store


def price_tuning(
    candidates: Sequence[Candidate], scene: Scene, board: Board, store: Store | None, setting: Setting, workers: int
) -> Price:  # fmt: skip
    """The price of the trials of some methods on one request that are still to be made; hopeless ones end early and take less.

    A trial counts as the method with its defaults.

    Args:
        candidates: the methods.
        scene: of the run on this request.
        board: how many trials, over how many models.
        store: where trials may be; None where there is no store yet.
        setting: where and how models are made.
        workers: number of models made at once.
    """
    searched = [candidate for candidate in candidates if candidate.space]
    if not searched:
        return Price(0, 0, 0.0, workers, "nothing", {})
    check_optuna()
    search, costs = search_scene(scene, setting), PastCosts(store, setting)
    originals = [model_key(search, Job("original", i), board.seed, setting) for i in range(board.models)]
    lacking = sum(store is None or not store.has(key) for key in originals)
    spent, used = [], set()
    if lacking:
        seconds, basis = costs.seconds(search, Job("original", 0))
        spent += [seconds] * lacking
        used.add(basis)
    todo = 0
    for candidate in searched:
        left = (board.trials - count_ended(candidate, search, board, store, setting)) * board.models
        seconds, basis = costs.seconds(search, Job("unlearned", 0, candidate.method))
        spent += [seconds] * left
        used |= {basis} if left else set()
        todo += left
    known = [each for each in spent if each is not None]
    whole = spread_over(known, workers) if len(known) == len(spent) else None
    basis = "nothing" if not spent or whole is None else used.pop() if len(used) == 1 else "both"
    made = board.trials * board.models * len(searched) - todo
    return Price(todo + lacking, made + board.models - lacking, whole, workers, basis, {"original": lacking, "trial": todo})


def count_ended(candidate: Candidate, scene: Scene, board: Board, store: Store | None, setting: Setting) -> int:
    """How many trials of a method a store has; nothing is written."""
    from untrain.experiments.search.optuna import Study

    if store is None:
        return 0
    key = search_key(spec_of_search(candidate, scene, board), scene, setting)
    journal = journal_of(key, store)
    if not journal.exists():
        return 0
    ended = sum(trial.state in ENDED for trial in Study(journal, key, board.seed, {}).records())
    return min(ended, board.trials)
