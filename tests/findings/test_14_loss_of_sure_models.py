"""Sure models: a loss beyond a margin of 37 nats was exactly 0, so thousands tied. Attacks rank by margin, at any scale."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

import untrain as ut

N, CLASSES = 1400, 4
DRAW = np.random.default_rng(1)
LABELS = DRAW.integers(CLASSES, size=N)
SIDES = np.repeat(["forget", "retain", "test"], [200, 400, 800])
FORGET, TEST = (side == SIDES for side in ("forget", "test"))
SCALES = (1, 20, 60, 400, 3000)


def outputs(models, memory, scale):
    logits = scale * DRAW.normal(size=(models, N, CLASSES))
    logits[:, np.arange(N), LABELS] += scale * (1.5 + memory * FORGET)
    return logits.astype("float32")


def exact(logits):
    """Area under the curve of margins, test examples weighted to the forget set's class mix; the mean over models."""
    wide = logits.astype(float)
    rest = wide.copy()
    rest[:, np.arange(N), LABELS] = -np.inf
    margins = wide[:, np.arange(N), LABELS] - logsumexp(rest, axis=-1)
    mix = [np.bincount(LABELS[at], minlength=CLASSES) / at.sum() for at in (FORGET, TEST)]
    weights = np.r_[np.ones(FORGET.sum()), (mix[0] / mix[1])[LABELS[TEST]]]
    truth = np.repeat([1, 0], [FORGET.sum(), TEST.sum()])
    return np.mean([roc_auc_score(truth, np.r_[m[FORGET], m[TEST]], sample_weight=weights) for m in margins])


@pytest.mark.parametrize("scale", SCALES)
def test_the_loss_attack_ranks_by_margin_at_any_scale(tmp_path, scale):
    ours, oracles = outputs(3, 1.0, scale), outputs(8, 0.0, scale)
    given = ut.Outputs(ours, oracles, labels=LABELS, sides=SIDES)
    scores = ut.audit(given, store=tmp_path / "runs", evaluators="ThresholdMIA")["results"][0]["scores"]
    assert scores["mia_loss_auc"]["value"] == pytest.approx(exact(ours), abs=1e-6)


@pytest.mark.parametrize("name", ["confidence", "entropy", "mentropy"])
def test_no_attack_loses_what_it_sees_when_logits_grow(tmp_path, name):
    logits, oracles = outputs(3, 1.0, 1.0), outputs(8, 0.0, 1.0)
    values = []
    for scale in (100, 3000):  # from here on only the order of the largest logits counts
        given = ut.Outputs(scale * logits, scale * oracles, labels=LABELS, sides=SIDES)
        document = ut.audit(given, store=tmp_path / "runs", evaluators="ThresholdMIA")
        values.append(document["results"][0]["scores"][f"mia_{name}_auc"]["value"])
    assert values[1] == pytest.approx(values[0], abs=0.005)
