"""An audit with lists of ids: '007' and '7' are two people. The list that names 000..009 must give what sides give."""

import numpy as np
import pytest
import torch

import untrain as ut
from id_lists import LABELS, N, outputs, write
from untrain.core.errors import BadInput


def audit(tmp_path, out=None, **columns):
    given = ut.Outputs(outputs(3, 3.0, 5), outputs(12, seed=6), labels=LABELS, **columns)
    few = {} if out else {"evaluators": ["Accuracy", "ThresholdMIA"]}  # the page shows what every evaluator found
    return ut.audit(given, store=tmp_path / "runs", out=out, **few)


def test_lists_of_ids_give_what_sides_give(tmp_path):
    ids = [f"{i:03d}" for i in range(10)] + [str(i) for i in range(10)] + [f"A{i}" for i in range(40)]
    sides = np.array(["forget"] * 10 + ["retain"] * 30 + ["test"] * 20)
    files = {"ids": ids, "forget": ids[:10], "test": ids[40:]}
    lists = {name: write(tmp_path / f"{name}.csv", words) for name, words in files.items()}
    by_sides, by_lists = (audit(tmp_path, **given)["results"][0]["scores"] for given in ({"sides": sides}, lists))
    for name in ("forget_accuracy", "mia_loss_auc"):
        assert by_lists[name]["value"] == by_sides[name]["value"]


def test_the_page_shows_ids_as_they_were_given(tmp_path):
    ids = [f"{i:05d}" for i in range(60)]
    files = {"ids": ids, "forget": ids[:10], "test": ids[40:]}
    audit(tmp_path, tmp_path / "page", **{name: write(tmp_path / f"{name}.csv", words) for name, words in files.items()})
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "id 00001" in page
    assert "id 1<" not in page


def test_what_was_skipped_is_in_the_json_and_on_the_terminal(tmp_path, capsys):
    from untrain.reports.terminal import print_runs

    path = tmp_path / "forget.csv"
    path.write_text("user_id;when\n003;2020\n4;2020\n4;2021\n99;2020\n", encoding="utf-8")
    document = audit(tmp_path, forget=str(path), test=list(range(40, 60)))
    assert document["sizes"]["forget"] == 2
    (note,) = [line for line in document["warnings"] if line.startswith(str(path))]
    for words in ("column 1 of 2", "'user_id', is read as a heading", "1 is listed again", "1 of 4 ids is not in", "'003' for 3"):
        assert words in note
    print_runs([document], colour=False)
    assert "is read as a heading" in " ".join(capsys.readouterr().out.split())


def test_an_audit_takes_the_options_of_a_list_too(tmp_path):
    ids = ["id", *(f"p{i}" for i in range(1, 60))]
    path = tmp_path / "forget.csv"
    path.write_text("id\np3\n", encoding="utf-8")
    with pytest.raises(BadInput, match="may be a heading and is an id of the data"):
        audit(tmp_path, ids=ids, forget=str(path), test=ids[40:])
    spelled = f"IdFile(path={str(path)!r}, heading=False)"
    assert audit(tmp_path, ids=ids, forget=spelled, test=ids[40:])["sizes"]["forget"] == 2


def test_notes_on_a_list_reach_the_documents_of_a_run_and_of_masks(tmp_path, capsys):
    from untrain.reports.html.localize_page import masks_page
    from untrain.reports.terminal import print_masks

    ids = [f"p{i}" for i in range(N)]
    data = ut.examples(np.random.default_rng(0).normal(size=(N, 6)).astype("float32"), LABELS, ids=ids)
    path = tmp_path / "forget.csv"
    path.write_text("person\np1\np2\np2\nq9\n", encoding="utf-8")
    scenario = ut.Custom(data, (data.x.numpy(), LABELS), ut.MLP(width=4), ut.IdFile(path=str(path)), steps=ut.Steps(epochs=1))
    told = (
        f"{path}: the first line, 'person', is read as a heading; 1 of 4 ids is not in the training data: 'q9'; 1 is listed again"
    )
    run = ut.run(scenario, "Nothing", store=tmp_path / "runs", seeds=1, oracles=2)
    masks = ut.localize(scenario, "WeightedGrad", store=tmp_path / "runs", seeds=1)
    assert told in run["warnings"]
    assert masks["warnings"] == [told]
    print_masks(masks, colour=False)
    assert "is listed again" in " ".join(capsys.readouterr().out.split())
    assert "is listed again" in masks_page(masks, "")


NO_IDS = {
    "mask": (np.arange(N) % 7 == 0, "lists True, a truth value: ids are whole numbers or text; of a mask give ids"),
    "list of a mask": ((np.arange(N) % 7 == 0).tolist(), "lists True, a truth value"),
    "mask in a tensor": (torch.arange(N) % 7 == 0, "lists True, a truth value"),
    "a truth value": ([True, 5], "Python objects of the types bool, int"),
    "half": ([5.5, 6], "lists 5.5: ids are whole numbers or text"),
    "NaN": ([5.0, float("nan")], "lists nan: ids are whole numbers or text"),
    "infinite": ([5.0, float("inf")], "lists inf: ids"),
    "rounded": (np.array([1.78e18]), "lists 1.78e.18, a fraction of 64 bits, which rounds such numbers"),
    "dates": (np.array(["2020-01-01"], dtype="datetime64[D]"), "lists 2020-01-01: ids are whole numbers or text"),
    "complex": ([5 + 0j], r"lists \(5.0j\): ids are whole numbers or text"),
    "nothing": ([None, 5], "Python objects of the types NoneType, int"),
}


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("name", NO_IDS)
def test_what_is_no_list_of_ids_is_refused_and_names_nobody(tmp_path, name, texts):
    listed, told = NO_IDS[name]
    with pytest.raises(BadInput, match=f"^forget ids.*{told}"):
        audit(tmp_path, ids=[str(i) for i in range(N)] if texts else None, forget=listed, test=list(range(40, 60)))


def test_whole_numbers_may_be_written_as_fractions(tmp_path):
    listed = np.array([3.0, 4.0])
    for ids in (None, [str(i) for i in range(N)]):
        assert audit(tmp_path, ids=ids, forget=listed, test=list(range(40, 60)))["sizes"]["forget"] == 2


@pytest.mark.parametrize("door", ["file", "held", "numbers"])
def test_sides_beside_ids_are_those_of_these_ids_whatever_their_order(tmp_path, door):
    sides = ["forget"] * 10 + ["retain"] * 30 + ["test"] * 20
    table = tmp_path / "sides.csv"
    table.write_text("id,side\n" + "".join(f"{i},{side}\n" for i, side in enumerate(sides)))
    ids = [str(i) for i in range(N)][::-1]
    given = {"file": write(tmp_path / "ids.csv", ids), "held": ids, "numbers": np.arange(N)[::-1]}[door]
    joined = audit(tmp_path, ids=given, sides=str(table))
    same = audit(tmp_path, ids=given, sides=np.array(sides[::-1]))
    assert joined["results"][0]["scores"] == same["results"][0]["scores"]
    assert "sides are in another order than ids, and are joined by id" in joined["warnings"]
    for wrong, told in (("60,test", "lists 1 of 60 ids that ids lack"), ("1,forget", "of the ids not at all, and others again: ")):
        table.write_text(table.read_text().replace("0,forget\n", f"{wrong}\n", 1))
        with pytest.raises(BadInput, match=f"sides.*{told}"):
            audit(tmp_path, ids=given, sides=str(table))
        table.write_text(table.read_text().replace(f"{wrong}\n", "0,forget\n", 1))
