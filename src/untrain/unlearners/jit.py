"""Just-in-time unlearning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from untrain.core.precision import HALF
from untrain.data.batching import in_order
from untrain.data.examples import Batch, batch_of
from untrain.maths.lipschitz import input_sensitivity
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.input_noise import InputNoise, check_real, clean, with_range
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.base import Unlearner

SIZE = "examples of the batch"


class JiT(Unlearner):
    """Minimise ``mean ||f(x) - f(x + noise)|| / ||noise||`` over the forget inputs: outputs change less around them.

    It sees the forget inputs and nothing else: neither labels nor a retain set nor held-out examples. Batch-norm layers
    normalise by their buffers, which stay; with ``dropout`` they follow ``steps.buffers``, and noised inputs enter them too.

    Args:
        noise: size and number of the noises.
        stop_gradient: whether outputs on noised inputs are constants. A linear model then has an expected gradient of zero.
        reduction: the 'mean' over a batch, or the 'sum', whose steps grow with the batch.
        dropout: whether the model is in train mode, so that dropout differs between ``f(x)`` and ``f(x + noise)``.
        shuffle: whether batches are drawn in a new order and augmented as in training, or in the order of the forget set, as
            they are.
        steps: step size and length, an epoch is once through the forget set; ``SGD(momentum=1.0)`` never clears gradients.

    Source: Foster et al. 2024, arXiv 2402.01401, algorithm 1; code jwf40/Information-Theoretic-Unlearning@c967614,
        src/lipschitz.py.
    Departs: that code differs from its paper; the recipe ``ReferenceJiT`` follows it. It cuts the gradient of the noised
        branch, sums over the batch, clamps to the batch's range, keeps the model in train mode, takes the forget set in order
        and adds up gradients over batches. Its step sizes hold for all of these together and none is published without; the
        default was chosen here on small networks. ``largest_lr`` of ``unlearners.zero_shot_lr`` chooses one from the
        forget set alone. An example whose noise is clamped away counts 0 where the code divides by zero.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})

    noise: InputNoise = InputNoise()
    stop_gradient: bool = False
    reduction: Literal["mean", "sum"] = "mean"
    dropout: bool = False
    shuffle: bool = True
    steps: Steps = Steps(lr=0.01, epochs=1, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model whose outputs change less around the forget inputs.

        Raises:
            ModelError: inputs are tokens or other whole numbers.
        """
        check_real(problem.forget, "JiT")

        def loss(forget: Batch) -> Tensor:
            if not self.dropout:
                model.eval()
            value = self._sensitivity(model, problem, forget)
            return (value * forget.fields[SIZE]).mean() if self.reduction == "sum" else value.mean()

        return descend(model, loss, self._plan(problem), self.steps, problem.trainable)

    def _sensitivity(self, model: nn.Module, problem: Problem, forget: Batch) -> Tensor:
        """Mean over the noises, of each example, (b,)."""
        given = clean(forget)
        outputs = _wide(problem.task.forward(model, given))
        total = torch.zeros(len(forget), device=outputs.device, dtype=outputs.dtype)
        for _ in range(self.noise.draws):
            moved = self.noise.noised(forget)
            with torch.no_grad() if self.stop_gradient else nullcontext():
                moved_outputs = _wide(problem.task.forward(model, moved))
            total = total + input_sensitivity(outputs, moved_outputs, _wide(given.x), _wide(moved.x)).to(total.dtype)
        return total / self.noise.draws

    def _plan(self, problem: Problem) -> Plan:
        """Batches that know what they were before they are cut, over processes or for lack of memory."""
        plan = problem.forget_batches(self.steps) if self.shuffle else _in_order(problem, self.steps)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            for (batch,) in plan.draw(epoch):
                if batch is not None:
                    yield (_with_size(with_range(batch) if self.noise.clamp else batch),)

        return replace(plan, draw=draw)


def _in_order(problem: Problem, steps: Steps) -> Plan:
    rows = list(in_order(len(problem.forget), steps.batch))

    def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
        for each in rows:
            yield (batch_of(problem.forget, each),)

    return Plan(problem.epochs(steps), draw, problem.retain, problem.task, len(rows))


def _with_size(batch: Batch) -> Batch:
    (name, inputs), *others = batch.fields.items()
    size = torch.full((len(batch),), float(len(batch)), device=inputs.device)
    return Batch({name: inputs, SIZE: size, **dict(others)}, batch.rows)


def _wide(values: Tensor) -> Tensor:
    """Numbers in float32 where they are in half precision: differences of outputs would be rounded away."""
    return values.float() if values.dtype in HALF else values
