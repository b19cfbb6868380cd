"""Sets of texts: parts, labels by name, tokens; what is wrong is said in one line."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tokenizers")
from untrain.core.errors import DataError
from untrain.data.noise.flip import Flip
from untrain.data.readers.text_sets import TextSetSource, TextSubset, load_texts

SOURCE = TextSetSource("greetings", "intent")
WORDS = {"hello": ("hi", "hello", "good day"), "bye": ("bye", "see you", "farewell")}


@pytest.fixture
def lay(tmp_path):
    def write(train=30, test=6, **strange):
        records = [
            {"split": part, "intent": label, "text": f"{words[at % 3]} {part} {at}"}
            for part, count in (("train", train), ("test", test))
            for label, words in WORDS.items()
            for at in range(count)
        ]
        lines = [json.dumps(record) for record in [*records, *([strange] if strange else [])]]
        (tmp_path / "greetings.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return str(tmp_path)

    return write


def taken(path, size=None, vocabulary=60, length=5):
    return TextSubset(path, size, vocabulary, length)


def test_all_of_a_set_is_cut_in_three(lay):
    data = load_texts(SOURCE, taken(lay()))
    assert [len(part) for part in (data.train, data.valid, data.test)] == [54, 6, 12]
    assert data.train.categories == ("bye", "hello")
    assert not set(data.train.ids) & set(data.valid.ids)
    assert data.train.x.shape[1] <= 5
    for part in (data.train, data.valid, data.test):
        named = [("bye", "hello")[y] for y in part.y.tolist()]
        assert all(text.startswith(WORDS[name]) for name, text in zip(named, part.columns["text"], strict=True))


def test_a_part_has_as_many_of_each_class(lay):
    data = load_texts(SOURCE, taken(lay(), size=20))
    assert [len(part) for part in (data.train, data.valid, data.test)] == [20, 2, 12]
    assert np.bincount(data.train.y).tolist() == [10, 10]


def test_words_of_other_parts_are_not_in_the_vocabulary(lay):
    data = load_texts(SOURCE, taken(lay()))
    assert int(data.test.x.values.max()) < 60
    assert load_texts(SOURCE, taken(lay())).train.x.values.tolist() == data.train.x.values.tolist()


def test_noise_is_planted_in_the_training_labels(lay):
    data = load_texts(SOURCE, taken(lay()), Flip(rate=0.5))
    assert (data.train.y != data.train.true).any()
    assert data.test.true is None


@pytest.mark.parametrize(
    ("strange", "message"),
    [
        ({"split": "test", "intent": "shout", "text": "hey"}, "no training text of greetings is labelled 'shout'"),
        ({"split": "test", "text": "hey"}, "has no text under 'intent'"),
        ({"split": "val", "intent": "shout", "text": "hey"}, "labelled 'shout', and a text whose 'split' is 'val' is$"),
    ],
)
def test_records_that_do_not_fit_are_refused(strange, message, lay):
    with pytest.raises(DataError, match=message):
        load_texts(replace(SOURCE, valid=("val",) if strange["split"] == "val" else ()), taken(lay(**strange)))


def test_too_few_texts_are_refused(lay):
    with pytest.raises(DataError, match="size=60, and there are 60 texts"):
        load_texts(SOURCE, taken(lay(), size=60))
    with pytest.raises(DataError, match="no records whose 'split' is 'test'"):
        load_texts(SOURCE, taken(lay(test=0)))
