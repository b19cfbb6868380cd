"""A comparison: a scenario, its methods, and the jobs they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from untrain.core.errors import BadInput
from untrain.core.spec import canonical, sendable
from untrain.data.examples import Examples
from untrain.data.splits import Data
from untrain.evaluation.base import Evaluator
from untrain.evaluation.observers.base import Observer
from untrain.experiments.attributable import check_attributable
from untrain.experiments.dispatch import KeyedJob
from untrain.experiments.keys import Job, Method, model_key, oracle_keys, teachers_of
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.verbs import learner_of
from untrain.experiments.scene import Choose, Chosen, Scene
from untrain.experiments.setting import Setting
from untrain.localizers.base import Localizer
from untrain.runtime.executors.base import cores
from untrain.training.base import Learner
from untrain.training.needs import check_kept, check_signals
from untrain.unlearners.base import Recipe, Unlearner


@dataclass(frozen=True)
class Comparison:
    """Methods to compare on a scenario.

    Args:
        scenario: data, learner and request.
        methods: unlearners and recipes.
        seeds: number of original models, each unlearned by each method.
        oracles: number of models retrained without the forget set.
        seed: from which all seeds are derived.
        observers: what observes the models once they are made.
    """

    scenario: Scenario
    methods: tuple[Method, ...]
    seeds: int = 3
    oracles: int = 6
    seed: int = 0
    observers: tuple[Observer, ...] = ()


Todo = dict[str, KeyedJob]


def jobs_of(comparison: Comparison) -> list[Job]:
    """All models of a comparison, in the order in which they are best begun."""
    originals = [Job("original", i) for i in range(comparison.seeds)]
    oracles = [Job("oracle", i) for i in range(comparison.oracles)]
    unlearned = [Job("unlearned", i, m) for m in comparison.methods for i in range(comparison.seeds)]
    teachers = [teacher for job in unlearned for teacher in teachers_of(job)]
    return [*originals, *dict.fromkeys(teachers), *unlearned, *oracles]


def todo_of(comparisons: Sequence[Comparison], scenes: Sequence[Scene], setting: Setting) -> Todo:
    """All models of some comparisons by their keys; those that several share stand once."""
    todo: Todo = {}
    for comparison, scene in zip(comparisons, scenes, strict=True):
        for job in jobs_of(comparison):
            key = model_key(scene, job, comparison.seed, setting)
            todo.setdefault(key, KeyedJob(key, scene, job, comparison.seed))
    return todo


def oracles_of(comparison: Comparison, scene: Scene, setting: Setting) -> list[str]:
    """Keys of the oracles of a comparison."""
    return oracle_keys(scene, comparison.oracles, comparison.seed, setting)


def check(comparison: Comparison) -> None:
    """Refuse a comparison that could not be scored.

    Raises:
        BadInput: no methods, the same one twice, or too few models.
    """
    if not comparison.methods:
        raise BadInput("no method was named: give at least one, such as DEL or Finetune")
    if len(set(map(canonical, comparison.methods))) < len(comparison.methods):
        raise BadInput(f"a method is named twice: {[repr(m) for m in comparison.methods]}")
    if len(set(map(repr, comparison.methods))) < len(comparison.methods):
        raise BadInput(f"two methods have one label: {[repr(m) for m in comparison.methods]}; give each a name of its own")
    if comparison.seeds < 1 or comparison.oracles < 2:
        raise BadInput(
            f"seeds={comparison.seeds}, oracles={comparison.oracles}: at least 1 seed and 2 oracles (for a floor) are needed"
        )


def check_needs(methods: Sequence[Method | Localizer], learner: Learner, train: Examples) -> None:
    """Refuse methods that a learner's models or the data cannot serve, before anything is trained.

    Raises:
        SpecError: a method needs a signal or an ability that the task does not have.
        RequestError: a method needs what no keeper of the learner saves.
        ModelError: a method works on models of another kind.
    """
    keepers, task = {type(keeper).__name__ for keeper in learner.keepers}, learner.task.resolve(train)
    model = None
    for method in methods:
        try:
            check_signals(method.needed(), task)
            check_kept(method.needed(), keepers)
        except BadInput as error:
            raise type(error)(f"{method!r}: {error}") from None
        expression = method.expand() if isinstance(method, Recipe) else method
        if isinstance(expression, Unlearner) and expression.works_on is not nn.Module:
            model = learner.init(train, 0) if model is None else model
            expression.check_kind(model)


def check_estimations(methods: Sequence[Method | Localizer], learner: Learner, train: Examples) -> None:
    """Refuse methods whose effects cannot be estimated, before anything is trained.

    Raises:
        BadInput: models have no logits, the attributor does not work on such models, or the settings have too few models.
    """
    for method in methods:
        estimation = None if isinstance(method, Localizer) else method.estimation
        if estimation is not None:
            try:
                check_attributable(learner, train, estimation)
            except BadInput as error:
                raise type(error)(f"{method!r}: {error}") from None


def check_probes(evaluators: Sequence[Evaluator], probes: Iterable[str]) -> None:
    """Refuse evaluators that need a probe which there is not, before anything is trained.

    Raises:
        BadInput: one does.
    """
    there = sorted(probes)
    for evaluator in evaluators:
        lacking = sorted(evaluator.probes - set(there))
        if lacking:
            raise BadInput(
                f"{evaluator!r} needs the probe {lacking[0]!r}, and the data have {', '.join(there) or 'no probes'}: "
                "take a scenario that gives it, or leave the evaluator out"
            )


def check_budget(budget: float | None, learner: Learner) -> None:
    """Refuse a budget of operations that nobody counts, before anything is trained.

    Raises:
        BadInput: the learner's are not counted.
    """
    if budget is not None and not learner.counted:
        raise BadInput(f"a budget is a share of the operations of training, and those of {learner!r} are not counted: leave it out")


def choose_for(
    methods: Sequence[Method | Localizer], choose: Choose, evaluators: Sequence[Evaluator] = (), budget: float | None = None
) -> Choose:
    """Draw requests by ``choose``, which may train an ensemble, once budget, evaluators and methods have passed their checks."""

    def chosen(scenario: Scenario, data: Data) -> Chosen:
        learner = learner_of(scenario)
        check_budget(budget, learner)
        check_probes(evaluators, data.probes)
        check_needs(methods, learner, data.train)
        check_estimations(methods, learner, data.train)
        return choose(scenario, data)

    return chosen


def portable(comparisons: Sequence[Comparison]) -> bool:
    """Return whether another process can make the same scenarios and methods."""
    return sendable(*(part for comparison in comparisons for part in (comparison.scenario, *comparison.methods)))


def workers_for(comparisons: Sequence[Comparison], device: str, threads: int) -> int:
    """As many processes as fit the cores; one where work shares a GPU, or where a scenario cannot be sent to another process."""
    if torch.device(device).type != "cpu" or not portable(comparisons):
        return 1
    return max(1, cores() // threads)
