import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import DataError
from untrain.core.metering import metered
from untrain.evaluation.probabilities import FEW, guise, guise_of_margins, logits_of_probabilities, refuse_probabilities

N = 60
ROUNDED = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}


def logits(classes, scale=3.0, seed=0, n=N):
    return scale * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("classes", [2, 3, 10, 100, 1000])
@pytest.mark.parametrize("rounded", ROUNDED)
@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("spread", [0.5, 3.0, 30.0])
def test_probabilities_are_known_in_any_format_and_in_per_cent(classes, rounded, scale, spread):
    p = (scale * logits(classes, spread).softmax(1)).to(ROUNDED[rounded]).float().numpy()
    assert guise(p).startswith("probabilities") or (spread == 30.0 and guise(p).startswith("rows of one 1"))


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_probabilities_that_were_rounded_to_decimals_are_known(classes, digits):
    assert guise(logits(classes).softmax(1).numpy().round(digits)).startswith("probabilities")
    assert guise((100 * logits(classes).softmax(1).numpy()).round(digits)) == "probabilities in per cent"


GUISES = {
    "base-2 logarithms": lambda z: z.log_softmax(1) / np.log(2),
    "base-10 logarithms": lambda z: z.log_softmax(1) / np.log(10),
    "negative logarithms": lambda z: -z.log_softmax(1),
    "log-odds": lambda z: z.softmax(1).logit(eps=1e-12),
    "negative base-2 logarithms": lambda z: -z.log_softmax(1) / np.log(2),
    "negative base-10 logarithms": lambda z: -z.log_softmax(1) / np.log(10),
    "numbers from 0 to 1, as of a sigmoid": torch.sigmoid,
    "numbers from 0 to 1, as of a sigm": lambda z: (z / 4).sigmoid().clamp(0.02, 0.98),
    "numbers from 0 to 1, as of a sig": lambda z: z.softmax(1) * (z.softmax(1) > 0.05),
    "numbers from 0 to 1, as of a si": lambda z: z.softmax(1)[:, 1:],
    "numbers from 0 to 100, as of a sigmoid": lambda z: 100 * (z / 4).sigmoid(),
    "rows of one 1": lambda z: nn.functional.one_hot(z.argmax(1), z.shape[1]),
    "shares that sum to 255": lambda z: 255 * z.softmax(1),
    "shares that sum to 25, as of votes": lambda z: torch.stack(
        [(z + torch.randn(z.shape, generator=torch.Generator().manual_seed(s))).argmax(1) for s in range(25)]
    ).permute(1, 0)[..., None].eq(torch.arange(z.shape[1])).sum(1),
    "probabilities": lambda z: (z.softmax(1) - 1e-6),
}  # fmt: skip


@pytest.mark.parametrize("classes", [3, 10, 50])
@pytest.mark.parametrize("named", GUISES)
def test_other_guises_are_called_by_their_names(named, classes):
    assert guise(GUISES[named](logits(classes)).double().numpy()).startswith(named)


def untrained(seed):
    torch.manual_seed(seed)
    classes = 2 + seed % 9
    last = nn.Linear(8, classes)
    if seed % 3 == 0:  # small weights and biases of one sign: rows are nearly alike
        nn.init.normal_(last.weight, std=10.0 ** -(seed % 5))
        nn.init.uniform_(last.bias, 0.0, 1.0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), last, *([nn.ReLU()] if seed % 4 == 0 else []))
    return net(torch.randn(N, 4)).detach().numpy()


def drawn(seed):
    draw = np.random.default_rng(seed)
    classes, n = int(draw.choice([2, 3, 10, 100])), int(draw.choice([FEW, 20, 200]))
    scale, shift = 10.0 ** draw.uniform(-3, 2), draw.choice([0.0, 1.0, -1.0, 50.0, -50.0, 1 / classes])
    z = scale * draw.normal(size=(n, classes)) + shift
    change = draw.choice(["", "half", "abs", "centred", "relu", "cosine", "huge"])
    return {
        "": z, "half": z.astype(np.float16), "abs": abs(z), "centred": z - z.mean(1, keepdims=True), "relu": z.clip(0),
        "cosine": z / np.linalg.norm(z, axis=1, keepdims=True), "huge": 1e4 * z,
    }[str(change)]  # fmt: skip


def test_no_true_logits_are_refused():
    made = {(make.__name__, seed): make(seed) for make in (untrained, drawn) for seed in range(1500)}
    within = {name for name, z in made.items() if z.min() >= 0 and z.max() <= 100}  # of which nobody can know
    assert {name for name in made.keys() - within if guise(made[name])} == set()
    assert len(made) - len(within) > 1500
    assert {guise(made[name]) for name in within} <= {"", *(f"numbers from 0 to {top}, as of a sigmoid" for top in (1, 100))}


def test_logits_of_a_language_model_and_of_a_trained_network_are_none():
    wide = logits(5000, 4.0, n=32) + torch.linspace(-12, 4, 5000)  # a vocabulary whose words differ in frequency
    assert guise(wide.numpy()) == ""
    torch.manual_seed(0)
    x, y = torch.randn(200, 6), torch.arange(200) % 4
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
    step = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(150):
        step.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        step.step()
    assert guise(net(x).detach().numpy()) == ""


def test_natural_logarithms_of_probabilities_are_logits():
    assert guise(logits(10).log_softmax(1).numpy()) == ""


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (np.arange(9.0) % 4, "whole numbers"),
        (np.linspace(0, 1, 9), "numbers from 0 to 1"),
        (np.linspace(0.2, 0.8, 9), "numbers from 0 to 1"),
        (np.linspace(0.5, 1, 99), "numbers from 0 to 1"),
        (np.linspace(1, 99, 9), "numbers from 0 to 100"),
        (np.linspace(0.1, 30, 99), ""),
        (np.linspace(-0.1, 0.9, 99), ""),
        (np.linspace(-1, 5, 9), ""),
    ],
)
def test_margins_that_are_none_are_known(row, named):
    assert guise_of_margins(row).startswith(named)
    assert bool(guise_of_margins(row)) == bool(named)


def test_one_model_or_one_side_is_enough_to_refuse():
    z = np.stack([logits(4, seed=s).numpy() for s in range(3)])
    side = np.repeat(["forget", "retain", "test"], [10, 30, 20])
    refuse_probabilities(z, side, "oracles")
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    for rows, where in ((slice(None), ""), (side == "test", ", on the 20 test examples")):
        mixed = z.copy()
        mixed[2, rows] = p[2, rows]
        with pytest.raises(
            DataError, match=f"model 2 of the oracles puts out probabilities that sum to 1{where}: .*--probabilities"
        ):
            refuse_probabilities(mixed, side, "oracles")


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_logits_of_probabilities_give_them_again(scale):
    p = logits(5).softmax(1)
    again = torch.from_numpy(logits_of_probabilities((scale * p).numpy(), "it")).double().softmax(1)
    assert torch.allclose(again, p, atol=1e-6)


def test_probabilities_of_0_are_counted():
    p = logits(5, 30.0).softmax(1).half().numpy()
    with metered() as meter:
        assert np.isfinite(logits_of_probabilities(p, "it")).all()
    (note,) = meter.notes
    assert f"it puts out {int((p == 0).sum())} probabilities of 0" in note


@pytest.mark.parametrize("row", [logits(4).numpy(), np.eye(4), GUISES["log-odds"](logits(4)).numpy()])
def test_what_is_no_probability_does_not_become_logits(row):
    with pytest.raises(DataError, match="logits before any softmax or sigmoid are needed"):
        logits_of_probabilities(row, "it")
