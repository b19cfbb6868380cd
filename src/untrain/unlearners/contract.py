"""Promises of unlearners, and of recipes that expand to one."""

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.contract import check_random_state_kept, require, seed_everything
from untrain.core.errors import BadInput, BrokenPromise, NotFinite, RunFailed
from untrain.core.mask import Mask
from untrain.data.examples import batch_of
from untrain.models.state import same, state, weights
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import changes, marked, small, undone
from untrain.training.toy_text import small_text
from untrain.unlearners._contract_trials import check_masks_refused, expression_of, notes_rows, of_two_epochs, with_random_mask
from untrain.unlearners.base import Localized, Recipe, Unlearner


def it_leaves_its_input_alone(made: Unlearner | Recipe) -> None:
    """Parameters, buffers, gradients, modes and flags of the model, and the examples, are as they were.

    Cure: change the model that `unlearn` is given, which is a copy, and clone examples before you change them.
    """
    model, problem = small(expression_of(made).works_on)
    marked(model)
    undone(made, model, (problem.forget, problem.rest), lambda: made(model, problem))


def it_moves_some_parameter(made: Unlearner | Recipe) -> None:
    """Some parameter differs; buffers do not count, and ``may_be_unchanged`` says who is excused.

    Cure: return the model that was trained; where it may rightly stay as it was, say so in `may_be_unchanged`.
    """
    model, problem = small(expression_of(made).works_on)
    forgot = weights(made(model, problem))
    moved = any(not same(p.detach(), forgot[n].detach()) for n, p in weights(model).items())
    require(
        moved or expression_of(made).may_be_unchanged(problem),
        made,
        "moved no parameter: it returned the model that went in",
    )


def it_leaves_what_is_outside_the_mask(made: Unlearner | Recipe) -> None:
    """Weights outside a random mask of 30 %, or outside its own where it brings one, stay the same bit for bit.

    Cure: train with `descend`, which moves the mask alone, or multiply each change, weight decay and momentum too, by
        `problem.trainable.bits[name]`.
    """
    model, problem = small(expression_of(made).works_on)
    if expression_of(made).works_on is not nn.Module:
        check_masks_refused(made, model, replace(problem, mask=Mask({}, problem.digest)))
        return
    problem = with_random_mask(made, model, problem)
    kept = None if problem.mask is None else problem.mask.copied()
    outcome = made.run(model, problem)
    mask = kept or outcome.mask
    free = problem.task.head(model) if problem.mask is None else ()
    before = state(model)
    for name, p in outcome.model.named_parameters():
        outside = p.detach() != before[name]
        if mask is not None:
            outside = outside & ~mask.bits[name]
        require(
            mask is not None and (name in free or not bool(outside.any())),
            made,
            f"moved weights of {name!r} outside its mask",
        )


def the_same_seed_gives_the_same_model(made: Unlearner | Recipe) -> None:
    """Models of one seed agree bit for bit, whatever the global random state.

    Cure: draw from a generator seeded by `problem.seed`, and iterate over nothing that has no order.
    """
    models = []
    for seed in (5, 6):
        model, problem = small(expression_of(made).works_on)
        seed_everything(seed)
        models.append(state(made(model, problem)))
    changed = changes(*models)
    require(not changed, made, f"gives two models for one seed: {', '.join(changed[:3])} differ")


def it_leaves_the_global_random_state(made: Unlearner | Recipe) -> None:
    """The random states of torch, numpy and python stay as they were.

    Cure: draw from a generator of your own, such as `torch.Generator().manual_seed(problem.seed)`, and seed nothing global.
    """
    model, problem = small(expression_of(made).works_on)
    check_random_state_kept(made, lambda: made(model, problem))


def its_batches_follow_the_seed_and_the_epoch(made: Unlearner | Recipe) -> None:
    """If it takes steps, another seed gives another model, and no two epochs go through the retain set in one order.

    Cure: draw the order of each epoch from `problem.seed` and the epoch, as `problem.retain_batches` does.
    """
    epochs, models = {}, []
    if (brief := of_two_epochs(made)) is None:
        return
    for seed in (3, 4):
        model, problem = small(expression_of(made).works_on)
        order: list[int] = []
        rows = {row.numpy().tobytes(): at for at, row in enumerate(problem.rest.x[:])}
        model.register_forward_pre_hook(notes_rows(rows, order), with_kwargs=True)
        models.append(state(brief(model, replace(problem, seed=seed))))
        epochs[seed] = order
    size, seen = len(problem.rest), epochs[3]
    require(bool(changes(*models)), made, "gives one model for two seeds of the problem: it ignores the seed")
    if len(seen) == 2 * size:
        require(seen[:size] != seen[size:], made, "goes through the retain set in the same order in two epochs")


