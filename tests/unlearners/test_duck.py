"""DUCK."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import BadInput, RequestError
from untrain.core.spec import parse
from untrain.data.examples import Examples, take
from untrain.models.state import state
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.centroids import nearest_other
from untrain.training.distillation import Bookkeeping, MetricLoss
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners import _centroid_aims, duck
from untrain.unlearners._centroid_aims import nearest_by_place
from untrain.unlearners.duck import DUCK
from untrain.unlearners.finetune import Finetune

BRIEF = Steps(lr=0.01, epochs=2, batch=16, optimizer=AdamW(), schedule=Constant())
OFFICIAL = Bookkeeping(targets="official", updates="official", forward="separate", centroids=2)
CLASSES = 5


def clusters(classes=CLASSES, each=40, gone=(2,), few=0, seed=0):
    """Two-dimensional clusters on a circle, and a request for some of them, and for ``few`` examples of each of the others."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(classes * each) % classes
    angle = 2 * torch.pi * y / classes
    x = torch.stack([angle.cos(), angle.sin()], 1) * 3 + 0.3 * torch.randn(len(y), 2, generator=draw)
    out = torch.isin(y, torch.tensor(gone)) | (torch.arange(len(y)) < few * classes)
    data = Examples.labelled(x, y, np.arange(len(y)), classes)
    return data, Problem(Classification(), *(take(data, at.nonzero().squeeze(1).numpy()) for at in (out, ~out)), seed=3)


def net(norm=True, classes=CLASSES, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(2, 8, bias=not norm), nn.BatchNorm1d(8) if norm else nn.Identity(), nn.Tanh(), nn.Linear(8, classes)
    ).eval()


def trained(data, model, steps=300):
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(data.x), data.y).backward()
        optimizer.step()
    return model.eval()


def gathered(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class Noting(Choice):
    """Classification that notes the size of each batch that a loss is taken of."""

    classes: int | None = CLASSES
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        PASSED[model.training, torch.is_grad_enabled()] += 1
        return model(batch.x)


PASSED: Counter = Counter()


def authors(model, problem, made):
    """The authors' training loop in plain torch, on the batches of our plans; targets as their code keeps them."""
    body, head = model[:-1], model[-1]
    keep = made.bookkeeping
    forgets, retains = problem.forget_batches(made.steps), problem.retain_batches(made.steps)
    with torch.no_grad():
        some = [b for _, (b,) in zip(range(keep.centroids), retains.draw(0), strict=False)]
        x, y = torch.cat([b.x for b in some]), torch.cat([b.y for b in some])
        listed = [c for c in range(CLASSES) if bool((y == c).any())]
        stack = torch.stack([body.eval()(x)[y == c].mean(0) for c in listed])
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=made.steps.lr)
    entries, at = [], 0
    for epoch in range(made.steps.epochs):
        for number, (forget,) in enumerate(forgets.draw(0)):
            for inner, (retain,) in enumerate(retains.draw(at)):
                optimizer.zero_grad()
                h = body(forget.x)
                distance = 1 - (h / h.norm(dim=1, keepdim=True)) @ (stack / stack.norm(dim=1, keepdim=True)).T
                if epoch == 0:
                    order = distance.argsort(1)
                    entries.append(torch.where(order[:, 0] == forget.y, order[:, 1], order[:, 0]))
                    place = entries[-1]
                else:
                    place = entries[number][: len(h)]
                pulled = made.loss.distance * distance[torch.arange(len(h)), place].mean()
                kept = made.loss.labels * F.cross_entropy(head(body(retain.x)) / made.loss.temperature, retain.y)
                if inner > made.ratio:
                    break
                (kept + pulled).backward()
                optimizer.step()
            at += 1
    return model.eval()


def test_the_authors_loop_gives_the_same_weights_and_statistics():
    data, problem = clusters()
    forget, retain = (part.with_inputs(part.x.double()) for part in (problem.forget, problem.retain))
    problem = replace(problem, forget=forget, retain=retain)
    model = trained(data, net()).double()
    made = DUCK(bookkeeping=OFFICIAL, ratio=2, stop=0.0, steps=BRIEF)
    ours, theirs = made(model, problem), authors(deepcopy(model), problem, made)
    assert len(list(problem.forget_batches(BRIEF).draw(0))) == 3
    assert float((gathered(ours) - gathered(model)).norm()) > 0.1
    for name, value in state(theirs).items():
        torch.testing.assert_close(state(ours)[name], value, atol=1e-10, rtol=1e-8)


