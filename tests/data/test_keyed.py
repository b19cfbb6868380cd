"""Data too large for memory: looked up by a key and sampled block by block, with the ids of a whole read; the rest is refused."""

import io
import json
import tracemalloc

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

import untrain as ut
from services import service_in
from untrain.core.errors import DataError, RequestError
from untrain.data.keyed import id_column, ids_like, ids_with
from untrain.data.readers import row_stream
from untrain.data.readers.row_stream import blocks, count_rows, headings, is_too_large
from untrain.data.sampled import sampled_table
from untrain.service.given_ids import ids_of
from untrain.service.settings import Settings

ROWS = 3_000
KINDS = (".csv", ".tsv", ".parquet", ".jsonl")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """One table in four formats: text ids that spreadsheets, capitals and accents make hard, owners and labels."""
    folder = tmp_path_factory.mktemp("large")
    ids = [f"=p{at}" if at % 100 == 7 else f"Zoë {at}" if at % 100 == 8 else f"p{at}" for at in range(ROWS)]
    columns = {
        "person": ids, "age": (np.arange(ROWS) % 90).tolist(), "owner": [f"o{at % 50}" for at in range(ROWS)],
        "label": [("cat", "dog", "emu")[at % 3] for at in range(ROWS)],
    }  # fmt: skip
    rows = list(zip(*columns.values(), strict=True))
    for kind, separator in ((".csv", ","), (".tsv", "\t")):
        lines = [separator.join(columns), *(separator.join(map(str, (row[0].replace("=", "'="), *row[1:]))) for row in rows)]
        (folder / f"t{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "t.jsonl").write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet", row_group_size=500)
    return folder


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(row_stream, "free_memory", lambda: 10_000)
    monkeypatch.setattr(row_stream, "BLOCK", 700)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_in_blocks_as_they_stand(tables, little_memory, kind):
    file = tables / f"t{kind}"
    assert is_too_large(file)
    assert headings(file) == ["person", "age", "owner", "label"]
    found = list(blocks(file, ["label", "person"]))
    assert found[0]["person"][0] == "p0"
    whole = [one for each in found for one in each["person"]]
    assert (len(whole), whole[7], whole[8], whole[-1]) == (ROWS, "=p7", "Zoë 8", f"p{ROWS - 1}")
    assert count_rows(file) == ROWS
    with pytest.raises(DataError, match="has no column 'persno'"):
        list(blocks(file, ["persno"]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("listed", [
    "p3,p2999", "person\np17\n=p107\nZoë 208\n", "name;person\nann;p4\nbob;p5\n", "ZOE\u0308 308\n", "p3\nnobody\n", "nobody\n",
])  # fmt: skip
def test_a_list_names_the_same_ids_as_of_data_in_memory(tables, tmp_path, monkeypatch, kind, listed):
    settings = Settings("m", str(tables / f"t{kind}"), {"id": "person"})
    given = tmp_path / "ids.csv"
    given.write_text(listed, encoding="utf-8")
    asked = {"forget": listed if "\n" not in listed else str(given)}

    def found():
        try:
            return ids_of(asked, settings)[0]
        except RequestError as error:
            return str(error).partition("; ids there are")[0]

    whole = found()
    monkeypatch.setattr(row_stream, "free_memory", lambda: 10_000)
    assert found() == whole
    asked["skip_missing"] = True
    monkeypatch.undo()
    whole = found()
    monkeypatch.setattr(row_stream, "free_memory", lambda: 10_000)
    assert found() == whole


@pytest.mark.parametrize("kind", KINDS)
def test_owners_and_classes_are_looked_up_and_rules_refused(tables, little_memory, kind):
    settings = Settings("m", str(tables / f"t{kind}"), {"id": "person"})
    ids, notes = ids_of({"owners": ("o3",)}, settings)
    assert (len(ids), ids[:2]) == (60, ["p3", "p53"])
    assert "is too large for memory: its column 'person' was read row by row" in notes[0]
    assert len(ids_of({"classes": ("cat",)}, settings)[0]) == 1000
    with pytest.raises(RequestError, match=r"no row has 'dgo' in 'label'; there is cat, .*did you mean 'dog'"):
        ids_of({"classes": ("dgo",)}, settings)
    with pytest.raises(RequestError, match="ids, owners and classes can be looked up, rules cannot; list ids"):
        ids_of({"where": "age > 3"}, settings)
    for several in ({"forget": "p3"}, {"where": "age > 3"}, {"classes": ("cat",)}):  # never one of them alone
        with pytest.raises(RequestError, match=r"say what to forget by one of .* are given"):
            ids_of({"owners": ("o3",), **several}, settings)
    with pytest.raises(RequestError, match=r"'label' is one of these in all rows .*: nothing would be left"):
        ids_of({"classes": ("cat", "dog", "emu")}, settings)
    with pytest.raises(DataError, match="looked up by a column of ids, and it has person, age, owner, label; name it"):
        ids_of({"forget": "p3"}, Settings("m", settings.data))


def test_whole_numbers_are_numbers_and_leading_zeros_are_text(tmp_path):
    (tmp_path / "n.csv").write_text("id,label\n1,a\n20,b\n")
    assert ids_like(tmp_path / "n.csv", "id", ["020"]).tolist() == [20, 1]
    (tmp_path / "long.csv").write_text("id,label\n" + "".join(f"{at},a\n" for at in range(2_000)) + "+2000,b\n")
    assert {1999, 2000} <= set(ids_like(tmp_path / "long.csv", "id", ["+1999", " 2000"]).tolist())
    (tmp_path / "z.csv").write_text("id,label\n007,a\n7,b\n8,b\n")
    assert ids_like(tmp_path / "z.csv", "id", ["7"]).tolist()[:2] == ["007", "7"]
    assert id_column(tmp_path / "n.csv", "") == "id"
    assert ids_with(tmp_path / "n.csv", "id", "label", ["b"]) == [20]
    (tmp_path / "p.csv").write_text("id,label\n+7,a\n7,a\n8,b\n")
    assert ids_with(tmp_path / "p.csv", "id", "label", ["a"]) == [7]  # as data in memory are read
    assert ids_with(tmp_path / "z.csv", "id", "label", ["a"]) == ["007"]


def test_line_separators_of_unicode_end_no_row(tmp_path):
    (tmp_path / "t.tsv").write_text("id\ttext\n" + "".join(f"a{at}\tone\u2028 two\x85\n" for at in range(3)), encoding="utf-8")
    assert headings(tmp_path / "t.tsv") == ["id", "text"]


def test_a_sample_finds_the_images_that_its_table_names(tmp_path):
    (tmp_path / "photos").mkdir()
    for at in range(4):
        Image.new("RGB", (4, 4)).save(tmp_path / "photos" / f"{at}.png")
    (tmp_path / "t.csv").write_text("id,image,label\n" + "".join(f"p{at},photos/{at}.png,{at % 2}\n" for at in range(4)))
    assert sampled_table(tmp_path / "t.csv", rows=3).columns["pixels"].shape == (3, 3, 4, 4)


def test_memory_holds_a_block_and_not_the_file(tmp_path):
    file = tmp_path / "long.csv"
    with file.open("w") as out:
        out.write("id,label,text\n")
        out.writelines(f"u{at},0,{'x' * 2_000}\n" for at in range(10_000))
    tracemalloc.start()
    try:
        found = ids_like(file, "id", ["u9999"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found[0] == "u9999"
    assert peak < file.stat().st_size  # a whole read takes at least five times as many


@pytest.mark.parametrize("kind", KINDS)
def test_inspect_samples_and_says_so_and_forget_refuses(tables, little_memory, monkeypatch, kind):
    monkeypatch.setattr("untrain.data.sampled.ROWS", 200)
    monkeypatch.setattr(row_stream, "is_too_large", lambda source: "sample" not in str(source))
    monkeypatch.setattr("untrain.data.readers.table_files.is_too_large", row_stream.is_too_large)
    found = ut.inspect(tables / f"t{kind}", id="person")
    assert "a sample of 200 of its 3,000 rows, drawn at random" in found["notes"][0]
    assert [each["name"] for each in found["classes"]] == ["cat", "dog", "emu"]
    with pytest.raises(DataError, match=r"too large for memory: 0\.0 GB.*all rows are needed to train or forget"):
        ut.forget("model.pt", tables / f"t{kind}", "p3")


def test_a_service_adds_a_request_on_data_too_large_for_memory(tmp_path, monkeypatch):
    service = service_in(tmp_path)
    monkeypatch.setattr(row_stream, "free_memory", lambda: 100)
    ids, _ = ids_of({"forget": "u5,u6"}, service.settings)
    assert service.ids(service.add(ids)["id"]) == ["u5", "u6"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Who;When\nu7;2020\nu8;2021\n")))
    assert ids_of({"forget": "-"}, service.settings)[0] == ["u7", "u8"]  # read as a file is, not line by line
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"u7\nnobody\n")))
    with pytest.raises(RequestError, match="standard input lists 1 of 2 ids"):
        ids_of({"forget": "-"}, service.settings)
