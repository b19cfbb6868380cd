"""Losses of language-model unlearning as methods: one step each against the formula, written out example by example."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import texts
from one_step import LR, PLAIN, Tokens, posed
from untrain.core.errors import ModelError, SpecError
from untrain.core.seeds import derive_seed
from untrain.data.ragged import PAD
from untrain.training.toy import small
from untrain.unlearners.ceu import CEU
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.graddiff import GradDiff
from untrain.unlearners.klmax import KLMax
from untrain.unlearners.npo import NPO
from untrain.unlearners.pdu import PDU
from untrain.unlearners.rmu import RMU
from untrain.unlearners.satimp import SatImp
from untrain.unlearners.simnpo import SimNPO
from untrain.unlearners.undial import UNDIAL
from untrain.unlearners.wga import WGA

KINDS = ("causal", "network")


def case(kind):
    """A model, a problem of which each set is one batch, and the logits and targets of each example of a set."""
    if kind == "network":
        model, problem = posed()
        return model, problem, lambda m, e: [(m(x[None]), y[None]) for x, y in zip(e.x, e.y, strict=True)]
    model, problem = texts.problem("causal")

    def rows(m, e):
        made = []
        for at in range(len(e)):
            ids, labels = (e.fields[name][[at]][0] for name in ("input_ids", "labels"))
            ids, labels = ids[ids != PAD], labels[: int((ids != PAD).sum())]
            z = m(input_ids=ids[None], attention_mask=torch.ones(1, len(ids), dtype=torch.bool))[0, :-1]
            scored = labels[1:] != PAD
            made.append((z[scored], labels[1:][scored]))
        return made

    return model, problem, rows


def mean(values):
    return torch.stack(list(values)).mean()


def retained(model, problem, rows):
    return mean(F.cross_entropy(z, y) for z, y in rows(model, problem.retain))


def nll(z, y):
    return F.cross_entropy(z, y, reduction="none")


def others(z, y):
    q = z.detach().softmax(1).scatter(1, y[:, None], 0.0)
    return -(q / q.sum(1, keepdim=True) * z.log_softmax(1)).sum(1)


def undial(z, y, before):
    q = (before - 10.0 * F.one_hot(y, z.shape[1])).softmax(1)
    return -(q * z.log_softmax(1)).sum(1)


def late(values):
    return values[1:] if len(values) > 1 else values


def by_hand(model, epochs, value):
    """The model after steps of gradient descent on what is given of it and of the epoch."""
    hand = deepcopy(model)
    for epoch in range(epochs):
        gradients = torch.autograd.grad(value(hand, epoch), list(hand.parameters()), allow_unused=True)
        with torch.no_grad():
            for p, g in zip(hand.parameters(), gradients, strict=True):
                p -= 0.0 if g is None else LR * g
    return hand


def alike(a, b):
    return all(torch.allclose(p, q, atol=2e-6) for p, q in zip(a.parameters(), b.parameters(), strict=True))


# Of each method: how it is made, weights of retain, and the forget term of one example from its logits now and before.
FORMULAS = {
    "SimNPO": (
        SimNPO(delta=0.3, forget=0.5, retain=2.0), 2.0,
        lambda z, y, _: -0.5 * (2 / 4.5) * F.logsigmoid(4.5 * (nll(z, y).mean() - 0.3)),
    ),
    "WGA": (WGA(beta=0.7), 1.0, lambda z, y, _: -(nll(z, y).detach().neg().exp() ** 0.7 * nll(z, y)).mean()),
    "SatImp": (
        SatImp(sure=2.0, unsure=0.5), 0.1,
        lambda z, y, _: -((-nll(z, y).detach()).exp() ** 2 * (1 - (-nll(z, y).detach()).exp()) ** 0.5 * nll(z, y)).mean(),
    ),
    "CEU": (CEU(retain=0.5), 0.5, lambda z, y, _: late(others(z, y)).mean()),
    "UNDIAL": (UNDIAL(retain=0.5), 0.5, lambda z, y, b: undial(z, y, b).mean()),
    "KLMax": (
        KLMax(form="cross_entropy", forget=0.3), 1.0,
        lambda z, y, b: 0.3 * (z.softmax(1) * (b.softmax(1) + 1e-12).log()).sum(1).mean(),
    ),
    "NPO": (NPO(beta=0.5), 1.0, lambda z, y, b: -(2 / 0.5) * F.logsigmoid(-0.5 * (nll(b, y).sum() - nll(z, y).sum()))),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORMULAS)
def test_one_step_is_that_of_the_formula(kind, name):
    method, weight, term = FORMULAS[name]
    model, problem, rows = case(kind)
    forgot = replace(method, steps=PLAIN)(model, problem)
    pairs = zip(rows(model, problem.forget), rows(model, problem.forget), strict=True)
    value = mean(term(z, y, before.detach()) for (z, y), (before, _) in pairs) + weight * retained(model, problem, rows)
    gradients = torch.autograd.grad(value, list(model.parameters()))
    for p, g, now in zip(model.parameters(), gradients, forgot.parameters(), strict=True):
        assert torch.allclose(now, p - LR * g, atol=2e-6)


@pytest.mark.parametrize("granularity", ["token", "batch"])
def test_preferences_may_be_of_tokens_or_of_a_batch(granularity):
    model, problem, rows = case("causal")
    moved = NPO(beta=2.0, granularity=granularity, retain=0.0, steps=replace(PLAIN, epochs=2))(model, problem)
    whole = NPO(beta=2.0, retain=0.0, steps=replace(PLAIN, epochs=2))(model, problem)
    # The first step is ascent: of the mean of means, of the mean of all tokens, of sums.
    now = NPO(beta=2.0, granularity=granularity, retain=0.0, steps=PLAIN)(model, problem)
    each = [nll(z, y) for z, y in rows(model, problem.forget)]
    value = mean(e.mean() for e in each) if granularity == "token" else torch.cat(each).mean()
    gradients = torch.autograd.grad(-value, list(model.parameters()))
    for p, g, q in zip(model.parameters(), gradients, now.parameters(), strict=True):
        assert torch.allclose(q, p - LR * g, atol=2e-6)
    assert not all(torch.allclose(a, b) for a, b in zip(moved.parameters(), whole.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_divergence_from_the_model_before_has_no_gradient_at_first_and_is_ascended_then(kind):
    model, problem, rows = case(kind)
    forgot, control = KLMax(forget=5.0, steps=PLAIN)(model, problem), Finetune(steps=PLAIN)(model, problem)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(forgot.parameters(), control.parameters(), strict=True))
    before = [z.detach().log_softmax(1) for z, _ in rows(model, problem.forget)]

    def value(now, _):
        pairs = zip(rows(now, problem.forget), before, strict=True)
        gone = mean((z.softmax(1) * (z.log_softmax(1) - then)).sum(1).mean() for (z, _), then in pairs)
        return 2.0 * retained(now, problem, rows) - 5.0 * gone

    forgot = KLMax(forget=5.0, retain=2.0, steps=replace(PLAIN, epochs=3))(model, problem)
    assert alike(forgot, by_hand(model, 3, value))
    control = Finetune(steps=replace(PLAIN, epochs=3, lr=2 * LR))(model, problem)
    assert not alike(forgot, control)  # so that it does see the divergence


@pytest.mark.parametrize("method", [WGA(retain=0.0), SatImp(retain=0.0), SimNPO(retain=0.0), CEU(), UNDIAL()])
def test_without_weight_no_retain_set_is_seen_and_the_forget_set_is_less_likely(method):
    assert "retain" not in method.needed()
    model, problem = texts.problem("causal")
    forgot = replace(method, steps=replace(PLAIN, epochs=5))(model, replace(problem, retain=None))
    batch = next(iter(problem.forget_batches(PLAIN).draw(0)))[0]
    before, after = (problem.task.loss(m, batch).mean().item() for m in (model, forgot))
    assert after > before


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_of_gradients_holds_the_loss_or_the_outputs_of_retain(kind):
    model, problem, rows = case(kind)
    before = [z.detach().log_softmax(1) for z, _ in rows(model, problem.retain)]

    def value(now, hold):
        gone = mean(nll(z, y).mean() for z, y in rows(now, problem.forget))
        pairs = zip(rows(now, problem.retain), before, strict=True)
        apart = mean((then.exp() * (then - z.log_softmax(1))).sum(1).mean() for (z, _), then in pairs)
        return 2.0 * (apart if hold == "divergence" else retained(now, problem, rows)) - 0.5 * gone

    made = GradDiff(forget=0.5, retain=2.0, steps=replace(PLAIN, epochs=2))
    for hold in ("labels", "divergence"):
        hand = by_hand(model, 2, lambda now, _, hold=hold: value(now, hold))
        assert alike(replace(made, hold=hold)(model, problem), hand)
    # Without the retain set's weight it is ascent.
    ascent = by_hand(model, 1, lambda now, _: -mean(nll(z, y).mean() for z, y in rows(now, problem.forget)))
    assert alike(GradDiff(retain=0.0, steps=PLAIN)(model, problem), ascent)


def test_the_first_token_of_an_answer_may_be_left_alone():
    model, problem = texts.problem("causal")
    made = [CEU(skip=skip, steps=PLAIN)(model, problem) for skip in (0, 1)]
    assert not all(torch.allclose(a, b) for a, b in zip(*(m.parameters() for m in made), strict=True))
    network, plain = posed()  # one place per example: nothing to skip
    made = [CEU(skip=skip, steps=PLAIN)(network, plain) for skip in (0, 1)]
    assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in made), strict=True))


@pytest.mark.parametrize("warm", [0, 2])  # at the first step the loss is its bound, and no price moves
def test_the_price_moves_by_what_the_retain_loss_has_above_its_bound_once_it_is_warm(warm):
    model, problem = posed()
    forget, retain = (next(iter(draw(PLAIN).draw(0)))[0] for draw in (problem.forget_batches, problem.retain_batches))
    bound, prices = problem.task.loss(model, retain).mean().item(), [3.0]

    def value(now, epoch):
        held, z = problem.task.loss(now, retain).mean(), now(forget.x)
        price = prices[-1]
        prices.append(max(0.0, price + 40.0 * (held.item() - bound)) if epoch >= warm else price)
        return ((z.amax(1) - z.mean(1)) ** 2).mean() + price * (held - bound)

    hand = by_hand(model, 4, value)
    forgot = PDU(room=0.0, price=3.0, rate=40.0, warm=warm, steps=replace(PLAIN, epochs=4))(model, problem)
    assert abs(prices[3] - 3.0) > 0.01
    assert alike(forgot, hand)


def test_with_a_high_price_the_retain_loss_stays_and_outputs_on_forget_become_flatter():
    model, problem = posed()
    retain = lambda m: problem.task.loss(m, next(iter(problem.retain_batches(PLAIN).draw(0)))[0]).mean()  # noqa: E731
    forget, start = next(iter(problem.forget_batches(PLAIN).draw(0)))[0], retain(model).item()
    held = PDU(room=0.02, price=20.0, warm=0, steps=replace(PLAIN, lr=0.02, epochs=200))(model, problem)
    assert retain(held).item() < start + 0.05
    free = PDU(room=1e9, price=0.0, warm=0, steps=replace(PLAIN, lr=0.02, epochs=200))(model, problem)
    peaks = [((m(forget.x).amax(1) - m(forget.x).mean(1)) ** 2).mean().item() for m in (model, held, free)]
    assert peaks[2] < peaks[1] < peaks[0]
    assert retain(free).item() > retain(held).item()


def test_a_layer_is_pulled_by_the_formula():
    model, problem = posed()
    forget, retain = problem.forget.x, problem.retain.x
    method = RMU(layer="0", coefficient=1.5, retain=2.0, steps=replace(PLAIN, epochs=3))
    draw = torch.rand(model[0](forget).shape[1], generator=torch.Generator().manual_seed(derive_seed(problem.seed)))
    aim = 1.5 * draw / draw.norm()

    def value(now, _):
        held = (now[0](retain) - model[0](retain).detach()).square().mean()
        return (now[0](forget) - aim).square().mean() + 2.0 * held

    assert alike(method(model, problem), by_hand(model, 3, value))


def test_a_layer_is_pulled_to_one_direction_on_forget_and_held_on_retain():
    model, problem = posed()
    forget, retain = problem.forget.x, problem.retain.x
    steps = replace(PLAIN, lr=0.3, epochs=300)
    forgot = RMU(layer="0", coefficient=1.5, retain=1.0, steps=steps)(model, problem)
    aim = [(m[0](forget) - m[0](forget).mean(0)).square().mean().item() for m in (model, forgot)]
    assert aim[1] < 0.7 * aim[0]  # outputs are nearer to each other
    loose = RMU(layer="0", coefficient=1.5, retain=0.0, steps=steps)(model, problem)
    drift = [(m[0](retain) - model[0](retain)).square().mean().item() for m in (forgot, loose)]
    assert drift[0] < drift[1]
    # Layers behind it stay, the direction is the seed's, of length c, and positive unless both signs are asked for.
    assert torch.equal(forgot[2].weight, model[2].weight)
    one = [RMU(direction=d)._drawn(torch.zeros(2, 1, 50), seed) for d, seed in (("positive", 0), ("positive", 1), ("normal", 0))]
    assert bool((one[0] >= 0).all())
    assert bool((one[2] < 0).any())
    assert one[0].norm().item() == pytest.approx(1)
    assert not torch.equal(one[0], one[1])


def test_of_rows_of_tokens_all_but_padding_are_pulled():
    from untrain.unlearners.rmu import hidden

    model, problem = texts.problem("causal")
    batch = next(iter(problem.forget_batches(PLAIN).draw(0)))[0]
    vectors, scored = hidden(model, "trunk.layers.0", problem.task, batch)
    assert vectors.shape[:2] == batch.fields["labels"].shape
    assert torch.equal(scored, batch.x != PAD)
    tokens, plain = posed(lambda: Tokens().eval())
    assert hidden(tokens, "patches", plain.task, plain.forget_batches(PLAIN).draw(0).__next__()[0])[1].all()


def test_a_layer_that_is_not_there_is_named_and_one_layer_has_no_middle():
    model, problem = posed()
    with pytest.raises(ModelError, match=r"Sequential has no layer 'nine'; its layers are 0, 1, 2"):
        RMU(layer="nine", steps=PLAIN)(model, problem)
    alone, plain = posed(lambda: nn.Linear(4, 3))
    with pytest.raises(ModelError, match="has a single layer, and none in the middle"):
        RMU(steps=PLAIN)(alone, plain)
    for wrong in (SimNPO, WGA, CEU, UNDIAL, PDU, RMU):
        with pytest.raises(SpecError, match=r"retain|room"):
            wrong(**({"room": -1.0} if wrong is PDU else {"retain": -1.0}))


def test_a_seed_repeats_them():
    model, problem = small()
    for made in (SimNPO(), WGA(), SatImp(), CEU(), UNDIAL(), KLMax(), PDU(), RMU()):
        twice = [replace(made, steps=replace(made.steps, epochs=2))(model, problem) for _ in range(2)]
        assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in twice), strict=True))
