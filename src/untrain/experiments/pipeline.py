"""The course of a command that trains: its price is told, models are made, looked at, scored and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untrain.core.errors import BadInput, SpecError, require_whole_numbers
from untrain.core.spec import parse
from untrain.data.requests.resolve import request
from untrain.data.splits import Data
from untrain.evaluation.base import Evaluator
from untrain.evaluation.observers.base import Observer
from untrain.experiments.comparison import Comparison, portable, todo_of, workers_for
from untrain.experiments.draw_request import chooser, missing, some, wanted
from untrain.experiments.interim_looks import Look, looked, planned
from untrain.experiments.price import Price, before, price, price_of, together, unknown
from untrain.experiments.publish import publish
from untrain.experiments.results import score_away, scored
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import Chosen, Scene, open_scene
from untrain.experiments.scheduler import make, record
from untrain.experiments.setting import Setting
from untrain.reports.write import check_writable
from untrain.runtime.executors.base import each
from untrain.runtime.executors.processes import Processes
from untrain.runtime.executors.select import opened, refuse
from untrain.runtime.progress import OnProgress, Progress
from untrain.runtime.store import Entry, Store, is_store

if TYPE_CHECKING:
    from untrain.runtime.executors.base import Executor

Document = dict[str, Any]


@dataclass(frozen=True, eq=False)
class RunOptions:
    """How work is done and told of.

    Args:
        setting: device, threads and precision of each model.
        workers: processes; None for as many as fit.
        on: who does the work, a word or a crew.
        on_progress: called with progress.
        looks: how often scores are looked at on the way.
        evaluators: what scores; empty for one of each.
        observers: what looks at models too, where an audit was given them.
    """

    setting: Setting
    workers: int | None = 1
    on: str | Executor = "here"
    on_progress: OnProgress | None = None
    looks: int = 1
    evaluators: tuple[Evaluator, ...] = ()
    observers: tuple[Observer, ...] = ()

    def say(self, text: str) -> None:
        """Tell something that is not that a model was made."""
        if self.on_progress is not None:
            self.on_progress(Progress(0, 0, "", 0.0, None, text))

    @property
    def chosen(self) -> list[Evaluator] | None:
        """The evaluators, or None for one of each."""
        return list(self.evaluators) or None


@dataclass(frozen=True)
class ReportOptions:
    """Where scores are written and what the page shows: folder, or None for none; images of the forget set; the command."""

    out: str | Path | None = None
    images: bool = True
    command: str = ""


def evaluators_of(given: Any) -> tuple[Evaluator, ...]:
    """Evaluators, spelled or made.

    Raises:
        SpecError: one is none, or two give the same score.
    """
    made = [parse(g) if isinstance(g, str) else g for g in ([given] if isinstance(given, str | Evaluator) else given)]
    scores: dict[str, Evaluator] = {}
    for e in made:
        if not isinstance(e, Evaluator):
            raise SpecError(f"{e!r} is no evaluator; `untrain evaluators` lists them")
        for name in e.scores:
            if name in scores:
                raise SpecError(f"{scores[name]!r} and {e!r} both give {name}: one of the two is needed")
            scores[name] = e
    return tuple(made)


def refused(made: Sequence[Comparison], way: RunOptions, page: ReportOptions) -> None:
    """Refuse what cannot be done, before anything is.

    Raises:
        BadInput: the workers, who does the work, or the folder.
    """
    require_whole_numbers(**({} if way.workers is None else {"workers": way.workers}))
    if way.workers is not None and way.workers < 1:
        raise BadInput(f"workers={way.workers}: at least 1 is needed")
    if isinstance(way.on, str):
        refuse(way.on)
    if way.on != "here" and not portable(made):
        raise BadInput(f"on={way.on!r}: what is compared cannot be made elsewhere from its spelling; put its classes in a module")
    check_writable(page.out)


@contextmanager
def open_workers(made: Sequence[Comparison], held: Store, way: RunOptions) -> Iterator[Executor]:
    """Who makes the models."""
    setting = way.setting
    fitting = workers_for(made, setting.device, setting.threads)
    with opened(way.on, way.workers, fitting, setting.threads, setting.device, held.path / "tmp") as crew:
        yield crew


def scenes_of(
    made: Sequence[Comparison], way: RunOptions, held: Store, crew: Executor, apart: bool, spent: list[Price] | None = None
) -> list[Scene]:
    """The scenes of comparisons; an ensemble that a request needs is trained here, unless the store has it.

    Args:
        made: the comparisons.
        way: how the work is done.
        held: where an ensemble is kept.
        crew: who trains it.
        apart: whether others do the work, so that the data are needed here for their digests alone.
        spent: what ensembles cost is added here, and told together with what their comparison will cost; None tells it alone.
    """
    setting = replace(way.setting, device="cpu") if apart else way.setting
    scenes = []
    for comparison in made:

        def say(first: Price, scene: Scene, comparison: Comparison = comparison) -> None:
            if spent is not None:
                spent.append(first)
                first = together(first, price(todo_of([comparison], [scene], way.setting), held, way.setting, crew.size))
            way.say(first.told())

        choose = chooser(held, way.setting, crew, way.on_progress, before(held, way.setting, crew.size, say))
        scenes.append(open_scene(comparison.scenario, setting, choose))
        if scenes[-1].chosen:
            way.say(scenes[-1].chosen["told"])
    return scenes


def run_comparisons(made: list[Comparison], store: str | Path | None, way: RunOptions, page: ReportOptions) -> Document:
    """Make what is missing of some comparisons, then score and show them.

    Args:
        made: what to compare.
        store: where models, answers and records go.
        way: how the work is done.
        page: where scores are written.

    Returns:
        All that ``publish`` gives, with the price.
    """
    refused(made, way, page)
    plan = planned(made[0].seeds, made[0].oracles, way.looks)
    held = Store(store)
    with open_workers(made, held, way) as crew:
        spent: list[Price] = []
        scenes = scenes_of(made, way, held, crew, crew.apart, spent)
        cost = reduce(together, [*spent, priced(made, scenes, held, way, crew.size)])

        def take(some: list[Comparison], more: Mapping[str, Any] | None) -> list[Entry]:
            make(some, scenes, held, way.setting, crew, way.on_progress)
            return [record(c, s, held, way.setting, way.on_progress, more) for c, s in zip(some, scenes, strict=True)]

        if way.looks == 1:
            entries = take(made, None)
        else:
            (one,) = made
            entries = [staged(plan, held, way, lambda at, more: take([replace(one, seeds=at.seeds, oracles=at.oracles)], more)[0])]
        if len(entries) > 1 and isinstance(crew, Processes):  # runs are scored side by side, where workers are at hand
            for _ in each(crew, score_away, {e.key: (e.key, str(held.path), way.chosen) for e in entries}):
                pass
    return publish(entries, held, page.out, page.images, page.command, way.chosen) | {"price": cost.document()}


def staged(plan: Sequence[Look], held: Store, way: RunOptions, take: Callable[[Look, Mapping[str, Any]], Entry]) -> Entry:
    """Look after look; the run of the last one, those before it are taken away again."""
    last: list[Entry] = []

    def look(at: Look, more: Mapping[str, Any]) -> Document:
        last[:] = [take(at, more)]
        return scored(last[0], held, way.chosen)

    looked(plan, look, lambda: held.discard(last[0].key), way.say)
    return last[0]


def priced(made: Sequence[Comparison], scenes: Sequence[Scene], held: Store | None, way: RunOptions, workers: int) -> Price:
    """The price of some comparisons, told before work is begun."""
    found = price(todo_of(made, scenes, way.setting), held, way.setting, workers)
    way.say(found.told())
    return found


def price_comparisons(made: list[Comparison], store: str | Path | None, way: RunOptions) -> Document:
    """The price of some comparisons, and nothing else: no model is made, and no store."""
    refused(made, way, ReportOptions())
    if way.looks != 1:
        planned(made[0].seeds, made[0].oracles, way.looks)
    held = Store(store) if is_store(store) else None
    fitting = workers_for(made, way.setting.device, way.setting.threads)
    workers = min(way.workers or fitting, fitting) if way.on == "here" else way.workers or fitting
    scenes, found = [], []
    for comparison in made:
        scene, ensemble = unasked(comparison, way, held, workers)
        scenes.append(scene)
        found += [] if ensemble is None else [ensemble]
    return reduce(together, [*found, price(todo_of(made, scenes, way.setting), held, way.setting, workers)]).document()


def unasked(comparison: Comparison, way: RunOptions, held: Store | None, workers: int) -> tuple[Scene, Price | None]:
    """The scene of a comparison without training an ensemble, and the price of one that would have to be trained."""
    lacks: list[tuple[int, int]] = []

    def choose(scenario: Scenario, found: Data) -> Chosen:
        by = scenario.request
        ensemble = wanted(by, found.train)
        lacking = 0 if ensemble is None else missing(scenario, found, ensemble, held, way.setting)
        if ensemble is not None and lacking:
            lacks.append((lacking, ensemble.models))
            return some(found.train, by)
        return Chosen(request(found.train, by)) if held is None else chooser(held, way.setting)(scenario, found)

    scene = open_scene(comparison.scenario, replace(way.setting, device="cpu") if way.on != "here" else way.setting, choose)
    if not lacks:
        return scene, None
    scene = unknown(scene)
    return scene, price_of(*lacks[0], scene, held, way.setting, workers)
