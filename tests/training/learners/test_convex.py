"""The learner of convex objectives: forms, losses, refusals, and exact retraining in a run."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import HuberRegressor, LogisticRegression

import untrain as ut
from untrain.core.errors import DataError, ModelError, RunFailed, SpecError
from untrain.data.examples import Examples, batch_of, take
from untrain.experiments.scenarios.diabetes import Diabetes
from untrain.experiments.scenarios.digits import Digits
from untrain.models.binary_linear import BinaryLinear
from untrain.models.linear import LinearModel
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression
from untrain.training import convex_rows
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.problem import problem
from untrain.unlearners.retrain import Retrain


def two_classes(n=80, d=3, kind=torch.float64):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n, d))
    y = (x[:, 0] + draw.normal(size=n) > 0).astype(np.int64)
    return Examples.labelled(torch.from_numpy(x).to(kind), torch.from_numpy(y), np.arange(n), 2)


def numbers(n=60, d=4):
    draw = np.random.default_rng(1)
    x = draw.normal(size=(n, d))
    return Examples({"x": torch.from_numpy(x), "y": torch.from_numpy(x @ np.arange(d) + 5 + draw.normal(size=n))}, np.arange(n))


def parts(model):
    return tuple(p.detach().numpy() for p in model.parameters())


def tilted(learner, model, examples):
    """The gradient that torch takes of the documented objective of two classes or of numbers."""
    task = learner.task.resolve(examples)
    losses = task.loss(model, batch_of(examples, np.arange(len(examples))))
    held = [p for n, p in model.named_parameters() if "weight" in n or learner.bias == "penalised"]
    total = (losses.mean() if learner.form == "mean" else losses.sum()) + learner.l2 / 2 * sum((p**2).sum() for p in held)
    total.backward()
    return max(float(p.grad.abs().max()) for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("bias", ["free", "penalised", "none"])
@pytest.mark.parametrize("form", ["mean", "sum"])
def test_the_gradient_of_the_documented_objective_is_zero(form, bias):
    for learner, examples in (
        (Convex(form=form, bias=bias, l2=0.3), two_classes()),
        (Convex(form=form, bias=bias, l2=0.3), replace(two_classes(), categories=("a", "b", "c"), fields=with_three())),
        (Convex(form=form, bias=bias, l2=0.3, loss="squared", task=Regression(scale=0.7)), numbers()),
    ):
        assert tilted(learner, learner(examples, 0), examples) < 1e-10


def with_three():
    x = two_classes().x
    return {"x": x, "y": torch.arange(len(x)) % 3}


def test_two_classes_have_one_vector_and_more_have_one_each():
    model = Convex()(two_classes(), 0)
    assert isinstance(model, BinaryLinear)
    assert sum(p.numel() for p in model.parameters()) == 4
    assert isinstance(Convex()(Digits().load().train, 0), LinearModel)
    logits = model(two_classes().x[:5])
    torch.testing.assert_close(logits[:, 1] - logits[:, 0], model.score(two_classes().x[:5])[:, 0], rtol=0, atol=0)


def test_retraining_gives_the_fit_on_the_retain_set_to_ten_digits():
    train = Digits().load().train
    learner = Convex(form="sum", l2=1.0)
    forgot = Retrain()(learner(train, 0), problem(train, train.ids[:100].tolist(), learner))
    keep = take(train, np.arange(100, len(train)))
    x = (keep.x.double() if keep.x.dtype != torch.uint8 else keep.x.float().double() / 255).flatten(1).numpy()
    theirs = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-14, max_iter=200).fit(x, keep.y.numpy())
    np.testing.assert_allclose(parts(forgot)[0], theirs.coef_, atol=1e-6)
    left = learner.objective(keep).at(weights_of(forgot, True)).slope
    assert np.linalg.norm(left) < 1e-10


@pytest.mark.parametrize("learner", [Convex(), Convex(bias="none"), Convex(loss="squared_hinge", l1=0.01)])
def test_retraining_is_the_learner_on_the_rest_and_spares_a_bias_that_is_none(learner):
    train = two_classes()
    forgot = Retrain()(learner(train, 0), problem(train, [0, 1, 2], learner))
    direct = learner(take(train, np.arange(3, 80)), 1)
    assert all(np.array_equal(a, b) for a, b in zip(parts(forgot), parts(direct), strict=True))
    assert (learner.bias != "none") or parts(forgot)[1].tolist() == [0.0]


def test_real_data_reach_the_tolerance_and_agree_with_scikit_learn():
    data = load_breast_cancer()
    x = (data.data - data.data.mean(0)) / data.data.std(0)
    examples = Examples.labelled(torch.from_numpy(x), torch.from_numpy(data.target), np.arange(569), 2)
    learner = Convex(form="sum", l2=2.0)
    theirs = LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-14).fit(x, data.target)
    np.testing.assert_allclose(parts(learner(examples, 0))[0], theirs.coef_, atol=1e-9)


def test_huber_meets_scikit_learns_at_its_own_scale():
    train = Diabetes().load().train
    x, y = train.x.double().numpy(), train.y.double().numpy()
    theirs = HuberRegressor(epsilon=1.35, alpha=1e-3, tol=1e-10, max_iter=10_000).fit(x, y)
    # At the scale s that it settles on, it minimises the sum of s H((f - y) / s), and ours the mean of H / 2.
    s = float(theirs.scale_)
    learner = Convex(loss="huber", threshold=1.35, form="sum", l2=1e-3 / s, task=Regression(scale=s))
    found = learner(train.with_inputs(train.x.double()).with_targets(train.y.double()), 0)
    np.testing.assert_allclose(parts(found)[0][0], theirs.coef_, atol=2e-4)


def test_an_absolute_penalty_leaves_weights_that_are_zero():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(100, 20))
    examples = Examples({"x": torch.from_numpy(x), "y": torch.from_numpy(x[:, :3].sum(1))}, np.arange(100))
    model = Convex(loss="squared", l1=0.1, l2=0.0, task=Regression())(examples, 0)
    assert np.flatnonzero(parts(model)[0]).tolist() == [0, 1, 2]


def test_data_that_are_read_in_blocks_give_the_same_optimum(monkeypatch):
    whole = parts(Convex()(two_classes(), 0))
    monkeypatch.setattr(convex_rows, "HELD", 0)
    monkeypatch.setattr(convex_rows, "PIECE", 8 * 3 * 7)
    assert all(np.allclose(a, b, atol=1e-12) for a, b in zip(whole, parts(Convex()(two_classes(), 0)), strict=True))


def test_the_seed_changes_nothing_and_whether_it_was_tuned_is_part_of_its_name():
    one, other = (Convex()(two_classes(), seed) for seed in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert Convex().tuned
    assert repr(Convex(tuned=False)) == "Convex(tuned=False)"
    assert ut.parse("Convex(loss='huber', l1=0.1, form='sum', task=Regression(scale=2.0))").task == Regression(scale=2.0)


def test_a_run_finds_retraining_alike_and_the_untouched_model_apart(tmp_path):
    scenario = "WithLearner(scenario=Digits, by=Convex(l2=1e-4, tuned=False))"
    document = ut.run(scenario, ["Retrain", "Nothing"], seeds=2, oracles=3, store=tmp_path, out=None)
    retrain, nothing = document["results"]
    assert (retrain["error"], nothing["error"]) == (None, None)
    assert retrain["scores"]["forget_gap"]["value"] == 0
    differs = [each["scores"]["js_forget"]["value"] for each in (retrain, nothing)]
    assert differs[0] < 1e-6
    assert differs[1] > 0.01
    assert "tuned=False" in str(document["scenario"])


@pytest.mark.parametrize(
    ("learner", "examples", "error", "says"),
    [
        (Convex(loss="squared"), two_classes(), SpecError, "does not fit Classification"),
        (Convex(task=Regression()), numbers(), SpecError, "does not fit Regression"),
        (Convex(loss="squared", task=Regression()), two_classes(), ModelError, "targets are 2 classes"),
        (Convex(loss="squared_hinge"), replace(two_classes(), categories=("a", "b", "c")), SpecError, r"labels -1 and \+1"),
        (Convex(), replace(two_classes(), categories=("a", "b", "c")), DataError, "no example of class 2"),
        (Convex(), take(two_classes(), np.arange(80)[two_classes().y == 1]), DataError, "no example of class 0"),
        (Convex(l2=0.0), two_classes(3, 9), DataError, "give l2 > 0"),
        (Convex(loss="squared", l2=0.0, task=Regression()), numbers(4, 9), DataError, "columns are collinear"),
        (Convex(form="sum", tolerance=1e-30), two_classes(), RunFailed, "did not reach its optimum: the gradient has length"),
    ],
)
def test_what_has_no_optimum_or_does_not_fit_is_refused(learner, examples, error, says):
    with pytest.raises(error, match=says) as raised:
        learner(examples, 0)
    assert "\n" not in str(raised.value)


def test_inputs_without_a_bound_are_refused():
    examples = two_classes()
    examples.x[4, 1] = np.inf
    with pytest.raises(DataError, match="norms of rows have no bound"):
        Convex().objective(examples)


@pytest.mark.parametrize(
    "wrong", [{"l2": -1.0}, {"l1": -0.1}, {"loss": "hinge"}, {"form": "total"}, {"tuned": 1}, {"tolerance": 0.0}]
)
def test_fields_out_of_range_are_refused(wrong):
    with pytest.raises(SpecError):
        Convex(**wrong)


def test_the_task_may_know_more_classes_than_the_data():
    examples = two_classes()
    with pytest.raises(DataError, match="no example of class 2"):
        Convex(task=Classification(classes=3))(examples, 0)
    assert Convex(task=Classification(classes=3), bias="none")(examples, 0)(examples.x).shape == (80, 3)
