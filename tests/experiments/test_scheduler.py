import json
import shutil

import numpy as np
import pytest

from untrain import parse
from untrain.core.errors import BadInput
from untrain.experiments.comparison import Comparison, check, jobs_of, workers_for
from untrain.experiments.results import entries_of, results
from untrain.runtime.executors.processes import Processes
from untrain.runtime.store import Store


def comparison(tiny, *methods, seed=0):
    return Comparison(parse(tiny.scenario), tuple(map(parse, methods or tiny.methods)), 2, 4, seed)


def numbers(document):
    """Scores, guards and errors: all but what a clock says."""
    rows = [{k: row[k] for k in ("method", "scores", "guard", "layers", "error")} for row in document["results"]]
    return json.loads(json.dumps(rows))


@pytest.fixture
def counted(monkeypatch):
    """The kinds of models that are made."""
    made, put = [], Store.put

    def counting(store, ingredients, *rest):
        made.extend([ingredients["kind"]] if ingredients["kind"] not in ("run", "scores") else [])
        return put(store, ingredients, *rest)

    monkeypatch.setattr(Store, "put", counting)
    return made


def test_every_model_is_made_once(tiny):
    assert tiny.made.count("model") == 2 + 4
    assert tiny.made.count("unlearned") == 4 * 2
    assert tiny.made.count("run") == 1


def test_a_second_run_makes_nothing_and_is_the_same_entry(tiny, counted, compare):
    store = Store(tiny.store)
    (entry,) = compare([comparison(tiny)], store)
    assert counted == []
    assert entry.key == tiny.document["run"]


def test_oracles_are_shared_between_runs_and_another_method_adds_itself_alone(tiny, counted, compare, tmp_path):
    shutil.copytree(tiny.store, tmp_path / "store")
    methods = tiny.methods[0], "Nothing", "Finetune(steps=Steps(lr=0.02, epochs=1))"
    compare([comparison(tiny, *methods)], Store(tmp_path / "store"))
    assert counted == ["unlearned"] * 2


def test_two_comparisons_in_one_call_share_their_models(tiny, counted, compare, tmp_path):
    shutil.copytree(tiny.store, tmp_path / "store")
    pair = [comparison(tiny, "Nothing"), comparison(tiny, tiny.methods[0], "Nothing")]
    assert len(compare(pair, Store(tmp_path / "store"))) == 2
    assert counted == []


def test_a_partly_filled_store_goes_on_to_the_same_scores_bit_for_bit(tiny, counted, compare, tmp_path):
    shutil.copytree(tiny.store, tmp_path / "store")
    store = Store(tmp_path / "store")
    rows = [r for r in store.entries() if r["kind"] in ("model", "unlearned", "run")]  # others' masks and scores are no work
    for row in rows[::2]:
        shutil.rmtree(store.path / "objects" / row["key"][:2] / row["key"])
    (entry,) = compare([comparison(tiny)], store)
    lost = [r for r in rows[::2] if r["kind"] != "run"]
    assert len(counted) == len(lost)
    assert numbers(results(entry, store)) == numbers(tiny.document)


def test_two_processes_give_the_same_scores_bit_for_bit(tiny, compare, tmp_path):
    told = []
    store = Store(tmp_path)
    with Processes(2).open() as pool:
        (entry,) = compare([comparison(tiny)], store, pool, told.append)
    assert entry.key == tiny.document["run"]
    assert numbers(results(entry, store)) == numbers(tiny.document)
    told = [at for at in told if at.note is None and at.what is None]
    assert [at.done for at in told] == list(range(1, 15))
    assert {at.total for at in told} == {14}
    assert told[-1].left == 0


def test_a_method_that_fails_is_a_row_and_the_others_go_on(tiny):
    by = {row["method"]: row for row in tiny.document["results"]}
    failed = by[tiny.methods[2]]
    assert failed["error"].startswith("2 of 2 seeds failed: ")
    assert (failed["scores"], failed["guard"]) == ({}, {})
    assert all(row["error"] is None and row["scores"] for m, row in by.items() if m != tiny.methods[2])


def test_a_failure_is_read_and_not_repeated(tiny, counted, compare):
    store = Store(tiny.store)
    (entry,) = compare([comparison(tiny)], store)
    held = entries_of(entry, store)["unlearned"][tiny.methods[2]]
    assert all(e.record["error"] for e in held)
    assert counted == []


def test_seeds_are_all_different(tiny):
    store = Store(tiny.store)
    entries = entries_of(store.get(tiny.document["run"]), store)
    seeds = [e.record["ingredients"]["seed"] for e in entries["original"] + entries["oracle"]]
    for held in entries["unlearned"].values():
        mine = [e.record["ingredients"]["seed"] for e in held]
        assert len({*seeds, *mine}) == 6 + 2


def test_the_record_of_a_run_names_every_example_by_side(tiny):
    entry = Store(tiny.store).get(tiny.document["run"])
    side = entry.array("side")
    sizes = tiny.document["sizes"]
    assert {s: int((side == s).sum()) for s in ("forget", "retain", "test")} == {s: sizes[s] for s in ("forget", "retain", "test")}
    assert len(np.unique(entry.array("ids"))) == 1258 + 359
    assert len(entry.array("forget_inputs")) == sizes["forget"]


def test_jobs_begin_with_what_others_wait_for(tiny):
    made = jobs_of(comparison(tiny))
    assert [j.kind for j in made] == ["original"] * 2 + ["unlearned"] * 8 + ["oracle"] * 4


@pytest.mark.parametrize(
    ("methods", "seeds", "oracles", "told"),
    [((), 2, 4, "no method"), (("DEL", "DEL()"), 2, 4, "twice"), (("DEL",), 0, 4, "seeds=0"), (("DEL",), 1, 1, "oracles=1")],
)
def test_a_comparison_that_cannot_be_scored_is_refused(methods, seeds, oracles, told):
    with pytest.raises(BadInput, match=told):
        check(Comparison(parse("Digits"), tuple(map(parse, methods)), seeds, oracles))


def test_work_on_a_gpu_and_work_that_cannot_be_spelled_stay_in_one_process(tiny):
    plain = comparison(tiny)
    assert workers_for([plain], "cuda:0", 1) == 1
    assert workers_for([plain], "cpu", 10_000) == 1
    assert workers_for([plain], "cpu", 1) >= 1
