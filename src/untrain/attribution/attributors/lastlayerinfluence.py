"""Influence functions of the last layer."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from untrain.attribution.attributors._loss_derivatives import loss_derivatives
from untrain.attribution.base import Array, Attributor, Needs, TrainingEvidence
from untrain.core.errors import DataError, ModelError
from untrain.core.fields import NonNegative
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of, take
from untrain.models.features import features
from untrain.models.tasks.base import Task

LARGEST = 8192  # weights of a last layer, whose Hessian takes half a gigabyte then
AT_ONCE = 64  # training examples whose solutions are in memory at a time


class LastLayerInfluence(Attributor):
    """Minus the change of the outputs by one Newton step of the last layer without an example.

    ``H = 1/n sum h h^T (x) A + damping I``, exact, with the inputs h of the layer, all layers before it frozen, and the second
    derivatives A of an example's loss by its outputs. For a loss that is quadratic in the outputs the step is exact: it is
    retraining the layer without the example. What it says of several examples is the sum, which is not.

    Args:
        damping: added to the diagonal of the Hessian of the mean loss: the weight decay of the layer; a ridge penalty of
            ``r/2 |w|^2`` on the summed loss of n examples is ``r / n``.
        leverage: whether the Hessian is without the example too, as it should be; False leaves it in, as the source does.

    Source: Koh and Liang 2017, arXiv 1703.04730, section 2; leverage: Woodbury's identity, as in Beirami et al. 2017.
    Departs: with leverage by default; the default damping is the best of 0.0001 to 0.1 by the rank correlation with held-out models
        of 200 Fashion-MNIST images.
    """

    needs: ClassVar[Needs] = "models"
    damping: NonNegative = 0.001
    leverage: bool = True

    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """The changes, in the mean over models."""
        total: Array | float = 0.0
        for model in evidence.models:
            at = np.arange(len(evidence.train))
            terms = _terms(model, evidence.task, evidence.train, at)
            asked = _inputs(model, evidence.task, evidence.asked, asked_rows)
            factor = self._factor(terms, type(model).__name__)
            parts = [self._changes(terms, factor, rows[some], asked) for some in in_order(len(rows), AT_ONCE)]
            total = total + np.concatenate(parts)
        return np.asarray(total) / len(evidence.models)

    def _factor(self, terms: _Terms, name: str) -> Tensor:
        """Cholesky factor of the Hessian, (c d, c d).

        Raises:
            ModelError: the layer is too large.
            DataError: the Hessian is singular.
        """
        h, curvature = terms.inputs, terms.curvature
        (n, d), c = h.shape, curvature.shape[1]
        if c * d > LARGEST:
            raise ModelError(
                f"the last layer of {name} has {c * d} weights, and an exact Hessian is made of {LARGEST} at most: take TRAK"
            )
        hessian = torch.zeros(c, d, c, d, dtype=h.dtype, device=h.device)
        for i in range(c):
            for j in range(i + 1):
                block = (h * curvature[:, i, j, None]).T @ h / n
                hessian[i, :, j, :], hessian[j, :, i, :] = block, block.T
        hessian = hessian.reshape(c * d, c * d)
        hessian.diagonal().add_(self.damping)
        factor: Tensor
        factor, failed = torch.linalg.cholesky_ex(hessian)
        diagonal = factor.diagonal()
        if int(failed) or float(diagonal.min()) ** 2 <= float(diagonal.max()) ** 2 * c * d * torch.finfo(h.dtype).eps:
            raise DataError(
                f"the Hessian of the last layer of {name} is singular with damping={self.damping:g}: take a larger one, as 0.01"
            )
        return factor

    def _changes(self, terms: _Terms, factor: Tensor, rows: Array, asked: Tensor) -> Array:
        """Contributions of some rows to the outputs on the queried examples, (r, t, c)."""
        at = torch.from_numpy(rows).to(factor.device)
        h, slope, curvature = terms.inputs[at], terms.slope[at], terms.curvature[at]
        n, (r, d), c = len(terms.inputs), h.shape, curvature.shape[1]
        if self.leverage:
            # Of each row what a change of each of its outputs' weights along h does to these outputs, (r, c, c).
            along = torch.einsum("ab,rd->rabd", torch.eye(c).to(h), h).reshape(r * c, c * d)
            solved = torch.cholesky_solve(along.T, factor).T.reshape(r, c, c, d)
            responses = torch.einsum("rabd,rd->rab", solved, h).mT
            slope = torch.linalg.solve(torch.eye(c).to(h) - curvature @ responses / n, slope[..., None])[..., 0]
        gradients = torch.einsum("rc,rd->rcd", slope, h).reshape(r, c * d)
        steps = torch.cholesky_solve(gradients.T, factor).T.reshape(r, c, d) / n
        return np.asarray(-torch.einsum("rcd,td->rtc", steps, asked).float().cpu().numpy())


class _Terms(NamedTuple):
    """Of each training example the inputs of the last layer (n, d), and the loss's derivatives by its outputs (n, c), (n, c, c)."""

    inputs: Tensor
    slope: Tensor
    curvature: Tensor


