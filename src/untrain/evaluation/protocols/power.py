"""Power of a design before it is paid for: the chance that a perfect model passes, and that a leak is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from untrain.evaluation.protocols.endpoints import ABOUT, FEWEST, Endpoint
from untrain.evaluation.protocols.margin_test import BEYOND, allowed, difference, within
from untrain.evaluation.protocols.protocol import ENDPOINTS, Margin, Protocol
from untrain.evaluation.scoring.design import LEVEL, can_decide
from untrain.maths.distributions import noncentral_t_tail, normal_share, t_quantile

Array = np.ndarray[Any, Any]
ENOUGH = 0.8  # chance that a design should give to passing a perfect model, and to finding a leak
DRAWS = 2000
MOST = 60  # models of either kind, beyond which no design is looked for
_SCORES = 20  # tests among which a leak has to stand out: about the number of scores with a margin
_TINY = 1e-12
_BLOCK = 2**17  # numbers that are simulated at a time
_ALIKE = 0.3  # correlation between endpoints, where none is known


@dataclass(frozen=True, eq=False)
class Law:
    """Variation of endpoints between retrained models.

    Args:
        spreads: endpoint -> standard deviation between retrained models, in its unit; None where it is not known.
        correlation: between endpoints, in the order of ``spreads``.
        ways: which differences of each endpoint do harm: 1 those above 0, -1 those below, 0 both.
        models: number of retrained models that it was estimated from; 0 for none.
        margins: endpoint -> the name of the margin that it has to keep, where that is not its own.
    """

    spreads: Mapping[str, float | None]
    correlation: Array
    ways: Mapping[str, int]
    models: int = 0
    margins: Mapping[str, str] = field(default_factory=dict)

    def _key(self) -> tuple[object, ...]:
        named = (tuple(each.items()) for each in (self.spreads, self.ways, self.margins))
        return (*named, self.correlation.tobytes())

    def __eq__(self, other: object) -> bool:
        """Return whether endpoints vary alike, so that no design is simulated twice."""
        return isinstance(other, Law) and self._key() == other._key()

    def __hash__(self) -> int:
        """By what decides a simulation."""
        return hash(self._key())


@dataclass(frozen=True)
class Power:
    """Chances of a design.

    Args:
        passes: that a perfect retrain passes.
        detects: that a leak of ``leak`` fails.
        leak: size of the leak, in spreads of retrained models.
        models: number of unlearned models.
        oracles: number of retrained models.
    """

    passes: float
    detects: float
    leak: float
    models: int
    oracles: int

    @property
    def enough(self) -> bool:
        """Return whether both chances are as large as they should be."""
        return min(round(self.passes, 2), round(self.detects, 2)) >= ENOUGH  # as it is written


def law_of(endpoints: Sequence[Endpoint]) -> Law:
    """The law of endpoints that retrained models were seen to follow."""
    k = len(endpoints[0].theirs) if endpoints else 0
    spreads = {e.name: float(e.theirs.std(ddof=1)) if k > 1 else None for e in endpoints}
    ways, margins = {e.name: e.way for e in endpoints}, {e.name: e.margin for e in endpoints}
    if k < 3:
        return Law(spreads, _equal(len(spreads)), ways, k, margins)
    tables = np.stack([e.theirs for e in endpoints])
    flat = tables.std(1) == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = np.atleast_2d(np.corrcoef(tables))
    seen = np.where(flat[:, None] | flat[None], 0.0, seen)
    np.fill_diagonal(seen, 1.0)
    trust = k / (k + len(spreads) + 5)  # few models say little of how endpoints go together
    return Law(spreads, trust * seen + (1 - trust) * np.eye(len(spreads)), ways, k, margins)


def usual_law() -> Law:
    """The law that is taken where no retrained model is known: margins are then those in spreads alone."""
    ways = {name: ABOUT[name].way for name in ENDPOINTS}
    return Law(dict.fromkeys(ENDPOINTS), _equal(len(ENDPOINTS)), ways)


def power_of(protocol: Protocol, models: int, oracles: int, law: Law, draws: int = DRAWS, seed: int = 0) -> Power:
    """Chances that so many models give a protocol, by simulation of normal endpoints.

    Args:
        protocol: whose margins are to be kept.
        models: number of unlearned models.
        oracles: number of retrained models.
        law: of the endpoints.
        draws: number of simulated comparisons.
        seed: of the draws.
    """
    passes = _passes(protocol, models, oracles, law, draws, seed) * (1 - LEVEL if can_decide(models, oracles, LEVEL) else 1.0)
    return Power(passes, _detects(protocol, models, oracles), protocol.leak_size, models, oracles)


@lru_cache(maxsize=1024)  # requests of one run, and runs of one process, ask for the same designs
def _passes(protocol: Protocol, m: int, k: int, law: Law, draws: int, seed: int) -> float:
    """Share of comparisons of retrained models with retrained ones in which all endpoints are within their margins."""
    names = list(law.spreads)
    if not names or k < 2 or (k < FEWEST and any(spread != 0 for spread in law.spreads.values())):
        return 0.0
    rng = np.random.default_rng((seed, m, k))
    root = np.linalg.cholesky(law.correlation + 1e-9 * np.eye(len(names)))
    block = max(1, _BLOCK // ((m + k) * len(names)))
    passed = 0
    for start in range(0, draws, block):
        count = min(block, draws - start)
        ours, theirs = (rng.standard_normal((count, n, len(names))) @ root.T for n in (m, k))
        every = np.ones(count, dtype=bool)
        for at, name in enumerate(names):
            margin, spread = protocol.margins[law.margins.get(name, name)], law.spreads[name]
            if spread is None and not margin.spreads:
                continue  # what an absolute margin alone takes is known once retrained models are
            unit = None if spread is None else max(spread, _TINY)
            scaled = replace(margin, absolute=0.0, most=None) if unit is None else in_spreads(margin, unit)
            c = allowed(margin, m)
            every &= within(difference(ours[..., at], theirs[..., at], c, law.ways[name]), scaled, c, protocol.level)
        passed += int(every.sum())
    return passed / draws


def in_spreads(margin: Margin, unit: float) -> Margin:
    """A margin whose distances are in spreads of so much."""
    return Margin(margin.spreads, margin.absolute / unit, None if margin.most is None else margin.most / unit)


def _detects(protocol: Protocol, m: int, k: int) -> float:
    """Chance that a shift of the leak's size is found: by the test of all scores, or by an endpoint outside its margin."""
    leak, freedom, scale = protocol.leak_size, max(m + k - 2, 1), np.sqrt(1 / m + 1 / k)
    found = 0.0
    if can_decide(m, k, LEVEL):
        found = float(noncentral_t_tail(t_quantile(1 - LEVEL / (2 * _SCORES), freedom), freedom, leak / scale))
    c = allowed(protocol.margins["forget"], m)
    far = t_quantile(1 - BEYOND / len(ENDPOINTS), k - 1 if m == 1 else freedom)
    error = np.hypot(scale, c / np.sqrt(2 * max(k - 1, 1)))  # that of the draw is in the scale, also of one model
    return max(found, float(normal_share((leak - c) / error - far)))


