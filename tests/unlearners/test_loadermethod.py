"""Functions of loaders, as repositories of papers have them."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, NotFinite, SpecError
from untrain.core.spec_sources import sources
from untrain.localizers.randommask import RandomMask
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.loadermethod import LoaderMethod, ascend, roles_of


def steps(model, loader, sign, lr, epochs=1):
    """Plain gradient steps down (1) or up (-1) the loss, as scripts have them."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            (sign * nn.functional.cross_entropy(model(x), y)).backward()
            optimizer.step()


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_one_step_is_that_of_our_own_ascent():
    model, problem = small()
    theirs = LoaderMethod(function=ascend, batch=len(problem.forget))(model, problem)
    plain = Steps(lr=0.01, epochs=1, batch=len(problem.forget), schedule=Constant(), optimizer=SGD(momentum=0.0))
    ours = GradAscent(steps=plain)(model, problem)
    torch.testing.assert_close(flat(theirs), flat(ours), rtol=1e-5, atol=1e-7)
    assert not torch.equal(flat(theirs), flat(model))


def test_a_function_gets_the_sets_that_it_names_and_whole():
    seen = {}

    def function(net, retain_dl, forgetLoader, val_loader=None, device=None, retain_weight=0.5, model_name="vit"):
        seen.update(retain=retain_dl, forget=forgetLoader, valid=val_loader, device=device, kept=(retain_weight, model_name))
        with torch.no_grad():
            next(net.parameters()).mul_(0.5)

    model, problem = small()
    method = LoaderMethod(function=function, batch=7)
    assert method.needed() == {"forget", "labels", "retain", "valid"}
    method(model, problem)
    assert seen["kept"] == (0.5, "vit")
    assert seen["device"] == torch.device("cpu")
    for name in ("retain", "forget", "valid"):
        pairs = list(seen[name])
        assert {len(y) for _, y in pairs[:-1]} <= {7}
        whole, labels = torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])
        examples = getattr(problem, name if name != "retain" else "rest")
        assert sorted(whole.flatten(1).sum(1).tolist()) == pytest.approx(sorted(examples.x[:].flatten(1).sum(1).tolist()))
        assert labels.bincount().tolist() == examples.y[:].bincount().tolist()


def test_what_it_does_not_name_it_does_not_need():
    assert LoaderMethod(function=ascend).needed() == {"forget", "labels"}


def test_what_is_counted_is_what_was_read():
    model, problem = small()

    def twice(model, retain_loader, forget_loader):
        steps(model, forget_loader, -1, 1e-3, epochs=2)
        steps(model, retain_loader, 1, 1e-3)

    cost = LoaderMethod(function=twice).run(model, problem).cost
    assert cost.backward == cost.forward == 2 * len(problem.forget) + len(problem.rest)
    once = GradAscent(steps=Steps(epochs=2, lr=1e-3)).run(model, problem).cost
    assert cost.flops / cost.backward == pytest.approx(once.flops / once.backward, rel=0.01)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda model, forget_loader, alpha: None, "nothing is known to give 'alpha'"),
        (lambda model, retain_loader: None, "no parameter for the forget set: name"),
        (lambda forget_loader: None, "no parameter for the model: name"),
        (lambda a, b, /: None, "nothing is known to give 'a', 'b'"),
    ],
)
def test_a_function_that_nothing_fills_is_refused_before_it_runs(function, says):
    with pytest.raises(SpecError, match=says):
        LoaderMethod(function=function)


def test_a_partial_fills_the_rest():
    def weighted(model, forget_loader, alpha):
        steps(model, forget_loader, -1, alpha)

    model, problem = small()
    assert LoaderMethod(function=partial(weighted, alpha=0.01))(model, problem) is not model
    assert roles_of(partial(weighted, alpha=1)) == {"model": "model", "forget_loader": "forget"}


def test_a_store_tells_partials_apart_by_what_they_hold():
    def weighted(model, forget_loader, alpha):
        ascend(model, forget_loader, lr=alpha)

    one, same, other = (sources(LoaderMethod(function=partial(weighted, alpha=alpha))) for alpha in (0.1, 0.1, 0.2))
    assert one == same != other


def test_a_mask_holds_against_momentum_and_weight_decay_and_a_copy():
    model, problem = small()

    def decays(model, forget_loader):
        model = deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        for x, y in forget_loader:
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        return model

    confined = LoaderMethod(function=decays) @ RandomMask(like=WeightedGrad(keep=0.3))
    outcome = confined.run(model, problem)
    assert outcome.guard.outside_mask_max == 0
    assert 0 < outcome.guard.moved_share < 0.9
    assert LoaderMethod(function=decays).run(model, problem).guard.moved_share > 0.9


def test_under_a_mask_a_step_is_that_of_our_own_loop():
    model, problem = small()
    plain = Steps(lr=0.01, epochs=1, batch=len(problem.forget), schedule=Constant(), optimizer=SGD(momentum=0.0))
    theirs, ours = ((each @ RandomMask())(model, problem) for each in (LoaderMethod(), GradAscent(steps=plain)))
    torch.testing.assert_close(flat(theirs), flat(ours), rtol=1e-5, atol=1e-7)


def test_another_result_and_a_loss_that_runs_away_are_refused():
    model, problem = small()
    with pytest.raises(ModelError, match="returned float"):
        LoaderMethod(function=lambda model, forget_loader: 1.0)(model, problem)

    def runs_away(model, forget_loader):
        steps(model, forget_loader, -1, 1e30, epochs=3)

    with pytest.raises(NotFinite):
        LoaderMethod(function=runs_away)(model, problem)
