"""Forget quality: of the same law its p-values are spread evenly, and of another they are tiny."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.forgetquality import ForgetQuality
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.causallm import CausalLM

N = 50
SIDE = np.repeat(["forget", "test"], N)
IDS = np.arange(2 * N)


def observed(losses):
    """Losses (m, 2N) on paraphrases; wrong answers have a loss of 5."""

    def probe(values):
        outputs = {"loss": values, "count": np.ones_like(values), "hits": np.zeros_like(values)}
        return Observation(outputs, IDS, IDS, np.repeat("other", 2 * N), IDS, task=CausalLM())

    return replace(probe(losses), side=SIDE, probes={"paraphrase": probe(losses), "perturbed": probe(np.full_like(losses, 5.0))})


def quality(ours, theirs):
    made = ForgetQuality()
    measured = made.evaluate(Prepared(made.prepare(observed(ours)), made.prepare(observed(theirs)), SIDE, False))
    return {name: number(value) for name, value in measured.items()}


def test_it_is_the_mean_p_value_over_pairs_on_the_forget_set():
    rng = np.random.default_rng(0)
    ours, theirs = rng.exponential(size=(2, 2 * N)) + 0.2, rng.exponential(size=(3, 2 * N))
    ps = [stats.ks_2samp(a[:N], b[:N], method="exact").pvalue for a in ours for b in theirs]
    assert quality(ours, theirs) == {
        "forget_quality": pytest.approx(np.mean(ps)), "forget_quality_log10": pytest.approx(np.mean(np.log10(ps))),
    }  # fmt: skip


def test_models_of_one_law_have_evenly_spread_p_values_and_others_none():
    rng = np.random.default_rng(1)
    alike = quality(rng.exponential(size=(20, 2 * N)), rng.exponential(size=(20, 2 * N)))["forget_quality"]
    assert 0.4 < alike < 0.65
    apart = quality(rng.exponential(size=(3, 2 * N)) + 2, rng.exponential(size=(3, 2 * N)))
    assert apart["forget_quality_log10"] < -10


def test_a_forget_set_that_is_not_asked_says_so():
    seen = observed(np.ones((2, 2 * N)))
    probes = {name: probe.at(np.arange(N, 2 * N)) for name, probe in seen.probes.items()}
    made = ForgetQuality()
    table = made.prepare(replace(seen, probes=probes))
    assert "no forget example" in made.evaluate(Prepared(table, table, SIDE, False))["forget_quality"]
