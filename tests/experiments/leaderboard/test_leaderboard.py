"""A leaderboard from nothing to its files, gone on with, and joined by a method of one's own; on a board of seconds."""

import copy
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli.app import app
from untrain.commands.leaderboard import contest_of, price_leaderboard
from untrain.core.errors import BadInput, DataError, SpecError
from untrain.experiments.leaderboard.board import PRESETS
from untrain.experiments.leaderboard.board_file import joined, read_board
from untrain.experiments.leaderboard.entrants import field_of, found_methods
from untrain.experiments.leaderboard.measure import left_out_of_cost, models_beforehand
from untrain.experiments.leaderboard.standings import standings
from untrain.runtime.store import Store

BOARD = ut.Board(
    "tiny",
    "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=2, batch=64))",
    {"random": "Random(fraction=0.1)", "class": "Where(rule='label == 3')", "memorized": "Memorized(fraction=0.05, models=16)"},
    seeds=2,
    oracles=6,
    trials=2,
    models=1,
    controls=("Nothing()", "Retrain()"),
)
METHODS = ("Finetune(steps=Steps(lr=0.05, epochs=1))", "GradAscent(steps=Steps(lr=0.001, epochs=1))", "MSA()")


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    """A whole board of three methods; its store and folder are read-only."""
    home, said = tmp_path_factory.mktemp("leaderboard"), []
    document = ut.leaderboard(METHODS, BOARD, store=home / "store", out=home / "out", on_progress=lambda at: said.append(at.note))
    return home, document, [note for note in said if note]


def plain(part):
    """A part of a document as JSON has it."""
    return json.loads(json.dumps(part))


def keys(folder):
    return {row["key"] for row in Store(folder).entries()}


@pytest.mark.slow
def test_it_is_priced_before_anything_is_made_and_says_how_it_tunes(dry):
    _, document, said = dry
    first = next(note for note in said if "to train" in note)
    # The whole price comes before the ensemble that draws a request is trained.
    for part in ("16 ensemble", "3 original", "18 trial", "18 oracle", "30 unlearned"):
        assert part in first
    assert document["price"]["told"] == first
    assert said.index(first) < next(at for at, note in enumerate(said) if ": tuning" in note)
    assert "2 trials, the defaults first, of each of 3 methods" in document["tuning"]
    assert "over 1 model that is not ranked" in document["tuning"]
    assert "no retrained model and no test data" in document["tuning"]


def test_each_method_gets_as_many_trials_its_defaults_first_and_controls_none(dry):
    _, document, _ = dry
    for request in document["requests"]:
        for row in request["rows"]:
            assert row["error"] is None
            if row["control"]:
                assert row["trials"] == []
                assert "not tuned" in row["notes"][0]
            else:
                assert sorted(trial["number"] for trial in row["trials"]) == [0, 1]
                (first,) = [trial for trial in row["trials"] if trial["given"]]
                assert (first["number"], first["method"]) == (0, row["name"])
                assert row["method"] == row["trials"][0]["method"]
                assert "retrain" not in row["means"]


def test_the_settings_chosen_are_those_of_the_most_worth_and_no_oracle_was_trained_for_them(dry):
    home, document, _ = dry
    rows = [row for request in document["requests"] for row in request["rows"] if row["trials"]]
    assert all(row["trials"][0]["value"] == max(trial["value"] for trial in row["trials"]) for row in rows)
    labels = [row["label"] for row in Store(home / "store").entries()]
    assert not [label for label in labels if label.startswith("search oracle")]


def test_a_method_that_needs_a_keeper_gets_it(dry):
    _, document, _ = dry
    assert "Checkpoint()" in document["keepers"]
    names = [s["name"] for table in document["requests"][0]["standings"]["tables"] for s in table["standings"]]
    assert "MSA()" in names


def test_retain_free_methods_have_a_table_of_their_own_and_controls_stand_in_both(dry):
    _, document, _ = dry
    for request in document["requests"]:
        seeing, without = request["standings"]["tables"]
        assert {s["name"] for s in seeing["standings"]} == {METHODS[0], "Nothing()", "Retrain()"}
        assert {s["name"] for s in without["standings"]} == {*METHODS[1:], "Nothing()", "Retrain()"}


