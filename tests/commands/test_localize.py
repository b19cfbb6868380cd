"""Masks by layer, their overlap and their stability; stored originals are used."""

import csv
import io
import json

import numpy as np
import pytest

import untrain as ut
from untrain.commands import localize
from untrain.commands import localize as localize_module
from untrain.core.errors import BadInput, SpecError
from untrain.experiments import masks as masking
from untrain.reports.csv_files import masks_csv
from untrain.reports.terminal import mask_tables
from untrain.runtime.store import Store
from untrain.training.toy import small

ASKED = ["WeightedGrad", "RandomMask", "Deepest", "WeightedGrad(keep=1e-09)"]


@pytest.fixture(scope="module")
def told(tiny):
    """What is told of three localizers and one that fails, on the originals of the small run, and the kinds of its entries."""
    before = [e["key"] for e in Store(tiny.store).entries() if e["kind"] == "model"]
    document = localize_module.localize(tiny.scenario, ASKED, tiny.store, seeds=2)
    after = [e["key"] for e in Store(tiny.store).entries() if e["kind"] == "model"]
    return document, before == after


@pytest.fixture
def row(told):
    """The row of a localizer, by the beginning of its spelling."""
    return lambda name: next(r for r in told[0]["results"] if r["localizer"].startswith(name))


def test_stored_originals_are_used_and_nothing_is_trained(told):
    assert told[1]


def test_the_document_is_json_without_nan(told):
    assert json.loads(json.dumps(told[0], allow_nan=False)) == told[0]


def test_shares_of_layers_add_up_to_the_mask(told, row):
    for name in ("WeightedGrad()", "RandomMask", "Deepest"):
        layers = row(name)["layers"]
        assert sum(layer["of_mask"] for layer in layers) == pytest.approx(1)
        assert sum(layer["weights"] for layer in layers) == told[0]["parameters"]
        kept = sum(layer["kept"] * layer["weights"] for layer in layers)
        assert kept / told[0]["parameters"] == pytest.approx(row(name)["share"])


def test_masks_are_those_of_a_run_of_the_same_seed(tiny):
    held = Store(tiny.store)
    entries = [held.get(e["key"]) for e in held.entries()]
    ran = [
        e.record for e in entries if e.record["ingredients"]["kind"] == "unlearned" and "DEL(" in e.record["ingredients"]["label"]
    ]
    localize.localize(tiny.scenario, "DEL", tiny.store, seeds=2)
    entries = [held.get(e["key"]) for e in held.entries() if e["kind"] == "mask"]
    entries = [e for e in entries if e.record["ingredients"]["label"].startswith("WeightedGrad() ")]
    masks = {e.record["ingredients"]["model"]: e for e in entries if e.record["ingredients"]["part"] is None}
    assert len(ran) == 2
    for record in ran:
        assert masks[record["ingredients"]["model"]].record["layers"] == record["layers"]


def test_a_mask_is_stored_bit_by_bit(tiny, told, bits_of):
    held = Store(tiny.store)
    for entry in (held.get(e["key"]) for e in held.entries() if e["kind"] == "mask"):
        if not entry.record.get("error"):
            bits = bits_of(entry)
            kept = [count for count, _ in entry.record["layers"].values()]
            sizes = [size for _, size in entry.record["layers"].values()]
            parts = np.split(bits, np.cumsum(sizes)[:-1])
            assert [int(part.sum()) for part in parts] == kept


def test_a_second_time_nothing_is_made(tiny, told):
    before = Store(tiny.store).entries()
    assert localize.localize(tiny.scenario, ASKED, tiny.store, seeds=2) == told[0]
    assert Store(tiny.store).entries() == before


def test_what_looks_at_no_data_is_the_same_across_seeds_and_batches(row):
    stability = row("Deepest")["stability"]
    assert (stability["seeds"]["iou"], stability["batches"]["iou"], stability["seeds"]["layers"]) == (1, 1, 1)


def test_random_masks_overlap_by_chance_alone(row):
    # Of four to eight channels a layer a few are drawn: one pair of masks is far from the mean.
    for told in row("RandomMask")["stability"].values():
        assert told["iou"] == pytest.approx(told["chance"], abs=0.2)


def test_gradients_of_two_halves_of_the_forget_set_find_more_than_chance(row):
    told = row("WeightedGrad()")["stability"]["batches"]
    assert told["low"] > told["chance"] + 0.1


def test_each_pair_that_did_not_fail_is_compared(told):
    assert [(p["one"], p["other"]) for p in told[0]["overlap"]] == [
        ("WeightedGrad()", "RandomMask()"), ("WeightedGrad()", "Deepest()"), ("RandomMask()", "Deepest()"),
    ]  # fmt: skip
    for pair in told[0]["overlap"]:
        assert 0 <= pair["low"] <= pair["iou"] <= pair["high"] <= 1


def test_a_localizer_that_cannot_meet_its_budget_says_so_and_the_others_go_on(row):
    assert "holds no whole channel, the best has" in row("WeightedGrad(keep=1e-09)")["error"]
    assert row("Deepest")["error"] is None


def test_the_two_batches_are_halves_that_share_no_example():
    _, problem = small()
    halves = [masking._part(problem, part) for part in range(2)]
    ids = [set(half.forget.ids.tolist()) for half in halves]
    assert not ids[0] & ids[1]
    assert ids[0] | ids[1] == set(problem.forget.ids.tolist())
    assert abs(len(ids[0]) - len(ids[1])) <= 1
    assert halves[0].seed != halves[1].seed


