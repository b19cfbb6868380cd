"""Scores by id, from files of every kind, and what is wrong with them in one line."""

import numpy as np
import pytest

from untrain.attribution.memorization import MemorizationEstimate
from untrain.commands.memorize import write
from untrain.core.errors import BadInput, RequestError
from untrain.data.readers.convert import examples
from untrain.data.readers.score_files import scores
from untrain.data.requests.memorized import Memorized

IDS = [7, 3, 11, 5]
VALUES = [0.25, 1.0, -0.125, 0.5]


def train(ids=IDS):
    return examples(np.zeros((len(ids), 2)), np.arange(len(ids)) % 2, ids=np.array(ids))


def csv(tmp_path, text):
    file = tmp_path / "scores.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
@pytest.mark.parametrize("kind", ["csv", "npz", "npy"])
def test_scores_are_found_by_id_in_whatever_order_the_file_has_them(tmp_path, order, kind):
    ids, values = np.array(IDS)[order], np.array(VALUES)[order]
    file = tmp_path / f"scores.{kind}"
    if kind == "csv":
        lines = [f"{v!r},x,{i}" for i, v in zip(ids.tolist(), values.tolist(), strict=True)]
        file.write_text("\n".join(["memorization,more,id", *lines]) + "\n")
    elif kind == "npz":
        np.savez(file, id=ids, memorization=values, saw=ids)
    else:
        np.save(file, np.stack([ids, values], 1))
    assert scores(file, train(), False).tolist() == VALUES


def test_an_id_that_several_rows_bear_gives_all_of_them_its_score(tmp_path):
    file = csv(tmp_path, "id,memorization\nann,0.5\nbob,0.25\n")
    assert scores(file, train(["ann", "bob", "ann"]), False).tolist() == [0.5, 0.25, 0.5]


def test_a_file_may_lie_in_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    csv(tmp_path, "id,memorization\n" + "".join(f"{i},{v}\n" for i, v in zip(IDS, VALUES, strict=True)))
    assert Memorized(fraction=0.5, scores="~/scores.csv").draw(train()).tolist() == [1, 3]
    with pytest.raises(BadInput, match=r"~nobody-here/scores.csv: .* there is no such user"):
        Memorized(fraction=0.5, scores="~nobody-here/scores.csv").draw(train())


def test_scores_of_a_larger_set_are_taken_when_that_is_said(tmp_path):
    file = csv(tmp_path, "id,memorization\n" + "".join(f"{i},{i / 20}\n" for i in range(20)))
    with pytest.raises(RequestError, match=r"scores 16 ids that the training data lack: 0, 1, 2, 4, 6, .*others='ignore'"):
        Memorized(fraction=0.5, scores=str(file)).draw(train())
    assert Memorized(fraction=0.5, scores=str(file), others="ignore").draw(train()).tolist() == [0, 2]


