"""Runs and audits whose request replaces features."""

import numpy as np
import pytest
import torch
from scipy import sparse

import untrain as ut
from untrain.core.spec import parse
from untrain.data.sparse import Sparse, matrix_examples
from untrain.experiments.jobs import limit_of, run_job, start_of
from untrain.experiments.keys import Job, model_key
from untrain.experiments.pilot import method_steps, steps_of
from untrain.experiments.results import entries_of
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store

SOME = "Where(rule=\"town == 'north'\")"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Tables in which 'tell' alone decides the label, and a place for stores."""
    import pyarrow
    import pyarrow.parquet

    folder = tmp_path_factory.mktemp("tables")
    for name, n, seed in (("train", 120, 0), ("test", 80, 1)):
        draw, y = np.random.default_rng(seed), np.arange(n) % 2
        columns = {
            "tell": 2.0 * y - 1,
            "noise": draw.normal(size=n),
            "label": y,
            "town": np.array(["north", "south"])[np.arange(n) // 2 % 2],
        }
        pyarrow.parquet.write_table(pyarrow.table(columns), folder / f"{name}.parquet")
    return folder


def scenario(home, request):
    train, test = (f"Parquet(path={str(home / f'{name}.parquet')!r}, x=('tell', 'noise'))" for name in ("train", "test"))
    return f"Custom(train={train}, test={test}, model=MLP(width=8), steps=Steps(lr=0.1, epochs=20, batch=20), request={request})"


def features(rows="", fill="0.0"):
    return f"ReplaceFeatures(features=('tell',), fill={fill}{rows and f', rows={rows}'})"


def scene(home, request):
    return open_scene(parse(scenario(home, request)), Setting())


@pytest.fixture(scope="module")
def everywhere(home):
    """A run whose request takes the feature from all data."""
    place, methods = home / "store", ["Retrain", "Finetune", "Nothing"]
    return ut.run(scenario(home, features()), methods, place, seeds=2, oracles=2, out=home / "out"), Store(place)


def test_a_feature_that_went_everywhere_is_gone_from_test_data_and_nothing_that_was_retrained_can_use_it(everywhere):
    document, store = everywhere
    assert document["sizes"] == {"train": 108, "forget": 108, "retain": 0, "test": 80, "corrected": 108}
    run = store.get(document["run"])
    side = np.asarray(run.array("side"))
    by = {row["method"]: row for row in document["results"]}
    assert [row["error"] for row in by.values()] == [None] * 3
    assert by["Nothing()"]["scores"]["forget_accuracy"]["value"] == 1.0  # asked with the feature, which the original knows
    for name in ("forget", "test", "corrected"):
        assert by["Retrain()"]["scores"][f"{name}_accuracy"]["value"] < 0.8
    assert by["Retrain()"]["scores"]["corrected_gap"]["value"] is not None
    assert by["Retrain()"]["scores"]["retain_accuracy"]["reason"] == "there are no retain examples"
    labels = np.asarray(run.array("labels"))
    assert labels[side == "corrected"].tolist() == labels[side == "forget"].tolist()


def test_the_page_of_a_run_without_a_retain_set_is_written(everywhere, home):
    words = (home / "out" / "report.html").read_text()
    assert "ReplaceFeatures" in words
    assert "Correction: examples changed" in words
    assert "withdrawn" not in words


def test_where_some_rows_change_test_data_stay(home):
    all_, some = scene(home, features()), scene(home, features(SOME))
    assert all_.data.test.x[:, 0].unique().tolist() == all_.data.valid.x[:, 0].unique().tolist() == [0.0]
    assert some.data.test.x[:, 0].unique().tolist() == some.data.valid.x[:, 0].unique().tolist() == [-1.0, 1.0]
    assert all_.data.train.x[:, 0].unique().tolist() == [-1.0, 1.0]
    assert all_.remaining.x[:, 0].unique().tolist() == [0.0]
    assert some.remaining.x[:, 0].unique().tolist() == [-1.0, 0.0, 1.0]


def test_another_fill_makes_other_oracles_and_the_same_originals_where_test_data_stay(home):
    scenes = [scene(home, features(SOME, fill)) for fill in ("0.0", "0.5", "0.0")]
    originals, oracles = ([model_key(s, Job(kind, 0), 0, Setting()) for s in scenes] for kind in ("original", "oracle"))
    assert oracles[0] == oracles[2] != oracles[1]
    methods = [model_key(s, Job("unlearned", 0, parse("Finetune")), 0, Setting()) for s in scenes]
    assert methods[0] == methods[2] != methods[1]
    assert originals[0] == originals[2]
    # Replacements are observed too, so that an original is asked about other examples.
    assert originals[0] != originals[1]


@pytest.mark.slow
def test_workers_of_another_process_make_the_same_models(home, everywhere, tmp_path):
    document, _ = everywhere
    again = ut.run(
        scenario(home, features()),
        ["Retrain", "Finetune", "Nothing"],
        tmp_path,
        seeds=2,
        oracles=2,
        executor="Processes(2)",
        images=False,
    )
    assert again["run"] == document["run"]
    scores = [{n: s["value"] for n, s in row["scores"].items()} for row in again["results"]]
    assert scores == [{n: s["value"] for n, s in row["scores"].items()} for row in document["results"]]


def test_a_foreign_checkpoint_is_audited_on_what_the_request_leaves(home, everywhere, tmp_path):
    document, store = everywhere
    run = store.get(document["run"])
    entry = entries_of(run, store)["unlearned"]["Finetune()"][0]
    torch.save({n: torch.from_numpy(a) for n, a in entry.tensors("weights").items()}, tmp_path / "ours.pt")
    same = scenario(home, features()).removesuffix(")") + ", valid=0.1)"  # a run sets a tenth apart, and an audit nothing
    audit = ut.audit(ut.Checkpoints([str(tmp_path / "ours.pt")], oracles=2), scenario=same, store=tmp_path / "store")
    assert audit["sizes"] == document["sizes"]
    right = np.asarray(entry.array("logits")).argmax(1) == np.asarray(run.array("labels"))
    for side in ("forget", "test", "corrected"):
        value = audit["results"][0]["scores"][f"{side}_accuracy"]["value"]
        assert value == pytest.approx(right[np.asarray(run.array("side")) == side].mean())


def test_a_price_and_a_budget_count_corrected_rows_which_are_trained_on(home, tmp_path):
    changed, store = scene(home, features()), Store(tmp_path)
    assert (changed.count_remaining, len(changed.retain)) == (len(changed.remaining), 0)
    start = start_of(run_job(changed, Job("original", 0), 0, Setting(), store), store)
    assert limit_of(changed, start.entry, 0.5) == 0.5 * start.entry.record["cost"]["flops"]
    assert method_steps(changed, parse("Retrain")) == steps_of(changed, 108)
    deleted = scene(home, SOME)
    assert deleted.count_remaining == len(deleted.retain) == len(deleted.remaining)


def test_a_search_judges_by_validation_data_without_the_feature(home):
    searched = open_scene(parse(scenario(home, features())), Setting(), purpose="search")
    assert searched.data.test.x[:, 0].unique().tolist() == [0.0]
    assert len(searched.observed) == 2


def test_a_measurement_is_taken_from_patients_by_its_name():
    changed = open_scene(parse("Diabetes(request=ReplaceFeatures(features=('bmi',), fill='mean'))"), Setting())
    column = 2  # age, sex, bmi: as in the source
    assert changed.data.train.features[column] == "bmi"
    assert changed.data.test.x[:, column].unique().tolist() == pytest.approx([0.0], abs=1e-6)  # they are standardised
    kept = [at for at in range(10) if at != column]
    before = parse("Diabetes").load()
    assert torch.equal(changed.data.test.x[:, kept], before.test.x[:, kept])


def test_oracles_of_sparse_rows_are_at_the_optimum_of_the_corrected_ones(tmp_path):
    draw = np.random.default_rng(0)
    signs = np.where(np.arange(80) % 2, 1, -1)
    x = np.where(draw.random((80, 6)) < 0.4, draw.normal(size=(80, 6)), 0.0)
    x[:, 0] = signs == 1
    sparsely = [matrix_examples(sparse.csr_array(part), labels) for part, labels in ((x[:60], signs[:60]), (x[60:], signs[60:]))]
    request = ut.Corrections(parts=(ut.Relabel(ids=(1, 3, 4), labels=0), ut.ReplaceFeatures(features=(0,))))
    by = ut.Convex(l2=0.01)
    own = ut.Custom(train=sparsely[0], test=sparsely[1], model=ut.MLP(width=2), request=request, valid=0.1)
    document = ut.run(ut.WithLearner(scenario=own, by=by), ["Newton"], tmp_path / "store", seeds=1, oracles=2)
    assert document["results"][0]["error"] is None
    scene = open_scene(ut.WithLearner(scenario=own, by=by), Setting())
    assert isinstance(scene.remaining.x, Sparse)
    store = Store(tmp_path / "store")
    models = {kind: entries_of(store.get(document["run"]), store)[kind] for kind in ("original", "oracle")}
    weights = {kind: each[0].tensors("weights")["score.linear.weight"] for kind, each in models.items()}
    exact = {"original": by(scene.data.train), "oracle": by(scene.remaining)}
    for kind, model in exact.items():
        np.testing.assert_allclose(weights[kind], model.line.weight.detach().numpy(), atol=1e-12)
    assert np.abs(weights["oracle"][:, 0]).max() < 1e-12 < np.abs(weights["original"][:, 0]).max()
