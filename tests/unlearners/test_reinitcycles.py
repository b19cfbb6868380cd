"""Cycles of re-initialised layers and recovered outputs."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from one_step import LR, PLAIN, Tokens, close, posed
from untrain.core.errors import ModelError, SpecError
from untrain.core.metering import metered
from untrain.core.seeds import derive_seed
from untrain.training.toy import small
from untrain.unlearners.reinitcycles import ReinitCycles

STILL = replace(PLAIN, epochs=0)


def deep():
    """Five layers."""
    parts = [part for _ in range(4) for part in (nn.Linear(4, 4), nn.Tanh())]
    return nn.Sequential(*parts, nn.Linear(4, 3)).eval()


def changed(model, forgot):
    """Layers of which something differs."""
    pairs = zip(model.named_parameters(), forgot.parameters(), strict=True)
    return {name.partition(".")[0] for (name, p), q in pairs if not torch.equal(p, q)}


def test_a_share_of_the_layers_is_reset_whole_and_from_the_models_own_law():
    model, problem = posed(deep)
    forgot = ReinitCycles(cycles=1, reset=0.4, steps=STILL)(model, problem)
    drawn = changed(model, forgot)
    assert len(drawn) == 2
    fresh = dict(problem.init(derive_seed(problem.seed)).named_parameters())
    now = dict(forgot.named_parameters())
    assert all(torch.equal(now[f"{at}.{part}"], fresh[f"{at}.{part}"]) for at in drawn for part in ("weight", "bias"))
    # Which are drawn is the seed's.
    made = ReinitCycles(cycles=1, reset=0.4, steps=STILL)
    assert len({frozenset(changed(model, made(model, replace(problem, seed=seed)))) for seed in range(8)}) > 1


def test_all_layers_of_a_transformer_are_drawn_and_its_loose_parameters_are_not():
    model, problem = posed(lambda: Tokens().eval())
    assert changed(model, ReinitCycles(cycles=1, reset=1.0, steps=STILL)(model, problem)) == {"patches", "attention", "head"}


def test_the_share_grows_from_cycle_to_cycle():
    model, problem = posed(deep)
    counts = []
    for cycles, reset in ((1, 0.2), (1, 1.0)):
        counts.append(len(changed(model, ReinitCycles(cycles=cycles, reset=reset, steps=STILL)(model, problem))))
    assert counts == [1, 5]
    # One layer and then two: between two and three differ.
    assert 2 <= len(changed(model, ReinitCycles(cycles=2, reset=0.4, steps=STILL)(model, problem))) <= 3


def test_once_a_budget_is_spent_no_layer_is_reset():
    model, problem = posed(deep)
    made = ReinitCycles(cycles=8, reset=0.2, noise=0.0, steps=replace(PLAIN, lr=1e-12, epochs=1))  # a layer in each cycle

    def reset(forgot):
        pairs = zip(model.named_parameters(), forgot.parameters(), strict=True)
        return {name.partition(".")[0] for (name, p), q in pairs if (p - q).abs().max() > 1e-6}

    with metered() as whole:
        assert len(reset(made(model, problem))) > 1
    with metered(0.1 * whole.flops):
        assert len(reset(made(model, problem))) == 1


def test_one_step_recovers_the_outputs_before_in_mean_square():
    model, problem = posed(deep)
    made = ReinitCycles(cycles=1, noise=0.0, steps=PLAIN)
    forgot, start = made(model, problem), replace(made, steps=STILL)(model, problem)
    twin = deepcopy(start)
    x = problem.retain.x
    nn.functional.mse_loss(twin(x), model(x).detach()).backward()
    with torch.no_grad():
        for p in twin.parameters():
            p -= LR * p.grad
    assert close(forgot, twin)


def test_outputs_on_retain_come_back():
    model, problem = small()
    start, forgot = (
        ReinitCycles(steps=replace(PLAIN, lr=0.02, batch=16, epochs=epochs))(model, problem).eval() for epochs in (0, 15)
    )
    with torch.no_grad():
        far, near = (float((m(problem.retain.x) - model(problem.retain.x)).square().mean()) for m in (start, forgot))
    assert near < 0.2 * far


def test_labels_and_the_forget_set_have_no_part_in_it():
    assert ReinitCycles().needed() == {"retain"}
    model, problem = posed(deep)
    other = replace(problem, forget=problem.forget.with_inputs(problem.forget.x + 1))
    assert close(ReinitCycles()(model, problem), ReinitCycles()(model, other), 0.0)


def test_noise_changes_what_is_learned_and_what_lacks_is_named():
    model, problem = posed(deep)
    made = ReinitCycles(steps=PLAIN)
    assert not close(made(model, problem), replace(made, noise=0.5)(model, problem), 1e-6)
    with pytest.raises(ModelError, match=r"ReinitCycles needs initial values: give Problem\(init="):
        made(model, replace(problem, init=None))
    with pytest.raises(SpecError, match="cycles"):
        ReinitCycles(cycles=0)
