import json
import shutil

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from untrain.core.errors import DataError, StoreError
from untrain.evaluation.glossary import abouts, evaluators
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.experiments.model_facts import SHARES, break_even, cost, guard, notes
from untrain.experiments.results import entries_of, material, observe, results, score_run, warnings
from untrain.runtime.store import Entry, Store
from untrain.runtime.threads import threads


@pytest.fixture
def run(tiny):
    store = Store(tiny.store)
    return store.get(tiny.document["run"]), store


def entry(**record):
    return Entry("k", None, record)


def numbers(cost_of):
    return {"cost": dict.fromkeys(("seconds", "forward", "backward", "flops", "peak"), cost_of)}


def test_scores_from_disk_are_the_scores_of_the_run_bit_for_bit(run, tiny):
    again = json.loads(json.dumps(results(*run), allow_nan=False))
    assert again == tiny.document


def test_every_score_that_is_given_is_in_the_glossary(tiny):
    known = abouts(evaluators())
    main = {"forget_gap", "test_gap", "mia_loss_auc", "mia_svc_efficacy", "klom_forget"}
    for row in tiny.document["results"]:
        assert row["scores"].keys() <= known.keys()
        assert row["error"] or main <= row["scores"].keys()


def test_the_original_scores_its_own_ceiling(tiny):
    nothing = tiny.document["results"][3]
    assert nothing["method"] == "Nothing()"
    for score in nothing["scores"].values():
        assert score["value"] == pytest.approx(score["ceiling"], abs=1e-12) if score["reason"] is None else score["ceiling"] is None


def test_too_few_models_for_klom_is_no_failure(tiny):
    row = tiny.document["results"][0]
    assert row["error"] is None
    assert row["scores"]["klom_forget"]["value"] is None
    assert "2 unlearned and 4 oracle models" in row["scores"]["klom_forget"]["reason"]


def test_observations_keep_sides_labels_and_ids_together(run):
    entries = entries_of(*run)
    seen = observe(run[0], entries["oracle"])
    assert seen.logits.shape == (4, len(seen.labels), 10)
    assert seen.logits.dtype == np.float32
    right = seen.logits.argmax(-1) == seen.labels
    assert right[:, seen.side == "retain"].mean() > 0.3, "labels belong to answers"
    from sklearn.datasets import load_digits

    assert (load_digits().target[seen.ids.astype(int)] == seen.labels).all()


def test_a_model_that_answers_nan_is_refused_and_never_a_number(run, tmp_path):
    entries = entries_of(*run)["oracle"]
    logits = np.array(entries[0].array("logits"))
    logits[3, 2] = np.inf
    bad = Store(tmp_path / "bad").put({"kind": "model"}, {}, {"logits": logits})
    with pytest.raises(DataError, match="NaN or infinite"):
        observe(run[0], [*entries, bad])


def test_a_model_that_is_gone_is_told(tiny, tmp_path):
    shutil.copytree(tiny.store, tmp_path / "s")
    store = Store(tmp_path / "s")
    store.prune(kinds=("model",))
    with pytest.raises(DataError, match="no longer in"):
        results(store.get(tiny.document["run"]), store)


def test_a_damaged_array_is_told(tiny, tmp_path):
    shutil.copytree(tiny.store, tmp_path / "s")
    store = Store(tmp_path / "s")
    run = store.get(tiny.document["run"])
    (entries_of(run, store)["oracle"][0].folder / "logits.npy").write_bytes(b"x")
    with pytest.raises(StoreError, match="damaged"):
        results(run, store)


def test_a_report_lacks_methods_that_failed_and_inputs_when_asked(run, tiny):
    made = material(*run, tiny.document, images=False)
    assert list(made.unlearned) == [tiny.methods[0], tiny.methods[1], tiny.methods[3]]
    assert made.shown is None
    assert len(material(*run, tiny.document).shown) == tiny.document["sizes"]["forget"]


def test_scores_are_computed_once(run, monkeypatch):
    score_run(*run)
    monkeypatch.setattr("untrain.experiments.results.observe", lambda *_: pytest.fail("scored twice"))
    score_run(*run)


def test_scores_take_one_thread_whatever_the_process_has(run, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Accuracy, "prepare", lambda self, observation, of=Accuracy.prepare: (seen.append(pools()), of(self, observation))[1]
    )
    with threads(2):
        results(*run, chosen=[Accuracy()])
        assert pools() == {2}
    assert seen
    assert set().union(*seen) == {1}


def pools():
    """Threads of torch and of each linear algebra."""
    return {torch.get_num_threads(), *(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")}


def test_shares_of_cost_are_of_the_oracles_own():
    found = cost([entry(**numbers(1)), entry(**numbers(3))], [entry(**numbers(4))])
    assert (found["share_of_retraining"], found["share_of_examples"], found["share_of_seconds"]) == (0.5, 0.5, 0.5)


def test_a_share_of_nothing_is_null():
    assert cost([entry(**numbers(1))], [entry(**numbers(0))])["share_of_retraining"] is None


def test_the_guard_tells_the_worst_leak_and_the_mean_of_the_rest():
    held = [entry(guard={"moved_share": s, "outside_mask_max": leak}) for s, leak in ((0.2, 0.0), (0.4, 1e-9))]
    assert guard(held) == {"moved_share": pytest.approx(0.3), "outside_mask_max": 1e-9}


def test_near_duplicates_and_few_seeds_are_warned_of():
    record = {"duplicates": {"near": 3, "forget": 9, "exact": 1}, "seeds": 2}
    near, few = warnings(record)
    assert near.startswith("3 of 9")
    assert "2" in few
    assert warnings({"duplicates": {"near": 0, "forget": 9, "exact": 0}, "seeds": 5}) == []


def test_every_part_of_the_cost_has_its_share_of_retraining():
    found = cost([entry(**numbers(1))], [entry(**numbers(4))])
    assert {name: found[name] for name in SHARES} == dict.fromkeys(SHARES, 0.25)
    assert set(SHARES.values()) == {"seconds", "forward", "backward", "flops", "peak"}


def test_methods_that_cost_as_much_as_retraining_are_beyond_the_line():
    rows = [{"method": m, "cost": {"share_of_retraining": s}} for m, s in (("a", 1.0), ("b", 0.99), ("c", None), ("d", 3.0))]
    rows.append({"method": "failed", "cost": {}})
    assert break_even(rows)["methods"] == ["a", "d"]
    assert break_even(rows)["line"] == "retraining is cheaper from here"


def test_notes_are_told_once_whatever_the_number_of_seeds():
    assert notes([entry(notes=["halved", "stopped"]), entry(notes=["stopped"]), entry()]) == ["halved", "stopped"]


def test_results_tell_notes_and_warn_of_those_of_the_models_compared_with(run, tiny):
    before = tiny.document["warnings"]
    shown = results(*run)
    assert shown["warnings"] == before
    assert all(isinstance(row["notes"], list) for row in shown["results"])
    assert shown["break_even"]["methods"] == [
        r["method"] for r in shown["results"] if not r["error"] and r["cost"]["share_of_retraining"] >= 1
    ]


def test_who_paid_stands_in_every_row_that_has_scores(tiny):
    rows = tiny.document["runs"][0]["results"] if "runs" in tiny.document else tiny.document["results"]
    done = [row for row in rows if not row["error"]]
    assert all(len(row["paid"]) == 10 for row in done)
    assert {e["group"] for e in done[0]["paid"]} == {f"class {c}" for c in range(10)}
    assert [row["paid"] for row in rows if row["error"]] == [[]]
