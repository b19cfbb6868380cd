"""Influence functions of all layers, each with a curvature of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.attribution.attributors._layer_records import Layer, Record, Recorder, layers_of
from untrain.attribution.attributors._loss_derivatives import loss_derivatives
from untrain.attribution.base import Array, Attributor, Needs, TrainingEvidence
from untrain.core.errors import DataError, ModelError
from untrain.core.fields import NonNegative
from untrain.core.metering import add_note
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task

BATCH = 128
LARGEST = 8192  # weights of a layer whose curvature is written down
ROOM = 256 * 2**20  # bytes of gradients in memory at a time
Matrices = dict[str, Tensor]


class LayerInfluence(Attributor):
    """Change of the outputs by a Newton step without an example, with the sign turned round, summed over layers.

    The curvature is that of the mean loss as its second derivatives by the outputs have it (the generalised Gauss-Newton matrix),
    without what layers do together: of each layer the mean of ``sum_k g_k g_k^T``, with g_k the gradient of its weights along the
    k-th column of a root of those second derivatives. Weights are those of linear layers and of convolutions, biases included; all
    others stay as they are. What it says of several examples is the sum.

    With one layer, or where only one moves, 'block' is exact for losses whose outputs are linear in it: ``LastLayerInfluence`` with
    ``leverage=False``. The factors of 'kfac' are exact too where what is given to a layer says nothing of the second derivatives
    behind it, as of squared losses in networks without nonlinearities.

    Args:
        curvature: of each layer: 'block', exact, for layers of 8,192 weights at most; 'kfac', the product of the means over inputs
            and over gradients; or 'ekfac', with the eigenvectors of these and along them the exact diagonal.
        damping: added to the eigenvalues of each layer's curvature of the mean loss: the weight decay.

    Source: Grosse et al. 2023, arXiv 2308.03296, section 2.2; George et al. 2018, arXiv 1806.03884 (EK-FAC); Martens and Grosse
        2015, arXiv 1503.05671 (K-FAC); Grosse and Martens 2016, arXiv 1602.01573 (convolutions).
    Departs: second derivatives by the outputs are exact, where the source draws labels from the model's predictions; the default
        damping is that of ``LastLayerInfluence``, where the source has a tenth of the mean eigenvalue of each layer.
    """

    needs: ClassVar[Needs] = "models"
    curvature: Literal["ekfac", "kfac", "block"] = "ekfac"
    damping: NonNegative = 0.001

    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """The changes, in the mean over models."""
        total: Array | float = 0.0
        for model in evidence.models:
            total = total + self._of_model(model, evidence, rows, asked_rows)
        return np.asarray(total) / len(evidence.models)

    def _of_model(self, model: nn.Module, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        net = _Network(model, evidence.task, layers_of(model))
        net.note_others()
        solve = self._solver(net, evidence.train)
        out = []
        for some in in_order(len(rows), net.room):
            steps = torch.cat([_flat(solve(one)) for one in net.gradients(evidence.train, rows[some], "loss")])  # of one column
            out.append(torch.cat([
                torch.stack([steps @ _flat(column).T for column in columns], dim=2)
                for columns in net.columns(evidence.asked, asked_rows)
            ], dim=1).cpu().numpy())  # fmt: skip
        return -np.concatenate(out) / len(evidence.train)

    def _solver(self, net: _Network, train: Examples) -> _Solver:
        """The operator that divides gradients by the curvature.

        Raises:
            ModelError: a layer is too large for 'block'.
            DataError: the curvature of a layer is singular.
        """
        if self.curvature == "block":
            return _Blocks.of(net, train, self.damping)
        return _Kronecker.of(net, train, self.damping, exact=self.curvature == "ekfac")


@dataclass(frozen=True)
class _Network:
    """A model and the outputs to explain."""

    model: nn.Module
    task: Task
    layers: dict[str, Layer]

    def note_others(self) -> None:
        """Say which weights are taken as fixed."""
        own = {id(p) for layer in self.layers.values() for p in layer.parameters()}
        others = [name for name, p in self.model.named_parameters() if id(p) not in own]
        if others:
            add_note(f"{len(others)} parameters are of no linear layer or convolution, and are taken as fixed: {others[0]}")

    @property
    def room(self) -> int:
        """Examples whose gradients fit in memory."""
        size = sum(layer.weight.numel() + layer.weight.shape[0] for layer in self.layers.values())
        return max(1, ROOM // (8 * size))

    @property
    def at_once(self) -> int:
        """Examples whose gradients are made at a time."""
        return min(BATCH, self.room)

    def gradients(self, examples: Examples, rows: Array, of: Literal["loss", "curvature"]) -> Iterator[Matrices]:
        """Of each layer's weights (b, o, d): of the losses, or along each column of the root of their second derivatives."""
        device = next(self.model.parameters()).device
        for at in in_order(len(rows), self.at_once):
            batch = batch_of(examples, rows[at], device)
            recorder = Recorder(self.model, self.task, batch, self.layers)
            slope, second = loss_derivatives(self.task, batch, recorder.raw)
            directions = slope[..., None] if of == "loss" else _root(second)
            for k in range(directions.shape[2]):
                yield _gradients(recorder.back(directions[..., k]))

    def columns(self, examples: Examples, rows: Array) -> Iterator[Iterator[Matrices]]:
        """Gradients of each output of some examples by each layer's weights, a batch and in it an output at a time.

        Take those of a batch before the next batch: what all outputs have together grows with their number, and has no room.
        """
        device = next(self.model.parameters()).device
        for at in in_order(len(rows), self.at_once):
            recorder = Recorder(self.model, self.task, batch_of(examples, rows[at], device), self.layers)
            one = torch.eye(recorder.outputs.shape[1], dtype=torch.float64, device=device)
            yield (_gradients(recorder.back(row.expand(len(at), -1))) for row in one)

    def factors(self, train: Examples) -> tuple[Matrices, Matrices]:
        """Of each layer means of ``sum a a^T`` over places, (d, d), and of ``sum_k s_k s_k^T`` of one place, (o, o)."""
        inputs: Matrices = {}
        slopes: Matrices = {}
        device, n = next(self.model.parameters()).device, len(train)
        for at in in_order(n, BATCH):
            batch = batch_of(train, at, device)
            recorder = Recorder(self.model, self.task, batch, self.layers)
            root = _root(loss_derivatives(self.task, batch, recorder.raw)[1])
            for k in range(root.shape[2]):
                for name, (a, s) in recorder.back(root[..., k]).items():
                    slopes[name] = slopes.get(name, 0.0) + torch.einsum("bto,btp->op", s, s) / (n * s.shape[1])
                    if k == 0:
                        inputs[name] = inputs.get(name, 0.0) + torch.einsum("btd,bte->de", a, a) / n
        return inputs, slopes


