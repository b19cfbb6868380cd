"""What a process of ``test_together`` does: started as ``python crew.py RANK SIZE FOLDER WORK...``; leaves RANK.pt in FOLDER."""

import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

import untrain as ut
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.localizers._mask_units import Channels, Gather
from untrain.models.tasks.classification import Classification
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import SGD, AdamW, Steps
from untrain.unlearners.base import Unlearner

CLASSES = 3


def dense():
    """A perceptron; sizes that two processes cannot halve."""
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 33), nn.ReLU(), nn.Linear(33, 17), nn.ReLU(), nn.Linear(17, CLASSES))


def conv(norm=lambda width: nn.GroupNorm(4, width)):
    """A small convolutional net."""
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 3, padding=1), norm(12), nn.ReLU(), nn.Conv2d(12, 20, 3, stride=2), norm(20), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, CLASSES)),
    )


NETS = {"dense": dense, "conv": conv, "batchnorm": lambda: conv(nn.BatchNorm2d)}


def posed(net="dense", forget=13, retain=50, seed=3):
    """A network and what it is to forget."""
    draw = torch.Generator().manual_seed(1)
    n = forget + retain
    y = torch.arange(n) % CLASSES
    x = torch.randn(CLASSES, 1, 6, 6, generator=draw)[y] + 0.5 * torch.randn(n, 1, 6, 6, generator=draw)
    ids = np.arange(n)
    parts = [Examples.labelled(x[rows], y[rows], ids[rows], CLASSES) for rows in (slice(0, forget), slice(forget, n))]

    def init(seed):
        torch.manual_seed(seed)
        return NETS[net]()

    return init(0).eval(), Problem(Classification(), *parts, init=init, seed=seed, origin=0)


def steps(optimizer=None, batch=16, **more):
    """Three epochs; 50 retain rows in batches of 16, 16, 16 and 2, 13 forget rows in one."""
    return Steps(lr=0.05 if optimizer is None else 0.005, epochs=3, batch=batch, optimizer=optimizer or SGD(momentum=0.5), **more)


METHODS = {
    "DEL": lambda: ut.DEL(steps=steps()),
    "NegGrad": lambda: ut.NegGrad(steps=steps()),
    "NegGrad uneven": lambda: ut.NegGrad(alpha=0.9, steps=steps(batch=7)),
    "RandomLabel": lambda: ut.RandomLabel(steps=steps()) @ ut.Gradient(keep=0.5),
    "RandomLabel once": lambda: ut.RandomLabel(draw="once", steps=steps()),
    "Finetune": lambda: ut.Finetune(steps=steps(AdamW(decay=0.01))) @ ut.WeightedGrad(keep=0.4, per="weight"),
    "clipped": lambda: (
        ut.Finetune(
            steps=steps(SGD(decay=0.5, decay_on="weights"), clip=0.05, warmup=0.5, schedule=ut.Triangular()),
        )
        @ ut.WeightedGrad(keep=0.4)
    ),
    "lone": lambda: ut.Finetune(steps=steps(batch=49)),
    "GradAscent": lambda: ut.GradAscent(steps=steps()),
    "L1Sparse": lambda: ut.L1Sparse(gamma=1e-3, steps=steps()) @ ut.WeightedGrad(keep=0.4),
    "SCRUB": lambda: ut.SCRUB(forget_batch=7, steps=steps()),
    "BadTeacher": lambda: ut.BadTeacher(steps=steps()),
}
CLOSED = {
    "SSD": lambda: ut.SSD(select=1.0) @ ut.WeightedGrad(keep=0.4),
    "WoodFisher": lambda: ut.WoodFisher(samples=20),
    "FisherNoise": lambda: ut.FisherNoise(samples=5),
}
LOCALIZERS = {
    "channels": lambda: ut.WeightedGrad(keep=0.4),
    "all": lambda: ut.WeightedGrad(keep=0.4, on="all", channels=Channels(flat="attach", unit="elements")),
    "weights": lambda: ut.Gradient(keep=0.3),
    "examples": lambda: ut.WeightedGrad(keep=0.4, gather=Gather(magnitude="example")),
    "batches": lambda: ut.WeightedGrad(keep=0.4, on="all", gather=Gather(magnitude="batch")),
    "deep": lambda: ut.Deepest(keep=0.4),
    "neurons": lambda: ut.CriticalNeurons(companions=4, most=20),
    "ratios": lambda: ut.Fisher(keep=0.3, gather=Gather(magnitude="example")),
}