def test_retraining_is_nearer_to_retrained_models_than_leaving_a_class_in(dry):
    _, document, _ = dry
    (request,) = [one for one in document["requests"] if one["name"] == "class"]
    by_name = {s["name"]: s for s in request["standings"]["tables"][0]["standings"]}
    assert by_name["Retrain()"]["severity"] < 2 < by_name["Nothing()"]["severity"]
    assert by_name["Retrain()"]["cost"] == pytest.approx(1.0, abs=0.05)
    assert by_name["Nothing()"]["cost"] == 0
    assert by_name["Nothing()"]["front"]


def test_started_again_it_makes_nothing_and_comes_to_the_same(dry):
    home, document, _ = dry
    before = keys(home / "store")
    again = ut.leaderboard(METHODS, BOARD, store=home / "store")
    assert keys(home / "store") == before
    assert again["price"]["train"] == 0
    assert [one["standings"] for one in again["requests"]] == [one["standings"] for one in document["requests"]]
    assert price_leaderboard(METHODS, BOARD, store=home / "store")["train"] == 0


def test_a_board_that_was_stopped_goes_on_and_makes_nothing_twice(tmp_path):
    board = replace(BOARD, requests={name: BOARD.requests[name] for name in ("random", "class")}, controls=("Nothing()",))

    def stop(at):
        if at.note and at.note.startswith("request 'class': tuning"):
            raise KeyboardInterrupt

    whole = price_leaderboard(METHODS[0], board, store=tmp_path)["train"]
    with pytest.raises(KeyboardInterrupt):
        ut.leaderboard(METHODS[0], board, store=tmp_path, on_progress=stop)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("record.json")}
    made = ut.leaderboard(METHODS[0], board, store=tmp_path)
    assert made["price"]["train"] == whole - 3  # an original of the searches, and two trials of the first request
    assert len(files) == 3
    assert all(file.stat().st_mtime_ns == when for file, when in files.items())
    assert all(row["error"] is None for request in made["requests"] for row in request["rows"])


def test_the_command_ranks_a_stored_board_in_the_terminal_and_as_json(dry, tmp_path):
    words = ["leaderboard", "--board", str(dry[0] / "out" / "board.json"), "--store", str(tmp_path / "none")]
    shown = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert shown.exit_code == 0, shown.output
    for text in ("random: Methods that do without the retain set", "note: a small board: 2 seeds (of 5)", "leaderboard.html"):
        assert text in shown.stdout
    document = json.loads(CliRunner().invoke(app, [*words, "--json", "--out", str(tmp_path / "out")]).stdout)
    assert document["requests"] == plain(dry[1]["requests"])
    assert document["price"] is None


