"""The real requests, and those that are out of scope."""

import json

import numpy as np
import pytest

pytest.importorskip("tokenizers")
from untrain.core.errors import DataError
from untrain.experiments.scenarios.clinc150 import Clinc150
from untrain.models.inference import predict


@pytest.fixture
def real(shared):
    return shared("text")


def out_of_scope(examples):
    return examples.y.numpy() == examples.categories.index("oos")


def test_the_published_numbers_of_requests(real):
    data = Clinc150(path=real).load()
    assert [len(part) for part in (data.train, data.valid, data.test)] == [15_100, 3_100, 5_500]
    assert data.train.classes == 151
    assert [int(out_of_scope(part).sum()) for part in (data.train, data.valid, data.test)] == [100, 100, 1_000]


def test_a_part_is_balanced_in_its_own_splits_and_learned(real):
    scenario = Clinc150(path=real, size=1510)
    data, learner = scenario.load(), scenario.learner()
    assert np.bincount(data.train.y.numpy()).tolist() == [10] * 151
    assert [len(data.valid), len(data.test)] == [151, 1510]
    right = predict(learner(data.train, 0), data.test, learner.task)["logits"].argmax(1) == data.test.y.numpy()
    assert right.mean() > 0.4


def write(folder, splits):
    lines = [
        {"split": split, "intent": intent, "text": f"{intent} {split} {at}"}
        for split in splits
        for intent in (("oos",) if split.startswith("oos") else ("play", "stop"))
        for at in range(6)
    ]
    (folder / "clinc150.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return folder


def test_texts_out_of_scope_are_a_class_and_the_set_s_own_part_is_to_tune_on(tmp_path):
    path = write(tmp_path, ("train", "val", "test", "oos_train", "oos_val", "oos_test"))
    data = Clinc150(path=str(path), vocabulary=300).load()
    assert data.train.categories == ("oos", "play", "stop")
    assert [int(out_of_scope(part).sum()) for part in (data.train, data.valid, data.test)] == [6, 6, 6]
    assert {text.split()[1] for text in data.valid.columns["text"]} == {"val", "oos_val"}


def test_a_part_that_is_missing_is_named(tmp_path):
    path = write(tmp_path, ("train", "oos_train", "test", "oos_test"))
    with pytest.raises(DataError, match="no records whose 'split' is 'val' or 'oos_val'"):
        Clinc150(path=str(path)).load()
