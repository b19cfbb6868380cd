"""The same list of ids is read by a request and by an audit: what one reads, the other does."""

import numpy as np
import pytest

import untrain as ut
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


@pytest.mark.parametrize("name", CASES)
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
                told.append(ut.audit(given, store=tmp_path / "runs")["sizes"]["forget"])
        except BadInput as error:
            told.append(str(error).removeprefix("forget ids: ").replace("the audited examples", "the training data"))
    assert told[0] == told[1]
    refused = name in ("a heading that may be an id", "none known", "other capitals")
    assert isinstance(told[0], str) == refused
    if not refused:
        assert told[0] == 10