def answers():
    """Every mask and every model, by name."""
    found = {}
    for net in ("dense", "conv"):
        model, problem = posed(net)
        for name, make in LOCALIZERS.items():
            found[f"{net} {name}"] = dict(make()(model, problem).bits)
        for name, make in (METHODS | CLOSED).items():
            made = make()
            outcome = (made.expand() if hasattr(made, "expand") else made).run(model, problem)
            found[f"{net} {name}"] = outcome.model.state_dict()
            found[f"{net} {name} cost"] = {"forward": outcome.cost.forward, "backward": outcome.cost.backward}
    return found


def batchnorm(buffers="move"):
    """A model with batch statistics, and what is told of it."""
    outcome = ut.Finetune(steps=steps(buffers=buffers)).run(*posed("batchnorm"))
    return {"model": outcome.model.state_dict(), "notes": outcome.notes}


def frozen():
    """The same with stored statistics, which hold on all processes alike."""
    return batchnorm("freeze")


def wrapped():
    """Masks and models of a network inside DistributedDataParallel, by torch and by accelerate."""
    found = {}
    model, problem = posed("dense")
    shapes = {"torch": nn.parallel.DistributedDataParallel(model)}
    try:
        from accelerate import Accelerator

        shapes["accelerate"] = Accelerator(cpu=True).prepare(posed("dense")[0].eval())
    except ImportError:
        pass
    for name, whole in shapes.items():
        whole.eval()
        found[name] = ut.WeightedGrad(keep=0.4)(whole, problem).bits
        found[f"{name} model"] = ut.DEL(steps=steps())(whole, problem).state_dict()
        found[f"{name} kind"] = type(whole).__name__
    return found