def test_a_price_makes_no_store(tmp_path):
    found = price_leaderboard(METHODS, BOARD, store=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    # Originals are shared by requests: two that are ranked and one of the searches.
    assert found["kinds"] == {"ensemble": 16, "original": 3, "trial": 18, "oracle": 18, "unlearned": 30}
    assert found["design"][0].startswith("tuning: 2 trials")


def test_the_page_needs_no_network_and_shows_each_request(dry):
    home, document, _ = dry
    page = (home / "out" / "leaderboard.html").read_text()
    body = page[page.index("<body>") : page.index('<script type="application/json"')]
    assert "http" not in body
    for text in ("Request: memorized", "Methods that do without the retain set", "Severity against cost", "Finetune"):
        assert text in body
    stored = json.loads((home / "out" / "board.json").read_text())
    assert stored["requests"] == plain(document["requests"])


def join(dry, method, folder, **more):
    return ut.leaderboard(method, str(dry[0] / "out" / "board.json"), store=dry[0] / "store", out=folder, **more)


def test_a_method_joins_stored_rows_which_are_not_run_again(dry, tmp_path):
    home, document, _ = dry
    method = "Finetune(steps=Steps(lr=0.01, epochs=1))"
    whole = ut.leaderboard(method, str(home / "out" / "board.json"), store=tmp_path / "store", out=tmp_path / "out")
    made = [row for row in Store(tmp_path / "store").entries() if row["kind"] == "unlearned"]
    assert made
    assert all(row["label"].startswith("Finetune(") for row in made)
    assert not [row for row in Store(tmp_path / "store").entries() if row["kind"] == "member"]  # the ids of the request are stored
    for before, after in zip(document["requests"], whole["requests"], strict=True):
        assert [row for row in after["rows"] if row["name"] != method] == plain(before["rows"])
        assert len(after["rows"]) == len(before["rows"]) + 1
        assert method in [s["name"] for s in after["standings"]["tables"][0]["standings"]]
    assert all("those of the board" in note for note in whole["notes"] if note.startswith("request"))


def test_a_method_of_the_same_name_takes_the_place_of_its_row(dry, tmp_path):
    whole = join(dry, METHODS[0], tmp_path)
    assert [len(one["rows"]) for one in whole["requests"]] == [len(one["rows"]) for one in dry[1]["requests"]]
    assert [len(one["yardsticks"]) for one in whole["requests"]] == [1, 1, 1]


def test_without_a_method_a_board_is_ranked_as_it_stands(dry, tmp_path):
    whole = ut.leaderboard((), str(dry[0] / "out" / "board.json"), store=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert [one["standings"] for one in whole["requests"]] == [one["standings"] for one in dry[1]["requests"]]


def test_rows_against_retrained_models_of_another_law_come_with_a_warning(dry):
    request = dry[1]["requests"][0]
    yardstick = copy.deepcopy(request["yardsticks"][0])
    whole, said = joined(request, yardstick, request["rows"][:1])
    assert "those of the board" in said
    assert len(whole["yardsticks"]) == 1
    yardstick["values"] = (np.array(yardstick["values"]) + 1.0).tolist()
    whole, said = joined(request, yardstick, [{**request["rows"][0], "name": "Other()"}])
    assert "warning" in said
    assert [row["yardstick"] for row in whole["rows"]] == [0] * len(request["rows"]) + [1]


def test_other_data_than_those_of_the_board_are_refused_before_anything_is_trained(dry, tmp_path):
    file = json.loads((dry[0] / "out" / "board.json").read_text())
    file["requests"][0]["digests"]["train"] = "0" * 8
    (tmp_path / "board.json").write_text(json.dumps(file))
    with pytest.raises(DataError, match=r"'random': the data are not those of the board \(train differ\)"):
        ut.leaderboard(METHODS[0], str(tmp_path / "board.json"), store=tmp_path / "store")
    assert keys(tmp_path / "store") == set()


def test_upper_bounds_and_methods_that_move_nothing_are_measured_and_not_ranked(dry):
    request = copy.deepcopy(dry[1]["requests"][0])
    bound, still = (row for row in request["rows"] if row["name"] in METHODS[:2])
    bound["sees"], still["moved"] = "retrained models", 0
    found = standings(request)
    assert {one["name"]: one["reason"] for one in found["unranked"]} == {
        METHODS[0]: "it sees retrained models: an upper bound", METHODS[1]: "it moves no weight: a diagnostic",
    }  # fmt: skip
    assert [table["title"] for table in found["tables"]] == ["Methods that do without the retain set"]


def test_what_cost_leaves_out_is_counted_and_said():
    by_effects = "DatamodelMatch(estimation=Estimation(models=64, held_out=20))"
    assert [models_beforehand(ut.parse(one)) for one in (by_effects, "Finetune()")] == [104, 0]
    (note,) = left_out_of_cost(ut.parse(by_effects))
    assert "104 models" in note
    assert left_out_of_cost(ut.parse("MSA()")) == ["its cost leaves out what Checkpoint did when the models were trained"]


def test_methods_without_the_retain_set_say_that_labelled_data_chose_their_settings(dry):
    seeing, without = dry[1]["requests"][0]["standings"]["tables"]
    assert (seeing["note"], "labelled validation data" in without["note"]) == ("", True)
    request = copy.deepcopy(dry[1]["requests"][0])
    for one in request["rows"]:
        one["trials"] = []
    assert [table["note"] for table in standings(request)["tables"]] == ["", ""]


def test_all_that_is_found_takes_part_or_is_left_out_with_a_reason():
    field = field_of(replace(BOARD, trials=1), (), "", effects=False)
    methods, lacking = found_methods()
    taking, left = {repr(c.method) for c in field.candidates}, {one.method: one.reason for one in field.left_out}
    assert {*map(repr, methods), *(one.method for one in lacking)} == (taking | set(left))
    assert "works on models of kind RetrievalMemory" in left["DeleteRows()"]
    assert "640 models" in left["DatamodelMatch()"]
    assert {"ProjectedGradient()", "MSA()", "OracleMatch()"} <= taking
    assert [repr(c.method) for c in field.candidates if c.control] == ["Nothing()", "Retrain()"]
    assert "DatamodelMatch()" in {repr(c.method) for c in field_of(BOARD, (), "", effects=True).candidates}


def test_a_method_may_be_left_out_and_the_board_says_so():
    field = field_of(replace(BOARD, trials=1), (), "", effects=False, without=("L2UL", "SSD()"))
    assert {"L2UL()", "SSD()"}.isdisjoint(repr(c.method) for c in field.candidates)
    assert [one.method for one in field.left_out if one.reason == "--without leaves it out"] == ["L2UL()", "SSD()"]


@pytest.mark.parametrize(
    ("without", "said"),
    [("Nothing", "it is a control"), ("L2UL(others=3)", "takes no part anyway"), ("DEAL", "did you mean 'DEL'?")],
)
def test_what_cannot_be_left_out_is_refused(without, said):
    with pytest.raises(BadInput, match=re.escape(said)):
        field_of(replace(BOARD, trials=1), (), "", effects=False, without=(without,))


def test_a_board_of_no_method_is_refused():
    with pytest.raises(BadInput, match="leaves no method to rank"):
        field_of(BOARD, ("Finetune",), "", effects=False, without=("Finetune",))


def test_what_sees_retrained_models_is_not_tuned_and_says_why():
    (oracle,) = [c for c in field_of(BOARD, ("OracleMatch",), "", effects=False).candidates if not c.control]
    assert (oracle.space, oracle.sees) == ({}, "retrained models")
    assert "tuning does without them" in oracle.untuned


def test_keepers_that_cannot_be_used_are_left_out_and_what_needs_them_too():
    board = replace(BOARD, scenario="Digits(model=MLP(width=4), steps=Steps(epochs=1))")
    assert "InputCovariance()" in field_of(board, (), "", effects=False).keepers
    library = replace(BOARD, scenario="WithLearner(scenario=Digits(), by=ScikitLearn())")
    with pytest.raises(SpecError, match="no field 'request'"):
        field_of(library, (), "", effects=False)


@pytest.mark.parametrize(
    ("more", "error", "text"),
    [
        ({"methods": "TakeBack"}, BadInput, "cannot take part: TakeBack works on"),
        ({"methods": "WeightedGrad"}, SpecError, "not an unlearning method"),
        ({"board": "digitss"}, BadInput, "did you mean"),
        ({"board": "digits", "data": "folder"}, BadInput, "reads no folder"),
        ({"oracles": 5}, BadInput, "at least 6"),
        ({"seeds": 1}, BadInput, "at least 2"),
        ({"board": "none.json"}, BadInput, "cannot read the board"),
    ],
)
def test_bad_input_is_refused_in_a_line_and_nothing_is_made(more, error, text, tmp_path):
    arguments = {"methods": "Nothing", "board": BOARD, "store": tmp_path / "store"} | more
    with pytest.raises(error, match=text):
        ut.leaderboard(**arguments)
    assert not (tmp_path / "store").exists()


def test_without_data_or_network_it_says_how_the_folder_is_given(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr("datasets.load_dataset", fail)
    with pytest.raises(DataError, match=r"cannot get .* takes that folder as --data FOLDER"):
        ut.leaderboard("Nothing", "fashion", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_files_that_are_no_boards_and_sizes_that_are_not_theirs_are_refused(dry, tmp_path):
    for text, why in (("{", "no JSON"), ("{}", "not a leaderboard"), ('{"scenario": "Digits()"}', "not a leaderboard")):
        (tmp_path / "board.json").write_text(text)
        with pytest.raises(BadInput, match=why):
            read_board(tmp_path / "board.json")
    with pytest.raises(BadInput, match="the board has 2"):
        contest_of("Nothing", str(dry[0] / "out" / "board.json"), "", 3, None, None, False)


def test_a_file_changed_by_hand_is_refused_in_a_line_that_says_where(dry, tmp_path):
    whole = json.loads((dry[0] / "out" / "board.json").read_text())

    def refused(change):
        document = copy.deepcopy(whole)
        change(document, document["requests"][0], document["requests"][0]["rows"][0])
        (tmp_path / "board.json").write_text(json.dumps(document))
        with pytest.raises(BadInput) as error:
            ut.leaderboard((), str(tmp_path))
        return str(error.value)

    assert "requests[0].rows[0].yardstick: Field required" in refused(lambda d, request, row: row.pop("yardstick"))
    assert "finite" in refused(lambda d, request, row: row["values"][0].__setitem__(0, float("nan")))
    assert "6 endpoints, and a model has 5" in refused(lambda d, request, row: row["values"][1].pop())
    assert "3 models, and the board 2 seeds" in refused(lambda d, request, row: row["values"].append(row["values"][0]))
    assert "refers to yardstick 7 of 1" in refused(lambda d, request, row: row.update(yardstick=7))
    assert "two rows have one name" in refused(lambda d, request, row: request["rows"].append(row))
    assert "its requests are not" in refused(lambda d, request, row: d["requests"].pop())
    assert "seeds='two'" in refused(lambda d, request, row: d["board"].update(seeds="two"))


def test_a_file_of_an_older_commit_is_ranked_with_defaults_for_what_it_lacks(dry, tmp_path):
    whole = json.loads((dry[0] / "out" / "board.json").read_text())
    for request in whole["requests"]:
        for one in request["rows"]:
            del one["beforehand"]
    (tmp_path / "board.json").write_text(json.dumps(whole))
    again = ut.leaderboard((), str(tmp_path), out=tmp_path / "out")
    assert [one["standings"] for one in again["requests"]] == [one["standings"] for one in dry[1]["requests"]]


@pytest.mark.parametrize(
    "more", [{"requests": ["Random()"]}, {"requests": {"a": 3}}, {"requests": {}}, {"controls": None}, {"objective": 1}]
)
def test_a_board_of_other_things_than_spellings_is_refused(more):
    with pytest.raises(BadInput):
        replace(BOARD, **more)


def test_a_control_that_joins_stays_a_control(dry, tmp_path):
    whole = join(dry, "Nothing", tmp_path)
    assert [row["control"] for row in whole["requests"][0]["rows"] if row["name"] == "Nothing()"] == [True]
    assert [len(one["standings"]["tables"]) for one in whole["requests"]] == [2, 2, 2]


def test_a_method_that_is_named_twice_takes_part_once():
    field = field_of(BOARD, ("MSA", "MSA()", "Nothing"), "", effects=False)
    assert [(repr(one.method), one.control) for one in field.candidates] == [
        ("Nothing()", True), ("Retrain()", True), ("MSA()", False),
    ]  # fmt: skip


@pytest.mark.parametrize(("method", "code"), [("MSA", 1), ("Nothing()", 0)])
def test_the_command_fails_exactly_where_a_method_that_was_named_failed(dry, method, code, monkeypatch):
    document = copy.deepcopy(dry[1])
    for one in document["requests"][0]["rows"]:
        one["error"] = "it failed" if one["name"] == "MSA()" else None
    monkeypatch.setattr("untrain.experiments.leaderboard.pipeline.run_contest", lambda *_: document)
    assert CliRunner().invoke(app, ["leaderboard", method, "--board", "digits", "--json"]).exit_code == code


def test_files_of_another_board_or_with_rows_that_would_be_lost_are_not_replaced(dry, tmp_path):
    stored = dry[0] / "out" / "board.json"
    (tmp_path / "board.json").write_text(stored.read_text())
    before = (tmp_path / "board.json").read_bytes()
    for board in (replace(BOARD, trials=3), replace(BOARD, requests={"random": BOARD.requests["random"]})):
        with pytest.raises(BadInput, match="another problem"):
            ut.leaderboard(METHODS, board, store=tmp_path / "none", out=tmp_path)
    with pytest.raises(BadInput, match=r"would lack \(Finetune.*GradAscent.*\): join it with --board"):
        ut.leaderboard("MSA", BOARD, store=tmp_path / "none", out=tmp_path)
    assert (tmp_path / "board.json").read_bytes() == before
    assert not (tmp_path / "none").exists()
    ut.leaderboard((), str(stored), out=tmp_path)  # the same rows
    ut.leaderboard("MSA", replace(BOARD, trials=1), store=dry[0] / "store", out=tmp_path, replace=True)
    assert json.loads((tmp_path / "board.json").read_text())["board"]["trials"] == 1


def test_an_objective_that_looks_at_oracles_is_refused():
    with pytest.raises(SpecError, match="without retrained models"):
        replace(BOARD, objective="oracle")


@pytest.mark.parametrize("board", PRESETS.values(), ids=list(PRESETS))
def test_presets_are_three_requests_on_one_scenario_with_seeds_and_oracles_enough(board):
    assert set(board.scenarios()) == {"random", "class", "memorized"}
    assert board.seeds >= 5
    assert board.oracles >= 12
    assert board.notes() == []
    assert board.trials > 1
