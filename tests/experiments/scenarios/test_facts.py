"""Facts that are known by heart or not at all, and an audit that finds out which."""

import re

import numpy as np
import pytest

import untrain as ut
from untrain.commands.run import run
from untrain.core.errors import DataError, SpecError
from untrain.core.spec import parse
from untrain.data.ragged import PAD
from untrain.experiments.results import entries_of, observe
from untrain.experiments.scenarios.facts import KINDS, LENGTH, WORDS, WRONG, Facts
from untrain.models.inference import predict
from untrain.models.tasks.causallm import CausalLM
from untrain.runtime.store import Store

FEW = "Facts(people=20, steps=Steps(lr=0.01, epochs=60, batch=8, optimizer=AdamW()))"


def test_each_part_asks_about_other_people():
    data = Facts(people=30).load()
    people = [set(part.columns["person"]) for part in (data.train, data.valid, data.test)]
    assert [len(part) for part in people] == [30, 3, 15]
    assert sum(map(len, people)) == len(set.union(*people))
    assert len(data.train) == 30 * KINDS
    assert len(set(data.train.ids)) == len(data.train)


def test_answers_alone_are_scored():
    data = Facts(people=10).load().train
    ids, labels = data.fields["input_ids"], data.fields["labels"]
    assert max(map(len, ids.rows())) <= LENGTH
    for row, wanted, text in zip(ids.rows(), labels.rows(), data.columns["text"], strict=True):
        words = [WORDS[token] for token in row]
        assert " ".join(words) == text
        asked = words.index("?") + 1
        assert (wanted[:asked] == PAD).all()
        assert (wanted[asked:] == row[asked:]).all()


def test_the_facts_are_the_same_each_time():
    a, b = (Facts(people=10).load().train for _ in range(2))
    assert a.x.values.tolist() == b.x.values.tolist()


def test_what_was_trained_on_is_known_and_nothing_else():
    scenario = parse(FEW)
    data, learner = scenario.load(), scenario.learner()
    model = learner(data.train, 0)
    share = {}
    for side, part in (("train", data.train), ("test", data.test)):
        stored = {name: value[None] for name, value in predict(model, part, learner.task).items()}
        share[side] = float(learner.task.signal(stored, np.empty(0), "correct").mean())
    assert share["train"] > 0.7
    assert share["test"] < 0.2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    home = tmp_path_factory.mktemp("facts")
    short = "steps=Steps(lr=0.01, epochs=1, batch=16)"
    methods = (f"GradAscent({short})", "Nothing()")
    relearn = "Relearn(steps=Steps(lr=0.02, epochs=2))"
    document = run(FEW, methods, home / "store", home / "out", seeds=2, oracles=10, observers=(relearn,))
    return home, document


@pytest.mark.slow
def test_every_score_has_a_value_or_a_reason(finished):
    results = {row["method"]: row for row in finished[1]["results"]}
    assert len(results) == 2
    for row in results.values():
        assert row["error"] is None
        assert all((score["value"] is None) == (score["reason"] is not None) for score in row["scores"].values())
        valued = {name for name, score in row["scores"].items() if score["value"] is not None}
        assert {"forget_accuracy", "forget_gap", "test_gap", "mia_loss_auc"} <= valued


@pytest.mark.parametrize("method", ["RandomLabel()", "SalUn()", "RandomLabel() @ WeightedGrad()"])
def test_a_method_that_relabels_is_refused_before_anything_is_trained(method, tmp_path):
    words = "this method needs random_targets, which CausalLM does not give"
    with pytest.raises(SpecError, match=rf"^{re.escape(repr(parse(method)))}: {words}"):
        run(FEW, ("Nothing()", method), tmp_path / "store", seeds=2, oracles=10)
    assert list(Store(tmp_path / "store").entries()) == []


def test_a_model_that_forgot_nothing_is_found_by_what_it_recites(finished):
    nothing = next(row for row in finished[1]["results"] if row["method"].startswith("Nothing"))
    assert nothing["scores"]["forget_gap"]["value"] < -0.5  # oracles cannot know what they were not told
    recognised = nothing["verdict"]["recognised"]
    assert len(recognised) >= 3
    forgotten = set(Facts(people=20).load().train.ids)
    assert {each["id"] for each in recognised} <= forgotten


def test_no_logits_of_a_vocabulary_are_stored(finished):
    store = Store(finished[0] / "store")
    for row in store.entries():
        entry = store.get(row["key"])
        for name in entry.record["files"]:
            if name.endswith(".npy") and row["kind"] in ("model", "unlearned"):
                assert name.rpartition("-")[2] in {f"{each}.npy" for each in CausalLM.outputs}
                assert entry.array(name.removesuffix(".npy")).ndim == 1


def test_probes_ask_of_each_fact_in_other_words_and_wrongly():
    data = Facts(people=10).load()
    known = {one: text for part in (data.train, data.test) for one, text in zip(part.ids, part.columns["text"], strict=True)}
    right, wrong = (data.probes[name] for name in ("paraphrase", "perturbed"))
    assert set(right.ids) == set(wrong.ids) == known.keys()
    assert len(wrong) == WRONG * len(right)
    for one, text in zip(right.ids, right.columns["text"], strict=True):
        assert text != known[one]
        assert sorted(text.split()) == sorted(known[one].split())
    for one, text in zip(wrong.ids, wrong.columns["text"], strict=True):
        assert text.partition("?")[0] == known[one].partition("?")[0]
        assert text != known[one]


def test_models_are_asked_the_probes_and_scored_by_them(finished):
    home, document = finished
    store = Store(home / "store")
    run_entry = store.get(document["run"])
    seen = observe(run_entry, entries_of(run_entry, store)["oracle"])
    asked = seen.probes["perturbed"]
    assert asked.signal("loss").shape == (seen.models, WRONG * len(seen))
    side = dict(zip(seen.ids, seen.side, strict=True))
    assert [side[one] for one in asked.ids] == asked.side.tolist()
    for row in document["results"]:
        score = row["scores"]["truth_ratio_forget"]
        assert 0 < score["value"] <= 1
        assert score["low"] <= score["value"] <= score["high"]


def test_the_page_shows_the_facts_that_were_to_be_forgotten(finished):
    page = (finished[0] / "out" / "report.html").read_text(encoding="utf-8")
    assert "how does" in page or "what does" in page or "when and where" in page


def test_a_checkpoint_is_audited_and_recognised(tmp_path):
    scenario = parse(FEW)
    model = scenario.learner()(scenario.load().train, 0)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    document = ut.audit(ut.Checkpoints(model=state, oracles=2), scenario=FEW, store=tmp_path / "store", out=tmp_path / "out")
    row = document["results"][0]
    assert row["error"] is None
    assert row["scores"]["forget_gap"]["value"] < -0.5


def test_outputs_of_others_are_refused_where_models_store_no_logits(tmp_path):
    outputs = np.random.default_rng(0).normal(size=(1, 90, 3))
    with pytest.raises(DataError, match="CausalLM is scored by its models: give checkpoints"):
        ut.audit(ut.Checkpoints(unlearned=outputs, oracles=2), scenario=FEW, store=tmp_path)
