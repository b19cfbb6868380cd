"""Interim looks: a comparison is scored while its models are made, and ends as soon as no method's outcome is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from untrain.core.errors import BadInput
from untrain.evaluation.protocols.outcome import OPEN
from untrain.evaluation.scoring.design import LEVEL, can_decide

Document = Mapping[str, Any]
LEAST = 2  # oracles, for a floor
MOST = 10  # looks: a test at less than a tenth of 5 % would need more splits of the models than are drawn


@dataclass(frozen=True)
class Look:
    """One look: numbers of originals and oracles, and the level of its tests."""

    seeds: int
    oracles: int
    level: float


def plan_looks(seeds: int, oracles: int, looks: int, level: float = LEVEL, existing: bool = False) -> list[Look]:
    """Plan looks at growing numbers of models, the last at all of them, each at an equal share of the level.

    Whatever the data, and whenever it ends, the chance that any of the looks raises a false alarm is at most the sum of theirs
    (Bonferroni), ``level``. Models are numbered, so that those of one look are among those of the next.
    Looks at too few models to decide anything are left out, the earliest first, and the others get their share.

    Args:
        seeds: number of original models in the end, or of unlearned ones that exist already.
        oracles: number of retrained models in the end.
        looks: number of looks; 1 looks only in the end.
        level: share of false alarms over all looks.
        existing: whether all unlearned models exist at every look, and only oracles grow.

    Raises:
        BadInput: there are fewer looks than one, or more than there are numbers of models to look at; or even all models are
            too few to decide.
    """
    if isinstance(looks, bool) or not isinstance(looks, int) or not 1 <= looks <= MOST:
        raise BadInput(f"looks={looks!r}: a whole number from 1 to {MOST} is needed")
    if looks > max(1 if existing else seeds, oracles - LEAST + 1):
        raise BadInput(
            f"looks={looks}: with seeds={seeds} and oracles={oracles} there are not as many numbers of models to look at"
        )
    sizes = [
        (seeds if existing else -(-seeds * k // looks), max(min(LEAST, oracles), -(-oracles * k // looks)))
        for k in range(1, looks + 1)
    ]
    while looks > 1 and sizes and not can_decide(*sizes[0], level / len(sizes)):
        sizes = sizes[1:]
    if not sizes:
        enough = next(k for k in count(max(oracles, LEAST)) if can_decide(seeds, k, level))
        raise BadInput(
            f"looks={looks}: {seeds} unlearned and {oracles} retrained models are too few to decide anything, at any look: "
            f"oracles={enough} would do for the last; or leave looks out"
        )
    return [Look(*size, level / len(sizes)) for size in sizes]


def count_open(rows: Sequence[Mapping[str, Any]]) -> int:
    """Number of methods that did not fail to run and neither pass their protocol nor fail it."""
    return sum(row["verdict"]["outcome"] == OPEN for row in rows if not row["error"])


def take_looks(
    plan: Sequence[Look],
    take: Callable[[Look, dict[str, Any]], Document],
    drop: Callable[[], object],
    say: Callable[[str], None],
) -> Document:
    """Take look after look until every method passes or fails its protocol, or no look is left.

    Args:
        plan: the looks.
        take: makes the models of a look and returns the scores; the facts that it gets go into the run's record.
        drop: called after each look that was not the last.
        say: called with one line on each look.

    Returns:
        The document of the last look.
    """
    past: list[dict[str, Any]] = []
    for at, look in enumerate(plan, 1):
        now = {"seeds": look.seeds, "oracles": look.oracles, "level": look.level}
        document = take(look, {"level": look.level, "looks": [*past, now], "planned_looks": len(plan)})
        left = count_open(document["results"])
        still = f"{left} method{'' if left == 1 else 's'} open"
        line = f"look {at} of {len(plan)}: {look.seeds} seeds, {look.oracles} oracles, level {look.level:.3g}: {still}"
        if not left or at == len(plan):
            say(f"{line}; {'stopped early' if at < len(plan) else 'the last'}")
            return document
        say(f"{line}; going on")
        past.append(now | {"open": left})
        drop()
    raise BadInput("no look was planned")


def looks_of(record: Mapping[str, Any], method_rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The looks in a run's record, the last with the number of its open methods; none for a single look."""
    looks = record.get("looks") or []
    return [*looks[:-1], looks[-1] | {"open": count_open(method_rows)}] if looks else []


def summary(record: Mapping[str, Any]) -> list[str]:
    """Sum up the looks in one line for the reader."""
    if not record.get("looks"):
        return []
    count, of, level = len(record["looks"]), record["planned_looks"], record["level"]
    end = "stopped early, since no method's outcome was open" if count < of else "it went on to the last"
    return [f"{count} of {of} looks were taken, each at level {level:.3g} and so {of * level:.3g} over all; {end}"]