WRONG = [
    ("id,memorization\n7,0.1\n3,0.2\n11,0.3\n", "has no score for 1 of 4 training ids: 5"),
    ("id,memorization\n7,0.1\n3,0.2\n11,0.3\n5,nan\n", "is NaN for 1 of 4 examples, such as id 5"),
    ("id,memorization\n7,0.1\n3,0.2\n11,0.3\n5,many\n", "gives the score 'many': a number"),
    ("id,memorization\n7,0.1\n3,0.2\n11,0.3\n5,7.5\n", "goes from 0.1 to 7.5"),
    ("id,memorization\n7,0.1\n3,0.2\n11,0.3\n5,0.1\n9,0.2\n", "scores 1 ids that the training data lack: 9"),
    ("id,memorization\n7,0.1\n7,0.2\n", "lists 7 more than once"),
    ("id,memorization\n7,0.1\n7,nan\n", "lists 7 more than once, with the scores 0.1 and nan"),
    ("id,memorization\n7,nan\n7,0.1\n", "lists 7 more than once, with the scores nan and 0.1"),
    ("id,memorization\n7a,0.1\n", "lists '7a', and the ids of these data are whole numbers"),
    ("7,0.1\n3,0.2\n", "has no column 'id' of its own; its first line is '7,0.1'"),
    ("id,score\n7,0.1\n", "has no column 'memorization'"),
    ("row,memorization\n0,0.1\n", "has no column 'id'"),
    ("id,memorization\n7,0.1,3\n", "has 3 columns in row 2 and 2 in its heading"),
    ("id,memorization\n", "holds no score"),
    ("", "has no column 'id'"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_csv_file_that_will_not_do_gets_one_line(tmp_path, text, told):
    with pytest.raises(RequestError, match=told) as error:
        Memorized(fraction=0.5, scores=str(csv(tmp_path, text))).draw(train())
    assert "\n" not in str(error.value)


def test_arrays_that_will_not_do_get_one_line(tmp_path):
    def told(name, match, write):
        write(tmp_path / name)
        with pytest.raises(RequestError, match=match):
            scores(tmp_path / name, train(), False)

    told("a.npz", "has no array 'id'; there is memorization", lambda f: np.savez(f, memorization=VALUES))
    told("b.npz", r"ids float64 of shape \(4,\)", lambda f: np.savez(f, id=np.array(IDS) / 2, memorization=VALUES))
    told("c.npz", "cannot be read as plain arrays", lambda f: f.write_bytes(b"PK\x03\x04 and no more"))
    told("d.npz", "cannot be read", lambda f: np.savez(f, id=np.array(IDS, dtype=object), memorization=VALUES))
    told("a.npy", r"of shape \(4,\), which lacks ids", lambda f: np.save(f, VALUES))
    told("b.npy", "ids that are not whole numbers", lambda f: np.save(f, np.ones((4, 2)) / 2))
    told("e.npy", "ids that are not whole numbers", lambda f: np.save(f, np.array([[np.inf, 0.5], [1, 0.5]])))
    told("c.npy", "is not a NumPy array", lambda f: f.write_text("id"))
    told("d.npy", "cannot be read as a plain array", lambda f: f.write_bytes(b"\x93NUMPY"))
    told("a.csv", "is a NumPy array, whatever its name says", lambda f: f.write_bytes(b"\x93NUMPY\0"))
    told("a.txt", "are read from .csv, .tsv, .npz or .npy", lambda f: f.write_text(""))
    with pytest.raises(RequestError, match=r"cannot read scores from .*No such file"):
        scores(tmp_path / "gone.csv", train(), False)


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_a_file_damaged_anywhere_is_read_or_gets_one_line(tmp_path, kind):
    file = tmp_path / f"scores.{kind}"
    if kind == "npz":
        np.savez_compressed(file, id=np.array(IDS), memorization=np.array(VALUES))
    else:
        np.save(file, np.stack([IDS, VALUES], 1))
    whole, told = file.read_bytes(), []
    flips = [whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in (1, 8, 255)]
    for spoiled in [whole[:at] for at in range(1, len(whole), 7)] + flips:
        file.write_bytes(spoiled)
        try:
            scores(file, train(), False)
        except RequestError as error:
            told.append(str(error))
    assert len(told) > len(whole)
    assert not [line for line in told if "\n" in line]


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_text_of_any_kind_is_read_back_as_it_was_written(tmp_path, kind):
    ids = [" a", "a", "b\nc", "f ", "d\re", "g\u2028h", 'i"j,k', ""]
    data, values = train(ids), np.arange(8) / 8
    write(tmp_path / f"scores.{kind}", data, MemorizationEstimate(values, values, values, values, values, values))
    assert scores(tmp_path / f"scores.{kind}", data, False).tolist() == values.tolist()


def test_spaces_round_numbers_and_headings_do_not_matter(tmp_path):
    file = csv(tmp_path, " id , memorization\r\n 7 , 0.25\r\n\r\n3, 1.0 \r\n11,-0.125\r\n5,0.5")
    assert scores(file, train(), False).tolist() == VALUES
