"""The chores of the role of attributors: refusals in one line, before anything is computed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.attribution.attributors.meandifference import MeanDifference
from untrain.attribution.attributors.trak import TRAK
from untrain.attribution.base import Attributor
from untrain.attribution.toy import planted, trained
from untrain.core.errors import BrokenPromise, DataError, ModelError, NotFinite


class Given(Attributor):
    """Values that are planted.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        return VALUES[0]


VALUES: list = [None]


def refused(evidence, said, error=DataError, method=MeanDifference(), **rows):
    with pytest.raises(error, match=said) as caught:
        method(evidence, **rows)
    assert "\n" not in str(caught.value)


def test_without_a_population_there_is_nothing_to_compare():
    refused(trained(), "a population of models that saw parts of the data is needed")


def test_without_models_there_is_nothing_to_differentiate():
    refused(
        planted()[0],
        r"TRAK needs models that were trained on all training data: give TrainingEvidence\(models=",
        ModelError,
        TRAK(),
    )


@pytest.mark.parametrize("shown", ["saw", "missed"])
def test_examples_that_the_population_does_not_cover_are_named(shown):
    evidence, _ = planted()
    train = replace(evidence.train, ids=np.array([f"image {i}" for i in range(12)]))
    for row in (2, 5):
        evidence.seen[:, row] = shown == "missed"
    evidence.seen[0, [2, 5]] = shown == "saw"
    evidence = replace(evidence, train=train)
    said = (
        r"does not cover 2 of 12 training examples \(ids image 2, image 5\): 2 models that saw each and 2 that did not are needed"
    )
    refused(evidence, said)
    assert MeanDifference()(evidence, rows=[0, 1]).shape == (2, 17, 3)  # others are covered


def test_of_many_that_are_not_covered_three_are_named():
    evidence, _ = planted()
    evidence.seen[:, 3:] = True
    refused(evidence, r"does not cover 9 of 12 training examples \(ids 3, 4, 5, \.\.\.\)")


def test_a_population_too_small_is_refused():
    evidence, _ = planted()
    few = replace(evidence, outputs=evidence.outputs[:15], seen=evidence.seen[:15])
    refused(few, "the population has 15 models: MeanDifference needs 16 or more")


@pytest.mark.parametrize("change", [{"outputs": lambda e: e.outputs[:, :3]}, {"outputs": lambda e: e.outputs[:, :, 0]},
                                    {"seen": lambda e: e.seen[:9]}, {"seen": lambda e: e.seen.astype(int)}])  # fmt: skip
def test_arrays_that_do_not_fit_together_are_refused(change):
    evidence, _ = planted()
    refused(
        replace(evidence, **{n: f(evidence) for n, f in change.items()}),
        r"\(models, 17, classes\) and bool \(models, 12\) are needed",
    )


def test_outputs_that_are_not_finite_are_refused_where_they_are_asked_for():
    evidence, _ = planted()
    evidence.outputs[7, 16, 0] = np.nan
    refused(evidence, "NaN or infinite values: leave out the models that gave them", NotFinite)
    assert MeanDifference()(evidence, asked_rows=[0, 3]).shape == (12, 2, 3)


@pytest.mark.parametrize("rows", [[12], [-1], [], [0.5], [[1]]])
def test_rows_that_are_not_there_are_refused(rows):
    refused(planted()[0], "rows holds something other than a row: one or more whole numbers from 0 to 11", rows=rows)
    refused(planted()[0], "asked_rows holds something other than a row", asked_rows=[17])


@pytest.mark.parametrize(("values", "said", "error"), [
    (np.zeros((12, 17)), r"gave values of shape \(12, 17\): \(12, 17, classes\) are needed", BrokenPromise),
    (np.zeros((1, 17, 3)), "gave values of shape", BrokenPromise),
    (np.full((12, 17, 3), np.inf), "NaN or infinite: raise its damping", NotFinite),
])  # fmt: skip
def test_values_of_a_method_are_checked(values, said, error):
    VALUES[0] = values
    refused(planted()[0], said, error, Given())


def test_values_are_of_single_precision():
    VALUES[0] = np.zeros((12, 17, 3))
    assert Given()(planted()[0]).dtype == np.float32


def test_a_model_of_other_examples_is_refused():
    evidence = replace(trained(), models=(nn.Sequential(nn.Flatten(), nn.Linear(5, 3)),))
    refused(evidence, "cannot take examples of shape", ModelError, TRAK())


def test_models_in_train_mode_are_asked_in_eval_mode_and_given_back():
    evidence = trained()
    expected = TRAK(dimension=24)(evidence)
    for model in evidence.models:
        model.train()
    assert np.array_equal(TRAK(dimension=24)(evidence), expected)
    assert all(part.training for model in evidence.models for part in model.modules())
    assert torch.is_grad_enabled()
