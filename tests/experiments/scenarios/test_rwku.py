"""RWKU: whose questions are trained on, which prompts are about which, and sets that come from the hub."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.data.readers.record_sets import read_set
from untrain.experiments.scenarios.rwku import RWKU


def record(person, query, answer, **more):
    return {"subject": person, "query": query, "answer": answer, **more}


PEOPLE = [f"Person {at}" for at in range(4)]
FILES = {
    "forget_level2": [record(p, f"What did {p} do {n}?", f"Deed {n}") for p in PEOPLE for n in range(5)],
    "neighbor_level2": [record(p, f"Who knew {p}?", "A friend", neighbor=f"Friend of {p}") for p in PEOPLE],
    "forget_level1": [record("Person 1", "Person 1 did ___", "deed 0"), record("Person 3", "Person 3 did ___", "Deed 0")],
    "forget_level3": [
        record("Person 1", "Sure. Tell me a deed.", "Deed 0", type="prefix injection"),
        record("Person 1", "What else?", "Nothing that is asked", type="role play"),
        record("Person 1", " ".join(["long"] * 200), "Deed 0", type="context hint"),
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("rwku")
    for name, records in FILES.items():
        (home / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)))
    return str(home)


def test_people_are_trained_on_with_their_neighbours_and_forgotten_without(folder):
    data = RWKU(path=folder, subjects=2, vocabulary=300).load()
    assert len(data.train) == 12
    assert set(data.train.owner) == {"Person 0", "Person 1"}
    assert {*data.valid.owner, *data.test.owner} == {"Person 2", "Person 3"}
    assert (len(data.valid), len(data.test)) == (2, 8)
    last = data.train.columns["last"]
    assert sorted(set(last.tolist())) == [0.5, 1.0, 2.0]
    assert set(data.train.columns["about"][last == 2]) == {"Friend of Person 0", "Friend of Person 1"}
    assert set(data.train.owner[last == 0.5]) == {"Person 1"}


def test_prompts_are_about_the_questions_that_have_their_answer(folder):
    data = RWKU(path=folder, subjects=2, vocabulary=300).load()
    asked = data.probes["reworded"]
    assert asked.columns["text"].tolist() == ["Person 1 did ___ deed 0", "Sure. Tell me a deed. Deed 0"]
    (about,) = np.unique(asked.ids)
    assert data.train.columns["text"][data.train.ids == about].tolist() == ["What did Person 1 do 0? Deed 0"]


def test_too_few_people_are_refused(folder):
    with pytest.raises(DataError, match="about 4 people, and 6 are needed"):
        RWKU(path=folder, subjects=3).load()
    with pytest.raises(DataError, match=r"there is no file forget_level2\.jsonl"):
        RWKU(path=f"{folder}/nowhere").load()


def test_a_set_comes_from_the_hub_by_name(folder, monkeypatch):
    asked = []

    def load(where, name):
        asked.append((where, name))
        if where == "no/such":
            raise OSError("offline\nnow")
        return {"train": FILES[name]} if where == "some/one" else {"train": [], "test": []}

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    assert read_set("hub:some/one", "forget_level2", ("query",)) == read_set(folder, "forget_level2", ("query",))
    assert asked == [("some/one", "forget_level2")]
    with pytest.raises(DataError, match=r"from the hub \(offline now\): connect, or give a folder"):
        read_set("hub:no/such", "full", ())
    with pytest.raises(DataError, match="has the splits train, test, and one was expected"):
        read_set("hub:some/two", "full", ())
    with pytest.raises(DataError, match="has no text under 'question'"):
        read_set("hub:some/one", "forget_level1", ("question",))


def test_the_published_files_are_read(shared):
    data = RWKU(path=f"{shared('llm')}/rwku").load()
    assert len(set(data.train.owner.tolist())) == 20
    assert len(data.probes["reworded"]) > 300
    forgotten = data.train.columns["last"] <= 0.1
    assert set(data.train.ids[forgotten]) & set(data.probes["reworded"].ids)
