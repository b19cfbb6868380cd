"""Settings of each method, chosen by the machinery of ``untrain search`` with as many trials for each and no retrained model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from untrain.core.errors import RunFailed
from untrain.core.spec import parse
from untrain.experiments.keys import Method
from untrain.experiments.leaderboard.board import Board
from untrain.experiments.leaderboard.entrants import Candidate, starts_outside
from untrain.experiments.run_options import RunOptions
from untrain.experiments.scene import Chosen, Scene, scene_of
from untrain.experiments.search.results import document
from untrain.experiments.search.run import run_search
from untrain.experiments.search.study import SearchSpec
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import Pool
from untrain.runtime.store import Store

SHOWN = ("number", "method", "state", "value", "valid", "alike", "forget", "share_of_retraining", "given", "error")


@dataclass(frozen=True)
class Tuned:
    """A method with the settings that were chosen.

    Args:
        candidate: as it takes part.
        method: with its settings; None where no trial was finished.
        trials: all that were tried, the best first.
        means: what they were chosen for, in words; empty where nothing was tried.
        untouched: worth of models that are left as they are; None where nothing was tried.
        note: why it was not tuned, what is odd, or why there are no settings.
    """

    candidate: Candidate
    method: Method | None
    trials: tuple[dict[str, Any], ...] = ()
    means: str = ""
    untouched: float | None = None
    note: str = ""


def search_scene(scene: Scene, setting: Setting) -> Scene:
    """The scene of a search on the same data and request: validation data replace test data."""
    data = replace(scene.data, test=scene.data.valid, probes={})
    found = scene_of(scene.scenario, data, Chosen(scene.forget_set, scene.chosen), setting, "search")
    return replace(found, notes=scene.notes)


def spec_of_search(candidate: Candidate, scene: Scene, board: Board) -> SearchSpec:
    """The search for a method's settings."""
    return SearchSpec(
        scene.scenario, candidate.method, candidate.space, board.objective, board.trials, board.models, board.seed
    )  # fmt: skip


def tune(candidate: Candidate, scene: Scene, board: Board, store: Store, pool: Pool, way: RunOptions) -> Tuned:
    """Choose the settings of a method on one request; what was tried before is not tried again.

    Args:
        candidate: the method.
        scene: of a search, as ``search_scene`` makes it.
        board: how many trials, over how many models, for what.
        store: of trials and their models.
        pool: that makes them.
        way: how the work is done.
    """
    if not candidate.space:
        return Tuned(candidate, candidate.method, note=f"not tuned: {candidate.untuned}")
    try:
        search = run_search(spec_of_search(candidate, scene, board), store, pool, way, scene)
    except RunFailed as error:
        return Tuned(candidate, None, note=str(error))
    found = document(search)
    trials = tuple({name: row[name] for name in SHOWN} for row in found["trials"])
    outside = "its defaults lie outside of what is searched, so that no trial is theirs" if starts_outside(candidate) else ""
    return Tuned(candidate, parse(found["best"]["method"]), trials, found["means"], found["untouched"]["value"], outside)
