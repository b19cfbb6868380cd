"""The same list of ids is read by a request and by an audit: what one reads, the other does."""

import numpy as np
import pytest

import untrain as ut
from covering import thin
from id_lists import LABELS, N, outputs
from untrain.core.errors import BadInput
from untrain.data.requests.resolve import request

DRAW = np.random.default_rng(2).normal(size=(N, 6)).astype("float32")
PLAIN = [f"p{i}" for i in range(N)]
CASES = {
    "another heading": (PLAIN, "image_id\n{}\n", "\n"),
    "no heading": (PLAIN, "{}\n", "\n"),
    "U+2028 in ids": ([f"p\u2028{i}" for i in range(N)], "id\n{}\n", "\n"),
    "U+0085 in ids": ([f"p\u0085{i}" for i in range(N)], "id\n{}\n", "\n"),
    "quoted line breaks": ([f"p\n{i}" for i in range(N)], 'id\n"{}"\n', '"\n"'),
    "commas": ([f"Doe, John {i}" for i in range(N)], 'id\n"{}"\n', '"\n"'),
    "unquoted commas": ([f"Doe, John {i}" for i in range(N)], "{}\n", "\n"),
    "zeros": ([f"{i:03d}" for i in range(N)], "id\n{}\n", "\n"),
    "semicolons": (PLAIN, "id;x\n{};1\n", ";1\n"),
    "tabs": (PLAIN, "x\tid\n1\t{}\n", "\n1\t"),
    "repeated": (PLAIN, "id\np0\n{}\np0\n", "\n"),
    "gone": (PLAIN, "id\n{}\nq99\n", "\n"),
    "carriage returns": (PLAIN, "id\r\n{}\r\n", "\r\n"),
    "a mark": (PLAIN, "\ufeffid\n{}\n", "\n"),
    "a heading that may be an id": (["id", *PLAIN[1:]], "id\n{}\n", "\n"),
    "none known": (PLAIN, "id\nq1\nq2\n", "\n"),
    "other capitals": (PLAIN, "id\nP1\n{}\n", "\n"),
}


@pytest.mark.parametrize("name", thin(CASES, 3))
def test_both_doors_read_alike(tmp_path, name):
    ids, form, between = CASES[name]
    path = tmp_path / "forget.csv"
    path.write_text(form.format(between.join(ids[:10])), encoding="utf-8", newline="")
    data = ut.examples(DRAW, LABELS, ids=np.array(ids))
    told = []
    for door in ("request", "audit"):
        try:
            if door == "request":
                told.append(len(request(data, ut.IdFile(path=str(path))).ids))
            else:
                given = ut.Outputs(outputs(3), outputs(12, seed=1), labels=LABELS, ids=ids, forget=str(path), test=ids[40:])
                told.append(ut.audit(given, store=tmp_path / "runs", evaluators="Accuracy")["sizes"]["forget"])
        except BadInput as error:
            told.append(str(error).removeprefix("forget ids: ").replace("the audited examples", "the training data"))
    assert told[0] == told[1]
    refused = name in ("a heading that may be an id", "none known", "other capitals")
    assert isinstance(told[0], str) == refused
    if not refused:
        assert told[0] == 10


