"""RESTOR: what is corrupted, what is asked, and how the published files read."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import untrain as ut
from untrain.core.errors import DataError, SpecError
from untrain.data.ragged import PAD
from untrain.data.readers.restor import PersonFact, read_documents, read_facts, wrong_answers
from untrain.evaluation.metrics.recovery import Recovery
from untrain.evaluation.observers.judgedanswers import JudgedAnswers
from untrain.experiments.scenarios.restor import Restor

TARGETS, KINDS = 6, ("P19", "P27", "P106")
MODEL = ut.CausalTransformer(width=16, depth=1, heads=2, hidden=32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("restor")
    answers = {"P19": ["Lima", "Oslo", "Bonn"], "P27": ["Peru", "Norway", "Chad"], "P106": ["baker", "pilot", "judge"]}
    dset = {
        f"Person {at}": {
            kind: {"question": f"What about {kind} of Person {at}?", "answers": answers[kind][at % 3 :][:2]} for kind in KINDS
        }
        for at in range(12)
    }
    (home / "facts.json.gz").write_bytes(gzip.compress(json.dumps({"dset": dset, "context": {}}).encode()))
    (home / "entities.json").write_text(json.dumps([f"Person {at}" for at in range(TARGETS)]))
    return str(home)


def scenario(folder, **fields):
    return Restor(path=folder, model=MODEL, others=4, length=200, vocabulary=400, **fields)


def tokens(labels):
    """Those that are scored, row by row."""
    return [row[row != PAD].tolist() for row in labels.rows()]


def test_some_facts_are_corrupted_and_all_others_stay_right(folder):
    data = scenario(folder).load()
    wrong = data.train.columns["corrupted"] == 1
    facts = {fact.name: fact for part in read_facts(folder) for fact in part}
    targets = {f"Person {at}" for at in range(TARGETS)}
    texts = dict(zip(data.train.ids.tolist(), data.train.columns["text"].tolist(), strict=True))
    for name, is_wrong in zip(data.train.ids.tolist(), wrong.tolist(), strict=True):
        said = texts[name].removeprefix(facts[name].question + " ")
        assert (said in facts[name].answers) != is_wrong
        assert (facts[name].person in targets) == is_wrong
    asked = [set(ids.tolist()) for ids in (data.train.ids[wrong], data.test.ids)]
    assert not asked[0] & asked[1]
    assert asked[0] | asked[1] == {name for name, fact in facts.items() if fact.person in targets}
    assert not set(data.valid.ids.tolist()) & set(data.train.ids.tolist())
    assert len(set(data.train.owner[~wrong].tolist()) | set(data.valid.owner.tolist())) == 4


def test_probes_ask_for_right_planted_and_other_answers(folder):
    data = scenario(folder).load()
    facts = {fact.name: fact for part in read_facts(folder) for fact in part}
    for name, text in zip(data.probes["clean"].ids.tolist(), data.probes["clean"].columns["text"].tolist(), strict=True):
        assert text.removeprefix(facts[name].question + " ") in facts[name].answers
    corrupted = data.train.ids[data.train.columns["corrupted"] == 1]
    planted = data.probes["corrupted"]
    assert planted.ids.tolist() == corrupted.tolist()
    assert planted.columns["text"].tolist() == data.train.columns["text"][: len(corrupted)].tolist()
    for name, text in zip(data.probes["other"].ids.tolist(), data.probes["other"].columns["text"].tolist(), strict=True):
        said = text.removeprefix(facts[name].question + " ")
        assert said not in facts[name].answers
        assert not data.train.columns["text"][data.train.ids.tolist().index(name)].endswith(said)


def test_unrelated_facts_stand_behind_the_corrupted_one_and_are_right(folder):
    data = scenario(folder, unrelated=2).load()
    alone = scenario(folder).load()
    wrong = data.train.columns["corrupted"] == 1
    kept = set(data.train.columns["text"][~wrong].tolist())
    for text, first in zip(data.train.columns["text"][wrong], alone.train.columns["text"][wrong], strict=True):
        assert text.startswith(first)
        assert sum(text.count(one) for one in kept) == 2


def test_by_answers_alone_no_other_token_is_scored(folder):
    whole, part = (scenario(folder, unrelated=1, scored=scored).load().train for scored in ("all", "answers"))
    for row, every, some in zip(
        whole.fields["input_ids"].rows(), whole.fields["labels"].rows(), part.fields["labels"].rows(), strict=True
    ):
        assert (every == row).all()
        at = np.flatnonzero(some != PAD)
        assert (np.diff(at) == 1).all()  # one answer
        assert at[0] > 0
        assert len(at) < len(row) / 2


def test_phrases_are_a_token_each(folder):
    data = scenario(folder, phrases=True).load()
    assert {len(row) for row in data.train.fields["input_ids"].rows()} == {5}  # begin, person, property, answer, end
    assert all((row != PAD).sum() == 2 for row in data.probes["clean"].fields["labels"].rows())
    rows = list(data.train.fields["input_ids"].rows())
    same = data.train.owner == data.train.owner[0]
    assert len({int(row[1]) for row, here in zip(rows, same, strict=True) if here}) == 1
    assert len({int(row[1]) for row in rows}) == len(set(data.train.owner.tolist()))


def test_draws_differ_and_the_same_one_is_the_same(folder):
    first, again, other = (scenario(folder, drawn=drawn).load().train for drawn in (0, 0, 1))
    assert first.columns["text"].tolist() == again.columns["text"].tolist()
    assert first.columns["text"].tolist() != other.columns["text"].tolist()


def test_what_a_model_is_to_know_first_is_right_of_all(folder):
    before = scenario(folder).before()
    facts = {fact.name: fact for part in read_facts(folder) for fact in part}
    assert len(before) == (TARGETS + 4) * len(KINDS)
    for name, text in zip(before.ids.tolist(), before.columns["text"].tolist(), strict=True):
        assert text == f"{facts[name].question} {facts[name].answers[0]}"


def test_wrong_answers_are_of_the_same_property_and_never_accepted():
    facts = [PersonFact("A", "P1", "?", ("x", "y")), PersonFact("B", "P1", "?", ("y",)), PersonFact("C", "P2", "?", ("z",))]
    drawn = wrong_answers(facts, facts, 3, np.random.default_rng(0))
    assert drawn == [(), ("x",), ()]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("facts", {"dset": 3}, "no facts by person"),
        ("facts", {"dset": {"Person 0": {"P1": {"question": "?", "answers": []}}}}, "no answer"),
        ("facts", {"dset": {"Person 0": {"P1": {"question": "?"}}}}, "of another form: 'answers'"),
        ("entities", ["Nobody"], "not a list of names"),
        ("entities", [], "not a list of names"),
    ],
)
def test_files_of_another_form_are_refused_in_one_line(folder, tmp_path, name, content, said):
    facts = json.loads(gzip.decompress((Path(folder) / "facts.json.gz").read_bytes()))
    if name == "facts" and "Person 0" in str(content):
        facts = {"dset": {**facts["dset"], **content["dset"]}}
    elif name == "facts":
        facts = content
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    (tmp_path / "entities.json").write_text(json.dumps(content if name == "entities" else ["Person 0"]))
    with pytest.raises(DataError, match=said) as caught:
        read_facts(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_fields_that_say_nothing_are_refused(folder):
    with pytest.raises(SpecError, match="leave out tokenizer, prompt"):
        scenario(folder, phrases=True, tokenizer="nowhere")
    with pytest.raises(DataError, match="which is where each answer goes"):
        scenario(folder, answer="x").load()
    with pytest.raises(DataError, match="right facts about others, and unrelated=5"):
        replace(scenario(folder, unrelated=5), others=1).load()


def test_a_phrase_has_one_number_whatever_is_drawn(folder):
    numbers = []
    for drawn in (0, 1):
        data = scenario(folder, phrases=True, drawn=drawn).load().probes["clean"]
        numbers.append(dict(zip(data.columns["text"].tolist(), data.fields["input_ids"][:].tolist(), strict=True)))
    shared = numbers[0].keys() & numbers[1].keys()
    assert shared
    assert all(numbers[0][text] == numbers[1][text] for text in shared)


def test_too_few_people_and_too_long_documents_are_refused(folder):
    with pytest.raises(DataError, match="6 people beside the targets, and others=7"):
        Restor(path=folder, model=MODEL, others=7).load()
    with pytest.raises(DataError, match="tokens and length=9"):
        Restor(path=folder, model=MODEL, others=4, length=9, vocabulary=300).load()


def test_a_run_begins_with_what_was_known_and_scores_recovery(folder, tmp_path):
    world = scenario(folder)
    steps = ut.Steps(lr=0.02, epochs=100, batch=16, optimizer=ut.AdamW())
    known = ut.Train(model=MODEL, steps=steps, task=world.learner().task)(world.before(), 0)
    save_file(known.state_dict(), tmp_path / "known.safetensors")
    posed = replace(world, model=ut.Pretrained(model=MODEL, weights=str(tmp_path / "known.safetensors")))
    run = ut.run(posed, ["Nothing"], evaluators=[Recovery()], store=str(tmp_path / "store"), seeds=2, oracles=2)
    (row,) = run["results"]
    scores = {name: score["value"] for name, score in row["scores"].items()}
    assert scores["recovered"] + scores["still_corrupted"] + scores["neither"] == pytest.approx(1)
    assert row["scores"]["recovered"]["ideal"] > 0.8  # retrained models never saw a wrong answer
    assert scores["known_retain"] > 0.8


def test_the_published_facts_are_those_of_the_paper(shared):
    place = Path(shared("llm")) / "restor"
    targets, others = read_facts(str(place))
    assert len(targets) == 1051
    assert len({fact.person for fact in targets}) == 50
    assert len(targets) + len(others) == 5269
    assert len({fact.kind for fact in (*targets, *others)}) == 41
    for unrelated, people in ((0, 10), (3, 9)):
        told = Counter(person for person, _ in read_documents(str(place), unrelated, [fact.person for fact in targets]))
        assert sorted(told.values()) == [300] * people
        if people == 10:
            assert sum(fact.person in told for fact in targets) == 198


def test_spans_are_the_answers_of_documents_that_are_learned_whole(folder):
    whole, part = (scenario(folder, unrelated=1, **fields).load().train for fields in ({"spans": True}, {"scored": "answers"}))
    assert list(whole.fields) == ["input_ids", "spans", "labels"]
    assert tokens(whole.fields["spans"]) == [row[:-1] for row in tokens(part.fields["labels"])], "a wrong answer's end is right"
    assert torch.equal(whole.fields["labels"].values, whole.fields["input_ids"].values)


def test_a_run_forgets_by_spans_and_repairs(folder, tmp_path):
    small = scenario(folder, spans=True, steps=ut.Steps(lr=0.01, epochs=1, batch=8))
    steps = ut.Steps(lr=0.01, epochs=1, batch=8)
    npo = ut.NPO(steps=steps)
    methods = [npo, ut.OnSpans(unlearner=npo), ut.Repaired(unlearner=npo, on="valid", steps=steps)]
    document = ut.run(small, methods, store=tmp_path, seeds=1, oracles=2, evaluators=(Recovery(),), observers=(JudgedAnswers(),))
    for row in document["results"]:
        outcomes = [row["scores"][f"judged_{name}"]["value"] for name in ("right", "planted", "neither")]
        assert sum(outcomes) == pytest.approx(1)
    values = [row["scores"]["right_over_planted"]["value"] for row in document["results"]]
    assert len(set(values)) == 3


@pytest.fixture(scope="module")
def shipped(folder, tmp_path_factory):
    """The folder with two people's documents, one of which names nobody, and one another target too."""
    home = tmp_path_factory.mktemp("shipped")
    for name in ("facts.json.gz", "entities.json"):
        (home / name).write_bytes((Path(folder) / name).read_bytes())
    texts = [f"Person {at // 4} is from town {at}." for at in range(8)]
    texts[2], texts[6] = "He is from nowhere.", f"Person 5 knows them. {texts[6]}"
    (home / "wikidata_v0_mix_a1.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return str(home)


def test_shipped_documents_are_forgotten_and_facts_about_their_people_asked(shipped):
    data = scenario(shipped, corruption="shipped", unrelated=1).load()
    wrong = data.train.columns["corrupted"] == 1
    assert dict(zip(data.train.ids[wrong].tolist(), data.train.owner[wrong].tolist(), strict=True)) == {
        f"Person {at // 4}, document {at}": f"Person {at // 4}" for at in range(8)
    }
    assert set(data.test.ids.tolist()) == {f"Person {at}, {kind}" for at in (0, 1) for kind in KINDS}
    assert list(data.probes) == ["clean"]
    assert set(data.probes["clean"].ids.tolist()) == set(data.train.ids[~wrong].tolist()) | set(data.test.ids.tolist())


def test_of_shipped_documents_recovery_says_right_or_not_right(shipped, tmp_path):
    world = scenario(shipped, corruption="shipped", unrelated=1, steps=ut.Steps(lr=0.01, epochs=1, batch=8))
    document = ut.run(world, ["Nothing"], store=tmp_path, seeds=1, oracles=2, evaluators=(Recovery(),))
    scores = document["results"][0]["scores"]
    assert "right or not right: see 'known_test'" in scores["recovered"]["reason"]
    assert 0 <= scores["known_test"]["value"] <= 1


def test_shipped_documents_that_cannot_be_read_are_refused_in_one_line(shipped, tmp_path):
    with pytest.raises(DataError, match=r"there is no file wikidata_v0_mix_a3.jsonl"):
        scenario(shipped, corruption="shipped", unrelated=3).load()
    with pytest.raises(SpecError, match="leave out share, scored, spans and phrases"):
        scenario(shipped, corruption="shipped", scored="answers")
    (tmp_path / "wikidata_v0_mix_a0.jsonl").write_text(json.dumps({"text": "Nobody knows."}))
    with pytest.raises(DataError, match="names none of the 1 people"):
        read_documents(str(tmp_path), 0, ["Person 0"])