def _gradients(records: Mapping[str, Record]) -> Matrices:
    """Of each layer's weights, (b, o, d)."""
    return {name: record.gradients() for name, record in records.items()}


def _flat(gradients: Matrices) -> Tensor:
    """Those of all layers as one vector an example, float32, as values are."""
    return torch.cat([each.flatten(1) for each in gradients.values()], 1).float()


def _root(second: Tensor) -> Tensor:
    """F with ``F F^T`` the second derivatives of each loss, (b, c, c); where they are negative it is 0."""
    values, vectors = torch.linalg.eigh(second)
    root: Tensor = vectors * values.clamp(min=0).sqrt()[:, None]
    return root


class _Solver:
    """Divides gradients of layers by their curvature."""

    def __call__(self, gradients: Matrices) -> Matrices:
        raise NotImplementedError


@dataclass(frozen=True)
class _Blocks(_Solver):
    """A Cholesky factor of each layer's curvature."""

    factors: Matrices

    @staticmethod
    def of(net: _Network, train: Examples, damping: float) -> _Blocks:
        """Of all examples."""
        for name, layer in net.layers.items():
            size = layer.weight.numel() + (0 if layer.bias is None else len(layer.bias))
            if size > LARGEST:
                raise ModelError(
                    f"the layer {name} has {size:,} weights, and curvature='block' is made of {LARGEST:,} at most: take 'ekfac'"
                )
        blocks: Matrices = {}
        for gradients in net.gradients(train, np.arange(len(train)), "curvature"):
            for name, g in gradients.items():
                flat = g.flatten(1)
                blocks[name] = blocks.get(name, 0.0) + flat.T @ flat / len(train)
        return _Blocks({name: _cholesky(name, block, damping) for name, block in blocks.items()})

    def __call__(self, gradients: Matrices) -> Matrices:
        return {n: torch.cholesky_solve(g.flatten(1).T, self.factors[n]).T.reshape(g.shape) for n, g in gradients.items()}


def _cholesky(name: str, block: Tensor, damping: float) -> Tensor:
    block = block + damping * torch.eye(len(block)).to(block)
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(block)
    least, most = (float(end) ** 2 for end in factor.diagonal().aminmax())
    if int(failed) or least <= most * len(block) * torch.finfo(block.dtype).eps:
        raise DataError(_singular(name, damping))
    return factor


def _singular(name: str, damping: float) -> str:
    return f"the curvature of the layer {name} is singular with damping={damping:g}: take a larger one, as 0.01"


@dataclass(frozen=True)
class _Kronecker(_Solver):
    """Eigenvectors of both sides of each layer's curvature, and its values along their products, (o, d), damped."""

    left: Matrices
    right: Matrices
    values: Matrices

    @staticmethod
    def of(net: _Network, train: Examples, damping: float, exact: bool) -> _Kronecker:
        """Of all examples; with ``exact`` the values are means of squares, else products of eigenvalues."""
        inputs, slopes = net.factors(train)
        sides = {name: (torch.linalg.eigh(slopes[name]), torch.linalg.eigh(inputs[name])) for name in net.layers}
        left, right = ({name: pair[side].eigenvectors for name, pair in sides.items()} for side in (0, 1))
        values: Matrices = {
            name: torch.outer(s.eigenvalues.clamp(min=0), a.eigenvalues.clamp(min=0)) for name, (s, a) in sides.items()
        }
        if exact:
            values = {name: torch.zeros_like(value) for name, value in values.items()}
            for gradients in net.gradients(train, np.arange(len(train)), "curvature"):
                for name, g in gradients.items():
                    values[name] += (left[name].T @ g @ right[name]).square().sum(0) / len(train)
        for name, value in values.items():
            value += damping
            if float(value.min()) <= float(value.max()) * value.numel() * torch.finfo(value.dtype).eps:
                raise DataError(_singular(name, damping))
        return _Kronecker(left, right, values)

    def __call__(self, gradients: Matrices) -> Matrices:
        return {
            n: self.left[n] @ ((self.left[n].T @ g @ self.right[n]) / self.values[n]) @ self.right[n].T
            for n, g in gradients.items()
        }
