"""Models trained as one: each as if it were alone."""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import nn

from methods import latin
from untrain.core.errors import NotFinite
from untrain.core.metering import metered
from untrain.data.batching import count
from untrain.data.examples import Examples, take
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.mlp import MLP
from untrain.models.inference import logits
from untrain.training import descend, linear_probe
from untrain.training.clipping import clip
from untrain.training.learners.train import Train
from untrain.training.stacked import eligibility
from untrain.training.stacked.stack import Member, Stack, groups, train_together
from untrain.training.steps import SGD, AdamW, Constant, Steps, Triangular
from untrain.training.trainable import TrainablePart

CLASSES, SIZE = 3, 8
STEPS = Steps(lr=0.05, epochs=3, batch=16)


def data(n=120, spread=1.0, kind=torch.float32, seed=0):
    """Gaussian classes around fixed means."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % CLASSES
    means = torch.randn(CLASSES, SIZE, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    x = means[y] + spread * torch.randn(n, SIZE, generator=draw, dtype=torch.float64)
    return Examples.labelled(x.to(kind), y, np.arange(n), CLASSES)


def double(make):
    """A maker of the same network in double precision."""
    return lambda: make().double()


def dropping():
    """A network with dropout."""
    return nn.Sequential(nn.Linear(SIZE, 12), nn.ReLU(), nn.Dropout(0.4), nn.Linear(12, CLASSES))


class Own(nn.Module):
    """A network of the user's own, with a shortcut and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(SIZE, SIZE), nn.Linear(SIZE, CLASSES)
        self.scale = nn.Parameter(torch.rand(SIZE))

    def forward(self, x):
        return self.outer(x * self.scale + torch.tanh(self.inner(x)))


NETS = {
    "linear": lambda: MLP(depth=0).build((SIZE,), CLASSES),
    "deep": lambda: MLP(width=10, depth=2).build((SIZE,), CLASSES),
    "batch norm": lambda: MLP(width=10, depth=2, norm="batch").build((SIZE,), CLASSES),
    "layer norm": lambda: MLP(width=10, norm="layer").build((SIZE,), CLASSES),
    "dropout": dropping,
    "own": Own,
}


def drawn(sizes, n=120):
    """Members of subsets of some sizes, with seeds of their own."""
    rng = np.random.default_rng(3)
    return [Member(np.sort(rng.choice(n, size, replace=False)), 40 + at) for at, size in enumerate(sizes)]


def trained(learner, train, members):
    """The stack of a learner's models."""
    return train_together([learner.init(train, m.seed) for m in members], train, members, learner.steps, learner.task)


def furthest(learner, train, members, stack):
    """Largest difference of any weight or buffer from those of the models trained alone."""
    found = 0.0
    for at, member in enumerate(members):
        alone = learner(take(train, member.rows), member.seed)
        back = stack.put_back(at, learner.init(train, 0))
        pairs = zip(alone.state_dict().values(), back.state_dict().values(), strict=True)
        found = max(found, *(float((a.double() - b.double()).abs().max()) for a, b in pairs))
    return found


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("optimizer", [SGD(decay=0.01), AdamW(decay=0.01)], ids=["sgd", "adam"])
def test_in_double_precision_stacked_models_are_those_of_the_loop(net, optimizer):
    train = data(kind=torch.float64)
    learner = Train(model=double(NETS[net]), steps=replace_steps(optimizer=optimizer))
    members = drawn([60, 60, 60])
    assert furthest(learner, train, members, trained(learner, train, members)) < 1e-9


def replace_steps(**fields):
    """STEPS with other fields."""
    return Steps(**{name: getattr(STEPS, name) for name in ("lr", "epochs", "batch")} | fields)


FIELDS = {
    "triangular": {"schedule": Triangular(peak=0.3)},
    "warmup": {"schedule": Constant(), "warmup": 0.4},
    "clip": {"clip": 0.05},
    "smoothing": {"smoothing": 0.2},
    "sgd decay": {"optimizer": SGD(decay=0.5, decay_on="weights")},
    "adam decay": {"optimizer": AdamW(decay=0.5, decay_on="weights")},
}


@pytest.mark.parametrize(("net", "field"), latin(NETS, FIELDS, 3))
def test_every_field_of_the_steps_is_followed(net, field):
    train = data(kind=torch.float64)
    learner = Train(model=double(NETS[net]), steps=replace_steps(**FIELDS[field]))
    members = drawn([60, 60, 60])
    stack = trained(learner, train, members)
    assert furthest(learner, train, members, stack) < 1e-9
    plain = trained(Train(model=learner.model, steps=STEPS), train, members)
    assert any(not torch.equal(a, b) for a, b in zip(stack.parameters(), plain.parameters(), strict=True))


def test_each_stacked_model_is_clipped_by_its_own_norm():
    # The gradient of one model is a thousand times that of the other, whose step would vanish under a common norm.
    weights = nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
    weights.grad = torch.tensor([[3000.0, 0.0, 4000.0], [3.0, 0.0, 4.0]], dtype=torch.float64)
    clip([TrainablePart(weights, weights)], 1.0, stacked=2)
    assert torch.allclose(weights.grad, torch.tensor([[0.6, 0.0, 0.8]] * 2, dtype=torch.float64))