def finds_leak(protocol: Protocol, models: int, oracles: int) -> bool:
    """Return whether so many models find the leak that a protocol plans for often enough."""
    return _detects(protocol, models, oracles) >= ENOUGH


def narrowest(protocol: Protocol, models: int | None, law: Law) -> str:
    """The endpoint whose margin a perfect retrain misses most often at the largest design; ``models`` is as for ``smallest``."""

    def alone(name: str) -> float:
        one = Law({name: law.spreads[name]}, np.eye(1), law.ways, margins=law.margins)
        return _passes(protocol, models or MOST, MOST, one, DRAWS // 2, 0)

    return min(law.spreads, key=alone)


def candidates() -> list[tuple[int, int]]:
    """Numbers of unlearned and retrained models that a design may have."""
    return [(m, k) for m in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, MOST) for k in (6, 8, 10, 12, 15, 19, 20, 25, 30, 40, MOST)]


def smallest(protocol: Protocol, law: Law, models: int | None = None, weight: float = 1.0) -> Power | None:
    """The cheapest design that reaches ``ENOUGH`` of both chances; None where none of at most ``MOST`` models of a kind does.

    Args:
        protocol: whose margins are to be kept.
        law: of the endpoints.
        models: number of unlearned models where it is fixed, as by the checkpoints of an audit; None for any but one, since an
            outcome on one model is not on its method.
        weight: cost of one unlearned model, with its original, in retrained models.
    """
    sizes = [size for size in candidates() if (size[0] > 1 if models is None else size[0] == models)]
    for m, k in sorted(sizes, key=lambda size: (size[0] * weight + size[1], size)):
        if _detects(protocol, m, k) >= ENOUGH and (found := power_of(protocol, m, k, law, draws=DRAWS // 2)).enough:
            return found
    return None


def _equal(count: int) -> Array:
    return np.full((count, count), _ALIKE) + (1 - _ALIKE) * np.eye(count)
