"""Maini's search, against a transcription of it that does one thing after the other."""

from copy import deepcopy
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import BadInput, ModelError
from untrain.core.metering import metered
from untrain.core.seeds import derive_seed
from untrain.data.examples import Examples, take
from untrain.localizers import criticalneurons
from untrain.localizers._ablation import InOneBatch, OneByOne, copies_of
from untrain.localizers.criticalneurons import CriticalNeurons, NeuronRemoval, search
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.resetfinetune import ResetFinetune


def transcribed(model, problem, row, companions, noises):
    """The algorithm for one example, step by step on a fresh copy: what was set to zero, by name and index, and whether it flipped.

    The draws of companions and noise are those of the method; all else is section 11 of its specification.
    """
    model, forget = deepcopy(model), problem.forget
    rng = np.random.default_rng((problem.seed, row))
    others = [at for at in range(len(forget)) if at != row]
    picked = [others[at] for at in rng.choice(len(others), min(companions, len(others)), replace=False)]
    generator = torch.Generator().manual_seed(derive_seed(int(rng.integers(2**31))))
    x, y = forget.x[[row, *picked]], forget.y[[row, *picked]]
    b, removed = len(y), []
    while True:
        e = torch.randn(noises, *x.shape, generator=generator)
        z = 0
        for at in range(noises):
            z = z + model(x + 0.01 * x.norm() * e[at] / e[at].norm())
        z = z / noises
        if int(z[0].argmax()) != int(y[0]):
            return removed, True
        losses = F.cross_entropy(z, y, reduction="none")
        loss = (losses * torch.tensor([-float(b)] + [1.0] * (b - 1))).mean()
        grads = torch.autograd.grad(loss, list(model.parameters()))
        best, where = 0.0, None
        for (name, p), g in zip(model.named_parameters(), grads, strict=True):
            product = (p.detach() * g).sum((1, 2, 3)) if p.ndim == 4 else (p.detach() * g).flatten()
            if float(product.max()) > best:
                best, where = float(product.max()), (name, int(product.argmax()))
        if where is None:
            return removed, False
        removed.append(where)
        with torch.no_grad():
            held = dict(model.named_parameters())[where[0]]
            (held if held.ndim == 4 else held.view(-1))[where[1]] = 0