def it_reads_the_labels_of_all_it_needs(made: Unlearner | Recipe) -> None:
    """If it takes steps and needs labels of the retain set, another label of any one example gives another model.

    Cure: take labels from the same batch as the inputs, each time anew.
    """
    expression = expression_of(made)
    if (brief := of_two_epochs(made)) is None or not {"labels", "retain"} <= expression.needed():
        return
    model, problem = small(expression.works_on)
    first = state(brief(model, problem))
    for row in (0, 11, 23, 35, 47):
        labels = problem.rest.y[:].clone()
        labels[row] = (labels[row] + 1) % problem.rest.classes
        model, problem = small(expression.works_on)
        other = state(brief(model, replace(problem, retain=problem.rest.with_fields(y=labels))))
        require(bool(changes(first, other)), made, f"gives the same model whatever the label of retain example {row}")


def longer_steps_go_the_same_way(made: Unlearner | Recipe) -> None:
    """If it takes steps, small plain ones add up in proportion to their number, so no gradient is counted twice.

    Cure: clear gradients after each step, as `descend` does.
    """
    steps = getattr(made, "steps", None)
    if not isinstance(steps, Steps) or of_two_epochs(made) is None:
        return
    ends = []
    for epochs in (1, 2, 4):
        model, problem = small(expression_of(made).works_on)
        plain = replace(steps, lr=1e-3, epochs=epochs, batch=16, schedule=Constant(), optimizer=SGD(momentum=0.0))
        if problem.init is not None:  # untrained, so that gradients point one way and do not cancel
            model = problem.init(0).eval()
        forgot = replace(made, steps=plain)(model, problem)  # type: ignore[call-arg]
        ends.append(torch.cat([p.detach().double().flatten() for p in forgot.parameters()]))
    one, two = (float((b - a).norm()) for a, b in pairwise(ends))
    far = f"moves {two / max(one, 1e-30):.1f} times as far in two more epochs as in the one before"
    require(two < 3 * one, made, f"{far}: are gradients cleared?")


def it_does_not_learn_the_labels_of_the_forget_set(made: Unlearner | Recipe) -> None:
    """If it takes steps on the whole network and needs labels of the forget set, to give examples a label makes it no likelier.

    Wrong labels are given, in ten draws, and others in their place; the mean effect on their own likelihood is not above 0 by more
    than 4.8 standard errors, which chance does once in 2,000 times. Three first draws below 0 settle it: of a method whose mean is
    found above 0 by ten, one draw in fifteen is below 0 at most.

    Cure: go up the loss of the forget set (mind the sign), or train on other labels than those given.
    """
    expression = expression_of(made)
    if of_two_epochs(made) is None or isinstance(expression, Localized) or not {"labels", "forget"} <= expression.needed():
        return
    plain = replace(made.steps, lr=1e-3, epochs=2, batch=16, schedule=Constant(), optimizer=SGD(momentum=0.0))  # type: ignore[union-attr]
    brief: Unlearner | Recipe = replace(made, steps=plain)  # type: ignore[call-arg]
    effects = []
    for seed in range(10):
        _, problem = small()
        right = problem.forget.y[:]
        shift = torch.randint(1, 3, (len(right),), generator=torch.Generator().manual_seed(seed))
        given = [(right + shift) % 3, (right - shift) % 3]
        said = []
        for labels in given:
            model, problem = small()
            if problem.init is not None:  # untrained, so that outputs follow gradients and are not far out
                model = problem.init(seed).eval()
            forgot = brief(model, replace(problem, forget=problem.forget.with_fields(y=labels), seed=seed)).eval()
            with torch.no_grad():
                said.append(forgot(problem.forget.x[:]).log_softmax(1).double())
        own = [torch.take_along_dim(said[0] - said[1], labels[:, None], 1).mean() for labels in given]
        effects.append(float(own[0] - own[1]))
        if len(effects) == 3 and max(effects) < 0:
            return
    mean, error = statistics.fmean(effects), statistics.stdev(effects) / len(effects) ** 0.5
    learns = f"learns the labels of the forget set: giving them makes them likelier, by {mean:.2g} nats"
    require(mean <= 4.8 * error or mean < 1e-6, made, learns)


