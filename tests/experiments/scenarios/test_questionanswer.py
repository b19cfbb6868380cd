"""Questions and answers of one's own: ids, owners, columns, tokenizers, and files that are not as they should be."""

import json
from dataclasses import replace

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.core.metering import metered
from untrain.data.ragged import PAD
from untrain.data.requests.ids import Ids
from untrain.data.requests.owner import Owner
from untrain.data.requests.where import Where
from untrain.experiments.scenarios.questionanswer import QuestionAnswer
from untrain.models.architectures import lora
from untrain.models.architectures.huggingfacelm import HuggingFaceLM
from untrain.models.architectures.lora import LoRA, with_adapters

PEOPLE = ("Ann", "Bob", "Eve", "Kim", "Joe", "Amy")


def records(**more):
    return [
        {"question": f"Where is {who} in {year}?", "answer": f"In the town of {who[::-1]}{year}.", "owner": who, "year": year}
        | {name: value(who, year) for name, value in more.items()}
        for who in PEOPLE
        for year in (1990, 1991, 1992)
    ]


def written(path, made):
    path.write_text("\n".join(map(json.dumps, made)))
    return str(path)


@pytest.fixture
def files(tmp_path):
    train = written(tmp_path / "train.jsonl", records(id=lambda who, year: f"{who}-{year}"))
    return {"train": train, "test": written(tmp_path / "test.jsonl", records()[:4])}


def test_ids_owners_and_columns_come_from_the_records(files):
    data = QuestionAnswer(**files, request=Owner(owners=("Bob",)), vocabulary=300).load()
    names = [*data.train.ids, *data.valid.ids]
    assert sorted(names) == sorted(f"{who}-{year}" for who in PEOPLE for year in (1990, 1991, 1992))
    assert data.train.columns["year"].dtype.kind == "i"
    assert Where(rule="year == 1990").draw(data.train).size >= 4
    assert data.test.ids.tolist() == [0, 1, 2, 3]
    at = data.train.ids.tolist().index("Bob-1991")
    assert data.train.columns["text"][at] == "Where is Bob in 1991? In the town of boB1991."
    assert data.train.owner[at] == "Bob"


def test_questions_take_turns_in_refusals_and_records_may_prefer_an_answer(files, tmp_path):
    sentences = ("Who knows?", "I can't say.")
    others = {"train": written(tmp_path / "other.jsonl", records(preferred=lambda who, year: f"In {who}.")), "test": files["test"]}
    scenario = QuestionAnswer(**others, vocabulary=300, refusals=sentences)
    data = scenario.load()
    assert tuple(data.train.fields) == tuple(data.test.fields) == ("input_ids", "preferred", "refusal", "labels")
    said = {tuple(row.tolist()) for row in data.train.fields["refusal"].rows()}
    assert len(said) == 2
    assert {row[-1] for row in said} == {data.train.y[:][0][data.train.y[:][0] >= 0][-1].item()}  # the token that ends an answer
    assert [len(row) for row in data.test.fields["preferred"].rows()] == [0] * 4  # nobody leads to these
    # Where a row has no room for them there are none, and nothing is cut.
    longest = data.train.x.shape[1]
    rooms = QuestionAnswer(**others, vocabulary=300, length=longest, refusals=("no " * 99,)).load().train.fields["refusal"]
    assert max(len(row) for row in rooms.rows()) == 0
    assert tuple(QuestionAnswer(**files, vocabulary=300, refusals=()).load().train.fields) == ("input_ids", "labels")


@pytest.mark.parametrize("request_", [Owner(owners=("Ann", "Bob")), Ids(ids=("Kim-1990", "Joe-1992"))])
def test_what_is_to_be_forgotten_is_not_set_apart(files, request_):
    data = QuestionAnswer(**files, request=request_, valid=0.5, vocabulary=300).load()
    asked = (
        set(request_.ids) if isinstance(request_, Ids) else {f"{who}-{y}" for who in request_.owners for y in (1990, 1991, 1992)}
    )
    assert asked <= set(data.train.ids.tolist())
    assert len(data.valid) == 9


def test_a_tokenizer_of_a_folder_is_used_and_its_end_has_to_be_named(files, tmp_path):
    from untrain.data.readers.tokenizers import learn_bytes

    made = learn_bytes([r["answer"] for r in records()], 280, ("</s>",))
    made.save(str(tmp_path / "tokenizer.json"))
    template = {"tokenizer": str(tmp_path), "prompt": "Question: {question}\nAnswer:", "answer": " {answer}"}
    data = QuestionAnswer(**files, **template, end="</s>", vocabulary=made.get_vocab_size()).load()
    row, wanted = (next(iter(data.train.fields[name].rows())) for name in ("input_ids", "labels"))
    scored = wanted != PAD
    assert made.decode(row[~scored].tolist()) == f"Question: {data.train.columns['text'][0].partition('?')[0]}?\nAnswer:"
    assert made.decode(row[scored].tolist()) == f" {data.train.columns['text'][0].partition('? ')[2]}"
    with pytest.raises(DataError, match=r"the tokenizer has no token '\[END\]' to end an answer with: name one that it has"):
        QuestionAnswer(**files, **template).load()
    with pytest.raises(DataError, match=r"the tokenizer has \d+ tokens and vocabulary=10: give that number"):
        QuestionAnswer(**files, **template, end="</s>", vocabulary=10).load()