@lru_cache(maxsize=1)
def trained():
    """24 patterns of three kinds, what learns them, and the residual network that did."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(24) % 3
    x = torch.randn(3, 3, 8, 8, generator=draw)[y] + 0.7 * torch.randn(24, 3, 8, 8, generator=draw)
    given = Examples.labelled(x, y, np.arange(24), 3)
    learner = Train(model=ResNet(width=8, depth=10), steps=Steps(lr=0.05, epochs=8, batch=8))
    return given, learner, learner(given, 0)


def residual():
    """Such a network, and the request to forget 12 of its examples."""
    given, learner, model = trained()
    return deepcopy(model), Problem(
        Classification(), take(given, np.arange(12)), take(given, np.arange(12, 24)), recipe=learner, seed=1
    )


def named(copies, found):
    """Removals by name and index."""
    spans = copies.spans.items()
    return [next((n, at - start) for n, (start, stop) in spans if start <= at < stop) for at in found.removed]


@pytest.mark.parametrize(("companions", "noises"), [(16, 1), (5, 1), (512, 5)])
@pytest.mark.parametrize("make", [small, residual])
@pytest.mark.slow
def test_ten_searches_are_those_of_the_transcription(make, companions, noises):
    model, problem = make()
    how, copies = CriticalNeurons(companions=companions, noises=noises, most=10_000), copies_of(model, problem)
    assert isinstance(copies, InOneBatch)
    found = search(copies, problem, how, range(10))
    for each in found:
        assert (named(copies, each), each.flipped) == transcribed(model, problem, each.row, companions, noises)
    assert sum(len(each.removed) for each in found) > 10


class Linearly(Choice):
    """A task whose loss is linear in the logits, so that sums of weight times gradient can be chosen."""

    by: tuple[float, ...]
    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs @ torch.tensor(self.by)


def filters(by, label=0):
    """Three filters that answer 3, 2 and 1, and one example whose loss they enter by the factors ``by`` over their answers."""
    net = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.Flatten()).eval()
    net[0].weight.data = torch.tensor([3.0, 2.0, 1.0]).reshape(3, 1, 1, 1)
    task = Linearly(by=tuple(v / w for v, w in zip(by, [3.0, 2.0, 1.0], strict=True)))
    one = Examples.labelled(torch.ones(1, 1, 1, 1), torch.tensor([label]), np.arange(1), 3)
    return net, Problem(task, one, one.with_fields(y=torch.tensor([1])))


def test_the_largest_signed_sum_goes_first_and_not_the_largest_magnitude():
    # Without companions the objective is minus the loss: sums of weight times gradient are 2, -5 and 1.9.
    model, problem = filters([-2.0, 5.0, -1.9])
    copies = copies_of(model, problem)
    (found,) = search(copies, problem, CriticalNeurons(), range(1))
    assert named(copies, found) == [("0.weight", 0)]
    assert found.flipped


def test_where_no_removal_helps_the_search_ends():
    model, problem = filters([2.0, 5.0, 0.0])
    assert search(copies_of(model, problem), problem, CriticalNeurons(), range(1)) == [NeuronRemoval(0, (), False)]


@pytest.mark.parametrize("kind", [InOneBatch, OneByOne])
def test_where_no_removal_flips_the_prediction_each_helpful_one_is_tried_once_and_the_search_ends(kind):
    net, problem = filters([-2.0, -5.0, -1.9])
    # A frozen bias holds the first class up whatever is removed.
    held = nn.Conv2d(1, 3, 1)
    held.weight.data.copy_(net[0].weight)
    held.bias.data = torch.tensor([100.0, 0.0, 0.0])
    held.bias.requires_grad_(False)
    found = search(kind(nn.Sequential(held, nn.Flatten()).eval()), problem, CriticalNeurons(most=10_000), range(1))
    assert found == [NeuronRemoval(0, (1, 0, 2), False)]


def test_what_is_predicted_wrong_already_needs_no_removal():
    model, problem = filters([-2.0, -5.0, -1.9], label=1)
    assert search(copies_of(model, problem), problem, CriticalNeurons(), range(1)) == [NeuronRemoval(0, (), True)]


def test_a_forget_set_that_is_wrong_already_has_no_neurons():
    with pytest.raises(ModelError, match="nothing to remove, as no example of the forget set is predicted right"):
        CriticalNeurons()(*filters([-2.0, -5.0, -1.9], label=1))


def test_a_filter_is_kept_whole_in_the_mask():
    bits = CriticalNeurons()(*filters([-2.0, 5.0, -1.9])).bits["0.weight"]
    assert bits.flatten().tolist() == [True, False, False]


def test_the_mask_is_the_union_over_the_forget_set():
    model, problem = residual()
    union = {pair for row in range(12) for pair in transcribed(model, problem, row, 16, 1)[0]}
    bits = CriticalNeurons()(model, problem).bits
    assert len(union) > 10
    for name, p in model.named_parameters():
        rows = bits[name].flatten(1).all(1) if p.ndim == 4 else bits[name].flatten()
        assert {(name, int(at)) for at in rows.nonzero()} == {pair for pair in union if pair[0] == name}
        assert p.ndim < 4 or torch.equal(rows, bits[name].flatten(1).any(1))


def test_how_many_are_searched_for_at_a_time_does_not_matter(monkeypatch):
    model, problem = residual()
    copies = copies_of(model, problem)
    together = search(copies, problem, CriticalNeurons(), range(12))
    monkeypatch.setattr(criticalneurons, "ROWS", 30)
    assert search(copies, problem, CriticalNeurons(), range(12)) == together


@pytest.mark.parametrize("kind", [InOneBatch, OneByOne])
def test_one_search_whose_batch_is_too_large_takes_it_in_pieces_and_finds_the_same(kind, monkeypatch):
    model, problem = residual()
    how, copies = CriticalNeurons(companions=11, noises=5), kind(model)
    whole = search(copies, problem, how, range(4))
    monkeypatch.setattr(criticalneurons, "ROWS", 25)
    sizes = []
    model.conv1.register_forward_hook(lambda part, given, out: sizes.append(len(out)))
    assert search(kind(model), problem, how, range(4)) == whole
    assert (max(sizes), min(sizes)) == (25, 10)


def test_companions_can_be_of_the_retain_set():
    model, problem = residual()
    one, other = (CriticalNeurons(beside=s)(model, problem).bits for s in ("forget", "retain"))
    assert any(not torch.equal(one[n], other[n]) for n in one)


def test_one_example_alone_can_be_searched_for():
    model, problem = residual()
    alone = replace(problem, forget=take(problem.forget, np.array([0])), digest="")
    assert any(bool(b.any()) for b in CriticalNeurons()(model, alone).bits.values())


def test_searches_that_end_without_a_flip_are_told_of():
    model, problem = residual()
    with metered() as meter:
        CriticalNeurons(most=1)(model, problem)
    assert any("examples did not flip" in note for note in meter.notes)


def test_a_budget_keeps_what_went_for_most_examples():
    model, problem = residual()
    copies = copies_of(model, problem)
    whole, few = (CriticalNeurons(keep=keep)(model, problem).bits for keep in (1.0, 0.02))
    total = sum(b.numel() for b in whole.values())
    assert 0 < sum(int(b.sum()) for b in few.values()) <= 0.02 * total
    assert not any(bool((few[n] & ~whole[n]).any()) for n in few)
    found = search(copies, problem, CriticalNeurons(), range(12))
    first = max(range(copies.count), key=lambda at: sum(at in f.removed for f in found))
    name, at = named(copies, NeuronRemoval(0, (first,), True))[0]
    assert bool(few[name].reshape(few[name].shape[0], -1)[at].all() if few[name].ndim == 4 else few[name].flatten()[at])


def test_a_budget_larger_than_what_was_removed_is_told_of():
    model, problem = residual()
    with metered() as meter:
        held = sum(int(b.sum()) for b in CriticalNeurons(keep=0.99)(model, problem).bits.values())
    assert any(f"is not met: the searches removed {held}" in note for note in meter.notes)


def test_a_budget_that_holds_no_filter_is_refused_and_says_what_would_do():
    with pytest.raises(ModelError, match=r"holds no filter: keep at least 0\.34"):
        CriticalNeurons(keep=0.2)(*filters([-2.0, 5.0, -1.9]))


def test_frozen_weights_are_never_removed():
    model, problem = residual()
    model.fc.requires_grad_(False)
    bits = CriticalNeurons()(model, problem).bits
    assert not bits["fc.weight"].any()
    assert any(bool(b.any()) for b in bits.values())


def test_inputs_that_are_no_real_numbers_are_refused():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 2)).eval()
    tokens = Examples.labelled(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1]), np.arange(2), 2)
    with pytest.raises(BadInput, match=r"adds noise to inputs, and these are torch\.int64: real numbers are needed"):
        CriticalNeurons()(net, Problem(Classification(), tokens, tokens))


class Attends(nn.Module):
    """Tokens with norms, a position that is a parameter of the model's own where asked for, and a weight used twice."""

    def __init__(self, position, tied):
        super().__init__()
        self.embed, self.norm = nn.Linear(4, 6), nn.LayerNorm(6)
        self.mix = nn.Conv1d(3, 5, 1)
        self.group = nn.GroupNorm(1, 5)
        self.up, self.head = nn.Linear(6, 6), nn.Linear(30, 3)
        self.position = nn.Parameter(torch.randn(1, 3, 6)) if position else None
        if tied:
            self.down = nn.Linear(6, 6)
            self.down.weight = self.up.weight
        self.tied = tied

    def forward(self, x):
        x = self.norm(self.embed(x))
        x = x if self.position is None else x + self.position
        x = self.group(self.mix(x)).relu()
        x = self.up(x).relu()
        x = self.down(x) if self.tied else x
        return self.head(x.flatten(1))