def _terms(model: nn.Module, task: Task, examples: Examples, rows: Array) -> _Terms:
    """Derivatives at the outputs of the model.

    Raises:
        ModelError: outputs are not those of the last layer, or there is no such layer.
    """
    inputs = _inputs(model, task, examples, rows)
    device = inputs.device
    slopes, curvatures, first = [], [], 0
    for at in in_order(len(rows), 512):
        batch = batch_of(examples, rows[at], device)
        with torch.no_grad():
            outputs = task.forward(model, batch).detach()
        _check_linear(model, task, inputs[first : first + len(at)], outputs)
        first += len(at)
        slope, curvature = loss_derivatives(task, batch, outputs)
        slopes.append(slope)
        curvatures.append(curvature)
    return _Terms(inputs, torch.cat(slopes), torch.cat(curvatures))


def _inputs(model: nn.Module, task: Task, examples: Examples, rows: Array) -> Tensor:
    """Inputs of the last layer, with a 1 for its bias where it has one, float64 (rows, d)."""
    vectors = torch.from_numpy(features(model, take(examples, rows), task)).double()
    weight, bias = _head(model, task)
    if weight.shape[1] != vectors.shape[1]:
        raise ModelError(
            f"the last layer of {type(model).__name__} takes {weight.shape[1]} numbers and gets {vectors.shape[1]} of an example: "
            "it is not linear in the whole of its input, and influence functions of it are not made"
        )
    vectors = vectors.to(weight.device)
    return vectors if bias is None else torch.cat([vectors, vectors.new_ones(len(vectors), 1)], 1)


def _head(model: nn.Module, task: Task) -> tuple[Tensor, Tensor | None]:
    """Weight (c, d) and bias (c,) of the last layer."""
    params: dict[str, Any] = dict(model.named_parameters())
    by_kind = {name.rpartition(".")[2]: params[name].detach() for name in task.head(model)}
    if "weight" not in by_kind or by_kind.keys() - {"weight", "bias"}:
        raise ModelError(
            f"the last layer of {type(model).__name__} has the parameters {sorted(by_kind)}: a weight, and a bias, are needed"
        )
    return by_kind["weight"].flatten(1), by_kind.get("bias")


def _check_linear(model: nn.Module, task: Task, inputs: Tensor, outputs: Tensor) -> None:
    """Check that outputs are those of the last layer, with nothing behind it."""
    weight, bias = _head(model, task)
    whole = weight if bias is None else torch.cat([weight, bias[:, None]], 1)
    own = (inputs @ whole.double().T).reshape(outputs.shape[0], -1)
    far = (own - outputs.double().reshape(own.shape)).abs().max() if own.numel() == outputs.numel() else torch.tensor(torch.inf)
    if not float(far) <= 1e-3 * (1 + float(own.abs().max())):
        raise ModelError(f"outputs of {type(model).__name__} are not those of its last layer: something follows it")