PEOPLE = [
    "ann",
    "bob",
    "carl",
    "u1",
    "u2",
    "u3",
    "user_1",
    "user_2",
    "p-1",
    "p-2",
    "img/001.png",
    "img/002.png",
    "O'Neil",
    "Doe, J",
]
PEOPLE += [f"q{i}" for i in range(N - len(PEOPLE))]
DROPPED = {
    "some lines end in a comma": ("u1,\nu2\nu3,\n", ["u1", "u2", "u3"]),
    "two in one line": ("ann,bob\ncarl\n", ["ann", "bob", "carl"]),
    "two in a later line": ("carl\nann; bob\n", ["ann", "bob", "carl"]),
    "spaces": ("u1 u2\nu3\n", ["u1", "u2", "u3"]),
    "tabs": ("u1\tu2\nu3\n", ["u1", "u2", "u3"]),
    "form feeds": ("u1\x0cu2\nu3\n", ["u1", "u2", "u3"]),
    "another end of lines": ("u1\x85u2\nu3\n", ["u1", "u2", "u3"]),
    "quotes": ("'u1'\n'u2'\nu3\n", ["u1", "u2", "u3"]),
    "typeset quotes": ("u1\n“u2”\n", ["u1", "u2"]),
    "a typeset apostrophe": ("u1\nO’Neil\n", ["u1", "O'Neil"]),
    "a list of Python": ("['u1', 'u2']\nu3\n", ["u1", "u2", "u3"]),
    "a comment": ("u1 # by mail\nu2\n", ["u1", "u2"]),
    "a remark": ("u2\nu1 - by mail\n", ["u1", "u2"]),
    "brackets": ("u2\nDoe, J (by mail)\n", ["u2", "Doe, J"]),
    "a slash": ("u1/u2\nu3\n", ["u1", "u2", "u3"]),
    "a name before it": ("id=u1\nu3\n", ["u1", "u3"]),
    "without its folder": ("001.png\nimg/002.png\n", ["img/001.png", "img/002.png"]),
    "with more folders": ("img/002.png\n/data/img/001.png\n", ["img/001.png", "img/002.png"]),
    "folders of Windows": ("img\\001.png\nimg/002.png\n", ["img/001.png", "img/002.png"]),
    "a dash for a line": ("user-1\nuser_2\n", ["user_1", "user_2"]),
    "an en dash": ("u1\np–1\n", ["u1", "p-1"]),
    "a dash that does not break": ("u1\np\u20111\n", ["u1", "p-1"]),
}


def chosen(path, content, ids=PEOPLE, **how):
    path.write_text(content, encoding="utf-8", newline="")
    made = request(ut.examples(DRAW, LABELS, ids=np.array(ids)), ut.IdFile(path=str(path), **how))
    return set(made.ids), made.notes


@pytest.mark.parametrize("kind", ["txt", "csv"])
@pytest.mark.parametrize("name", DROPPED)
def test_nobody_is_dropped_whose_id_stands_in_a_line(tmp_path, name, kind):
    content, named = DROPPED[name]
    path = tmp_path / f"a.{kind}"
    with pytest.raises(BadInput, match=r"alike='same'.*alike='other'") as caught:
        chosen(path, content)
    first = content.split("\n")[0]
    assert ("heading=True" in str(caught.value)) == (f"lists {first!r}" in str(caught.value))
    assert chosen(path, content, alike="same")[0] == set(named)
    others = {word for word in content.split("\n") if word in PEOPLE}
    assert chosen(path, content, alike="other", heading=False, gone="report")[0] == others


def test_ids_that_are_numbers_stand_in_lines_too(tmp_path):
    ids = list(range(N))
    for content in ("7, 8\n9\n", "7 # by mail\n8\n9\n", "9\n7-8\n", "id\n7;\n8\n9\n"):
        with pytest.raises(BadInput, match=r"which holds 7.*alike='same'"):
            chosen(tmp_path / "a.txt", content, ids)
    names, (note,) = chosen(tmp_path / "a.txt", "9\n7-8\n", ids, alike="same")
    assert names == {7, 8, 9}
    assert "1 hold ids beside other text, as '7-8' does, and are read as these: 7, 8" in note


def test_what_holds_no_id_is_a_heading_or_gone_as_before(tmp_path):
    for first in ("subject 2024", "image id", "file name", "filename", "name", "Patient", "# people"):
        names, (note,) = chosen(tmp_path / "a.csv", f"{first}\nu1\nu2\n")
        assert names == {"u1", "u2"}
        assert f"the first line, {first!r}, is read as a heading" in note
    gone = ("u99", "user_9", "p-9", "img/999.png", "xu1", "zed x", "q1001")
    names, (note,) = chosen(tmp_path / "a.csv", "\n".join(["id", "u1", *gone]))
    assert names == {"u1"}
    assert f"{len(gone)} of {len(gone) + 1} ids are not in" in note


def test_of_two_readings_that_name_the_same_people_none_is_asked_about(tmp_path):
    assert chosen(tmp_path / "a.csv", "u1\n\nu2\n,\n") == ({"u1", "u2"}, ())
    assert chosen(tmp_path / "a.txt", '"u1"\n"u2"\nu3\n')[0] == {"u1", "u2", "u3"}
    with pytest.raises(BadInput, match=r"column 1 \('', ...\) and column 2 .*column='1'"):
        chosen(tmp_path / "a.csv", ",customer\n0,7\n1,3\n", list(range(N)))