def test_its_own_targets_and_the_authors_lead_elsewhere():
    data, problem = clusters()
    model = trained(data, net())
    ends = [
        gathered(DUCK(bookkeeping=replace(OFFICIAL, targets=targets), ratio=2, stop=0.0, steps=BRIEF)(model, problem))
        for targets in ("once", "first_epoch", "official")
    ]
    assert all(float((a - b).norm()) > 1e-3 for a, b in ((ends[0], ends[1]), (ends[1], ends[2]), (ends[0], ends[2])))


def test_without_distances_it_is_finetuning_at_a_temperature():
    data, problem = clusters(few=4)
    model = trained(data, net(norm=False))
    made = DUCK(loss=MetricLoss(distance=0.0, labels=1.0, temperature=2.0), ratio=3, stop=0.0, steps=BRIEF)
    optimizer_model = deepcopy(model).train()
    optimizer = torch.optim.Adam(optimizer_model.parameters(), lr=BRIEF.lr)
    passes = (b for at in range(99) for (b,) in problem.retain_batches(BRIEF).draw(at))
    for _ in range(2 * 3 * len(list(problem.forget_batches(BRIEF).draw(0)))):
        batch = next(passes)
        optimizer.zero_grad()
        F.cross_entropy(optimizer_model(batch.x) / 2.0, batch.y).backward()
        optimizer.step()
    torch.testing.assert_close(gathered(made(model, problem)), gathered(optimizer_model), atol=1e-5, rtol=1e-5)


def test_the_statistics_of_finetuning_are_all_that_separate_passes_without_distances_change():
    data, problem = clusters(few=4)
    model = trained(data, net())
    one = take(problem.retain, np.arange(12))
    problem = replace(problem, forget=take(problem.forget, np.arange(12)), retain=one)
    steps = replace(BRIEF, epochs=1)
    loss = MetricLoss(distance=0.0, labels=1.0, temperature=1.0)
    ours = DUCK(loss=loss, ratio=1, stop=0.0, bookkeeping=Bookkeeping(forward="separate"), steps=steps)(model, problem)
    theirs = Finetune(steps=steps)(model, problem)
    torch.testing.assert_close(gathered(ours), gathered(theirs), atol=1e-6, rtol=0)
    assert not torch.allclose(ours[1].running_mean, theirs[1].running_mean)


def test_without_labels_the_head_gets_no_gradient():
    data, problem = clusters()
    model = trained(data, net())
    ours = DUCK(loss=MetricLoss(labels=0.0), stop=0.0, steps=BRIEF)(model, problem)
    assert torch.equal(ours[3].weight, model[3].weight)
    assert torch.equal(ours[3].bias, model[3].bias)
    assert not torch.equal(ours[0].weight, model[0].weight)


def test_a_forgotten_cluster_ends_at_the_nearest_one_that_stays():
    data, problem = clusters(classes=3, gone=(1,))
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    model = trained(data, nn.Sequential(*body, nn.Linear(2, 3)))
    with torch.no_grad():
        forgotten, kept = body(problem.forget.x), body(problem.retain.x)
    centroids = torch.stack([kept[problem.retain.y == c].mean(0) for c in (0, 2)])
    nearest = F.cosine_similarity(forgotten[:, None], centroids, dim=2).argmax(1)
    ours = DUCK(steps=Steps(lr=5e-3, epochs=40, batch=64, optimizer=AdamW(), schedule=Constant()), stop=0.0)(model, problem)
    with torch.no_grad():
        said, ends = ours(problem.forget.x), ours[:3](problem.forget.x)
        right = float((ours(problem.retain.x).argmax(1) == problem.retain.y).float().mean())
    assert not bool((said.argmax(1) == 1).any())
    assert right == 1.0
    assert float((1 - F.cosine_similarity(ends, centroids[nearest])).mean()) < 0.05


def test_a_target_is_the_nearest_class_and_not_the_place_in_a_list():
    distances, labels, counts = torch.tensor([[0.9, 0.8, 0.0, 0.1, 0.3]]), torch.tensor([2]), torch.tensor([5, 5, 0, 5, 5])
    assert nearest_other(distances, labels, counts).tolist() == [3]
    assert nearest_by_place(distances, labels, counts).tolist() == [4]