def sharded(net="dense"):
    """The same of a model sharded over the processes, brought together again."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (dist.get_world_size(),))

    def fresh():
        model, problem = posed(net)
        for part in model:
            if any(True for _ in part.parameters()):
                fully_shard(part, mesh=mesh)
        return fully_shard(model, mesh=mesh).eval(), problem

    def whole(named):
        return {n: t.full_tensor() for n, t in named.items()}

    found = {}
    model, problem = fresh()
    for name, localizer in (
        ("channels", ut.WeightedGrad(keep=0.4)),
        ("weights", ut.Gradient(keep=0.3)),
        ("deep", ut.Deepest(keep=0.4)),
    ):
        mask = localizer(model, problem)
        found[name] = whole({n: b.to(torch.uint8) for n, b in mask.bits.items()})
        found[f"{name} local"] = {n: b.to_local() for n, b in mask.bits.items()}
    found["nothing"] = told(lambda: ut.WeightedGrad(keep=1e-9)(model, problem))
    found["unspent"] = unspent(model, problem)
    for name in ("DEL", "NegGrad uneven", "RandomLabel", "Finetune", "clipped", "lone"):
        made = METHODS[name]()
        model, problem = fresh()
        outcome = (made.expand() if hasattr(made, "expand") else made).run(model, problem)
        found[f"{name}"] = whole(outcome.model.state_dict())
        found[f"{name} guard"] = vars(outcome.guard)
    model, problem = fresh()
    before = whole(model.state_dict())
    for name, wrong in {
        "elements": ut.WeightedGrad(channels=Channels(unit="elements")),
        "examples": ut.WeightedGrad(gather=Gather(magnitude="example")),
        "random": ut.RandomMask(),
        **{name: (CLOSED | METHODS)[name]().run for name in ("WoodFisher", "FisherNoise", "SCRUB", "BadTeacher")},
        "L1Sparse": ut.L1Sparse(steps=steps()).run,
        "SSD": ut.SSD(select=1.0).run,
        "neurons": ut.CriticalNeurons(),
        "tensors": ut.WeightMagnitude(per="tensor"),
    }.items():
        found[f"{name} error"] = told(lambda wrong=wrong: wrong(model, problem))
    found["diverged"] = told(lambda: ut.Finetune(steps=Steps(lr=1e30, epochs=5))(model, problem))
    with ut.distributed():
        found["copied"] = told(lambda: ut.Finetune()(model, problem))
    after = whole(model.state_dict())
    found["restored"] = all(torch.equal(before[n], after[n]) for n in before)
    return found


def unspent(model, problem):
    """What is told of budgets that whole channels do not fill."""
    notes = []
    for count in (40, 54, 70, 300):
        with metered() as meter:
            told(lambda count=count: ut.WeightedGrad(channels=Channels(count=count))(model, problem))
        notes.append([note.partition(", and the next")[0] for note in meter.notes])
    return notes


def told(work):
    """The error of ``work``: its kind and its message."""
    try:
        work()
    except ut.UntrainError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def different():
    """Each process is given another forget set, or another seed, or another model."""
    rank = dist.get_rank()
    model, problem = posed()
    other, _ = posed("dense")
    with torch.no_grad():
        next(other.parameters())[0, 0] += float(rank)
    return {
        "forget": told(lambda: ut.WeightedGrad()(model, posed(forget=13 + rank)[1])),
        "seed": told(lambda: ut.DEL(steps=steps())(model, posed(seed=rank)[1])),
        "model": told(lambda: ut.WeightedGrad()(other, problem)),
        "method": told(lambda: ut.WeightedGrad(keep=0.2 + 0.1 * rank)(model, problem)),
    }


class Fails(nn.Linear):
    """A layer that fails on one process after some steps."""

    def forward(self, x):
        self.steps = getattr(self, "steps", 0) + 1
        if dist.get_rank() == 1 and self.steps == 6:
            raise KeyError("a fault of this process alone")
        return super().forward(x)


def one_fails():
    """A layer fails on the second process."""
    model, problem = posed()
    model[1] = Fails(36, 33)
    torch.manual_seed(0)
    model[1].reset_parameters()
    return {"model": ut.Finetune(steps=steps())(model, problem)}


def endless():
    """Steps without end, for a process to be killed meanwhile."""
    model, problem = posed()
    Path(sys.argv[3], f"{sys.argv[1]}.ready").touch()
    return {"model": ut.Finetune(steps=Steps(lr=1e-4, epochs=1_000_000))(model, problem)}


class Past(Unlearner):
    """Asks the model past the task.

    Source: none; what a careless method might do.
    """

    def unlearn(self, model, problem):
        """The model after a few steps."""

        def loss(retain, forget):
            return model(retain.x).square().mean() - 0.1 * model(forget.x).square().mean()

        return descend(model, loss, problem.paired_batches(steps(batch=7)), steps(batch=7))


def past():
    """Losses that cannot be weighed."""
    return {"told": told(lambda: Past()(*posed()))}


def budget():
    """A limit of operations."""
    from untrain.core.metering import metered

    with metered(limit=1e9):
        return {"told": told(lambda: ut.Finetune(steps=steps())(*posed()))}


def main(rank, size, folder, works):
    """One process's part."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message=".*reducer|.*barrier.*|.*devices.*")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size, timeout=timedelta(seconds=60))
    began, found = time.monotonic(), {}
    try:
        with ut.distributed(inplace=True, timeout=50):
            for work in works:
                found[work] = globals()[work]()
    except Exception as error:  # whatever ends a process is looked at by the test
        found["error"] = f"{type(error).__name__}: {error}"
    torch.save(found | {"seconds": time.monotonic() - began}, folder / f"{rank}.pt")
    if "a fault" in found.get("error", ""):
        time.sleep(4)  # a process that stays although it has failed


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