class Sideways(nn.Module):
    """A model that turns its batch, so that rows of a layer are no examples."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(15, 3)

    def forward(self, x):
        return self.last(self.first(x.transpose(0, 1)).relu().transpose(0, 1).flatten(1))


def tokens(net):
    """A problem of nine examples of three tokens, which the model predicts right."""
    x = torch.randn(9, 3, 4, generator=torch.Generator().manual_seed(0))
    net.eval()
    with torch.no_grad():
        given = Examples.labelled(x, net(x).argmax(1), np.arange(9), 3)
    return net, Problem(Classification(), given, given)


@pytest.mark.parametrize(
    ("position", "tied", "kind"), [(False, False, InOneBatch), (False, True, InOneBatch), (True, True, OneByOne)]
)
def test_layers_of_other_kinds_are_searched_alike_together_and_one_by_one(position, tied, kind):
    torch.manual_seed(1)
    model, problem = tokens(Attends(position, tied))
    copies = copies_of(model, problem)
    assert type(copies) is kind
    how = CriticalNeurons(companions=4, most=30)
    assert search(copies, problem, how, range(9)) == search(OneByOne(model), problem, how, range(9))


def test_a_model_whose_rows_are_no_examples_is_searched_one_by_one():
    torch.manual_seed(0)
    assert isinstance(copies_of(*tokens(Sideways())), OneByOne)


def test_a_network_in_half_precision_is_searched_in_full():
    model, problem = residual()
    forget, retain = (e.with_fields(x=e.x.bfloat16()) for e in (problem.forget, problem.retain))
    bits = CriticalNeurons()(model.bfloat16(), replace(problem, forget=forget, retain=retain)).bits
    assert any(bool(b.any()) for b in bits.values())
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_it_confines_an_unlearner():
    model, problem = residual()
    problem = replace(problem, init=lambda seed: problem.recipe.init(problem.forget, seed))
    outcome = (ResetFinetune(steps=Steps(lr=0.05, epochs=1)) @ CriticalNeurons(head="masked")).run(model, problem)
    assert outcome.guard.outside_mask_max == 0
    assert 0 < outcome.guard.mask_share < 1


class Casts(nn.Module):
    """A network that takes its inputs in half precision, whatever they are."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).bfloat16()

    def forward(self, x):
        return self.net(x.bfloat16())


