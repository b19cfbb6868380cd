"""`untrain find-mislabelled`: planted wrong labels come first, folds leak nothing, and what it writes is a request."""

import csv
import json
import re
import shutil
from itertools import pairwise

import numpy as np
import pytest
from typer.testing import CliRunner

import untrain as ut
from services import service_in
from untrain.commands.cli.app import app
from untrain.core.errors import BadInput, DataError, RunFailed
from untrain.data.folds import bound_together, draw_folds

QUICK = {"network": "MLP(width=16)", "steps": "Steps(lr=0.05, epochs=20, batch=32, optimizer=AdamW())", "executor": "Serial()"}
PLANTED, ROWS = 30, 300


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Three clouds that lie apart, 30 of 300 labels wrong; one column in thousands, ids that a spreadsheet could run."""
    draw = np.random.default_rng(0)
    classes = np.arange(ROWS) % 3
    points = draw.normal(size=(ROWS, 2)) * 0.4 + np.array([[0, 0], [3, 0], [0, 3]])[classes]
    wrong = draw.choice(ROWS, PLANTED, replace=False)
    given = classes.copy()
    given[wrong] = (classes[wrong] + draw.integers(1, 3, PLANTED)) % 3
    names = np.array(["cat", "<b>dog</b>", "emu"])
    folder = tmp_path_factory.mktemp("noisy")
    with open(folder / "train.csv", "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["person", "age", "income", "label"])
        lines.writerows([f"@p{i}", a, 1e4 * b, names[y]] for i, ((a, b), y) in enumerate(zip(points.tolist(), given, strict=True)))
    return folder, wrong, names[classes]


@pytest.fixture(scope="module")
def found(noisy):
    folder, _, _ = noisy
    lines = []
    document = ut.find_mislabelled(
        folder / "train.csv", **QUICK, id="person", out=folder / "doubtful.csv", store=folder / "store",
        on_progress=lambda p: lines.append(str(p)),
    )  # fmt: skip
    return document, lines


def test_planted_labels_come_first_and_the_likely_label_is_the_true_one(noisy, found):
    _, wrong, true = noisy
    listed = found[0]["listed"]
    rows = [each["row"] for each in listed]
    false = [row for row in rows if row not in set(wrong)]
    assert len(false) == 0  # the clouds lie apart
    assert len(rows) == found[0]["found"] >= 27  # of 30: how many are wrong is an estimate of cleanlab
    assert all(each["likely"] == true[each["row"]] for each in listed)
    assert all(a["score"] <= b["score"] for a, b in pairwise(listed))
    assert 0.85 < found[0]["accuracy"] <= 0.92 > found[0]["guess"]  # a tenth of the labels is wrong, and no model can know


def test_the_list_is_a_request_as_it_is(noisy, found):
    from untrain.data.id_index import IdIndex
    from untrain.data.id_lists import ids_in_file

    folder, _, _ = noisy
    index = IdIndex(np.array([f"@p{i}" for i in range(ROWS)]))
    assert ids_in_file(folder / "doubtful.csv", index) == [each["id"] for each in found[0]["listed"]]
    lines = (folder / "doubtful.csv").read_text().splitlines()
    assert lines[0] == "id,given_label,likely_label,score"
    assert all(line.startswith("'@p") for line in lines[1:])  # no cell is a formula


def test_the_page_escapes_labels_and_asks_for_nothing(noisy, found):
    page = (noisy[0] / "doubtful.html").read_text()
    assert "<b>dog" not in page
    assert "&lt;b&gt;dog&lt;/b&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert page.count('<input type="checkbox"') == len(found[0]["listed"])
    embedded = json.loads(re.search(r'<script type="application/json" id="ids">(.*?)</script>', page)[1])
    assert [one for one, _ in embedded] == [each["id"] for each in found[0]["listed"]]


def test_folds_that_are_in_the_store_are_not_trained_again(noisy, found, monkeypatch):
    from untrain.experiments.populations import worker

    folder, _, _ = noisy
    monkeypatch.setattr(worker, "train_members", lambda work: pytest.fail("it trains again"))
    again = ut.find_mislabelled(folder / "train.csv", **QUICK, id="person", store=folder / "store")
    assert again["listed"] == found[0]["listed"]
    few = ut.find_mislabelled(folder / "train.csv", **QUICK, id="person", store=folder / "store", most=5)
    assert few["listed"] == found[0]["listed"][:5]


def test_rows_with_one_id_or_the_same_inputs_stay_in_one_fold():
    draw = np.random.default_rng(1)
    ids, inputs = draw.integers(0, 60, 100), draw.integers(0, 80, 100)
    groups = bound_together(ids, inputs)
    fold = draw_folds(draw.integers(0, 3, 100), groups, 4, 0)
    for values in (ids, inputs):
        assert all(len(set(fold[values == each])) == 1 for each in set(values))
    classes = np.repeat([0, 1], [80, 20])
    fold = draw_folds(classes, np.arange(100), 4, 0)
    assert [np.bincount(fold[classes == each]).tolist() for each in (0, 1)] == [[20] * 4, [5] * 4]


def test_what_cannot_be_judged_is_told_or_refused(noisy, tmp_path):
    folder, _, _ = noisy
    text = (folder / "train.csv").read_text()
    rare = tmp_path / "rare.csv"
    rare.write_text(text + "@p300,9,9,yak\n")
    document = ut.find_mislabelled(rare, **QUICK, id="person", store=tmp_path / "store")
    assert document["not_checked"] == 1
    assert any("1 row not judged: too few have the label yak" in note for note in document["notes"])
    assert "@p300" not in [each["id"] for each in document["listed"]]
    senseless = tmp_path / "senseless.csv"
    labels = np.random.default_rng(5).integers(0, 2, 60)
    senseless.write_text("a,label\n" + "".join(f"{at},{label}\n" for at, label in enumerate(labels)))
    with pytest.raises(RunFailed, match=r"models that did not see them get .* learned too little to doubt a label"):
        ut.find_mislabelled(senseless, **QUICK, store=tmp_path / "store")
    with pytest.raises(BadInput, match="folds=400: from 2 to 300 are possible"):
        ut.find_mislabelled(folder / "train.csv", **QUICK, id="person", folds=400, store=tmp_path / "store")
    one = tmp_path / "one.csv"
    one.write_text("a,label\n1,x\n2,x\n")
    with pytest.raises(DataError, match="all rows have one label, 'x'"):
        ut.find_mislabelled(one, **QUICK, store=tmp_path / "store")
    theirs = tmp_path / "theirs.csv"
    theirs.write_text("name\nann\n")
    with pytest.raises(BadInput, match="files of this name that untrain did not write"):
        ut.find_mislabelled(folder / "train.csv", **QUICK, id="person", out=theirs, store=tmp_path / "store")
    with pytest.raises(BadInput, match=r"the list is a \.csv file"):
        ut.find_mislabelled(folder / "train.csv", **QUICK, out=tmp_path / "list.txt")


def test_the_data_of_a_service_are_searched_with_its_own_network_and_training(noisy, found, tmp_path):
    service = service_in(tmp_path, options={"id": "person", **{name: QUICK[name] for name in ("network", "steps")}})
    shutil.copy(noisy[0] / "train.csv", service.settings.data)
    document = ut.find_mislabelled(service=service.folder, store=tmp_path / "store", executor="Serial()")
    assert document["network"].startswith("MLP(width=16")
    assert document["steps"] == found[0]["steps"]
    assert document["review"]


def test_texts_and_images_need_no_network_of_the_user(tmp_path):
    draw = np.random.default_rng(0)
    words = {"good": "great lovely fine superb", "bad": "awful dull poor sad"}
    with open(tmp_path / "texts.csv", "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "text", "label"])
        for at in range(80):
            label = ("good", "bad")[at % 2]
            text = " ".join(draw.choice(words[label].split(), 6))
            lines.writerow([f"t{at}", text, "bad" if at == 10 else label])
    quick = {"steps": "Steps(lr=0.05, epochs=10, batch=16, optimizer=AdamW())", "executor": "Serial()", "store": tmp_path / "store"}
    document = ut.find_mislabelled(tmp_path / "texts.csv", **quick, out=tmp_path / "texts-doubtful.csv")
    assert document["listed"][0]["id"] == "t10"
    assert re.search(r"<blockquote[^>]*>(great|lovely|fine|superb) ", (tmp_path / "texts-doubtful.html").read_text())
    x = draw.integers(0, 60, size=(60, 1, 8, 8)).astype(np.uint8)
    y = np.arange(60) % 2
    x[y == 1, :, :4] += 150
    y[7] = 0
    np.savez(tmp_path / "images.npz", x=x, y=y)
    document = ut.find_mislabelled(
        tmp_path / "images.npz", **quick, network="ConvNet(width=4)", folds=2, out=tmp_path / "pictures.csv"
    )  # fmt: skip
    assert [each["row"] for each in document["listed"]] == [7]
    assert '<img src="data:image/png;base64,' in (tmp_path / "pictures.html").read_text()


def test_the_command_prints_counts_rows_and_where_the_page_is(noisy, found):
    folder, _, _ = noisy
    given = [str(folder / "train.csv"), "--id", "person", "--store", str(folder / "store"), "--network", QUICK["network"]]
    command = ["find-mislabelled", *given, "--steps", QUICK["steps"], "--out", str(folder / "doubtful.csv")]
    refused = CliRunner().invoke(app, command)
    assert (refused.exit_code, "give --replace" in str(refused.exception)) == (1, True)
    result = CliRunner().invoke(app, [*command, "--replace"])
    assert result.exit_code == 0, result.output
    assert f"{found[0]['found']} of 300 labels are probably wrong" in result.output
    assert f"page to tick them: {folder / 'doubtful.html'}" in result.output