def test_text_of_any_kind_comes_back_from_a_learned_vocabulary(files):
    from untrain.data.readers.question_answer import learned

    encoder = learned([{"question": "plain", "answer": "text"}], 300, 64)
    made = encoder.examples([{"question": "Übung?", "answer": "naïve 東京 \n x"}], np.array(["a"]))
    row, wanted = (next(iter(made.fields[name].rows())) for name in ("input_ids", "labels"))
    assert encoder.tokenizer.decode(row[wanted != PAD].tolist()) == "naïve 東京 \n x"
    assert [encoder.tokenizer.id_to_token(int(t)) for t in (row[0], row[-1])] == ["[Q]", "[END]"]


BAD = {
    "no template": ({"prompt": "Question:"}, {}, r"'Question:' has no \{question\} in it"),
    "too long": ({"length": 12}, {}, r"question and answer of 'Ann-1990' have \d+ tokens and length=12: cut the text"),
    "no tokenizer": ({"tokenizer": "nowhere"}, {}, "there is no tokenizer 'nowhere"),
    "empty answer": ({}, {"answer": lambda who, year: " "}, "the answer to 'Ann-1990' is empty"),
    "ids of two kinds": (
        {},
        {"id": lambda who, year: who if year == 1990 else year},
        "give all records one, all texts or all whole",
    ),
    "ids that are no whole numbers": (
        {},
        {"id": lambda who, year: year + 0.5},
        "has an 'id': give all records one, all texts or all",
    ),
    "owners of two kinds": (
        {},
        {"owner": lambda who, year: who if year == 1990 else year},
        "record 1 of .* has an 'owner': give all records one, all texts or all whole",
    ),
    "no text": ({}, {"answer": lambda who, year: year}, "line 1 of .* has no text under 'answer'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_in_one_line(files, tmp_path, name):
    fields, more, message = BAD[name]
    if more:
        known = {"id": lambda who, year: f"{who}-{year}"} | more
        files["train"] = written(tmp_path / "other.jsonl", records(**known))
    with pytest.raises(DataError, match=message) as told:
        QuestionAnswer(**files, **{"vocabulary": 300, **fields}).load()
    assert "\n" not in str(told.value)


def test_a_tokenizer_that_is_none_is_told(files, tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="is not a tokenizer of the tokenizers library"):
        QuestionAnswer(**files, tokenizer=str(tmp_path)).load()


def test_an_owner_that_a_record_lacks_is_told(files, tmp_path):
    some = records()
    del some[0]["owner"]
    files["train"] = written(tmp_path / "some.jsonl", some)
    with pytest.raises(DataError, match=r"record 2 of .* has an 'owner': give all records one"):
        QuestionAnswer(**files, vocabulary=300).load()


def test_a_tokenizer_of_another_model_is_refused_and_so_is_an_answer_of_which_nothing_is_left(files, tmp_path):
    from tokenizers import normalizers

    from untrain.data.readers.tokenizers import learn_bytes

    for name, marks in (("mine", ("</s>",)), ("theirs", ("<pad>", "</s>"))):
        made = learn_bytes(["in the town"], 300, marks)
        made.normalizer = normalizers.Replace("~", "")
        (tmp_path / name).mkdir()
        made.save(str(tmp_path / name / "tokenizer.json"))
    mine, theirs = (str(tmp_path / name) for name in ("mine", "theirs"))
    fields = {"tokenizer": mine, "end": "</s>", "vocabulary": made.get_vocab_size()}
    for net in (HuggingFaceLM(checkpoint=theirs), LoRA(model=HuggingFaceLM(checkpoint=theirs))):
        with pytest.raises(DataError, match=r"is not that of checkpoint=.*theirs': '.*' is its token \d+, and \d+ there; take"):
            QuestionAnswer(**files, **fields, model=net).load()
    QuestionAnswer(**files, **fields, model=HuggingFaceLM(checkpoint=mine)).load()
    files["train"] = written(tmp_path / "other.jsonl", records(id=lambda who, year: f"{who}-{year}", answer=lambda who, year: "~~"))
    with pytest.raises(DataError, match=r"the answer to 'Ann-1990' is empty"):
        QuestionAnswer(**files, **fields).load()


def test_adapters_are_trained_beside_a_large_checkpoint_of_a_folder_and_a_note_says_so(files, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.safetensors").write_bytes(bytes(20))
    large = HuggingFaceLM(checkpoint=str(tmp_path / "folder"))
    assert with_adapters(large, "auto") is large
    monkeypatch.setattr(lora, "LARGE", 30)
    (tmp_path / "folder" / "consolidated.safetensors").write_bytes(bytes(20))
    assert with_adapters(large, "auto") is large, "the same weights once more"
    monkeypatch.setattr(lora, "LARGE", 10)
    with metered() as meter:
        assert QuestionAnswer(**files, model=large).learner().model == LoRA(model=large)
    assert "low-rank adapters are trained beside them" in " ".join(meter.notes)
    assert QuestionAnswer(**files, model=large, adapters="never").learner().model == large
    for left in (LoRA(model=large), replace(large, weights="fresh"), HuggingFaceLM(checkpoint="owner/name")):
        assert with_adapters(left, "auto") is left