def test_from_the_second_epoch_the_authors_targets_of_a_batch_are_those_of_a_step_of_the_first(monkeypatch):
    """Four forget batches of seven inner steps each: batch 2 gets what was noted in step 2 of batch 0."""
    data, problem = clusters(each=16, few=10)
    problem = replace(problem, forget=take(problem.forget, np.arange(48)), retain=repeated(problem.retain, 4))
    noted, aim = [], _centroid_aims.Aims.aim

    def noting(aims, epoch, number, retain, forget):
        aimed = aim(aims, epoch, number, retain, forget)
        noted.append((epoch, number, aimed.y.tolist(), forget.rows.tolist()))
        return aimed

    monkeypatch.setattr(_centroid_aims.Aims, "aim", noting)
    for targets in ("official", "first_epoch"):
        noted.clear()
        made = DUCK(bookkeeping=replace(OFFICIAL, targets=targets), ratio=5, stop=0.0, steps=replace(BRIEF, batch=12))
        made(trained(data, net()), problem)
        first = [entry for entry in noted if entry[0] == 0]
        assert [number for _, number, *_ in first] == [at for at in range(4) for _ in range(7)]
        last = {row: target for _, _, aims, rows in first for row, target in zip(rows, aims, strict=True)}
        for _, number, aims, rows in noted[28:]:
            assert aims == (first[number][2] if targets == "official" else [last[row] for row in rows])
        assert first[2][1] == 0


def repeated(examples, times):
    """The examples several times, with ids of their own."""
    rows = np.tile(np.arange(len(examples)), times)
    return replace(take(examples, rows), ids=np.arange(len(rows)) + 1000)


@pytest.mark.parametrize(("updates", "steps", "extra"), [("ratio", 5, 0), ("official", 6, 1)])
def test_so_many_updates_are_made_per_forget_batch(updates, steps, extra):
    data, problem = clusters(each=60)
    model = trained(data, net())
    forget_batches = len(list(problem.forget_batches(BRIEF).draw(0)))
    PASSED.clear()
    made = DUCK(ratio=5, stop=0.0, bookkeeping=Bookkeeping(updates=updates), steps=replace(BRIEF, epochs=1))
    made(model, replace(problem, task=Noting()))
    assert PASSED[True, True] == steps * forget_batches
    assert PASSED[True, False] == extra * forget_batches


def ran(problem, model, epochs=30, **fields):
    """Epochs that were taken of 30, and what was noted."""
    PASSED.clear()
    steps = Steps(lr=0.02, epochs=epochs, batch=64, optimizer=AdamW(), schedule=Constant())
    outcome = DUCK(ratio=2, steps=steps, **fields).run(model, replace(problem, task=Noting()))
    return PASSED[True, True] / (2 * len(list(problem.forget_batches(steps).draw(0)))), outcome


def test_it_stops_when_less_than_one_in_a_hundred_of_a_class_is_right():
    data, problem = clusters()
    model = trained(data, net())
    epochs, outcome = ran(problem, model)
    assert 1 <= epochs < 30
    assert float((outcome.model(problem.forget.x).argmax(1) == 2).float().mean()) < 0.01
    # One epoch less was not enough.
    _, before = ran(problem, model, epochs=round(epochs) - 1, stop=0.0)
    assert epochs == 1 or float((before.model(problem.forget.x).argmax(1) == 2).float().mean()) >= 0.01
    assert ran(problem, model, stop=0.0)[0] == 30


def test_a_random_removal_stops_at_the_accuracy_that_the_original_has_on_held_out_examples():
    data, problem = clusters(gone=(), few=8)
    model = trained(data, net())
    held_out = clusters(seed=1)[0]
    wrong = held_out.with_targets((held_out.y + (torch.arange(len(held_out)) % 4 == 0)) % CLASSES)
    epochs, outcome = ran(replace(problem, valid=wrong), model, loss=MetricLoss(distance=5.0, labels=0.1))
    right = (outcome.model(problem.forget.x).argmax(1) == problem.forget.y).float().mean()
    target = (model(wrong.x).argmax(1) == wrong.y).float().mean()
    assert epochs < 30
    assert right < target
    assert target > 0.5


def test_a_random_removal_without_held_out_examples_takes_all_its_steps_and_says_so():
    data, problem = clusters(gone=(), few=8)
    epochs, outcome = ran(problem, trained(data, net()))
    assert epochs == 30
    assert any("no held-out examples to stop by" in note for note in outcome.notes)


