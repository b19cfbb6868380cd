"""Effects that are estimated for a run's methods: once, priced, and of the examples that they are about."""

from dataclasses import replace

import numpy as np
import pytest

from untrain import parse
from untrain.attribution.attributors.datamodels import Datamodels
from untrain.attribution.calibration import Multiplier, Multipliers
from untrain.commands.run import price, run
from untrain.core.errors import RequestError, SpecError
from untrain.experiments.attributions import AttributionWork, attribution_of, count_missing_for, effects_of
from untrain.experiments.comparison import Comparison
from untrain.experiments.effects_step import estimations_of
from untrain.experiments.keys import Job, start_keys
from untrain.experiments.remote_job import RemoteJob, do_remotely
from untrain.experiments.results import results
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store
from untrain.runtime.store_transfer import Address, pack, unpack

ESTIMATION = "Estimation(attributor=MeanDifference(), models=32, held_out=20)"
METHOD = f"DatamodelMatch(estimation={ESTIMATION}, steps=Steps(lr=0.001, epochs=1, optimizer=AdamW()))"
DIRECT = f"DatamodelDirect(estimation={ESTIMATION})"
SCENARIO = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=2, batch=64), request=Random(fraction=0.02))"


@pytest.fixture(scope="module")
def stored(tmp_path_factory, compare):
    """A run of both methods, its store and its scene."""
    store = Store(tmp_path_factory.mktemp("attributions"))
    comparison = Comparison(parse(SCENARIO), (parse(METHOD), parse(DIRECT)), 2, 2)
    (entry,) = compare([comparison], store)
    return comparison, open_scene(comparison.scenario, Setting()), store, entry


def test_one_estimate_serves_all_methods_and_originals(stored):
    comparison, scene, store, entry = stored
    kinds = [row["kind"] for row in store.entries()]
    assert kinds.count("attribution") == 1
    assert len(estimations_of([comparison], [scene])) == 1
    assert count_missing_for(scene, parse(ESTIMATION), store, Setting()) == (0, 32 + 20 + 20)
    assert count_missing_for(scene, parse(ESTIMATION), None, Setting()) == (72, 72)
    rows = results(entry, store)["results"]
    assert [row["error"] for row in rows] == [None, None]
    assert all(any("linear datamodeling score" in note and "multiplied by" in note for note in row["notes"]) for row in rows)


def test_effects_are_the_sum_of_what_the_attributor_says_of_the_forget_set(stored):
    _, scene, store, _ = stored
    estimation = parse(ESTIMATION)
    entry = attribution_of(scene, estimation, 0, AttributionWork(store, Setting(), lambda count: []))
    effects = effects_of(entry, scene)
    assert (len(effects.forget), len(effects.retain)) == (len(scene.forget_set.rows), len(scene.retain))
    assert effects.about == entry.record["about"]
    from untrain.attribution.base import TrainingEvidence
    from untrain.data.examples import joined
    from untrain.experiments.populations.leave_out import train_subsets
    from untrain.experiments.populations.subsets import Subsets

    data = scene.data
    population = train_subsets(scene.learner, data.train, data.test, Subsets(models=52, scheme="bernoulli"), store=store)
    plain = [replace(e, true=None, columns={}, features=()) for e in (data.train, data.test)]
    evidence = TrainingEvidence(plain[0], joined(*plain), scene.task, population.outputs["logits"][:32], population.seen[:32])
    rows = np.sort(np.asarray(scene.forget_set.rows))
    values = estimation.attributor(evidence, rows, np.arange(len(data.train))).sum(0)
    multipliers = Multipliers.of(entry.record["multipliers"])
    factors = multipliers.factors(np.isin(np.arange(len(data.train)), rows))
    assert np.allclose(entry.array("effects"), factors[:, None] * values, atol=1e-5)
    assert multipliers.own.models == multipliers.others.models == 20
    assert multipliers.doubt in entry.record["about"]


