"""Ratios of importances, worked out by hand."""

import pytest
import torch

from untrain.localizers._mask_units import Gather
from untrain.localizers.fisher import Fisher
from untrain.training.toy import small


@pytest.fixture
def ratios(linear):
    """Gradients of the forget and of the retain set -> for each weight its rank by the score."""

    def rank(forget, retain, **how):
        n = len(forget[0])
        given = linear([1.0] * n, forget, retain)
        masks = [Fisher(keep=k / n, **how)(*given).bits["weight"][0].tolist() for k in range(1, n)]
        return [1 + sum(not mask[at] for mask in masks) for at in range(n)]

    return rank


def test_the_share_of_the_importance_that_is_the_forget_sets_ranks(ratios):
    # Importances 4, 1, 9 on the forget set and 4, 0.25, 81 on the rest: ratios 1/2, 4/5, 1/10.
    assert ratios([[2.0, 1.0, 3.0]], [[2.0, 0.5, 9.0]]) == [2, 1, 3]


def test_gradients_are_squared_by_batch_unless_by_example(ratios):
    # The first weight's gradients cancel within the batch.
    forget, retain = [[3.0, 1.0], [-3.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]
    assert ratios(forget, retain) == [2, 1]
    assert ratios(forget, retain, gather=Gather(magnitude="example")) == [1, 2]


def test_a_weight_that_no_example_moves_comes_last(ratios):
    assert ratios([[0.0, 1.0, 2.0]], [[0.0, 50.0, 0.0]]) == [3, 2, 1]


def test_it_is_ssds_quotient_of_squared_batch_gradients():
    model, problem = small()
    sums = {}
    for name, part in (("forget", problem.forget), ("retain", problem.retain)):
        model.zero_grad()
        problem.task.loss(model, part).sum().backward()
        sums[name] = torch.cat([p.grad.flatten() ** 2 for p in model.parameters()])
    ratio = (sums["forget"] / (sums["forget"] + sums["retain"])).nan_to_num(0)
    made = torch.cat([b.flatten() for b in Fisher(keep=0.25)(*small()).bits.values()])
    assert float(ratio[made].min()) >= float(ratio[~made].max()) - 1e-6


@pytest.mark.parametrize("per", ["weight", "channel", "tensor"])
def test_at_one_all_are_kept(per):
    assert all(bool(b.all()) for b in Fisher(keep=1.0, per=per)(*small()).bits.values())


def test_squares_of_sums_are_of_each_set_by_itself(ratios):
    # The forget set's sums are 2 and 2, the rest's -2 and 1: 4 / (4 + 4) and 4 / (4 + 1), and not 4 / 0.
    assert ratios([[1.0, 1.0], [1.0, 1.0]], [[-2.0, 1.0]], gather=Gather(magnitude="sum")) == [2, 1]
