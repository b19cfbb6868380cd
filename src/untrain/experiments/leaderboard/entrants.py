"""Entrants: every unlearner and recipe that is found and can run, with what keepers save for it; the others, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from untrain.core import discovery
from untrain.core.access import KEPT, Access, access
from untrain.core.errors import BadInput, DataError, MissingExtra, SpecError, UntrainError
from untrain.core.spec import canonical, parse
from untrain.data.examples import Examples, take
from untrain.experiments.comparison import check_estimations, check_needs
from untrain.experiments.keys import Method
from untrain.experiments.leaderboard.board import Board
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.verbs import learner_of, loaded
from untrain.experiments.scenarios.withlearner import WithLearner
from untrain.experiments.search.space import Space, space, start_of
from untrain.training.base import Learner
from untrain.training.keepers.base import Keeper, saved_by
from untrain.unlearners.base import Recipe, Unlearner

FEW = 8  # examples on which a keeper is tried


@dataclass(frozen=True)
class Candidate:
    """A method that takes part.

    Args:
        method: as it was given, or with its defaults.
        control: whether others are compared with it.
        space: what is searched; empty where nothing is.
        untuned: why nothing is searched; empty where something is.
    """

    method: Method
    control: bool
    space: Space
    untuned: str

    @property
    def sees(self) -> Access:
        """The data that it sees besides the model."""
        return access(self.method.needed())


@dataclass(frozen=True)
class LeftOut:
    """A method that takes no part, and why."""

    method: str
    reason: str


@dataclass(frozen=True)
class Field:
    """Methods that take part and those that do not, and by request the scenario that all run on.

    Args:
        scenarios: request name -> scenario, its learner with keepers.
        candidates: who takes part.
        left_out: who does not.
        keepers: spellings of what is saved in training.
        notes: on keepers that cannot be used.
    """

    scenarios: dict[str, Scenario]
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    keepers: tuple[str, ...]
    notes: tuple[str, ...]


def field_of(
    board: Board, named: Sequence[str | Method], data: str, effects: bool, kept: Sequence[str] | None = None,
    without: Sequence[str | Method] = (),
) -> Field:  # fmt: skip
    """Gather who takes part in a board.

    Args:
        board: scenario and requests.
        named: methods that take part; empty for all that are found.
        data: folder of the data, where the scenario reads one.
        effects: whether methods take part that subtract estimated effects.
        kept: keepers of a board that is there already, whose rows, those of its controls too, are not run again; None for a new
            board: all keepers that are found and can be used.
        without: methods that take no part though they are found.

    Raises:
        BadInput: a method that was named is none, or cannot run; or one of ``without`` is not among those found.
        DataError: the data cannot be read.
    """
    scenarios = board.scenarios(data)
    first = next(iter(scenarios.values()))
    learner, train = learner_of(first), _training_data(first, data)
    methods, left_out = (_each_once(map(_named, named)), []) if named else found_methods()
    controls = _each_once(map(_named, board.controls)) if kept is None else []
    methods = _less(methods, _each_once(map(_named, without)), controls, left_out)
    wanted = _keepers_found() if kept is None else _keepers_needed(kept, methods)
    keepers, notes = usable_keepers(learner, train, wanted)
    if keepers:
        learner = replace(learner, keepers=(*learner.keepers, *keepers))
        scenarios = {name: WithLearner(scenario=one, by=learner) for name, one in scenarios.items()}  # type: ignore[call-arg]
    spellings = {canonical(control) for control in controls}
    candidates = []
    for method in [*controls, *(m for m in methods if canonical(m) not in spellings)]:
        reason = refusal(method, learner, train, effects)
        if reason and named and method in methods:
            raise BadInput(f"{method!r} cannot take part: {reason}")
        if reason:
            left_out.append(LeftOut(repr(method), reason))
        else:
            candidates.append(_candidate(method, canonical(method) in spellings, board))
    return Field(scenarios, tuple(candidates), tuple(left_out), tuple(map(repr, keepers)), tuple(notes))


def _training_data(scenario: Scenario, data: str) -> Examples:
    """The training data of a scenario; where they cannot be read, the error says how a leaderboard is given their folder."""
    try:
        return loaded(scenario).train
    except DataError as error:
        if data or "path" not in {f.name for f in fields(scenario)}:
            raise
        raise DataError(f"{error}; a leaderboard takes that folder as --data FOLDER, or data=... in Python") from None


def found_methods() -> tuple[list[Method], list[LeftOut]]:
    """Every unlearner and recipe that is found, with its defaults; those that cannot be made, with the reason."""
    methods, left_out = list[Method](), list[LeftOut]()
    for place in discovery.of_role("unlearner", "recipe"):
        try:
            methods.append(_named(place.name))
        except (BadInput, MissingExtra) as error:
            left_out.append(LeftOut(place.name, str(error)))
    return methods, left_out


def _less(
    methods: list[Method], without: Sequence[Method], controls: Sequence[Method], left_out: list[LeftOut]
) -> list[Method]:  # fmt: skip
    """The methods that are to take part; the others go to ``left_out``."""
    found, fixed = ({canonical(method) for method in some} for some in (methods, controls))
    for method in without:
        if canonical(method) in fixed:
            raise BadInput(f"--without {method!r}: it is a control, with which others are compared")
        if canonical(method) not in found:
            raise BadInput(f"--without {method!r}: it takes no part anyway; methods take part with their defaults")
        left_out.append(LeftOut(repr(method), "--without leaves it out"))
    unwanted = {canonical(method) for method in without}
    left = [method for method in methods if canonical(method) not in unwanted]
    if without and not left:
        raise BadInput("--without leaves no method to rank: leave fewer out")
    return left


def _each_once(methods: Iterable[Method]) -> list[Method]:
    """Methods without those that were there before under another spelling."""
    return list({canonical(method): method for method in methods}.values())


def _named(given: str | Method) -> Method:
    method = parse(given) if isinstance(given, str) else given
    if not isinstance(method, Unlearner | Recipe):
        raise SpecError(f"{method!r} is not an unlearning method; `untrain methods` lists them")
    return method


def refusal(method: Method, learner: Learner, train: Examples, effects: bool) -> str:
    """Return why a method cannot run on models of a learner; empty where it can."""
    try:
        check_needs([method], learner, train)
        estimation = method.estimation
        if effects:
            check_estimations([method], learner, train)
    except UntrainError as error:
        return str(error).removeprefix(f"{method!r}: ")
    if estimation is not None and not effects:
        models, checks = estimation.sizes
        return (
            f"it subtracts estimated effects, which take {models + 2 * checks} models for each request: ask for them with --effects"
        )
    return ""


def _candidate(method: Method, control: bool, board: Board) -> Candidate:
    """The searched fields of a method, or why there are none."""
    if board.trials == 1:
        return Candidate(method, control, {}, "one trial is that of the defaults")
    if method.oracles:
        return Candidate(method, control, {}, "it sees retrained models, and tuning does without them")
    if method.estimation is not None:
        return Candidate(method, control, {}, "tuning would estimate its effects once more")
    try:
        searched = space(method)
    except SpecError:
        return Candidate(method, control, {}, "it has no field that is searched")
    return Candidate(method, control, searched, "")


def starts_outside(candidate: Candidate) -> bool:
    """Return whether the defaults of a method lie outside of what is searched, so that no trial is theirs."""
    return bool(candidate.space) and start_of(candidate.method, candidate.space) is None


def _keepers_found() -> list[Keeper]:
    """One of each keeper that is found and has defaults."""
    keepers = []
    for place in discovery.of_role("keeper"):
        try:
            keepers.append(parse(place.name))
        except (BadInput, MissingExtra):
            continue
    return keepers


def _keepers_needed(kept: Iterable[str], methods: Sequence[Method]) -> list[Keeper]:
    """The keepers of a board, and those beside them that methods need."""
    keepers = [parse(spelling) for spelling in kept]
    there = {type(keeper).__name__ for keeper in keepers}
    needed = {need.removeprefix(KEPT) for method in methods for need in method.needed() if need.startswith(KEPT)}
    return [*keepers, *(keeper for keeper in _keepers_found() if type(keeper).__name__ in needed - there)]


def usable_keepers(learner: Learner, train: Examples, keepers: Sequence[Keeper]) -> tuple[list[Keeper], list[str]]:
    """Keepers that can save what they save of a learner's models, tried on an untrained one; notes on the others."""
    own = {type(keeper) for keeper in learner.keepers}
    wanted = [keeper for keeper in keepers if type(keeper) not in own]
    if "keepers" not in {f.name for f in fields(learner)}:
        return [], [f"{type(learner).__name__} has no keepers, so methods that need {keeper!r} take no part" for keeper in wanted]
    usable, notes = [], []
    few = take(train, np.arange(min(len(train), FEW)))
    for keeper in wanted:
        try:
            saved_by(keeper, learner.init(train, 0).eval(), few, learner)
            usable.append(keeper)
        except UntrainError as error:
            notes.append(f"{keeper!r} is not kept, and methods that need it take no part: {error}")
    return usable, notes