def test_effects_that_may_be_none_are_not_subtracted_and_a_line_says_so_before_methods_run(stored):
    _, scene, store, entry = stored
    # What 32 models of two epochs say is noise, as the multipliers of held-out models show.
    record = attribution_of(scene, parse(ESTIMATION), 0, AttributionWork(store, Setting(), lambda count: [])).record
    assert Multipliers.of(record["multipliers"]).own.low <= 0
    lines = []
    run(SCENARIO, [METHOD], store=store.path, seeds=2, oracles=2, on_progress=lambda p: lines.append(p.note or ""))
    (line,) = {line for line in lines if "effects of" in line}
    assert "no effect of examples is known where the multiplier may be 0: on their own outputs" in line
    assert "\n" not in line
    assert "Nothing is subtracted there" in results(entry, store)["results"][0]["notes"][0]


def test_where_the_store_is_not_visible_effects_are_sent_along(stored, tmp_path):
    comparison, scene, store, entry = stored
    setting, job = Setting(), Job("unlearned", 0, comparison.methods[0])
    key = entry.record["ingredients"]["models"]["methods"][0]["keys"][0]
    starts = tuple(pack(store.get(one)) for one in start_keys(scene, job, 0, setting))
    assert len(starts) == 2
    unseen = Address(str(tmp_path / "elsewhere"), "mark", "word")
    sent = RemoteJob(key, scene.scenario, scene.forget_set, scene.purpose, job, 0, setting, unseen, starts)
    there = Store(tmp_path / "there")
    unpack(do_remotely(sent).parcel, key, there)
    assert np.array_equal(there.get(key).array("logits"), store.get(key).array("logits"))


def test_the_price_counts_the_models_of_the_estimate(tmp_path):
    document = price(SCENARIO, [METHOD], store=tmp_path / "store", seeds=2, oracles=2)
    assert document["kinds"] == {"original": 2, "oracle": 2, "unlearned": 2, "ensemble": 72}


def test_a_request_that_corrects_is_refused_before_anything_is_trained(tmp_path):
    scenario = "Digits(model=MLP(width=8), request=Relabel(ids=(3, 4), labels=(1, 2)))"
    with pytest.raises(RequestError, match=r"effects are estimated of examples that are deleted, and this request corrects"):
        run(scenario, [METHOD], store=tmp_path / "store", seeds=2, oracles=2)


def test_too_few_models_are_refused():
    with pytest.raises(SpecError, match="needs 16 models or more"):
        parse("Estimation(models=8)").sizes  # noqa: B018


def test_a_fit_serves_all_forget_sets_and_gives_what_the_attributor_says(tmp_path, monkeypatch):
    store, fits, say = Store(tmp_path), [], Datamodels.attribute
    monkeypatch.setattr(Datamodels, "attribute", lambda *words: fits.append(len(words[3])) or say(*words))
    monkeypatch.setattr(Multiplier, "factor", property(lambda fitted: 1.0))  # of two epochs no multiplier is known
    estimation = parse("Estimation(attributor=Datamodels(penalty='ridge', strength=1.0), models=32, held_out=20)")
    scenes = [open_scene(parse(SCENARIO.replace("0.02", f"0.02, seed={seed}")), Setting()) for seed in (0, 1)]
    work = AttributionWork(store, Setting(), lambda count: [])
    first, second = (attribution_of(scene, estimation, 0, work) for scene in scenes)
    n = len(scenes[0].data.train)
    assert fits == [n + len(scenes[0].data.test)]  # all training examples and the test examples that check, once
    assert first.record["lds"] == second.record["lds"]
    assert not np.array_equal(first.array("effects"), second.array("effects"))
    monkeypatch.setattr(Datamodels, "kept", False)
    alone = attribution_of(scenes[1], estimation, 0, replace(work, store=Store(tmp_path / "other")))
    assert len(fits) > 2
    assert np.allclose(alone.array("effects"), second.array("effects"), atol=1e-5)
    assert alone.record["multipliers"]["own"]["value"] == pytest.approx(second.record["multipliers"]["own"]["value"], abs=1e-5)
