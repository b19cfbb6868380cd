"""JSON lines, plain and compressed; what is wrong is named by its line."""

import gzip
import json
import lzma

import pytest

from untrain.core.errors import DataError
from untrain.data.readers.json_lines import find_file, read_records

RECORDS = [{"text": "ein Satz", "n": 1}, {"text": "é", "n": 2}]


@pytest.mark.parametrize(("ending", "opened"), [("", open), (".gz", gzip.open), (".xz", lzma.open)])
def test_records_are_read_whatever_compresses_them(ending, opened, tmp_path):
    file = tmp_path / f"set.jsonl{ending}"
    with opened(file, "wt", encoding="utf-8") as lines:
        lines.write("\n".join(map(json.dumps, RECORDS)) + "\n\n")
    assert read_records(file, ("text",)) == RECORDS
    assert find_file(str(tmp_path), "set") == file
    assert find_file(str(file), "other") == file


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 of .* is not JSON"),
        ('{"text": "x", "text": "y"}', "line 2 of .* is not JSON.*the key 'text' is there more than once"),
        ('{"text": "x", "a": {"b": 1, "b": 1}}', "line 2 of .* is not JSON.*the key 'b' is there more than once"),
        ("[1]", "line 2 of .* has no text under 'text'"),
        ('{"text": 3}', "line 2 of .* has no text under 'text'"),
        ('{"words": "x"}', "line 2 of .* has no text under 'text'"),
    ],
)
def test_a_line_that_is_something_else_is_named(line, message, tmp_path):
    file = tmp_path / "set.jsonl"
    file.write_text(f'{{"text": "x"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_records(file, ("text",))


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n' * 99)[:40])
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe\n")
    for name in ("cut.jsonl.gz", "bytes.jsonl", "missing.jsonl"):
        with pytest.raises(DataError, match="cannot read"):
            read_records(tmp_path / name, ("text",))
    with pytest.raises(DataError, match="holds no records"):
        read_records(tmp_path / "empty.jsonl", ("text",))
    with pytest.raises(DataError, match=r"there is no file set.jsonl"):
        find_file(str(tmp_path), "set")