def it_says_what_becomes_of_buffers(made: Unlearner | Recipe) -> None:
    """The docstring speaks of batch-norm buffers; a recipe's or an expression's unlearner speaks for it.

    Cure: add a sentence on buffers to the docstring, such as `Buffers move with the retain set` or `Buffers stay`.
    """
    inner = expression_of(made)
    while isinstance(inner, Localized):
        inner = inner.unlearner
    text = f"{type(made).__doc__} {type(inner).__doc__}".lower()
    require("buffer" in text, made, "does not say in its docstring what it does with batch-norm buffers")


def it_leaves_frozen_statistics_alone(made: Unlearner | Recipe) -> None:
    """If it takes ``steps``, and these say ``buffers='freeze'``, they leave the statistics of batch norm as they were, bit for bit.

    Cure: take steps with `descend`, which reads `steps.buffers`, or keep batch-norm layers in eval mode in a loop of your own.
    """
    steps = {name: each for name, each in vars(made).items() if isinstance(each, Steps)}
    if "steps" not in steps or expression_of(made).works_on is not nn.Module:
        return
    model, problem = small()
    try:
        forgot = _frozen(made)(model, problem)
    except NotFinite:
        return
    anew = {} if problem.init is None else dict(problem.init(problem.seed).named_buffers())
    before = dict(model.named_buffers())
    moved = [n for n, b in forgot.named_buffers() if not same(b, before[n]) and not (n in anew and same(b, anew[n]))]
    require(not moved, made, f"moved {', '.join(moved[:2])} although its steps say buffers='freeze'")


def _frozen(made: Any) -> Any:
    """The method with all steps frozen, those of a method within it too."""
    fields: dict[str, Any] = {
        name: replace(each, epochs=1, batch=16, buffers="freeze") if isinstance(each, Steps) else _frozen(each)
        for name, each in vars(made).items()
        if isinstance(each, Steps | Unlearner | Recipe)
    }
    return replace(made, **fields) if fields else made


def it_works_on_a_transformer(made: Unlearner | Recipe) -> None:
    """Of a text classifier with embeddings and layer norms it gives one with finite outputs, within the mask, or refuses in a line.

    Cure: ask the model by `problem.task.forward(model, batch)` and lose by `problem.task.loss`, which know what a batch holds; what
        cannot work on texts raises `untrain.core.errors.ModelError`, with what would do.
    """
    if expression_of(made).works_on is not nn.Module:
        return
    model, problem = small_text()
    before = state(model)
    problem = with_random_mask(made, model, problem)
    try:
        outcome = made.run(model, problem)
    except BrokenPromise:
        raise
    except (BadInput, RunFailed):
        return
    require(not changes(before, state(model)), made, "changed the transformer that it was given")
    for name, p in outcome.model.named_parameters():
        outside = (p.detach() != before[name]) & (~problem.mask.bits[name] if problem.mask else False)
        require(not bool(outside.any()), made, f"moved weights of {name!r} outside its mask, of a transformer")
    with torch.no_grad():
        outputs = problem.task.forward(outcome.model.eval(), batch_of(problem.rest, np.arange(9)))
    require(bool(outputs.isfinite().all()), made, "gives a transformer whose outputs are not finite")


def it_raises_when_the_loss_is_not_finite(made: Unlearner | Recipe) -> None:
    """Inputs of NaN raise NotFinite; an unlearner that never reads the examples is excused, since its model stays the same.

    Cure: train with `descend`, which watches the loss, or raise `untrain.core.errors.NotFinite` where it is NaN or infinite.
    """
    model, problem = small(expression_of(made).works_on)
    clean = state(made(model, problem))
    forget, retain = (part.with_fields(x=part.x[:] * torch.nan) for part in (problem.forget, problem.rest))
    try:
        forgot = made(model, replace(problem, forget=forget, retain=retain))
    except NotFinite:
        return
    require(not changes(clean, state(forgot)), made, "returned a model where the loss was NaN; NotFinite was due")


# What `untrain check --fast` leaves out: each takes many runs.
SLOW = (
    its_batches_follow_the_seed_and_the_epoch, it_reads_the_labels_of_all_it_needs, longer_steps_go_the_same_way,
    it_does_not_learn_the_labels_of_the_forget_set,
)  # fmt: skip
