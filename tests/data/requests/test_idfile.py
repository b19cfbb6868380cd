"""What IdFile reads, what it says it did, and what it says about files that it cannot read."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import RequestError
from untrain.data.readers.convert import examples
from untrain.data.requests.idfile import IdFile
from untrain.data.requests.resolve import request


def rows(path, ids=None, n=10, **how):
    return IdFile(path=str(path), **how).draw(examples(np.zeros((n, 1)), np.arange(n) % 2, ids=ids)).tolist()


def noted(path, ids, **how):
    """Ids that a file names, and the notes about it without the path."""
    data = examples(np.zeros((len(ids), 1)), np.arange(len(ids)) % 2, ids=np.array(ids))
    chosen = request(data, IdFile(path=str(path), **how))
    return list(chosen.ids), [note.removeprefix(f"{path}: ") for note in chosen.notes]


def file(folder, name, content):
    path = folder / name
    if isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=True)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "3\n7\n1\n"),
        ("a.csv", "id\n3\n7\n1\n"),
        ("a.csv", "row number\r\n3\r\n7\r\n\r\n1"),
        ("a.csv", '"id"\n"3"\n"7"\n"1"\n'),
        ("a.csv", "\ufeffid\n3\n7\n1\n"),
        ("a.txt", "3\n 7 \n\n1"),
        ("a.TXT", "ids\n3\n7\n1"),
        ("a.npy", np.array([3, 7, 1])),
        ("a.npy", np.array([3, 7, 1], dtype=np.uint8)),
    ],
)
def test_the_same_ids_are_read_from_every_kind_of_file(tmp_path, name, content):
    assert rows(file(tmp_path, name, content)) == [1, 3, 7]


def test_an_id_names_all_rows_that_bear_it(tmp_path):
    people = ["ann", "bob", "ann", "eve", "bob", "ann"]
    assert rows(file(tmp_path, "a.txt", "ann\neve"), people, 6) == [0, 2, 3, 5]
    assert rows(file(tmp_path, "a.csv", "user_id\nbob"), people, 6) == [1, 4]
    assert rows(file(tmp_path, "a.npy", np.array(["bob"])), people, 6) == [1, 4]


def test_a_text_id_that_looks_like_a_number_keeps_its_zeros(tmp_path):
    assert rows(file(tmp_path, "a.csv", "id\n007"), ["7", "007"], 2) == [1]


def test_a_text_id_may_hold_what_only_some_call_a_line_break(tmp_path):
    odd = ["ann\u2028lee", "bob\x1cray", "eve\nfay"]
    assert rows(file(tmp_path, "a.txt", "ann\u2028lee\r\nbob\x1cray\r"), odd, 3) == [0, 1]
    assert rows(file(tmp_path, "a.csv", 'id\n"ann\u2028lee"\n"eve\nfay"\n'), odd, 3) == [0, 2]


def test_a_mistyped_first_text_id_is_no_heading(tmp_path):
    with pytest.raises(RequestError, match=r"lists 1 of 2 ids that the training data lack: 'anne'.*did you mean 'ann' for 'anne'"):
        rows(file(tmp_path, "a.csv", "anne\nbob"), ["ann", "bob", "eve"], 3)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "3\n12\n-1\n", r"lists -1, and no id of these data is below 0"),
        ("a.csv", "98\n99\n", r"lists 2 of 2 ids that the training data lack: 98, 99; ids there are such as 0, 1, 2"),
        ("a.csv", "3\nseven\n", r"lists 'seven', and the ids of these data are whole numbers"),
        ("a.csv", "3.0\n", r"lists '3.0'"),
        ("a.csv", "12a\n3\n", r"lists '12a'"),
        (
            "a.csv",
            "3,1\n7,0\n",
            r"has 2 columns in row 1, and column 1 \('3', ...\) and column 2 \('1', ...\) may be the ids.*column='1'",
        ),
        ("a.csv", "name,age\nann,3\n", r"column 2 \('age', ...\) may be the ids: name the column of ids, .*column='age'"),
        ("a.csv", "id,age\n77,3\n", r"has a column 'id' without an id of the data, and column 2 .* with some.*column='age'"),
        ("a.csv", "id,user_id\n3,4\n", r"column 1 .* and column 2 .* may be the ids"),
        ("a.csv", "1.78E+18\n", r"lists '1.78E.18'.*a spreadsheet has rounded it"),
        ("a.csv", "", r"a.csv is empty"),
        ("a.csv", "\n \n", r"a.csv is empty"),
        ("a.csv", "id\n", r"a heading and no id below it"),
        ("a.csv", "\ufeff\n", r"a.csv lists no id"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\xff", r"a.csv is not UTF-8 text, whatever its name says"),
        ("a.txt", b"3\x00\n", r"a.txt is not UTF-8 text"),
        ("a.txt", b"\x93NUMPY\x01\x00", r"a.txt is a NumPy array, whatever its name says"),
        ("a.txt", "3,7\n", r"has 2 columns in row 1, .* or give one id per line"),
        ("a.npy", "3\n7\n", r"a.npy is not a NumPy array, whatever its name says"),
        ("a.npy", b"\x93NUMPY\x01\x00v\x00", r"a.npy cannot be read as a plain array"),
        ("a.npy", np.array([3.0, 7.0]), r"holds float64 of shape \(2,\)"),
        ("a.npy", np.array([[3, 7]]), r"holds int64 of shape \(1, 2\)"),
        ("a.npy", np.array([3, "x"], dtype=object), r"a.npy cannot be read as a plain array"),
        ("a.npy", np.array([], dtype=np.int64), r"a.npy lists no id"),
        ("a.xlsx", "3\n", r"read from .csv, .tsv, .txt, .npy or .npz, and '.*a.xlsx' is none"),
    ],
)
def test_a_bad_file_is_told_in_one_line_that_names_what_was_got(tmp_path, name, content, told):
    with pytest.raises(RequestError, match=told) as caught:
        rows(file(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RequestError, match=r"cannot read ids from '.*gone.csv': No such file"):
        rows(tmp_path / "gone.csv")


def test_negative_ids_are_ids_where_the_data_have_them(tmp_path):
    assert rows(file(tmp_path, "a.csv", "-1"), [-1, 0, 1], 3) == [0]


PEOPLE = ["ann", "bob", "eve", "zoe"]
EXPORTED = [
    ("a.csv", "image_id\nann\nbob\n", "the first line, 'image_id', is read as a heading"),
    ("a.csv", "Patient\nann\nbob\n", "the first line, 'Patient', is read as a heading"),
    ("a.csv", "id,when\nann,2020\nbob,2021\n", "ids are those of column 1 of 2 and the others are not read"),
    ("a.csv", "when;who\n2020;ann\n2021;bob\n", "ids are those of column 2 of 2, which ';' separates, and the others are not read"),
    ("a.tsv", "id\twhen\nann\t2020\nbob\t\n", "ids are those of column 1 of 2, which '\\t' separates"),
    ("a.txt", "ann;2020\nbob;2021\n", "ids are those of column 1 of 2, which ';' separates"),
    ("a.txt", '"ann"\r\n"bob"\r\n', ""),
    ("a.csv", b"\xff\xfe" + "id\r\nann\r\nbob\r\n".encode("utf-16-le"), ""),
    ("a.csv", "ann\nbob\nann\nann\n", "2 are listed again"),
    ("a.csv", "ann\nbob\ngone_1\ngone_2\n", "2 of 4 ids are not in the training data: 'gone_1', 'gone_2'"),
    ("a.csv", "ann\n\n bob \n\n", ""),
    ("a.npy", np.array([b"ann", b"bob"]), ""),
]


@pytest.mark.parametrize(("name", "content", "note"), EXPORTED)
def test_a_list_as_people_export_it_is_read_and_what_was_done_is_counted(tmp_path, name, content, note):
    ids, notes = noted(file(tmp_path, name, content), PEOPLE)
    assert ids == ["ann", "bob"]
    assert all("\n" not in line for line in notes)
    assert len(notes) == bool(note)
    assert note in "".join(notes)


@pytest.mark.parametrize("first", ["David", "Ingrid", "Madrid", "car_key", "page index", "ann"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_an_id_of_the_data_is_no_heading(tmp_path, name, first):
    assert noted(file(tmp_path, name, f"{first}\nPaul\n"), [first, "Paul", "other"]) == ([first, "Paul"], [])


@pytest.mark.parametrize("first", ["id", "IDs", "user_id", "index", "userId"])
def test_a_usual_heading_that_is_an_id_too_is_asked_about(tmp_path, first):
    path, ids = file(tmp_path, "a.csv", f"{first}\nPaul\n"), [first, "Paul", "other"]
    with pytest.raises(RequestError, match=f"begins with '{first}', which may be a heading and is an id of the data.*heading=True"):
        noted(path, ids)
    assert noted(path, ids, heading=False)[0] == [first, "Paul"]
    assert noted(path, ids, heading=True)[0] == ["Paul"]


def test_a_column_may_be_named_or_numbered(tmp_path):
    path = file(tmp_path, "a.csv", "id,user_id\n3,4\n5,6\n")
    assert rows(path, column="id") == [3, 5]
    assert rows(path, column="user_id") == rows(path, column="2") == [4, 6]
    with pytest.raises(RequestError, match=r"has no column 'age'; its first line has \['id', 'user_id'\]"):
        rows(path, column="age")


BIG = 1_780_000_000_000_000_000


@pytest.mark.parametrize("base", [BIG, 2**63, 2**64 - 3])
@pytest.mark.parametrize("kind", ["csv", "txt", "npy", "npz"])
def test_ids_of_64_bits_are_read_from_every_kind_of_file(tmp_path, base, kind):
    ids = np.array([base, base + 1, base + 2], dtype=np.uint64 if base >= 2**63 else np.int64)
    path = tmp_path / f"a.{kind}"
    if kind == "npy":
        np.save(path, ids[:2])
    elif kind == "npz":
        np.savez(path, id=ids[:2])
    else:
        path.write_text("id\n" + "\n".join(map(str, ids[:2])))
    assert noted(path, ids)[0] == [base, base + 1]


def test_zeros_capitals_and_unicode_forms_are_asked_about_and_shown(tmp_path):
    ids = ["7", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "Zo\u00eb", "Paul"]
    for word, told in (
        ("007", r"'7'.*leading zeros"),
        ("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "capitals"),
        ("{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "looks alike"),
        ("Zoe\u0308", r"'Zoe\\u0308' \(Unicode NFD\) and 'Zo\\xeb' \(Unicode NFC\)"),
        ("PAUL", "capitals"),
        ("Pa\u200bul", "looks alike"),
    ):
        path = file(tmp_path, "a.txt", f"{word}\n")
        with pytest.raises(RequestError, match=f"looks alike and is written differently.*{told}|{told}.*alike='same'"):
            noted(path, ids)
        assert len(noted(path, ids, alike="same")[0]) == 1
        with pytest.raises(RequestError, match="training data lack"):
            noted(path, ids, alike="other")


def test_numbers_may_be_written_with_zeros_which_is_counted(tmp_path):
    path = file(tmp_path, "a.csv", "id\n007\n012\n")
    ids, notes = noted(path, np.arange(20))
    assert ids == [7, 12]
    assert notes == ["2 are written differently there, such as '007' for 7"]


def test_ids_that_are_gone_are_refused_where_that_is_asked_for(tmp_path):
    path = file(tmp_path, "a.csv", "ann\nbob\ngone_1\n")
    with pytest.raises(RequestError, match="lists 1 of 3 ids that the training data lack: 'gone_1'"):
        noted(path, PEOPLE, gone="refuse")
    path = file(tmp_path, "a.csv", "ann\nbobb\n")
    assert noted(path, PEOPLE, gone="report") == (["ann"], ["1 of 2 ids is not in the training data: 'bobb'"])


@pytest.mark.parametrize(
    "content", ["visit_id,person\n1,7\n2,9\n", "patient;visit_id\n7;1\n9;2\n", "1,234\n2,500\n", "1,7.5\n2,9\n"]
)
def test_a_second_column_that_may_be_the_ids_is_asked_about(tmp_path, content):
    path = file(tmp_path, "a.csv", content)
    with pytest.raises(RequestError, match=r"column 1 \(.*\) and column 2 \(.*\) may be the ids: .*column=") as caught:
        rows(path, n=20)
    assert "\n" not in str(caught.value)
    place = "2" if "person" in content else "1"
    assert rows(path, n=20, column=place) == ([1, 2] if content[0] == "1" else [7, 9])


def test_the_heading_id_says_which_column_it_is(tmp_path):
    assert rows(file(tmp_path, "a.csv", "label,id\n1,7\n0,9\n")) == [7, 9]
    assert rows(file(tmp_path, "b.csv", "visit_id,person\n1,ann\n2,bob\n")) == [1, 2]


def test_the_number_of_a_column_is_its_place_not_its_first_cell(tmp_path):
    assert rows(file(tmp_path, "a.csv", "2,1\n4,3\n"), column="2") == [1, 3]


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_an_apostrophe_is_part_of_an_id_that_has_one(tmp_path, name):
    path = file(tmp_path, name, "'=x\nann\n")
    assert noted(path, ["'=x", "ann", "bob"]) == (["'=x", "ann"], [])
    assert noted(path, ["=x", "ann", "bob"]) == (["=x", "ann"], [])
    ids, (note,) = noted(path, ["=x", "'=x", "ann", "bob"])
    assert sorted(ids) == ["'=x", "ann"]
    assert "which is not read as '=x'" in note


def test_a_first_id_that_is_gone_is_no_heading(tmp_path):
    path = file(tmp_path, "a.csv", "u17\nu2\nu3\n")
    assert noted(path, ["u2", "u3", "u4"]) == (["u2", "u3"], ["1 of 3 ids is not in the training data: 'u17'"])


@given(
    ids=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=2, unique=True),
    separator=st.sampled_from([",", ";", "\t"]), end=st.sampled_from(["\n", "\r\n"]), data=st.data(),
)  # fmt: skip
def test_whatever_the_ids_are_those_of_a_file_are_forgotten_or_one_line_says_why_not(tmp_path_factory, ids, separator, end, data):
    wanted = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=len(ids) - 1, unique=True))
    path = tmp_path_factory.mktemp("lists") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as text:
        table = csv.writer(text, delimiter=separator, lineterminator=end)
        table.writerows([["id", "x"], *([each, "-"] for each in wanted)])
    try:
        got, told = noted(path, ids)[0], ""
    except RequestError as error:
        got, told = wanted, str(error)
    assert sorted(got) == sorted(wanted)
    assert "\n" not in told


def test_lists_as_spreadsheets_write_them_on_windows_are_read_and_that_is_said(tmp_path):
    path = file(tmp_path, "list.csv", "sep=;\r\nPerson;Größe\r\nZoë;1\r\nanna;2\r\n".encode("cp1252"))
    ids, notes = noted(path, ["Zoë", "anna", "paul"])
    assert ids == ["Zoë", "anna"]
    assert any("not UTF-8 and is read as Windows-1252" in note for note in notes)
    with pytest.raises(RequestError, match="not UTF-8 text"):
        rows(file(tmp_path, "b.csv", b"anna\r\n\xe9\x01\r\n"))
