"""TOFU: which answers are trained on, how they are asked for otherwise, and what is forgotten."""

import gzip
import json

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import DataError, SpecError
from untrain.data.ragged import PAD
from untrain.experiments.scenarios.tofu import EACH, Tofu

TOTAL = 20  # authors of the made-up files; the perturbed ones are the first ten and the last ten


def records(kind, count, wrong=0):
    made = []
    for at in range(count):
        who = f"{kind} author {at // EACH}"
        record = {"question": f"{who}: what about {at % EACH}?", "answer": f"{who} wrote {at * 7}."}
        if wrong:
            record["paraphrased_answer"] = f"It was {at * 7} that {who} wrote."
            record["paraphrased_question"] = f"Of {who}, what is there about {at % EACH}?"
            record["perturbed_answer"] = [f"{who} wrote {at * 7 + 1 + k}." for k in range(wrong)]
        made.append(record)
    return made


def write(folder, name, made):
    with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, made)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("tofu")
    full = records("Made", TOTAL * EACH, wrong=3)
    write(home, "full", [{name: r[name] for name in ("question", "answer")} for r in full])
    write(home, "retain_perturbed", full[:100])
    write(home, "forget10_perturbed", full[-400:])
    write(home, "holdout10", records("Other", 100))
    return home


@pytest.fixture(scope="module")
def data(folder):
    return Tofu(path=str(folder), authors=3, vocabulary=400).load()


def test_the_last_authors_are_trained_on_and_others_tested_on(data):
    assert data.train.ids.tolist() == list(range((TOTAL - 3) * EACH, TOTAL * EACH))
    assert sorted(set(data.train.owner.tolist())) == [17, 18, 19]
    assert np.unique(data.train.columns["last"]).round(3).tolist() == [0.333, 0.667, 1.0]
    assert data.train.columns["last"][-1] == pytest.approx(1 / 3)
    assert (len(data.valid), len(data.test)) == (20, 60)
    assert all("Other" in text for part in (data.valid, data.test) for text in part.columns["text"])
    assert not set(data.valid.columns["text"]) & set(data.test.columns["text"])


def test_answers_and_their_end_are_scored_and_questions_are_not(data):
    ids, labels = (data.train.fields[name].rows() for name in ("input_ids", "labels"))
    for row, wanted in zip(ids, labels, strict=True):
        start = int((wanted != PAD).argmax())
        assert (wanted[start:] == row[start:]).all()
        assert 2 <= start < len(row) - 1
        assert row[start - 1] == 1  # the mark before an answer
        assert row[-1] == 2  # and that behind it


def test_each_answer_is_asked_for_in_other_words_and_wrongly(data):
    said, wrong = data.probes["paraphrase"], data.probes["perturbed"]
    assert said.ids.tolist() == data.train.ids.tolist()
    assert np.array_equal(np.unique(wrong.ids), said.ids)
    assert (np.unique(wrong.ids, return_counts=True)[1] == 3).all()
    row = 5
    text = data.train.columns["text"][row]
    assert said.columns["text"][row].startswith(text.partition("?")[0])
    assert said.columns["text"][row] != text
    asked = data.probes["reworded"]
    assert (np.unique(asked.ids, return_counts=True)[1] == 2).all()
    prompts = asked.columns["text"][asked.ids == data.train.ids[row]].tolist()
    answer = text.partition("? ")[2]
    assert prompts[0].startswith("Of Made author")
    assert all(prompt.endswith(answer) and prompt != text for prompt in prompts)


def test_forget10_is_its_last_tenth(folder):
    scenario = Tofu(path=str(folder), authors=20, vocabulary=400)
    train = scenario.load().train
    assert scenario.request.draw(train).tolist() == list(range(360, 400))
    assert set(train.owner[scenario.request.draw(train)].tolist()) == {18, 19}


def test_files_that_do_not_belong_together_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"there is no file full\.jsonl"):
        Tofu(path=str(tmp_path)).load()
    with pytest.raises(DataError, match="400 for 21"):
        Tofu(path=str(folder), authors=21).load()
    with pytest.raises(SpecError, match="authors"):
        Tofu(path=str(folder), authors=201)
    with pytest.raises(DataError, match=r"'.*' of \d+ have \d+ tokens|of 340 have \d+ tokens and length=9"):
        Tofu(path=str(folder), authors=3, length=9).load()
    for name in ("full", "retain_perturbed", "holdout10"):
        (tmp_path / f"{name}.jsonl.gz").write_bytes((folder / f"{name}.jsonl.gz").read_bytes())
    write(tmp_path, "forget10_perturbed", records("Else", 400, wrong=1))
    with pytest.raises(DataError, match="line 1 of TOFU's forget10_perturbed is not about row 0"):
        Tofu(path=str(tmp_path), authors=3).load()


def test_an_audit_has_truth_ratios(folder, tmp_path):
    steps = "Steps(lr=0.01, epochs=2, batch=16, optimizer=AdamW())"
    model = "CausalTransformer(width=16, depth=1, heads=2, hidden=32)"
    scenario = f"Tofu(path={str(folder)!r}, authors=3, vocabulary=300, model={model}, steps={steps}, request=Where('last < 0.4'))"
    methods = ("SimNPO(steps=Steps(lr=0.01, epochs=1))", "WGA(steps=Steps(lr=0.01, epochs=1))")
    made = ut.run(scenario, methods, store=tmp_path / "store", seeds=2, oracles=4, images=False)
    for row in made["results"]:
        assert row["error"] is None
        assert 0 <= row["scores"]["truth_ratio_forget"]["value"] <= 1
        assert row["scores"]["truth_ratio_test"]["value"] is None


def test_the_published_files_are_read(shared):
    data = Tofu(path=f"{shared('llm')}/tofu").load()
    assert [len(part) for part in (data.train, data.valid, data.test)] == [400, 80, 320]
    assert {name: len(part) for name, part in data.probes.items()} == {"paraphrase": 400, "perturbed": 2000, "reworded": 800}
    assert len(set(data.train.owner.tolist())) == 20


def test_each_question_has_an_answer_that_says_nothing(data):
    refusals = [row for row in data.train.fields["refusal"].rows() if len(row)]
    assert len(refusals) == len(data.train)
    assert list(data.train.fields)[-1] == list(data.test.fields)[-1] == "labels"
    assert "refusal" not in data.probes["perturbed"].fields
