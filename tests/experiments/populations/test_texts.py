"""Populations of models that read texts: rows of several lengths reach other processes."""

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import BadInput
from untrain.data.examples import take
from untrain.experiments.populations.pairs import row_digests
from untrain.experiments.populations.strategy import choose_strategy
from untrain.experiments.populations.worker import _loaded, _read, share_data
from untrain.models.inference import logits, predict
from untrain.training.stacked.stack import Member


def test_a_worker_reads_the_columns_that_were_laid(texts, tmp_path):
    train, observed = texts.classified(9), texts.answered(5)
    with share_data(train, observed, remote=True, near=tmp_path) as folder:
        _loaded.clear()
        for name, part in (("train", train), ("observed", observed)):
            read = _read(next(tmp_path.iterdir()), name, None)
            assert read.categories == part.categories
            assert read.ids.tolist() == part.ids.tolist()
            assert list(read.fields) == list(part.fields)
            assert all((read.fields[field][:] == part.fields[field][:]).all() for field in part.fields)
    assert folder.startswith(str(tmp_path))


def test_a_packed_population_answers_as_its_learner_does(texts):
    data, (_, learner) = texts.classified(), texts.LEARNERS["bag"]
    pairs = [(range(20), 3), (range(10, 36), 4)]
    found = ut.train_population(learner, data, pairs, texts.classified(6, 1), together="loop")["logits"]
    for answers, (rows, seed) in zip(found, pairs, strict=True):
        model = learner(take(data, np.array(rows)), seed)
        assert (answers == logits(model, texts.classified(6, 1), learner.task)).all()


def test_texts_are_not_stacked(texts):
    data, (_, learner) = texts.classified(), texts.LEARNERS["bag"]
    with pytest.raises(BadInput, match="its examples differ in length"):
        choose_strategy(learner, data, [Member(np.arange(9), 0)], "stacked", None)


def test_a_population_of_language_models_puts_out_what_its_learner_does(texts, tmp_path):
    data, observed, (_, learner) = texts.answered(), texts.answered(6, 1), texts.LEARNERS["causal"]
    pairs = [(range(20), 3), (range(10, 36), 4)]
    for store in (None, tmp_path):
        outputs = ut.train_population(learner, data, pairs, observed, together="loop", store=store)
        assert list(outputs) == list(learner.task.outputs)
        for at, (rows, seed) in enumerate(pairs):
            expected = predict(learner(take(data, np.array(rows)), seed), observed, learner.task)
            assert all((outputs[name][at] == array).all() for name, array in expected.items())


def test_a_digest_of_a_subset_does_not_depend_on_the_longest_row_beside_it(texts):
    data = texts.classified()
    short = np.flatnonzero(np.diff(data.x.starts) < data.x.shape[1])
    whole, few = row_digests(data), row_digests(take(data, short))
    assert whole.of(short[:3]) == few.of(np.arange(3))
