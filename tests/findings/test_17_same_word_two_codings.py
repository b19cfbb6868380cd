"""A list from a Mac has e + U+0308, the data have U+00EB: a refusal shows how two words that look alike differ."""

import unicodedata

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import RequestError
from untrain.data.requests.resolve import request

NAMES = [unicodedata.normalize("NFC", f"Zoe\u0308_{i}.png") for i in range(30)]
OTHER = unicodedata.normalize("NFD", NAMES[0])
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def data(ids=NAMES, owner=None):
    draw = np.random.default_rng(0)
    return ut.examples(draw.normal(size=(30, 6)).astype("float32"), draw.integers(3, size=30), ids=ids, owner=owner)


def by_file(tmp_path, word):
    (tmp_path / "list.txt").write_text(f"{word}\n", encoding="utf-8")
    return ut.IdFile(path=str(tmp_path / "list.txt"))


@pytest.mark.parametrize("word", [OTHER, NAMES[0].upper()])
def test_every_request_says_how_the_words_differ(tmp_path, word):
    requests = {
        "file": by_file(tmp_path, word), "ids": ut.Ids(ids=(word,)), "relabel": ut.Relabel(ids=(word,), labels=(0,)),
        "rule": ut.Where(f"id == {word!r} or id == {NAMES[1]!r}"), "list": ut.Where(f"id in ({word!r}, {NAMES[1]!r})"),
        "owner": ut.Owner(owners=(word,)), "owned": ut.Where(f"owner == {word!r} or id == {NAMES[1]!r}"),
    }  # fmt: skip
    made = data(owner=NAMES)
    for name, by in requests.items():
        with pytest.raises(RequestError) as caught:
            by.draw(made)
        message = str(caught.value)
        assert "looks alike and is written differently" in message, name
        assert ascii(word) in message, name
        assert ("Unicode NFD" in message) == (word == OTHER), name


def test_a_uuid_in_capitals_is_taken_where_that_is_said(tmp_path):
    ids = [UUID, *NAMES[1:]]
    with pytest.raises(RequestError, match=r"capitals.*alike='same' or alike='other'"):
        by_file(tmp_path, UUID.upper()).draw(data(ids))
    taken = ut.IdFile(path=str(tmp_path / "list.txt"), alike="same")
    with pytest.warns(UserWarning, match=f"1 is written differently there, such as '{UUID.upper()}' for '{UUID}'"):
        posed = ut.problem(data(ids), taken, ut.Train(model=ut.MLP(width=4)))
    assert posed.forget.ids.tolist() == [UUID]


def test_both_codings_in_the_data_are_two_people(tmp_path):
    ids = [OTHER, *NAMES[:-1]]
    assert by_file(tmp_path, OTHER).draw(data(ids)).tolist() == [0]
    assert by_file(tmp_path, NAMES[0]).draw(data(ids)).tolist() == [1]


def test_a_word_of_a_rule_that_no_row_has_is_noted():
    made = request(data(), ut.Where(f"id in ('nobody', {NAMES[1]!r})"))
    assert made.notes == ("no id is 'nobody'",)
