"""The factor of a convex model that removals go on from."""

import numpy as np
import pytest
import torch

import untrain as ut
from convex_problems import planted_logistic
from untrain.core.errors import ModelError
from untrain.data.examples import Examples
from untrain.maths.online_removal import removed, step
from untrain.training.keepers.files import load_kept, save_kept
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex, weights_of


def signs(x, y):
    return Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(len(y)), 2)


@pytest.fixture(scope="module")
def trained():
    learner = Convex(l2=0.05, bias="penalised", tuned=False, keepers=(HessianFactor(),))
    data = signs(*planted_logistic())
    return learner, data, *learner.run(data)


def test_it_saves_the_optimum_and_what_is_known_of_the_data(trained):
    learner, data, model, kept = trained
    held = KeptFactor.of(kept["HessianFactor"])
    assert np.array_equal(held.state.weights, weights_of(model, intercept=True))
    assert held.longest == pytest.approx(float(torch.sqrt((data.x**2).sum(1) + 1).max()), rel=1e-12)
    assert held.gradient < 1e-10
    objective = learner.objective(data)
    b = np.ones(21)
    assert held.state.factor.solve(b) == pytest.approx(np.linalg.solve(600 * objective.hessian(held.state.weights), b), rel=1e-11)
    assert (held.state.examples, held.state.removed, held.spent, held.releases, len(held.gone)) == (600, 0, 0.0, 0, 0)


def test_the_state_goes_on_from_a_file_that_is_bound_to_its_model(trained, tmp_path):
    learner, data, model, kept = trained
    gone = learner.objective(ut.problem(data, [3, 5], learner).forget)
    gone = type(gone)(gone.rows, gone.targets, gone.loss, mean=False)
    now = KeptFactor.of(kept["HessianFactor"])
    after = now.charged(removed(now.state, gone), torch.tensor([7, 9]), 0.25)
    path = tmp_path / "state.safetensors"
    save_kept(path, HessianFactor(), after.tensors(), model)
    back = KeptFactor.of(load_kept(path, model)["HessianFactor"])
    assert step(back.state) == pytest.approx(step(after.state), rel=1e-12)
    assert (back.state.removed, back.spent, back.releases, back.gone.tolist()) == (2, 0.25, 1, [7, 9])
    with pytest.raises(ModelError, match="saved of another model"):
        load_kept(path, Convex(l2=0.06)(data))


def test_what_no_factor_is_kept_of_is_refused(trained):
    _, data, _, _ = trained
    with pytest.raises(ModelError, match="take l1=0"):
        Convex(l2=0.05, l1=0.01, keepers=(HessianFactor(),)).run(data)
    with pytest.raises(ModelError, match="works on models of kind ConvexModel; Sequential is not one"):
        ut.Train(model=ut.MLP(width=4), keepers=(HessianFactor(),)).run(data.with_inputs(data.x.float()))
    with pytest.raises(ModelError, match="not a HessianFactor of this version"):
        KeptFactor.of({"weights": torch.ones(1)})
