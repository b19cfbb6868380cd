"""Scores of models whose logits are larger than what is held."""

import gc
import tracemalloc
from functools import partial

import numpy as np
import pytest

from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.base import Prepared
from untrain.evaluation.lazy_stack import joined
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.disagreement import Disagreement
from untrain.evaluation.metrics.jensenshannon import JensenShannon
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.metrics.perexample import PerExample
from untrain.evaluation.scoring.resampling import number
from untrain.experiments.audits.populations import Frame, Populations
from untrain.experiments.audits.store_models import record_outputs, store_outputs
from untrain.experiments.results import entries_of, material, observe, results
from untrain.reports.html import charts, roc_charts
from untrain.runtime.store import Store

MODELS, EXAMPLES, CLASSES = 80, 60, 2000
LOGITS = 4 * MODELS * EXAMPLES * CLASSES  # bytes of one population


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two populations with 38 MB of logits each."""
    store, draw = Store(tmp_path_factory.mktemp("large")), np.random.default_rng(0)
    side, labels = np.repeat(["forget", "retain", "test"], EXAMPLES // 3), np.tile(np.arange(EXAMPLES // 3), 3)
    models = {who: draw.normal(size=(MODELS, EXAMPLES, CLASSES)).astype(np.float32) for who in ("unlearned", "oracles")}
    populations = Populations(Frame(labels, labels, side, np.arange(EXAMPLES)), models, "logits")
    keys = {who: store_outputs(populations, who, store) for who in models}
    methods = {"original": [], "oracle": keys["oracles"], "methods": [{"method": "ours", "keys": keys["unlearned"]}]}
    return record_outputs(populations, methods, "large", store, {}), store


def peak_of(work):
    """What work gives, and the most bytes that Python and NumPy held meanwhile."""
    gc.collect()
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_scores_are_had_without_holding_the_logits_of_a_population(run):
    chosen = [KLoM(least=MODELS), ThresholdMIA(), Accuracy(), PerExample()]
    document, peak = peak_of(lambda: results(*run, chosen, draws=20))
    assert document["results"][0]["scores"]["klom_forget"]["value"] > 0
    assert peak < LOGITS / 2


def test_classes_and_distributions_are_compared_without_holding_those_of_a_population(run, monkeypatch):
    monkeypatch.setattr("untrain.evaluation.metrics.jensenshannon._HELD", 0)
    entry, store = run

    def score(evaluator):
        models = entries_of(entry, store)
        ours, oracle = (
            observe(entry, models[who][at] if at else models[who]) for who, at in (("unlearned", "ours"), ("oracle", ""))
        )
        pool = joined(evaluator.prepare(ours), evaluator.prepare(oracle))
        return evaluator.evaluate(Prepared(pool[: MODELS // 2], pool[MODELS // 2 :], np.asarray(oracle.side), False))

    for evaluator, name in ((JensenShannon(), "js_forget"), (Disagreement(), "disagreement_forget")):
        measures, peak = peak_of(partial(score, evaluator))
        assert number(measures[name]) > 0
        assert peak < LOGITS / 2


@pytest.mark.slow
def test_a_report_does_not_hold_them_either(run):
    document = results(*run, [KLoM(least=MODELS)], draws=5)

    def draw():
        parts = material(*run, document, images=False, chosen=[ThresholdMIA()])
        figures = [charts.outputs_by_side(outputs) for outputs in (parts.oracle, *parts.unlearned.values())]
        return figures, [roc_charts.charts(a, parts.unlearned["ours"], {}) for a in roc_charts.attacks(parts)]

    _, peak = peak_of(draw)
    assert peak < LOGITS / 2
