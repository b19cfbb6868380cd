"""Regression: what can be worked out by hand of a linear model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from untrain.core.errors import ModelError, SpecError
from untrain.core.metering import metered
from untrain.data.examples import Batch, Examples
from untrain.models.compatibility import check_fit
from untrain.models.inference import predict
from untrain.models.tasks.regression import Regression
from untrain.training.fisher_information import fisher
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.neggrad import NegGrad
from untrain.unlearners.scrub import SCRUB

SCALE = 0.5
PLAIN = Steps(lr=0.01, epochs=1, optimizer=SGD(momentum=0), schedule=Constant())


def line(seed: int = 0, n: int = 6, first: int = 0) -> Examples:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=draw)
    return Examples({"x": x, "y": torch.randn(n, generator=draw)}, np.arange(first, first + n))


def linear() -> nn.Linear:
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.5, -1.0, 2.0]]))
        model.bias.fill_(0.25)
    return model.eval()


def slope(examples: Examples) -> torch.Tensor:
    """Gradient of the mean loss of the linear model by weights and bias, from the normal equations: X^T (X w - y) / (n scale^2)."""
    wide = torch.cat([examples.x, torch.ones(len(examples), 1)], 1).double()
    w = torch.tensor([0.5, -1.0, 2.0, 0.25]).double()
    return wide.T @ (wide @ w - examples.y.double()) / (len(examples) * SCALE**2)


def weights(model: nn.Linear) -> torch.Tensor:
    return torch.cat([model.weight.detach().flatten(), model.bias.detach()]).double()


@pytest.fixture
def posed() -> Problem:
    return Problem(Regression(scale=SCALE), line(0), line(1, first=6))


def test_ascent_goes_up_the_slope_of_least_squares(posed):
    forgot = GradAscent(steps=PLAIN)(linear(), posed)
    torch.testing.assert_close(weights(forgot), weights(linear()) + 0.01 * slope(posed.forget), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.95, 1.0])
def test_neggrad_steps_along_both_slopes_of_least_squares(posed, alpha):
    forgot = NegGrad(alpha=alpha, steps=PLAIN)(linear(), posed)
    step = alpha * slope(posed.rest) - (1 - alpha) * slope(posed.forget)
    torch.testing.assert_close(weights(forgot), weights(linear()) - 0.01 * step, rtol=1e-5, atol=1e-6)


def test_ascent_that_ends_far_above_what_the_mean_costs_is_noted(posed):
    with metered() as meter:
        GradAscent(steps=replace(PLAIN, lr=0.3, epochs=10))(linear(), posed)
    guess = 0.5 * float(posed.forget.y.double().var(unbiased=False)) / SCALE**2
    assert [n for n in meter.notes if n.startswith("gradient ascent diverged") and f"a guess has {guess:.3g}" in n]


def test_predictions_are_stored_and_signals_follow_from_them():
    task, examples = Regression(scale=SCALE), line()
    stored = predict(linear(), examples, task)
    assert stored["prediction"].shape == (6,)
    assert stored["prediction"].dtype == np.float32
    batched = {name: value[None] for name, value in stored.items()}
    y = examples.y.numpy()
    loss = task.loss(linear(), Batch.labelled(examples.x, examples.y)).detach().numpy()
    np.testing.assert_allclose(task.signal(batched, y, "loss")[0], loss, rtol=1e-4, atol=1e-6)
    density = Normal(torch.from_numpy(stored["prediction"]), SCALE).log_prob(examples.y).numpy()
    np.testing.assert_allclose(task.signal(batched, y, "margin")[0], density, rtol=1e-5)


@pytest.mark.parametrize("name", ["correct", "confidence"])
def test_a_number_is_neither_right_nor_probable(name):
    with pytest.raises(SpecError, match=f"Regression gives no {name}"):
        Regression().signal({"prediction": np.zeros((1, 2))}, np.zeros(2), name)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_divergence_is_that_of_two_gaussians_at_any_temperature(temperature):
    ours, theirs = torch.tensor([0.0, 1.0, -2.0]), torch.tensor([0.5, 1.0, 3.0])
    made = Regression(scale=SCALE).divergence(ours, theirs, Batch.labelled(torch.zeros(3, 1), ours), temperature)
    torch.testing.assert_close(made, kl_divergence(Normal(theirs, SCALE), Normal(ours, SCALE)))
    softened = kl_divergence(Normal(theirs / temperature, SCALE), Normal(ours / temperature, SCALE))
    torch.testing.assert_close(made, temperature**2 * softened)


def test_the_fisher_information_of_a_linear_model_is_the_mean_square_of_its_inputs():
    model, examples = linear(), line()
    found = fisher(model, Regression(scale=SCALE), examples, np.arange(6), dict(model.named_parameters()))
    torch.testing.assert_close(found[0][0], (examples.x**2).mean(0) / SCALE**2)
    torch.testing.assert_close(found[1], torch.tensor([1 / SCALE**2]))


def test_random_targets_are_the_same_ones_in_another_order():
    torch.manual_seed(0)
    targets = torch.arange(100.0)
    drawn = Regression().random_targets(targets)
    assert drawn.sort().values.tolist() == targets.tolist()
    assert (drawn != targets).float().mean() > 0.9


def test_one_target_stays_and_says_so():
    with metered() as meter:
        assert Regression().random_targets(torch.tensor([3.0])).tolist() == [3.0]
    assert "keeps its target" in next(iter(meter.notes))


def test_the_head_is_the_last_layer_with_one_output():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    assert Regression().head(model) == ("2.weight", "2.bias")
    assert Regression(head_names=("0.bias",)).head(model) == ("0.bias",)


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_model_gives_one_number(outputs):
    model = nn.Linear(3, outputs)
    if outputs == 1:
        check_fit(model, Regression(), line())
        return
    with pytest.raises(ModelError, match=r"Linear gives outputs of shape \(1, 2\); regression needs one number each"):
        check_fit(model, Regression(), line())


def test_classes_and_rows_of_targets_are_refused():
    classes = Examples.labelled(torch.zeros(4, 3), torch.zeros(4).long(), np.arange(4), 2)
    with pytest.raises(ModelError, match=r"these targets are 2 classes: take Classification\(\)"):
        check_fit(nn.Linear(3, 1), Regression(), classes)
    several = Examples({"x": torch.zeros(4, 3), "y": torch.zeros(4, 2)}, np.arange(4))
    with pytest.raises(ModelError, match=r"torch.float32 of shape \(4, 2\)"):
        check_fit(nn.Linear(3, 1), Regression(), several)


def test_rewinding_needs_to_know_what_is_right(posed):
    with pytest.raises(SpecError, match="needs classes, correct, which Regression does not give"):
        SCRUB(rewind=True)(linear(), replace(posed, valid=line(2, first=12)))


@pytest.mark.parametrize("targets", [[1.0], [2.0, 2.0, 2.0], [1.0, 3.0]])
def test_a_guess_costs_at_least_what_the_noise_costs(targets):
    y = torch.tensor(targets)
    guess = Regression(scale=SCALE).guess(Examples({"x": torch.zeros(len(y), 3), "y": y}, np.arange(len(y))))
    assert guess == pytest.approx(2.0 if targets == [1.0, 3.0] else 0.5)  # 0.5 * 1 / 0.25, or 0.5 * scale^2 / scale^2


def test_one_small_step_on_one_example_is_not_a_divergence(posed):
    x = torch.tensor([[1.0, 0.0, 0.0]])
    one = Examples({"x": x, "y": linear()(x).detach()[:, 0] + 0.1}, np.arange(1))
    with metered() as meter:
        GradAscent(steps=PLAIN)(linear(), replace(posed, forget=one, digest=""))
    assert not [n for n in meter.notes if "diverged" in n]
