"""A step under DEL's mask beside a full step and beside gradient times mask, each made of the parts of the gradient loop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

import torch
from localization import posed
from side_by_side import Row, noise, ratio, show, times
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.mask import Mask
from untrain.core.precision import Precision, autocast, channels_last, computing
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.resnet import ResNet
from untrain.training.row_gradients import only_rows
from untrain.training.trainable import TrainablePart, trainable_parts


class MLP(nn.Sequential):
    """Linear layers alone."""

    def __init__(self, width: int = 1024):
        super().__init__(nn.Flatten(), nn.Linear(3072, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def work_share(model: nn.Module, mask: Mask, x: Tensor) -> float:
    """The mask's share of the operations of weight gradients: each layer's are proportional to its rows."""
    sizes: dict[nn.Module, float] = {}
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]

    def measure(layer: nn.Module, given: object, out: Tensor) -> None:
        sizes[layer] = out[0].numel() / len(layer.weight) * layer.weight.numel()

    hooks = [m.register_forward_hook(measure) for m in layers]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    names = {id(m.weight): n for m in layers for n, p in model.named_parameters() if p is m.weight}
    masked = sum(float(mask.bits[names[id(m.weight)]].float().mean()) * size for m, size in sizes.items())
    return masked / sum(sizes.values())


def stepper(model: nn.Module, x: Tensor, y: Tensor, free: list[TrainablePart], times_mask: Mask | None) -> Callable[[], None]:
    """One step as the gradient loop takes it, or with the whole gradient multiplied by a mask."""
    optimizer = torch.optim.SGD([m.optimized for m in free], lr=0.01, momentum=0.9)
    bits = {} if times_mask is None else {n: b.float() for n, b in times_mask.bits.items()}

    def step() -> None:
        for m in free:
            m.parameter.grad = m.optimized.grad = None
        with autocast(x.device):
            loss = F.cross_entropy(model(x).float(), y)
        loss.backward()
        for n, p in model.named_parameters() if bits else ():
            p.grad.mul_(bits[n])  # type: ignore[union-attr]
        for m in free:
            m.gather()
        optimizer.step()
        for m in free:
            m.write()

    return step


def against(label: str, make: Callable[[], nn.Module], batch: int, repeats: int, precision: Precision = "float32") -> list[Row]:
    """Ratios of a step under DEL's mask of 30 % to a full one and to gradient times mask, with the ideal."""
    torch.manual_seed(0)
    problem = posed(batch)
    x, y = problem.forget.x.float() / 255, problem.forget.y
    models = {kind: make() for kind in ("full", "times", "rows")}
    mask = WeightedGrad(keep=0.3)(models["full"].eval(), problem)
    share = work_share(models["full"], mask, x)
    with ExitStack() as stack:
        stack.enter_context(computing(precision))
        steps = {}
        for kind, model in models.items():
            model.load_state_dict(models["full"].state_dict())
            stack.enter_context(channels_last(model.train()))
            free = trainable_parts(model, mask if kind == "rows" else None)
            stack.enter_context(only_rows(model, free))
            steps[kind] = stepper(model, x, y, free, mask if kind == "times" else None)
        found = times(steps, repeats)
    ideal = (2 + share) / 3
    asked = f"at most {1.1 * ideal:.3f}: 1.10 x the ideal {ideal:.3f}, s = {share:.2f}"
    return [
        ratio(f"{precision}, {label}: masked step / full step", found["rows"], found["full"], asked, share=share, ideal=ideal),
        ratio(f"{precision}, {label}: masked step / gradient times mask", found["rows"], found["times"], "at most 1"),
    ]


def main(quick: bool = False, threads: int = 1) -> list[Row]:
    """All rows."""
    torch.set_num_threads(threads)
    out = [noise(threads)]
    nets: list[tuple[str, Callable[[], nn.Module], int]] = [("linear layers, width 1024, batch 256", MLP, 256)]
    if not quick:
        nets += [
            ("ResNet(width=16), batch 128", lambda: ResNet(width=16).build((3, 32, 32), 10), 128),
            ("ResNet(width=32), batch 64", lambda: ResNet(width=32).build((3, 32, 32), 10), 64),
            ("ResNet-18, batch 64", lambda: ResNet().build((3, 32, 32), 10), 64),
        ]
    for label, make, batch in nets:
        out += against(label, make, batch, 5)
    # Emulated on a processor without instructions for it, where a step takes seconds.
    out += against("linear layers, width 1024, batch 256", MLP, 256, 3, "bfloat16")
    return [*out, noise(threads)]


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