@pytest.mark.parametrize("net", ["linear", "deep", "layer norm", "own"])
def test_subsets_of_different_sizes_go_together_when_they_take_as_many_steps(net):
    train = data(kind=torch.float64)
    learner = Train(model=double(NETS[net]), steps=STEPS)
    members = drawn([60, 50, 64, 65, 51])
    assert furthest(learner, train, members, trained(learner, train, members)) < 1e-9


def test_within_a_thousandth_of_the_loop_after_300_steps():
    train = data(200)
    learner = Train(model=MLP(width=16), steps=Steps(lr=0.02, epochs=60, batch=20))
    members = drawn([100] * 6, 200)
    stack = trained(learner, train, members)
    answers = stack.predict(train, learner.task)["logits"]
    alone = np.stack([logits(learner(take(train, m.rows), m.seed), train, learner.task) for m in members])
    assert np.abs(answers - alone).max() < 1e-3


def test_final_accuracies_have_the_distribution_of_the_loop():
    # Other seeds than those of the loop: the same seeds would give the same models, and the test would say nothing.
    train, test = data(90, 2.0), data(200, 2.0, seed=1)
    learner = Train(model=MLP(width=8), steps=Steps(lr=0.05, epochs=4, batch=15))
    rng = np.random.default_rng(5)
    members = [Member(np.sort(rng.choice(90, 45, replace=False)), seed) for seed in range(120)]
    y = test.y.numpy()
    ours = (trained(learner, train, members[:60]).predict(test, learner.task)["logits"].argmax(2) == y).mean(1)
    theirs = [(logits(learner(take(train, m.rows), m.seed), test, learner.task).argmax(1) == y).mean() for m in members[60:]]
    assert np.std(ours) > 0
    assert ks_2samp(ours, theirs).pvalue > 0.01


def test_linear_models_come_to_where_their_own_objective_is_flat():
    # With weight decay the objective has one minimum, where mean residual times input cancels decay times weight.
    train = data(60, 2.0, torch.float64)
    steps = Steps(lr=0.5, epochs=600, batch=60, optimizer=SGD(momentum=0.9, decay=0.05), schedule=Constant())
    learner = Train(model=double(NETS["linear"]), steps=steps)
    members = [Member(np.arange(60), 0), Member(np.arange(30), 1)]
    stack = trained(learner, train, members)
    for at, member in enumerate(members):
        model = stack.put_back(at, learner.init(train, 0)).requires_grad_(False)
        x, y = train.x[member.rows], train.y[member.rows]
        residual = model(x).softmax(1) - nn.functional.one_hot(y, CLASSES)
        assert float((residual.T @ x / len(y) + 0.05 * model[1].weight).abs().max()) < 1e-6


def test_one_example_more_makes_another_model_and_no_other_model_moves():
    train, learner = data(), Train(model=MLP(width=8), steps=STEPS)
    same = Member(np.arange(50), 1)
    first = trained(learner, train, [same, Member(np.arange(50), 1), Member(np.arange(1, 51), 1)]).predict(train, learner.task)[
        "logits"
    ]
    assert np.array_equal(first[0], first[1])
    assert np.abs(first[0] - first[2]).max() > 1e-3


def test_seeds_draw_other_models():
    train, learner = data(), Train(model=MLP(width=8), steps=STEPS)
    answers = trained(learner, train, [Member(np.arange(50), 1), Member(np.arange(50), 2)]).predict(train, learner.task)["logits"]
    assert np.abs(answers[0] - answers[1]).max() > 0.1


def test_members_are_grouped_by_steps_or_by_size():
    members = drawn([60, 64, 65, 66, 60])
    assert groups(members, 16, strict=False) == [[0, 1, 2, 4], [3]]
    assert groups(members, 16, strict=True) == [[0, 4], [1], [2], [3]]


def test_the_model_that_went_wrong_is_named():
    train = data()
    train.x[119] = 1e38
    learner = Train(model=MLP(width=8), steps=STEPS)
    members = [Member(np.arange(50), 7), Member(np.arange(70, 120), 8), Member(np.arange(50), 9)]
    with pytest.raises(NotFinite, match=r"1 of 3 models \(seed 8 on 50 examples\): the loss became"):
        trained(learner, train, members)


