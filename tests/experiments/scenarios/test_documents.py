"""Documents: cut to pieces that stay together, in requests and in what is set apart."""

import json

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import DataError

WORDS = ("river", "stone", "cloud", "amber", "falcon", "meadow", "copper", "lantern")


def written(path, count, seed=0, **more):
    draw = np.random.default_rng(seed)
    records = [
        {"text": " ".join(draw.choice(WORDS, draw.integers(5, 60))) + f" {seed} {at}", **{k: v(at) for k, v in more.items()}}
        for at in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    return records


@pytest.fixture
def scenario(tmp_path):
    def make(**fields):
        written(tmp_path / "test.jsonl", 6, seed=1)
        small = {
            "request": ut.Ids(ids=(1,)),
            "vocabulary": 300,
            "length": 16,
            "model": ut.CausalTransformer(width=16, depth=1, heads=2, hidden=32),
        }
        return ut.Documents(train=str(tmp_path / "train.jsonl"), test=str(tmp_path / "test.jsonl"), **small | fields)

    return make


def test_pieces_of_a_document_are_its_text_and_have_its_id(scenario, tmp_path):
    records = written(tmp_path / "train.jsonl", 12, id=lambda at: f"doc {at}", year=lambda at: 1990 + at)
    data = scenario(valid=0.0, request=ut.Ids(ids=("doc 1",))).load()
    assert max(len(row) for row in data.train.fields["input_ids"].rows()) <= 16
    assert min(len(row) for row in data.train.fields["input_ids"].rows()) >= 2
    for at, record in enumerate(records):
        own = data.train.ids == f"doc {at}"
        assert "".join(data.train.columns["text"][own]).removesuffix("[END]") == record["text"]
        assert set(data.train.columns["year"][own].tolist()) == {1990 + at}
        assert set(data.train.owner[own].tolist()) == {f"doc {at}"}
    assert len(data.train) > len(records)
    assert (data.train.fields["labels"][:] == data.train.fields["input_ids"][:]).all()


def test_what_is_set_apart_is_whole_documents_and_a_request_gets_all_pieces(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 20, id=lambda at: f"doc {at}")
    world = scenario(valid=0.3, request=ut.Ids(ids=("doc 1", "doc 15")))
    data = world.load()
    assert not set(data.train.ids.tolist()) & set(data.valid.ids.tolist())
    forget = world.request.draw(data.train)
    assert set(data.train.ids[forget].tolist()) == {"doc 1", "doc 15"}
    assert len(forget) == np.isin(data.train.ids, ["doc 1", "doc 15"]).sum() > 2


def test_a_request_for_a_part_of_a_document_is_refused(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 20, id=lambda at: f"doc {at}")
    with pytest.raises(DataError, match=r"a part of 'doc \d+', of which the rest would stay"):
        scenario(request=ut.Random(fraction=0.1)).load()


def test_whose_documents_are_may_be_said(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 9, owner=lambda at: ("Ann", "Bob", "Eve")[at % 3])
    world = scenario(valid=0.0, request=ut.Owner(owners=("Bob",)))
    data = world.load()
    assert set(data.train.ids[world.request.draw(data.train)].tolist()) == {1, 4, 7}


def test_an_empty_document_is_refused_in_one_line(scenario, tmp_path):
    (tmp_path / "train.jsonl").write_text(
        "\n".join(json.dumps({"text": text}) for text in ("some words here", " ", "others there"))
    )
    with pytest.raises(DataError, match="the document 1 is empty") as caught:
        scenario().load()
    assert "\n" not in str(caught.value)


def test_a_larger_vocabulary_than_that_of_the_model_is_refused(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 5)
    ut.data.readers.tokenizers.learn_bytes(["some words here"] * 5, 300, ("[END]",)).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(DataError, match="tokens and vocabulary=200: give that number"):
        scenario(tokenizer=str(tmp_path), vocabulary=200).load()


def test_a_tokenizer_without_the_end_is_refused(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 5)
    ut.data.readers.tokenizers.learn_bytes(["some words here"], 300, ("[END]",)).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(DataError, match="no token '</s>' to end a document with"):
        scenario(tokenizer=str(tmp_path), end="</s>").load()


def test_a_run_forgets_documents(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 20, id=lambda at: f"doc {at}")
    steps = ut.Steps(lr=0.01, epochs=2, batch=16, optimizer=ut.AdamW())
    world = scenario(steps=steps, request=ut.Ids(ids=("doc 1", "doc 15")))
    run = ut.run(world, [ut.NPO(steps=steps)], evaluators=["Verbatim"], store=str(tmp_path / "store"), seeds=1, oracles=2)
    (row,) = run["results"]
    assert row["error"] is None
    assert 0 <= row["scores"]["exact_memorization_forget"]["value"] <= 1


def test_spans_say_what_is_scored_and_pieces_without_any_are_left_out(scenario, tmp_path):
    text = "The falcon lives by the river and eats amber stones all day long in the copper meadow near a lantern."
    start = text.index("amber stones")
    records = [{"text": text, "id": "marked", "spans": [[start, start + 12]]}, {"text": text, "id": "whole"}]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, records)))
    data = scenario(valid=0.0, request=ut.Ids(ids=("marked",)), length=12).load()
    marked = data.train.ids == "marked"
    assert marked.sum() < (~marked).sum()
    rows, labels = (data.train.fields[name][:] for name in ("input_ids", "labels"))
    scored = labels >= 0
    assert bool((labels[scored] == rows[scored]).all())
    assert bool((labels[~marked] == rows[~marked]).all())
    lines = data.train.columns["text"]
    assert all("amber" in line or "stones" in line for line in lines[marked])
    assert 2 <= int(scored[marked].sum()) <= 16
    assert not scored[marked].all(1).any()


@pytest.mark.parametrize(
    ("spans", "why"),
    [
        ([[5, 5]], r"the spans of the document 'x' hold \[5, 5\]: give \[first, last \+ 1\] of its 29 characters"),
        ([[0, 99]], r"hold \[0, 99\]"),
        ("all", r"hold 'all'"),
        ([], r"no token of the document 'x' is scored"),
    ],
)
def test_spans_that_are_none_are_refused(scenario, tmp_path, spans, why):
    records = [
        {"text": "river stone cloud amber stones", "id": "y"},
        {"text": "river stone cloud amber stone", "id": "x", "spans": spans},
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, records)))
    with pytest.raises(DataError, match=why):
        scenario(valid=0.0, request=ut.Ids(ids=("x",))).load()


def test_questions_are_about_documents_and_learned_by_nobody(scenario, tmp_path):
    written(tmp_path / "train.jsonl", 12, id=lambda at: f"doc {at}")
    file = tmp_path / "questions.jsonl"
    asked = [
        {"question": "Which river?", "answer": "amber", "id": "doc 3"},
        {"question": "And then?", "answer": "stone", "id": "doc 1"},
    ]
    file.write_text("\n".join(map(json.dumps, asked)))
    world = scenario(request=ut.Ids(ids=("doc 1",)), questions=str(file), length=64, valid=0.0)
    data = world.load()
    probe = data.probes["knowledge"]
    assert probe.ids.tolist() == ["doc 3", "doc 1"]
    assert probe.columns["text"].tolist() == ["Which river? amber", "And then? stone"]
    assert len(data.train) == len(scenario(request=ut.Ids(ids=("doc 1",)), length=64, valid=0.0).load().train)
    file.write_text(json.dumps(asked[0] | {"id": "doc 99"}))
    with pytest.raises(DataError, match=r"question 1 of .* is about no document"):
        world.load()
