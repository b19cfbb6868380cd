"""The design of a leaderboard: a scenario, its requests, and the numbers of models and trials per method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from untrain.core.errors import BadInput, SpecError, require_whole_numbers, suggest
from untrain.core.spec import parse
from untrain.data.requests.base import Request
from untrain.evaluation.protocols.endpoints import FEWEST
from untrain.experiments.scenarios.base import Scenario

ENOUGH_SEEDS, ENOUGH_ORACLES = 5, 12
CONTROLS = ("Nothing()", "Retrain()", "ResetFinetune() @ RandomMask()")


@dataclass(frozen=True)
class Board:
    """A leaderboard before anything is run.

    Args:
        name: what it is called.
        scenario: spelling of data and model; its request is replaced by each of ``requests``.
        requests: name -> spelling of a request.
        seeds: number of original models, each unlearned by each method.
        oracles: number of models retrained without each forget set.
        trials: settings that are tried of each method, its defaults among them; 1 tunes nothing.
        models: number of original models over which a trial is averaged; none of them is among those that are ranked.
        objective: what a trial is worth: 'balanced', 'repair' or 'valid'; none looks at retrained models.
        seed: from which all others are derived.
        controls: spellings of what methods are compared with.

    Raises:
        BadInput: too few models or trials, or something else than names and spellings.
        SpecError: a spelling, or an objective that looks at retrained models.
    """

    name: str
    scenario: str
    requests: Mapping[str, str] = field(hash=False)
    seeds: int = ENOUGH_SEEDS
    oracles: int = ENOUGH_ORACLES
    trials: int = 8
    models: int = 1
    objective: str = "balanced"
    seed: int = 0
    controls: tuple[str, ...] = CONTROLS

    def __post_init__(self) -> None:
        """Refuse what could not be ranked."""
        if not isinstance(self.requests, Mapping) or not _texts(*self.requests, *self.requests.values()):
            raise BadInput(
                f"requests={self.requests!r}: names and spellings are needed, such as {{'random': 'Random(fraction=0.1)'}}"
            )
        if not isinstance(self.controls, tuple) or not _texts(self.name, self.scenario, self.objective, *self.controls):
            raise BadInput(f"the name, scenario, objective and controls of a leaderboard are texts: {self!r}")
        least = {"seeds": 2, "oracles": FEWEST, "trials": 1, "models": 1, "seed": 0}
        require_whole_numbers(**{name: getattr(self, name) for name in least})
        for name, number in least.items():
            if getattr(self, name) < number:
                raise BadInput(f"{name}={getattr(self, name)}: a leaderboard needs at least {number}")
        if self.objective == "oracle":
            raise SpecError(
                "objective='oracle': a leaderboard tunes without retrained models; take 'balanced', 'repair' or 'valid'"
            )
        if not self.requests:
            raise BadInput("a leaderboard needs a request")

    def scenarios(self, data: str = "") -> dict[str, Scenario]:
        """Request name -> the scenario with it, reading from ``data``, if given.

        Raises:
            SpecError: a spelling is not a scenario or not a request.
            BadInput: a folder is given for a scenario that reads none.
        """
        scenario = parse(self.scenario)
        if not isinstance(scenario, Scenario):
            raise SpecError(f"{self.scenario!r} is not a scenario; `untrain scenarios` lists them")
        named = {f.name for f in fields(scenario)}
        if data and "path" not in named:
            raise BadInput(f"data={data!r}: {type(scenario).__name__} reads no folder; leave it out")
        if "request" not in named:
            raise SpecError(f"{type(scenario).__name__} has no field 'request' to be replaced: take another scenario")
        place = replace(scenario, path=data) if data else scenario  # type: ignore[call-arg]
        found = {}
        for name, spelling in self.requests.items():
            request = parse(spelling)
            if not isinstance(request, Request):
                raise SpecError(f"{spelling!r} is not a request")
            found[name] = replace(place, request=request)
        return found

    def document(self) -> dict[str, Any]:
        """Fields for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {
            "requests": dict(self.requests), "controls": list(self.controls),
        }  # fmt: skip

    def notes(self) -> list[str]:
        """Remarks on its size."""
        few = [f"{self.seeds} seeds (of {ENOUGH_SEEDS})"] if self.seeds < ENOUGH_SEEDS else []
        few += [f"{self.oracles} retrained models (of {ENOUGH_ORACLES})"] if self.oracles < ENOUGH_ORACLES else []
        return [f"a small board: {' and '.join(few)}; intervals are wide, and few methods can be shown to differ"] if few else []


def _texts(*parts: object) -> bool:
    return all(isinstance(part, str) for part in parts)


def board_of(document: Mapping[str, Any]) -> Board:
    """The board of its fields in JSON.

    Raises:
        BadInput: they are not a board's.
    """
    try:
        return Board(**{**document, "controls": tuple(document["controls"])})
    except (TypeError, KeyError) as error:
        raise BadInput(f"these are not the fields of a leaderboard: {error}") from None


# Sizes for a laptop: a model takes seconds, and three requests share the originals. Batches of 100 divide what stays of 2,000
# images, and twelve epochs learn all of them by heart, so that requests for examples have something to forget.
FASHION = (
    "SmallFashion(size=2000, steps=Steps(lr=0.32, epochs=12, batch=100, "
    "optimizer=SGD(decay=0.0005, nesterov=True, decay_on='weights'), schedule=Triangular()))"
)
PRESETS = {
    board.name: board
    for board in (
        Board(
            "fashion",
            FASHION,
            {"random": "Random(fraction=0.1)", "class": "Where(rule='label == 6')", "memorized": "Memorized(fraction=0.05)"},
        ),
        Board(
            "digits",
            "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=6, batch=64))",
            {
                "random": "Random(fraction=0.1)",
                "class": "Where(rule='label == 3')",
                "memorized": "Memorized(fraction=0.05, models=16)",
            },
            trials=5,
        ),
    )
}


def preset(name: str) -> Board:
    """The board of a name.

    Raises:
        BadInput: there is none.
    """
    if name not in PRESETS:
        raise BadInput(f"there is no board {name!r}{suggest(name, PRESETS)}; it is one of {list(PRESETS)}, or a board.json")
    return PRESETS[name]
