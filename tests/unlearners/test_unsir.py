"""UNSIR."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.spec import parse
from untrain.data.examples import Examples, batch_of, take
from untrain.models.state import state
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.unsir import UNSIR, mixed, some_of_each

IMPAIR = Steps(lr=0.02, epochs=2, batch=20, optimizer=AdamW(), schedule=Constant())
REPAIR = replace(IMPAIR, lr=0.01, epochs=1)
FROZEN = {"steps": replace(IMPAIR, buffers="freeze"), "repair": replace(REPAIR, buffers="freeze")}


def removal(label=1):
    """A trained network, and a request for all examples of a class."""
    model, problem = small()
    data = [problem.forget, problem.rest]
    y = torch.cat([part.y for part in data])
    whole = Examples.labelled(torch.cat([part.x for part in data]), y, np.arange(len(y)), 3)
    sides = [take(whole, at.nonzero().squeeze(1).numpy()) for at in (y == label, y != label)]
    return model, Problem(problem.task, *sides, init=problem.init, recipe=problem.recipe, seed=5)


def made_noise(model, shape, label, steps=40, penalty=0.1):
    """The authors' loop for one class, against a model in eval mode."""
    z = torch.nn.Parameter(torch.randn(shape))
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(steps):
        value = -F.cross_entropy(model(z), torch.full((len(z),), label)) + penalty * z.square().sum([1, 2, 3]).mean()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return z.detach()


def test_the_authors_two_phases_give_the_same_weights_and_statistics():
    model, problem = removal()
    made = UNSIR(noises=3, copies=2, steps=IMPAIR, repair=REPAIR)
    ours, theirs, retain = made(model, problem), deepcopy(model).train(), problem.rest
    torch.manual_seed(problem.seed)
    noise = made_noise(deepcopy(model), (3, 1, 6, 6), 1)
    x = torch.cat([retain.x, noise, noise])
    y = torch.cat([retain.y, torch.ones(6, dtype=torch.int64)])
    for steps, count in ((IMPAIR, len(x)), (REPAIR, len(retain))):
        optimizer = torch.optim.Adam(theirs.parameters(), lr=steps.lr)
        for epoch in range(steps.epochs):
            order = np.random.default_rng((problem.seed, epoch)).permutation(count)
            for start in range(0, count, 20):
                rows = order[start : start + 20]
                optimizer.zero_grad()
                F.cross_entropy(theirs(x[rows]), y[rows]).backward()
                optimizer.step()
    for name, value in state(theirs.eval()).items():
        torch.testing.assert_close(state(ours)[name], value, atol=1e-4, rtol=1e-3)
    assert float((ours[0].weight - model[0].weight).abs().mean().detach()) > 0.02


def test_noise_is_what_the_model_takes_least_for_its_class(monkeypatch):
    model, problem = removal()
    kept = []
    monkeypatch.setattr("untrain.unlearners.unsir.mixed", lambda *given: kept.append(given[2]) or mixed(*given))
    UNSIR(noises=16, **FROZEN)(model, problem)
    noise = kept[0]
    assert noise.y.tolist() == [1] * 16
    with torch.no_grad():
        ours = F.cross_entropy(model(noise.x), noise.y)
        start = F.cross_entropy(
            model(torch.randn(400, 1, 6, 6, generator=torch.Generator().manual_seed(0))), torch.ones(400).long()
        )
    assert float(ours) > float(start) + 1


def test_impairing_harms_the_retain_set_and_repairing_mends_it():
    model, problem = removal()
    impair = replace(IMPAIR, lr=0.05, batch=32)
    losses = []
    for epochs in (0, 20):
        ours = UNSIR(noises=32, steps=impair, repair=replace(REPAIR, epochs=epochs))(model, problem)
        with torch.no_grad():
            losses.append(float(F.cross_entropy(ours(problem.rest.x), problem.rest.y)))
    with torch.no_grad():
        before = float(F.cross_entropy(model(problem.rest.x), problem.rest.y))
    assert losses[0] > before + 0.5
    assert losses[1] < 0.2


def test_the_examples_to_forget_are_never_learned():
    model, problem = removal()
    noisy = replace(problem, forget=problem.forget.with_inputs(torch.full_like(problem.forget.x, 7.0)))
    made = UNSIR(**FROZEN)
    assert all(torch.equal(p, q) for p, q in zip(made(model, problem).parameters(), made(model, noisy).parameters(), strict=True))


def test_an_epoch_holds_each_retain_example_once_and_each_noise_as_often_as_asked():
    _, problem = removal()
    noise = batch_of(problem.forget, np.arange(3)).with_fields(x=torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 1, 6, 6) + 100)
    drawn = [batch for (batch,) in mixed(problem, problem.rest, noise, 4, replace(IMPAIR, batch=16)).draw(0)]
    x = torch.cat([batch.x for batch in drawn]).flatten(1)
    assert sorted(x[x[:, 0] > 50, 0].tolist()) == [100.0] * 4 + [101.0] * 4 + [102.0] * 4
    assert len(torch.unique(x[x[:, 0] < 50], dim=0)) == len(x) - 12 == len(problem.rest)
    assert any(0 < int((batch.x[:, 0, 0, 0] > 50).sum()) < len(batch) for batch in drawn)


def test_of_each_class_at_most_so_many_are_drawn():
    labels = torch.tensor([0] * 30 + [1] * 3 + [2] * 50)
    data = Examples.labelled(torch.arange(83.0)[:, None], labels, np.arange(83), 3)
    torch.manual_seed(0)
    first, second = some_of_each(data, 10), some_of_each(data, 10)
    assert torch.bincount(first.y).tolist() == [10, 3, 10]
    assert first.ids.tolist() == sorted(first.ids.tolist()) != second.ids.tolist()


def test_pixels_are_shown_as_numbers_between_0_and_1_beside_noise():
    _, problem = removal()
    pixels = problem.rest.with_inputs((problem.rest.x.clamp(0, 1) * 255).to(torch.uint8))
    noise = batch_of(problem.forget, np.arange(3))
    batches = [batch for (batch,) in mixed(problem, pixels, noise, 1, replace(IMPAIR, batch=64)).draw(0)]
    assert all(batch.x.dtype == torch.float32 for batch in batches)
    torch.testing.assert_close(
        torch.cat([b.x for b in batches]).clamp(max=1).max(), (pixels.x.float() / 255).max(), atol=1e-6, rtol=0
    )


def test_rows_of_tokens_are_refused():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.EmbeddingBag(9, 4), torch.nn.Linear(4, 3)).eval()
    data = Examples.labelled(torch.randint(9, (12, 5)), torch.arange(12) % 3, np.arange(12), 3)
    problem = Problem(Classification(), take(data, np.arange(4)), take(data, np.arange(4, 12)))
    with pytest.raises(ModelError, match="changes inputs little by little, and these are torch"):
        UNSIR()(model, problem)


def test_without_steps_of_either_kind_the_model_stays():
    model, problem = removal()
    none = replace(IMPAIR, epochs=0)
    stays, moves = UNSIR(steps=none, repair=none), UNSIR(steps=none, repair=REPAIR)
    assert stays.run(model, problem).guard.moved_share == 0
    assert moves.run(model, problem).guard.moved_share > 0
    assert parse("UNSIR(noises=256)").noises == 256