def test_modes_are_left_as_they_were_by_a_look_at_accuracy():
    data, problem = clusters()
    model = trained(data, net())
    steps = replace(BRIEF, buffers="freeze", epochs=3)
    ours = DUCK(steps=steps, stop=0.0)(model, problem)
    assert torch.equal(ours[1].running_mean, model[1].running_mean)


def test_batches_that_lack_a_class_that_stays_are_refused_and_a_class_that_is_gone_is_not_missed():
    data, problem = clusters()
    model = trained(data, net())
    made = DUCK(bookkeeping=Bookkeeping(centroids=1), steps=replace(BRIEF, batch=3))
    with pytest.raises(RequestError, match=r"the first 1 retain batches hold no example of class \d, which so has no centroid"):
        made(model, problem)
    assert bool(torch.isfinite(gathered(DUCK(steps=BRIEF)(model, problem))).all())


def test_examples_of_the_only_class_that_stays_have_nowhere_to_go():
    data, problem = clusters()
    only = take(problem.retain, (problem.retain.y == 0).nonzero().squeeze(1).numpy())
    forget = take(data, np.array([0, 1]))
    with pytest.raises(RequestError, match="no other class to go to"):
        DUCK(steps=BRIEF)(net(), Problem(Classification(), forget, only))


def test_it_runs_on_images_too():
    model, problem = small()
    outcome = DUCK(steps=BRIEF, stop=0.0).run(model, problem)
    assert outcome.guard.moved_share > 0.9


def test_several_processes_are_refused(monkeypatch):
    _, problem = clusters()
    monkeypatch.setattr(duck, "process_group", object)
    with pytest.raises(BadInput, match="stops by accuracy, which differs between processes: take a single one"):
        DUCK(steps=BRIEF).unlearn(net(), problem)


def test_a_spelling_says_what_is_kept_as_the_authors_do():
    made = parse("DUCK(bookkeeping=Bookkeeping(targets='official', centroids=50), loss=MetricLoss(distance=1.5))")
    assert made == DUCK(bookkeeping=Bookkeeping(targets="official", centroids=50), loss=MetricLoss(distance=1.5))
    assert made.needed() == {"forget", "labels", "retain", "valid", "classes"}


@pytest.mark.parametrize("gone", [(2,), ()])
def test_the_second_phase_takes_a_tenth_of_the_distance_in_one_pass(gone):
    """Two epochs in plain torch; the retain set is one batch, and a removed class shows its first forget batch alone."""
    data, problem = clusters(gone=gone, few=0 if gone else 8)
    forget, retain = (part.with_inputs(part.x.double()) for part in (problem.forget, problem.retain))
    problem = replace(problem, forget=forget, retain=retain)
    model = trained(data, net()).double()
    made = DUCK(stop=0.0, steps=replace(BRIEF, epochs=1))
    ours, theirs = replace(made, low_regime=True)(model, problem), made(model, problem).train()
    with torch.no_grad():
        h, kept = model[:-1](forget.x), model[:-1](retain.x)
    there = [c for c in range(CLASSES) if bool((retain.y == c).any())]
    centroids = torch.stack([kept[retain.y == c].mean(0) if c in there else torch.zeros(8).double() for c in range(CLASSES)])
    away = 1 - F.cosine_similarity(h[:, None], centroids, dim=2)
    for row, own in enumerate(forget.y.tolist()):
        away[row, [c for c in range(CLASSES) if c == own or c not in there]] = torch.inf
    targets = away.argmin(1)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-4)
    for epoch in range(2):
        for (few,) in list(problem.forget_batches(BRIEF).draw(epoch))[: 1 if gone else None]:
            both = theirs[:-1](torch.cat([few.x, retain.x]))
            distance = 1 - F.cosine_similarity(both[: len(few)], centroids[targets[few.rows]])
            value = F.cross_entropy(theirs[-1](both[len(few) :]) / 2, retain.y) + 0.1 * distance.mean()
            for group in optimizer.param_groups:
                group["lr"] = 1e-4 * (1 + np.cos(np.pi * epoch / 2)) / 2
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    for name, value in state(theirs.eval()).items():
        torch.testing.assert_close(state(ours)[name], value, atol=1e-9, rtol=1e-7)
    assert not torch.allclose(gathered(ours), gathered(made(model, problem)), atol=1e-5)
