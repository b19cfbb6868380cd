"""What `untrain inspect` understands of data that were written on purpose."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli.app import app
from untrain.core.errors import DataError

PEOPLE = """user_id;age;bmi;outcome
007;30;22.1;sick
7;31;;well
8;30;22.1;well
9;44;25;sick
9;45;26;sick
"""


@pytest.fixture
def people(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE)
    return file


def roles(document):
    return {each["name"]: each["role"] for each in document["columns"]}


def test_a_text_table_as_people_export_it(people):
    found = ut.inspect(people, label="outcome")
    assert roles(found) == {"user_id": "id", "age": "input", "bmi": "input", "outcome": "label"}
    assert found["classes"] == [{"number": 0, "name": "sick", "rows": 3}, {"number": 1, "name": "well", "rows": 2}]
    assert (found["ids"]["distinct"], found["ids"]["repeated"]) == (4, 1)  # 007 and 7 are two people, 9 has two rows
    assert found["ids"]["such_as"] == ["007", "7", "8"]
    assert (found["twins"]["rows"], found["twins"]["other_label"]) == (2, 2)
    assert found["odd"] == [{"what": "bmi: empty or NaN", "rows": 1, "such_as": ["7"]}]
    assert found["problems"] == []
    assert any("--id COLUMN" in line for line in found["guessed"])


def test_without_a_label_the_problem_says_what_to_do(people):
    found = ut.inspect(people)
    assert found["classes"] == []
    assert "--label COLUMN" in found["problems"][0]


def test_likely_labels_and_ids_are_named_and_many_columns_are_not_all_listed(tmp_path):
    heading = ",".join(["patient", "site", "diagnosis", *(f"gene{at}" for at in range(31))])
    rows = [f"u{at},{'abc'[at % 3]},{('ill', 'well')[at % 2]}," + ",".join(["0.5"] * 31) for at in range(12)]
    (tmp_path / "genes.csv").write_text("\n".join([heading, *rows]))
    found = ut.inspect(tmp_path / "genes.csv")
    assert "--label COLUMN names the labels, such as 'site' or 'diagnosis'; it has patient, " in found["problems"][0]
    assert found["problems"][0].endswith("gene4 and 26 more")
    assert any("--id COLUMN names one, such as 'patient'" in line for line in found["guessed"])
    with pytest.raises(DataError, match=r"it has patient, .* and 26 more; did you mean 'diagnosis'\?"):
        ut.inspect(tmp_path / "genes.csv", label="diagnosys")


def test_the_command_prints_a_table_or_one_document(people):
    printed = CliRunner().invoke(app, ["inspect", str(people), "--label", "outcome"])
    assert printed.exit_code == 0
    assert "0 sick (3), 1 well (2)" in printed.stdout
    assert "whole numbers" in printed.stdout
    document = json.loads(CliRunner().invoke(app, ["inspect", str(people), "--label", "outcome", "--json"]).stdout)
    assert document["rows"] == 5


def test_control_characters_of_data_reach_no_terminal(tmp_path):
    (tmp_path / "a.csv").write_text("id,v,label\n\x1b[31mred,1,\x1b[0mx\nb,2,y\n")
    printed = CliRunner().invoke(app, ["inspect", str(tmp_path / "a.csv")]).stdout
    assert "\x1b" not in printed
    assert "\\x1b[0mx" in printed


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet", "npz", "saved", "frame"])
def test_the_same_rows_in_every_form(kind, tmp_path):
    y, v = ["b", "a", "b", "b"], [1.0, 2.0, 3.0, 1.0]
    records = [{"id": f"p{at}", "v": value, "label": label} for at, (value, label) in enumerate(zip(v, y, strict=True))]
    if kind == "jsonl":
        source = tmp_path / "a.jsonl"
        source.write_text("\n".join(map(json.dumps, records)))
    elif kind == "json":
        source = tmp_path / "a.json"
        source.write_text(json.dumps(records))
    elif kind == "npz":
        source = tmp_path / "a.npz"
        np.savez(source, x=np.array(v)[:, None], y=np.array(y), ids=np.array([each["id"] for each in records]))
    elif kind == "frame":
        source = pytest.importorskip("pandas").DataFrame(records)
    else:
        datasets = pytest.importorskip("datasets")
        made, source = datasets.Dataset.from_list(records), tmp_path / ("a.parquet" if kind == "parquet" else "folder")
        made.to_parquet(source) if kind == "parquet" else datasets.DatasetDict({"train": made}).save_to_disk(source)
    found = ut.inspect(source)
    assert [(each["name"], each["rows"]) for each in found["classes"]] == [("a", 1), ("b", 3)]
    assert (found["rows"], found["ids"]["distinct"], found["ids"]["such_as"]) == (4, 4, ["p0", "p1", "p2"])
    assert (found["twins"]["rows"], found["twins"]["other_label"], found["inputs"]["kind"]) == (2, 0, "numbers")


def test_a_folder_of_images_of_several_sizes_says_what_makes_them_alike(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for at, (name, size) in enumerate([("cats", (4, 4)), ("cats", (4, 4)), ("dogs", (5, 4))]):
        (tmp_path / name).mkdir(exist_ok=True)
        image.new("RGB", size, (at * 40, 3, 9)).save(tmp_path / name / f"{at}.png")
    found = ut.inspect(tmp_path)
    assert [each["name"] for each in found["classes"]] == ["cats", "dogs"]
    assert found["odd"][0]["such_as"] == ["dogs/2.png"]
    assert "--side 64" in found["problems"][0]
    squares = ut.inspect(tmp_path, side=4)
    assert squares["inputs"]["shape"] == [3, 4, 4]
    assert [each["rows"] for each in squares["odd"]] == [3]  # of one colour all over


def test_a_table_beside_images_names_them_and_nothing_outside(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (3, 3)).save(tmp_path / "a.png")
    image.new("L", (3, 3), 9).save(tmp_path / "b.png")
    table = tmp_path / "metadata.csv"
    table.write_text("file_name,label\na.png,x\nb.png,y\n")
    found = ut.inspect(tmp_path)
    assert (found["inputs"]["kind"], found["inputs"]["shape"], found["ids"]["such_as"]) == ("images", [1, 3, 3], ["a.png", "b.png"])
    table.write_text("file_name,label\n../a.png,x\nb.png,y\n")
    with pytest.raises(DataError, match="outside its folder"):
        ut.inspect(table)


def test_near_duplicates_are_counted_beside_exact_ones():
    x = np.eye(6, 8, dtype=np.float32) * 10
    x[1], x[2] = x[0], x[0] + 0.01
    found = ut.inspect((x, [0, 0, 0, 1, 1, 1]))
    assert (found["twins"]["rows"], found["twins"]["near"]) == (2, 1)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pkl", b"\x80\x04", "of no known kind"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"a,b\n1\n", "row 1 has 2 columns and row 2 has 1"),
        ("a.csv", b"a,a\n1,2\n", "two columns 'a'"),
        ("a.jsonl", b"{", "line 1"),
        ("a.npz", b"PK\x03\x04", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        ut.inspect(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_column_of_large_numbers_does_not_make_near_duplicates_of_a_table():
    pandas = pytest.importorskip("pandas")
    draw = np.random.default_rng(0)
    frame = pandas.DataFrame({f"v{at}": draw.normal(size=60) for at in range(5)} | {"pay": 1e5 * draw.normal(size=60)})
    frame.loc[7] = frame.loc[3] + 1e-3  # the one pair
    twins = ut.inspect(frame.assign(label=[at % 2 for at in range(60)]))["twins"]
    assert twins["near"] == 2
    assert "each column in its standard deviations" in twins["near_means"]
