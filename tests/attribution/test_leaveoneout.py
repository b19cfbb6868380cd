"""What single examples do to convex models, against models that were fitted without them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

import untrain as ut
from untrain.attribution.attributors.leaveoneout import LeaveOneOut
from untrain.attribution.base import TrainingEvidence
from untrain.attribution.lds import linear_datamodeling_score, predicted_outputs
from untrain.attribution.leave_one_out import self_influence
from untrain.core.errors import ModelError
from untrain.data.examples import Examples, joined, take
from untrain.data.sparse import matrix_examples
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.leave_one_out import leave_one_out
from untrain.maths.linear_losses import LinearLoss

N = 60


def numbers(seed=0, n=N):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 5))
    return Examples({"x": torch.as_tensor(x), "y": torch.as_tensor(x @ np.arange(5.0) + draw.normal(size=n))}, np.arange(n))


def classes(k, seed=0, n=N):
    draw = np.random.default_rng(seed)
    y = draw.integers(0, k, n)
    return matrix_examples(draw.normal(size=(n, 6)) + 2 * np.eye(6)[y], y)


def values_and_refits(by, data, other, rows):
    """Values of the attributor, and the outputs of the model less those of models without one example each."""
    model, asked = by(data), joined(data, other)
    evidence = TrainingEvidence(data, asked, by.task.resolve(data), models=(model,))
    outputs = [
        m(asked.x).detach().numpy().reshape(len(asked), -1)
        for m in (model, *(by(take(data, np.delete(np.arange(N), r))) for r in rows))
    ]
    return LeaveOneOut(by=by)(evidence, rows), np.stack([outputs[0] - each for each in outputs[1:]])


@pytest.mark.parametrize("how", ["form='mean'", "form='sum'", "form='mean', bias='none'", "form='mean', bias='penalised'"])
def test_of_a_ridge_it_is_what_a_refit_without_the_example_changes(how):
    by = ut.parse(f"Convex(loss='squared', l2=0.1, task=Regression(), {how})")
    values, refits = values_and_refits(by, numbers(), numbers(1, 7), np.array([0, 3, 59]))
    np.testing.assert_allclose(values, refits, rtol=1e-5, atol=1e-7)  # values are float32


@pytest.mark.parametrize(("k", "bias"), [(2, "free"), (3, "free"), (3, "none")])
def test_of_classes_it_is_near_that(k, bias):
    by = ut.Convex(l2=0.02, bias=bias)
    values, refits = values_and_refits(by, classes(k), classes(k, 1, 7), np.arange(0, N, 7))
    assert values.shape == refits.shape
    assert np.linalg.norm(values - refits) < 0.15 * np.linalg.norm(refits)
    own = np.arange(0, N, 7)
    assert np.corrcoef(values[np.arange(len(own)), own, 0], refits[np.arange(len(own)), own, 0])[0, 1] > 0.98


def test_sparse_rows_have_the_values_of_dense_ones():
    data = classes(2)
    by = ut.Convex(l2=0.02)
    same = matrix_examples(sparse.csr_array(data.x.numpy()), data.y.numpy())
    one, other = (LeaveOneOut(by=by)(TrainingEvidence(d, d, by.task.resolve(d), models=(by(d),))) for d in (data, same))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-9)


def test_sums_of_values_predict_models_of_random_halves():
    data, by = classes(3, n=120), ut.Convex(l2=0.02)
    model = by(data)
    evidence = TrainingEvidence(data, data, by.task.resolve(data), models=(model,))
    values = LeaveOneOut(by=by)(evidence)
    seen = np.random.default_rng(0).random((40, 120)) < 0.5
    outputs = np.stack([by(take(data, np.flatnonzero(some)))(data.x).detach().numpy() for some in seen])
    predicted = predicted_outputs(values, seen, outputs.mean(0))
    score = linear_datamodeling_score(predicted[:, :, 0].astype(np.float32), outputs[:, :, 0].astype(np.float32))
    shuffled = np.random.default_rng(1).permutation(values)
    chance = linear_datamodeling_score(
        predicted_outputs(shuffled, seen, outputs.mean(0))[:, :, 0].astype(np.float32), outputs[:, :, 0]
    )
    assert score.value > 0.8
    assert abs(chance.value) < 0.2


def test_flipped_labels_are_first_by_what_they_do_to_their_own_loss():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 10))
    clean = matrix_examples(x, (x[:, 0] + x[:, 1] + 0.3 * draw.normal(size=400) > 0).astype(np.int64))
    noisy, by = ut.Flip(rate=0.1).plant(clean), ut.Convex(l2=0.01)
    wrong = (noisy.y != noisy.true).numpy()
    order = np.argsort(-self_influence(by, by(noisy), noisy))
    assert wrong[order[:20]].mean() >= 0.9  # precision at 20, where a tenth is wrong
    assert wrong[order[:40]].mean() >= 0.7
    assert wrong[order[200:]].mean() == 0


def test_the_rise_of_a_loss_is_that_of_a_refit():
    data = numbers()
    by = ut.Convex(loss="squared", l2=0.1, form="sum", task=ut.Regression())

    def loss(model, row):
        return (model(data.x[row : row + 1]).flatten()[0] - data.y[row]).item() ** 2 / 2

    risen = [loss(by(take(data, np.delete(np.arange(N), r))), r) - loss(by(data), r) for r in range(0, N, 13)]
    assert self_influence(by, by(data), data)[::13] == pytest.approx(risen, rel=1e-9)


def test_what_has_no_minimum_without_an_example_or_no_smooth_step_is_refused():
    data = numbers()
    alone = data.with_inputs(torch.cat([data.x, torch.eye(N)[:, :1]], dim=1))
    by = ut.Convex(loss="squared", l2=0.0, task=ut.Regression())
    with pytest.raises(ModelError, match="decides a weight alone"):
        self_influence(by, by(alone), alone)
    lasso = ut.Convex(loss="squared", l2=0.0, l1=0.1, task=ut.Regression())
    with pytest.raises(ModelError, match="take l1=0"):
        self_influence(lasso, lasso(data), data)
    with pytest.raises(ModelError, match="the model has 6 weights, and the objective"):
        self_influence(by, by(data), alone)


def test_rows_are_read_once_for_as_many_as_a_block_has(monkeypatch):
    """And steps are the same, whichever pieces they come in."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(500, 3)), draw.choice([-1.0, 1.0], 500)
    rows, reads = DesignMatrix.of(x, intercept=True), []

    def blocks():
        reads.append(1)
        return iter(np.split(x, 5))

    def steps(held):
        found = leave_one_out(ConvexObjective(held, y, LinearLoss("logistic"), l2=0.1), np.zeros(4), np.arange(500)[::-1])
        return np.concatenate([piece.weights for piece in found])

    few = steps(replace(rows, blocks=blocks))
    assert len(reads) < 10
    monkeypatch.setattr("untrain.maths.leave_one_out.PIECE", 1)
    assert np.array_equal(few, steps(replace(rows, blocks=blocks)))
    assert len(reads) > 15  # once for each of eight pieces more