def test_one_model_alone_tells_no_stability_across_seeds(tiny):
    (found,) = localize.localize(tiny.scenario, ["Deepest"], tiny.store, seeds=1)["results"]
    assert found["stability"]["seeds"]["iou"] is None
    assert found["stability"]["seeds"]["reason"] == "one model has no other to be compared with: --seeds 2 or more"
    assert found["stability"]["batches"]["iou"] == 1


def test_one_example_to_forget_has_no_halves(tiny):
    scenario = tiny.scenario.replace("Digits(", "Digits(request=Ids(ids=(3,)), ")
    (found,) = localize.localize(scenario, ut.WeightedGrad(), tiny.store, seeds=1)["results"]
    assert found["error"] is None
    assert found["stability"]["batches"]["reason"] == "1 example to forget has no halves"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("NegGrad", "is not a localizer and has none; `untrain localizers` lists them"),
        ([], "no localizer was named"),
        (["Deepest", "Deepest(keep=0.3)"], "a localizer is named twice"),
        (["DEL", "WeightedGrad"], "a localizer is named twice"),
    ],
)
def test_what_is_no_list_of_localizers_is_refused(tiny, asked, words):
    with pytest.raises(SpecError, match=words):
        localize.localize(tiny.scenario, asked, tiny.store)


@pytest.mark.parametrize("more", [{"seeds": 0}, {"seeds": 1.5}, {"device": "foo"}, {"workers": 0}, {"threads": 0}])
def test_numbers_and_devices_that_cannot_be_had_are_refused(tiny, more):
    with pytest.raises(BadInput):
        localize.localize(tiny.scenario, "Deepest", tiny.store, **more)


def test_the_localizer_of_an_expression_is_taken():
    assert localize.localizers_of(["Finetune @ Deepest", "DEL(keep=0.2)"]) == [ut.Deepest(), ut.WeightedGrad(keep=0.2)]


def test_it_is_a_function_of_the_package_though_a_folder_bears_its_name(tiny):
    document = ut.localize(tiny.scenario, "Deepest", tiny.store, seeds=1)
    assert document["results"][0]["localizer"] == "Deepest()"


def test_layers_stand_in_the_order_in_which_an_example_meets_them(tiny):
    scenario = "Digits(model=ViT(patch=4, width=8, depth=1, heads=2, hidden=8), steps=Steps(lr=0.1, epochs=1, batch=64))"
    layers = localize.localize(scenario, "Deepest", tiny.store, seeds=1)["results"][0]["layers"]
    names = [layer["layer"] for layer in layers]
    assert names[-1] == "head"
    kept = [layer["kept"] for layer in layers]
    assert kept == sorted(kept)


def test_the_masks_of_a_run_are_kept_bit_by_bit_and_compared(tiny, bits_of):
    held = Store(tiny.store)
    keys = (e["key"] for e in held.entries() if e["kind"] == "unlearned")
    entries = [e for e in map(held.get, keys) if "DEL(" in e.record["ingredients"]["label"]]
    for entry in entries:
        assert int(bits_of(entry).sum()) == sum(kept for kept, _ in entry.record["layers"].values())
    row = next(r for r in tiny.document["results"] if r["method"].startswith("DEL("))
    assert sum(layer["of_mask"] for layer in row["layers"]) == pytest.approx(1)
    assert all(layer["low"] <= layer["kept"] <= layer["high"] for layer in row["layers"])
    assert tiny.document["overlap"] == []


def test_a_folder_gets_a_page_its_numbers_and_a_table(tiny, told, tmp_path):
    document = localize.localize(tiny.scenario, ASKED, tiny.store, seeds=2, out=tmp_path / "o", command="untrain <localize>")
    assert {f.name for f in (tmp_path / "o").iterdir()} == {"localize.html", "localize.json", "localize.csv"}
    assert document == told[0] | {"report": str(tmp_path / "o" / "localize.html")}
    assert json.loads((tmp_path / "o" / "localize.json").read_text()) == told[0]
    assert "untrain &lt;localize&gt;" in (tmp_path / "o" / "localize.html").read_text(encoding="utf-8")


def test_the_table_has_a_line_for_each_number(told):
    lines = list(csv.DictReader(io.StringIO(masks_csv(told[0]))))
    of = lambda name, what: [line for line in lines if line["localizer"].startswith(name) and line["what"] == what]  # noqa: E731
    first = told[0]["results"][0]
    assert float(of("WeightedGrad()", "share")[0]["value"]) == first["share"]
    assert [line["of"] for line in of("WeightedGrad()", "share of layer")] == [layer["layer"] for layer in first["layers"]]
    assert sum(float(line["value"]) for line in of("WeightedGrad()", "share of mask")) == pytest.approx(1)
    kinds = ["across seeds", "across batches", "RandomMask()", "Deepest()"]
    assert [line["of"] for line in of("WeightedGrad()", "overlap")] == kinds
    assert all(line["chance"] for line in of("WeightedGrad()", "overlap"))
    assert "keep at least" in of("WeightedGrad(keep=1e-09)", "share")[0]["reason"]


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_done(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is not a folder; name another folder with --out"):
        localize.localize(tiny.scenario, "Deepest", tmp_path / "s", out=tmp_path / "file" / "o")
    assert not (tmp_path / "s").exists()


def test_text_names_the_level_of_chance(told):
    first, _, pairs = mask_tables(told[0])
    shown = [cell for t in (first, pairs) for row in t.rows for of, cell in zip(t.columns, row.cells, strict=True) if "iou" in of]
    assert sum("(chance 0." in cell for cell in shown) == 9


def test_tables_have_a_row_for_each_localizer_layer_and_pair(told):
    first, layers, pairs = mask_tables(told[0])
    assert tuple(len(table.rows) for table in (first, layers, pairs)) == (4, len(told[0]["results"][0]["layers"]), 3)
