"""A test, endpoint by endpoint, of whether two sets of retrained models may be of one law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untrain.evaluation.protocols.margin_test import width_of
from untrain.evaluation.protocols.severity import Yardstick
from untrain.maths.distributions import spread_test, welch_test
from untrain.maths.ranking import holm

LEVEL = 0.05


@dataclass(frozen=True)
class SameLaw:
    """The findings of the tests.

    Args:
        same: whether all values are equal: it is one set of models.
        p: smallest p-value, by Holm's correction.
        endpoint: where it is found.
        shift: largest difference of means over endpoints, in margins.
        apart: whether the tests separate the two.
    """

    same: bool
    p: float
    endpoint: str
    shift: float
    apart: bool

    def to_text(self) -> str:
        """Write it in one line."""
        if self.same:
            return "the retrained models are those of the board"
        found = f"smallest p after Holm {self.p:.2g}, {self.endpoint}"
        tested = f"by Welch's and by Brown and Forsythe's tests of each endpoint ({found})"
        moved = f"their means differ by {self.shift:.2f} margins at most"
        if self.apart:
            return (
                f"warning: the retrained models are not of the law of the board's {tested}, {moved}: severities of stored and of "
                "new rows cannot be compared; make the board again here"
            )
        return f"no test separates the retrained models from the board's {tested}; {moved}"


def same_law(ours: Yardstick, theirs: Yardstick) -> SameLaw:
    """Test retrained models against others on the same endpoints: means by Welch's test, spreads by Brown and Forsythe's.

    Args:
        ours: the ones.
        theirs: the others, whose margins are those of the shift.

    Source: Welch 1947; Brown and Forsythe 1974; Holm 1979.
    """
    if ours.values.shape == theirs.values.shape and np.array_equal(ours.values, theirs.values):
        return SameLaw(True, 1.0, "", 0.0, False)
    p, where, shifts = [], [], []
    for at, name in enumerate(theirs.names):
        a, b = ours.values[:, at], theirs.values[:, at]
        width = float(width_of(np.asarray(b.std(ddof=1)), theirs.margins[at], theirs.margins[at].spreads))
        difference = abs(float(a.mean() - b.mean()))
        shifts.append(difference / width if width > 0 else (0.0 if difference == 0 else 1e6))
        if np.ptp(np.concatenate([a, b])) == 0:
            continue
        if np.ptp(a) == 0 and np.ptp(b) == 0:  # two constants
            p += [0.0]
            where += [name]
            continue
        p += [welch_test(a, b), spread_test(a, b)]
        where += [name, name]
    if not p:
        return SameLaw(True, 1.0, "", 0.0, False)
    adjusted = holm(np.nan_to_num(np.array(p), nan=1.0))
    least = int(adjusted.argmin())
    return SameLaw(False, float(adjusted[least]), where[least], max(shifts), bool(adjusted[least] < LEVEL))