def test_the_models_that_were_given_and_the_random_state_stay():
    train, learner = data(), Train(model=dropping, steps=STEPS)
    models = [learner.init(train, seed) for seed in (0, 1)]
    before = [t.clone() for model in models for t in model.state_dict().values()]
    state = torch.get_rng_state()
    train_together(models, train, drawn([50, 50]), STEPS, learner.task)
    assert all(torch.equal(a, b) for a, b in zip(before, [t for m in models for t in m.state_dict().values()], strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_frozen_leaves_stay():
    def half():
        model = dropping()
        model[0].requires_grad_(False)
        return model

    train, learner = data(), Train(model=half, steps=STEPS)
    members = drawn([50, 50])
    stack = trained(learner, train, members)
    for at, member in enumerate(members):
        fresh, back = learner.init(train, member.seed), stack.put_back(at, learner.init(train, 0))
        assert torch.equal(fresh[0].weight, back[0].weight)
        assert not torch.equal(fresh[3].weight, back[3].weight)


def test_each_model_counts_its_own_examples():
    train, learner = data(), Train(model=MLP(width=8), steps=STEPS)
    with metered() as meter:
        trained(learner, train, drawn([50, 50, 50]))
    assert (meter.forward, meter.backward) == (3 * 50 * 3, 3 * 50 * 3)


def test_when_memory_runs_out_examples_are_halved_and_not_models(monkeypatch):
    train, learner = data(kind=torch.float64), Train(model=double(NETS["deep"]), steps=STEPS)
    members = drawn([64, 60])
    whole = trained(learner, train, members).predict(train, learner.task)["logits"]
    forward, calls = Stack.forward, []

    def short(self, x):
        calls.append(len(x))
        if self.training and len(x) > 20:
            raise MemoryError
        return forward(self, x)

    monkeypatch.setattr(Stack, "forward", short)
    assert np.allclose(trained(learner, train, members).predict(train, learner.task)["logits"], whole, atol=1e-5)
    assert min(calls) < 20


@pytest.mark.parametrize(
    ("learner", "why"),
    [
        (Train(model=ConvNet(width=2)), "it holds Conv2d"),
        (Train(model=MLP(norm="batch"), steps=replace_steps(buffers="freeze")), "batch norm does not simply follow"),
        (Train(model=MLP(norm="batch"), steps=Steps(batch=1)), "batch norm does not simply follow"),
        (Train(model=lambda: Drawing()), "vmap refuses it"),
        (Train(model=lambda: Remembering()), "its outputs under vmap are others than alone"),
    ],
    ids=["convolution", "frozen", "single", "drawing", "remembering"],
)
def test_what_cannot_be_stacked_says_why(learner, why):
    train = data()
    train = train.with_fields(x=train.x.reshape(-1, 1, 4, 2)) if isinstance(learner.model, ConvNet) else train
    assert why in eligibility.obstacle(learner, train, 10)


class Drawing(Own):
    """Draws noise of its own when it is trained."""

    def forward(self, x):
        return super().forward(x + torch.rand_like(x) if self.training else x)


class Remembering(Own):
    """Keeps a number of its own beside its weights."""

    def __init__(self):
        super().__init__()
        self.held = float(self.scale[0].detach())

    def forward(self, x):
        return super().forward(x) + self.held * torch.arange(CLASSES)


@pytest.mark.parametrize("net", NETS)
def test_plain_layers_can_be_stacked(net):
    assert eligibility.obstacle(Train(model=NETS[net]), data(), 10) is None


def below(seed=0, norm=nn.Identity, drop=0.0):
    """A network whose body is drawn once and frozen, and whose head is drawn anew."""
    head = nn.Linear(6, CLASSES)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = nn.Sequential(nn.Conv1d(1, 3, 3), norm(), nn.ReLU(), nn.Flatten(), nn.Dropout(drop), nn.Linear(18, 6), nn.Tanh())
    return nn.Sequential(body.requires_grad_(False), head)


def lines():
    """The examples as one-dimensional images."""
    train = data()
    return train.with_fields(x=train.x[:, None])


def test_a_head_alone_is_found_and_its_features_are_what_it_sees():
    train, learner = lines(), Train(model=below, steps=STEPS)
    assert linear_probe.obstacle(learner, train, STEPS, learner.task, (0, 1)) is None
    model = learner.init(train, 0)
    seen = linear_probe.features(model, train, learner.task)
    assert torch.allclose(linear_probe.head(model)(seen.x), model(train.x), atol=1e-6)


def moving():
    """All of it is trained."""
    return below().requires_grad_(True)


def changing():
    """The body is drawn anew with the head."""
    return below(int(torch.randint(1000, ())))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (moving, "more than a last linear layer"),
        (changing, "differ from seed to seed"),
        (lambda: below(norm=lambda: nn.BatchNorm1d(3)), "batch statistics below the head move"),
        (lambda: below(drop=0.5), "differ between train and eval"),
        (lambda: nn.Sequential(below(), nn.Softmax(1)), "are not those of the model"),
    ],
)
def test_what_is_no_head_alone_says_why(model, why):
    learner = Train(model=model, steps=STEPS)
    assert why in linear_probe.obstacle(learner, lines(), STEPS, learner.task, (0, 1))


def test_frozen_batch_statistics_leave_features_constant():
    steps = replace_steps(buffers="freeze")
    learner = Train(model=lambda: below(norm=lambda: nn.BatchNorm1d(3)), steps=steps)
    assert linear_probe.obstacle(learner, lines(), steps, learner.task, (0, 1)) is None


def test_nobody_but_the_loop_steps(monkeypatch):
    called = []
    real = descend.step_size
    monkeypatch.setattr(descend, "step_size", lambda *args: called.append(args) or real(*args))
    trained(Train(model=MLP(width=4), steps=STEPS), data(), drawn([50, 50]))
    assert len(called) == STEPS.epochs * count(50, STEPS.batch)
