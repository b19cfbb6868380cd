"""The course of a command that trains: report the price, make models, observe them, score and show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import reduce
from pathlib import Path
from typing import Any

import torch

from untrain.core.errors import BadInput, require_whole_numbers
from untrain.data.requests.resolve import request
from untrain.data.splits import Data
from untrain.experiments.comparison import Comparison, choose_for, portable, todo_of, workers_for
from untrain.experiments.draw_request import chooser, count_missing_members, needed_ensemble, stand_in
from untrain.experiments.effects_step import attribute, estimations_of, price_attribution
from untrain.experiments.events import begun_event, ended_event, score_events, without_ids
from untrain.experiments.interim_looks import Look, plan_looks, take_looks
from untrain.experiments.planning import PowerPlan, plan
from untrain.experiments.price import Price, add_prices, announce_ensemble, before_request, price, price_of
from untrain.experiments.publish import publish
from untrain.experiments.results import score_run
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Chosen, Scene, open_scene
from untrain.experiments.scheduler import make, record
from untrain.experiments.score_workers import score_side_by_side
from untrain.localizers.base import Localizer
from untrain.reports.write import check_writable
from untrain.runtime.executors.base import Executor, Pool, Resources
from untrain.runtime.executors.processes import Processes
from untrain.runtime.executors.serial import Serial
from untrain.runtime.progress import emit, show_stage
from untrain.runtime.store import Entry, Store, is_store

Document = dict[str, Any]


def check_options(comparisons: Sequence[Comparison], way: RunOptions, page: ReportOptions) -> None:
    """Refuse what cannot be done, before anything is.

    Raises:
        BadInput: the workers, who does the work, or the folder.
        MissingExtra: the executor's library is not installed.
    """
    require_whole_numbers(**({} if way.workers is None else {"workers": way.workers}))
    if way.workers is not None and way.workers < 1:
        raise BadInput(f"workers={way.workers}: at least 1 is needed")
    if isinstance(way.executor, Executor):
        way.executor.check_installed()
    if way.executor is not None and way.executor.remote and not portable(comparisons):
        raise BadInput(
            f"executor={way.executor!r}: what is compared cannot be made elsewhere from its spelling; put its classes in a module"
        )
    check_writable(page.out)
    page.check()


@contextmanager
def open_pool(comparisons: Sequence[Comparison], store: Store, way: RunOptions) -> Iterator[Pool]:
    """The pool that makes the models."""
    if isinstance(way.executor, Pool):
        yield way.executor
        return
    setting = way.setting
    executor, workers = way.executor, way.workers
    if executor is None:
        fitting = workers_for(comparisons, setting.device, setting.threads)
        workers = min(fitting, workers or fitting)
        executor = Serial() if workers == 1 else Processes()
    gpus = int(torch.device(setting.device).type != "cpu")
    with executor.open(Resources(setting.threads, gpus, workers, store.path / "tmp")) as pool:
        yield pool


def expect_workers(comparisons: Sequence[Comparison], way: RunOptions) -> int:
    """Number of models that will be made at once, as far as it is known before a pool is opened."""
    if isinstance(way.executor, Pool):
        return way.executor.size
    fitting = workers_for(comparisons, way.setting.device, way.setting.threads)
    if way.executor is None:
        return min(way.workers or fitting, fitting)
    return way.executor.count_workers(way.workers or fitting)


def open_scenes(
    comparisons: Sequence[Comparison], way: RunOptions, store: Store, pool: Pool, digests: bool,
    spent: list[Price] | None = None, localizers: Sequence[Localizer] = (),
) -> list[Scene]:  # fmt: skip
    """The scenes of comparisons; an ensemble that a request needs is trained here, unless the store has it.

    Args:
        comparisons: what to compare.
        way: how the work is done.
        store: where an ensemble is kept.
        pool: that trains it.
        digests: whether others do the work, so that the data are needed here for their digests alone.
        spent: to which the price of each ensemble is added, to be reported with that of its comparison; None reports it alone.
        localizers: what is to find masks beside the methods.

    Raises:
        BadInput: the scenario cannot serve a method or a localizer; nothing was trained.
    """
    setting = replace(way.setting, device="cpu") if digests else way.setting
    scenes = []
    for comparison in comparisons:

        def say(first: Price, scene: Scene, comparison: Comparison = comparison) -> None:
            if spent is not None:
                spent.append(first)
                first = add_prices(first, price(todo_of([comparison], [scene], way.setting), store, way.setting, pool.size))
            way.say(first.to_text())

        show_stage(way.on_progress, f"reading the data of {comparison.scenario!r}")
        choose = chooser(store, way.setting, pool, way.on_progress, announce_ensemble(store, way.setting, pool.size, say))
        choose = choose_for((*comparison.methods, *localizers), choose, way.evaluators, way.setting.budget)
        scenes.append(open_scene(comparison.scenario, setting, choose))
        if scenes[-1].chosen:
            way.say(scenes[-1].chosen["told"])
    return scenes


def run_comparisons(comparisons: list[Comparison], store: str | Path | None, way: RunOptions, page: ReportOptions) -> Document:
    """Make what is missing of some comparisons, then score and show them.

    Args:
        comparisons: what to compare.
        store: where models, outputs and records go.
        way: how the work is done.
        page: where scores are written.

    Returns:
        All that ``publish`` gives, with the price.
    """
    check_options(comparisons, way, page)
    looks = plan_looks(comparisons[0].seeds, comparisons[0].oracles, way.looks)
    opened = Store(store)
    with open_pool(comparisons, opened, way) as pool:
        spent: list[Price] = []
        scenes = open_scenes(comparisons, way, opened, pool, pool.remote, spent)
        page.check(*(scene.forget_set.digest for scene in scenes))
        show_stage(way.on_progress, "estimating the time by a few steps of training")
        say_plans(comparisons, scenes, opened, way, pool.size)
        spent += attribute(comparisons, scenes, opened, way, pool)
        rest = report_price(comparisons, scenes, opened, way, pool.size)
        cost = reduce(add_prices, [*spent, rest])
        for comparison in comparisons:
            emit(way.on_progress, begun_event(comparison, cost))

        def take(some: list[Comparison], more: Mapping[str, Any] | None) -> list[Entry]:
            make(some, scenes, opened, way.setting, pool, way.on_progress, rest.seconds if way.looks == 1 else None)
            facts = {**way.stated, **(more or {})}
            return [record(c, s, opened, way.setting, way.on_progress, facts) for c, s in zip(some, scenes, strict=True)]

        if way.looks == 1:
            entries = take(comparisons, None)
        else:
            (one,) = comparisons

            def take_sized(at: Look, more: Mapping[str, Any]) -> Entry:
                return take([replace(one, seeds=at.seeds, oracles=at.oracles)], more)[0]

            entries = [run_looks(looks, opened, way, take_sized)]
        score_side_by_side(entries, opened, pool, way)
    shown = publish(entries, opened, page.out, page.images, page.command, way.chosen, page.replace, way.on_progress)
    names = {repr(scene.scenario): without_ids(scene.scenario) for scene in scenes}
    for document in shown["runs"]:
        end = ended_event(document, shown.get("report", ""), names.get(document["scenario"], "comparison"))
        for event in (*score_events(document), end):
            emit(way.on_progress, event)
    return shown | {"price": cost.document()}


def run_looks(plan: Sequence[Look], store: Store, way: RunOptions, take: Callable[[Look, Mapping[str, Any]], Entry]) -> Entry:
    """Look after look; the run of the last one, those before it are taken away again."""
    last: list[Entry] = []

    def look(at: Look, more: Mapping[str, Any]) -> Document:
        last[:] = [take(at, more)]
        return score_run(last[0], store, way.chosen)

    take_looks(plan, look, lambda: store.discard(last[0].key), way.say)
    return last[0]


def report_price(
    comparisons: Sequence[Comparison], scenes: Sequence[Scene], store: Store | None, way: RunOptions, workers: int
) -> Price:
    """The price of some comparisons, reported before work is begun."""
    cost = price(todo_of(comparisons, scenes, way.setting), store, way.setting, workers)
    way.say(cost.to_text())
    return cost


def plans_of(
    comparisons: Sequence[Comparison], scenes: Sequence[Scene], store: Store | None, way: RunOptions, workers: int,
    given: int | None = None,
) -> list[PowerPlan]:  # fmt: skip
    """The power of comparisons by their protocol; ``given`` is the number of unlearned models of an audit."""
    pairs = zip(comparisons, scenes, strict=True)
    plans = [plan(c, s, store, way.setting, workers, way.protocol, given, way.looks) for c, s in pairs if c.methods or given]
    return [one for one in plans if one is not None]


def say_plans(
    comparisons: Sequence[Comparison], scenes: Sequence[Scene], store: Store | None, way: RunOptions, workers: int,
    given: int | None = None,
) -> None:  # fmt: skip
    """Report what comparisons can show, before work is begun; each line once."""
    for line in dict.fromkeys(one.to_text() for one in plans_of(comparisons, scenes, store, way, workers, given)):
        way.say(line)


def price_comparisons(
    comparisons: list[Comparison], store: str | Path | None, way: RunOptions, given: int | None = None
) -> Document:
    """The price of some comparisons and what they can show, and nothing else: no model is made, and no store.

    ``given`` is the number of unlearned models of an audit.
    """
    check_options(comparisons, way, ReportOptions())
    if way.looks != 1:
        plan_looks(comparisons[0].seeds, comparisons[0].oracles, way.looks)
    opened = Store(store) if is_store(store) else None
    workers = expect_workers(comparisons, way)
    scenes, prices = [], []
    for comparison in comparisons:
        scene, ensemble = open_unpaid_scene(comparison, way, opened, workers)
        scenes.append(scene)
        prices += [] if ensemble is None else [ensemble]
    prices += [price_attribution(s, e, opened, way.setting, workers) for _, s, e in estimations_of(comparisons, scenes)]
    rest = price(todo_of(comparisons, scenes, way.setting), opened, way.setting, workers)
    plans = plans_of(comparisons, scenes, opened, way, workers, given)
    lines = list(dict.fromkeys(one.to_text() for one in plans))
    return reduce(add_prices, [*prices, rest]).document() | {"plans": [asdict(one) for one in plans], "design": lines}


def open_unpaid_scene(comparison: Comparison, way: RunOptions, store: Store | None, workers: int) -> tuple[Scene, Price | None]:
    """The scene of a comparison without training an ensemble, and the price of one that would have to be trained."""
    lacks: list[tuple[int, int]] = []

    def choose(scenario: Scenario, data: Data) -> Chosen:
        by = scenario.request
        ensemble = needed_ensemble(by, data.train)
        missing = 0 if ensemble is None else count_missing_members(scenario, data, ensemble, store, way.setting)
        if ensemble is not None and missing:
            lacks.append((missing, ensemble.models))
            return stand_in(data.train, by)
        return Chosen(request(data.train, by)) if store is None else chooser(store, way.setting)(scenario, data)

    digests = way.executor is not None and way.executor.remote
    setting = replace(way.setting, device="cpu") if digests else way.setting
    checked = choose_for(comparison.methods, choose, way.evaluators, way.setting.budget)
    scene = open_scene(comparison.scenario, setting, checked)
    if not lacks:
        return scene, None
    scene = before_request(scene)
    return scene, price_of(*lacks[0], scene, store, way.setting, workers)
