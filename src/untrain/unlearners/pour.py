"""POUR-P: the direction of a class is projected out."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.metering import add_note
from untrain.training.centroids import full_precision
from untrain.training.gradients import movable, put
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class POUR(Unlearner):
    """Project the directions of the forgotten classes out of the head: ``W <- W (1 - V V^T)``, in closed form.

    ``V`` is an orthonormal basis of the rows of the forgotten classes in ``W``, less the mean row; biases of these classes become
    the mean bias. The logit of such a class is then the mean of all logits of an example, so that it is the largest of none. It
    takes no example, no gradient and no retain set, and is for whole classes alone: a class of which examples stay is lost too.
    Batch-norm buffers stay as they are, and so do the head's inputs.

    Source: Le et al. 2025, POUR, arXiv 2511.19339: POUR-P, by its abstract and a third party's account (no code is public).
    Departs: the directions are the head's own, which under neural collapse are those of the centred class means; the projection
        is folded into the head, where it acts as on the head's inputs, and a probe of these inputs still finds the class; what
        becomes of biases, and of several classes, is ours. POUR-D, which distills the projection into the network, is left out.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes"})

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model whose head is blind to the forgotten classes.

        Raises:
            ModelError: the head has no row per class, may not move, or gives these classes no direction of their own.
        """
        forgotten = torch.unique(problem.forget.y[:]).tolist()
        if problem.task.outputs_needed(problem.forget) - len(forgotten) < 2:
            add_note("POUR removes whole classes, and the forget set leaves less than two: nothing is left to separate")
        params, names = movable(model, problem.trainable), problem.task.head(model)
        if not any(name in params for name in names):
            raise ModelError(f"POUR changes the head alone, and {names[0]!r} may not move: let it, or take another method")
        head = {name: p.detach() for name, p in model.named_parameters() if name in names}
        new = {name: blinded(p, forgotten) if p.ndim > 1 else levelled(p, forgotten) for name, p in head.items()}
        if all(torch.equal(p, new[name].to(p)) for name, p in head.items()):
            raise ModelError(
                "POUR finds no direction of the forgotten classes in the head, as all rows are alike: train the model first"
            )
        put(model, new, problem.trainable)
        return model


def blinded(weight: Tensor, classes: list[int]) -> Tensor:
    """A head's weight, (c, d, ...), without what tells some classes from the mean of all.

    >>> blinded(torch.eye(2), [0])
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """
    wide = full_precision(weight.flatten(1))
    rows = (wide - wide.mean(0))[classes]
    # Directions that rounding made are none.
    _, sizes, basis = torch.linalg.svd(rows, full_matrices=False)
    basis = basis[sizes > 1e-5 * wide.norm()]
    projected: Tensor = wide - wide @ basis.T @ basis
    return projected.reshape(weight.shape)


def levelled(bias: Tensor, classes: list[int]) -> Tensor:
    """A head's bias, (c,), with the mean for some classes: the mean of the result.

    >>> levelled(torch.tensor([9.0, 1.0, 3.0]), [0])
    tensor([2., 1., 3.])
    """
    wide = full_precision(bias).clone()
    others = [at for at in range(len(bias)) if at not in classes] or list(range(len(bias)))
    wide[classes] = wide[others].mean()
    return wide
