"""Losses beside those of models that never saw an example, and what privleak makes of two areas."""

import numpy as np
import pytest

from untrain.evaluation.attacks.lowesttokenmia import _privleak
from untrain.evaluation.attacks.referencemia import ReferenceMIA
from untrain.evaluation.base import Prepared
from untrain.evaluation.scoring.resampling import number

SIDE = np.array(["forget"] * 30 + ["retain"] * 5 + ["test"] * 30)


def area(ours, theirs):
    found = ReferenceMIA().evaluate(Prepared(ours, theirs, SIDE, False))["mia_reference_auc"]
    return found if isinstance(found, str) else number(found)


def test_what_is_hard_for_all_cancels_and_what_one_knows_does_not():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 5, 65)  # drowns a plain threshold
    oracles, fresh = (hard + rng.normal(0, 0.5, (6, 65)) for _ in range(2))
    known = fresh - 2.0 * (SIDE == "forget")
    assert area(known, oracles) > 0.95
    assert area(fresh, oracles) == pytest.approx(0.5, abs=0.12)
    plain = np.mean(hard[SIDE == "forget"][:, None] - 2.0 < hard[SIDE == "test"])
    assert area(known, oracles) > plain + 0.2


def test_an_oracle_is_not_compared_with_itself():
    rng = np.random.default_rng(1)
    oracles = rng.normal(size=(2, 65))
    # With itself in the mean each would be half as far from it; held out, each is the other's reference.
    first, second = ((b - a)[None] for a, b in (oracles, oracles[::-1]))
    by_hand = np.mean([
        np.mean(d[0, SIDE == "forget"][:, None] > d[0, SIDE == "test"]) for d in (first, second)
    ])  # fmt: skip
    assert area(oracles, oracles) == pytest.approx(by_hand)


def test_one_oracle_is_no_reference():
    assert "at least 2 are needed" in area(np.zeros((2, 65)), np.zeros((1, 65)))


@pytest.mark.parametrize(("ours", "leak"), [(0.9, -80), (0.5, 0), (0.2, 60)])
def test_privleak_by_hand(ours, leak):
    assert _privleak(np.array(ours), np.array(0.5)) == pytest.approx(leak)