def test_a_model_that_asks_for_half_precision_is_searched_in_it():
    model = Casts().eval()
    x = torch.randn(6, 1, 3, 3, generator=torch.Generator().manual_seed(1))
    given = Examples.labelled(x, model(x).argmax(1), np.arange(6), 3)
    problem = Problem(Classification(), given, given.with_fields(x=x + 0.1), seed=1)
    assert isinstance(copies_of(model, problem), OneByOne)
    with metered() as meter:
        bits = CriticalNeurons()(model, problem).bits
    assert any(bool(b.any()) for b in bits.values())
    assert list(meter.notes) == []


def test_a_model_in_half_precision_is_searched_in_full_where_it_takes_that():
    model, problem = small()
    half = deepcopy(model).bfloat16()
    forget, retain = (e.with_fields(x=e.x.bfloat16()) for e in (problem.forget, problem.retain))
    copies = copies_of(half, replace(problem, forget=forget, retain=retain))
    assert isinstance(copies, InOneBatch)
    assert {p.dtype for p in copies.model.parameters()} == {torch.float32}


def test_where_no_removal_helps_that_is_said():
    model, problem = small()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    given = problem.forget.with_fields(y=torch.zeros_like(problem.forget.y))
    with pytest.raises(ModelError, match="nothing to remove, as no removal makes one less likely: take another localizer"):
        CriticalNeurons()(model, replace(problem, forget=given))
