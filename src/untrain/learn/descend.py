"""The one gradient loop: the only place that steps an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from untrain.core.cost import Counter
from untrain.core.errors import ModelError, NotFinite
from untrain.core.records import Batch, Mask, Plan, batch_of
from untrain.core.steps import Adam, Steps, step_size

Loss = Callable[..., Tensor]


def descend(model: nn.Module, loss: Loss, plan: Plan, steps: Steps, mask: Mask | None = None) -> nn.Module:
    """Minimise ``loss(*batches)`` over the steps of ``plan``, moving only what ``mask`` lets move.

    The mask is enforced on the *update*: after each step what may not move is put back bit for bit, so neither momentum
    nor weight decay leaks, whatever the optimizer. A parameter that may not move at all gets no gradient. The model is
    in train mode within and in eval mode afterwards; ``steps.buffers`` says what becomes of batch statistics.

    Args:
        model: changed in place.
        loss: batches of one step -> scalar.
        plan: the batches of each epoch.
        steps: step size, optimizer, schedule, batch statistics.
        mask: parameter name -> bool tensor; None lets all move.

    Returns:
        The same model.

    Raises:
        NotFinite: the loss of an epoch is NaN or infinite.
        ModelError: nothing may move, or the loss does not depend on what may.
    """
    if plan.epochs == 0:
        return model.eval()
    free = _free(model, mask)
    partial = [(p, bits, p.detach().clone()) for p, bits in free if bits is not None]
    optimizer = _optimizer([p for p, _ in free], steps)
    device = next(model.parameters()).device
    counter = Counter()
    model.train()
    with _statistics(model, frozen=steps.buffers == "freeze"):
        for epoch in range(plan.epochs):
            for group in optimizer.param_groups:
                group["lr"] = step_size(steps, epoch, plan.epochs)
            total = torch.zeros((), device=device)
            for batches in plan.draw(epoch):
                here = [None if b is None else Batch(b.x.to(device), b.y.to(device)) for b in batches]
                optimizer.zero_grad(set_to_none=True)
                count = sum(len(b.y) for b in here if b is not None)
                total += counter.step(count, lambda here=here: _backward(loss, here))  # type: ignore[misc]
                optimizer.step()
                with torch.no_grad():
                    for p, bits, start in partial:
                        p.copy_(torch.where(bits, p, start))
            if not bool(torch.isfinite(total)):
                raise NotFinite(f"the loss became {float(total)} in epoch {epoch + 1} of {plan.epochs}: lower lr={steps.lr}")
    if steps.buffers == "reestimate":
        reestimate(model, plan)
    return model.eval()


def _backward(loss: Loss, here: list[Batch | None]) -> Tensor:
    value = loss(*here)
    if not value.requires_grad:
        raise ModelError("the loss does not depend on any weight that may move: widen the mask, or train the head")
    value.backward()  # type: ignore[no-untyped-call]
    return value.detach()


def _free(model: nn.Module, mask: Mask | None) -> list[tuple[nn.Parameter, Tensor | None]]:
    """What may move: parameters with the bits that may, None for all of them; the rest stop asking for gradients."""
    free: list[tuple[nn.Parameter, Tensor | None]] = []
    for name, p in model.named_parameters():
        bits = None if mask is None else mask.bits[name]
        if not p.requires_grad:
            continue
        if bits is None or bool(bits.all()):
            free.append((p, None))
        elif bool(bits.any()):
            free.append((p, bits))
        else:
            p.requires_grad_(False)
    if not free:
        raise ModelError("no weight may move: the mask is empty or all parameters are frozen")
    return free


def _optimizer(params: list[nn.Parameter], steps: Steps) -> torch.optim.Optimizer:
    kind = steps.optimizer
    if isinstance(kind, Adam):
        return torch.optim.AdamW(params, lr=steps.lr, betas=(kind.beta1, kind.beta2), weight_decay=kind.decay)
    return torch.optim.SGD(
        params,
        lr=steps.lr,
        momentum=kind.momentum,
        weight_decay=kind.decay,
        nesterov=kind.nesterov and kind.momentum > 0,
    )


@contextmanager
def _statistics(model: nn.Module, frozen: bool) -> Iterator[None]:
    """How batch-norm layers normalise within.

    With ``frozen`` by their stored statistics, which stay. Otherwise by the batch; a batch that gives a layer a single
    value a channel has no statistics, and is normalised by the stored ones.
    """
    if frozen:
        for part in norms(model):
            part.eval()
    hooks = []
    for part in norms(model):
        hooks += [
            part.register_forward_pre_hook(_alone, with_kwargs=True),
            part.register_forward_hook(_together, with_kwargs=True, always_call=True),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _alone(part: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
    x = given[0] if given else named["input"]
    if part.training and x.numel() == x.shape[1]:
        part.eval()
        part.alone = True  # type: ignore[assignment]


def _together(part: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor], out: Tensor) -> None:
    if getattr(part, "alone", False):
        part.train()
        del part.alone


def norms(model: nn.Module) -> list[_BatchNorm]:
    """The layers that keep batch statistics."""
    return [part for part in model.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]


@contextmanager
def unseen(model: nn.Module) -> Iterator[None]:
    """Forward passes within leave the stored batch statistics alone, though train mode normalises by the batch."""
    kept = [(part, part.track_running_stats) for part in norms(model) if part.training]
    for part, _ in kept:
        part.track_running_stats = False
    try:
        yield
    finally:
        for part, was in kept:
            part.track_running_stats = was


def reestimate(model: nn.Module, plan: Plan) -> None:
    """Replace batch statistics by their plain average over batches of the retain set."""
    parts = norms(model)
    if not parts:
        return
    kept = [part.momentum for part in parts]
    for part in parts:
        part.reset_running_stats()
        part.momentum = None
    device = next(model.parameters()).device
    counter = Counter()
    model.eval()
    for part in parts:
        part.train()
    with torch.no_grad():
        # Batches of nearly one size, so that each example weighs the same and none is alone.
        for rows in np.array_split(np.arange(len(plan.retain)), -(-len(plan.retain) // 256)):
            batch = batch_of(plan.retain, rows, device)
            counter.step(len(rows), lambda batch=batch: plan.task.logits(model, batch), backward=False)  # type: ignore[misc]
    for part, momentum in zip(parts, kept, strict=True):
        part.momentum = momentum
