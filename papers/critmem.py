"""Time and budget of the search for critical neurons: ``python papers/critmem.py FOLDER [WIDTH DEPTH]`` prints a table.

``FOLDER`` holds CIFAR-10 as train.parquet and test.parquet. A network is trained on 10,000 images, and the search asked for a
random 1,000 of them by default; with the companions and noises of the authors' code for ten, from which 1,000 are extrapolated.
"""

import argparse
import time

import numpy as np
import torch

import untrain as ut
from untrain.core.precision import computing
from untrain.localizers._ablation import Copies, copies_of, expand
from untrain.localizers.criticalneurons import CriticalNeurons, NeuronRemoval, search
from untrain.models.inference import logits

SETTINGS = {"default": (CriticalNeurons(), 1_000), "the authors'": (CriticalNeurons(companions=511, noises=5), 10)}


def main(path: str, width: int = 8, depth: int = 10) -> None:
    """Print what the search takes and what it finds."""
    torch.set_num_threads(1)
    scenario = ut.parse(
        f"CIFAR10(path={path!r}, size=10000, model=ResNet(width={width}, depth={depth}), steps=Steps(lr=0.1, epochs=15))"
    )
    data, learner = scenario.load(), scenario.learner()
    with computing("bfloat16", False):
        model = learner(data.train, 0)
    ids = data.train.ids[scenario.request.draw(data.train)].tolist()
    problem = ut.problem(data.train, ids, learner)
    right = float((logits(model, problem.forget, problem.task).argmax(1) == problem.forget.y.numpy()).mean())
    print(f"ResNet(width={width}, depth={depth}), trained on 10,000 images in bfloat16, searched in float32, one thread, seed 0")
    print(f"{len(ids)} examples to forget, of which the model predicts {right:.1%} right\n")
    print("| setting | examples | seconds of CPU | for 1,000 | flipped | removals: mean, median, most | weights in the union |")
    print("|---|---|---|---|---|---|---|")
    for name, (how, count) in SETTINGS.items():
        print("| " + " | ".join([name, str(count), *row(model, problem, how, count)]) + " |", flush=True)


def row(model: torch.nn.Module, problem: ut.Problem, how: CriticalNeurons, count: int) -> list[str]:
    """What one setting takes and finds; companions are drawn from all that is to be forgotten."""
    begun = time.process_time()
    copies = copies_of(model, problem)
    found = search(copies, problem, how, range(count))
    seconds = time.process_time() - begun
    removed = [len(f.removed) for f in found if f.removed]
    flipped = sum(f.flipped for f in found)
    whole = "-" if count < len(problem.forget) else f"{share(model, copies, found):.1%}"
    told = f"{np.mean(removed):.1f}, {np.median(removed):.0f}, {max(removed)}"
    return [f"{seconds:.0f}", f"{seconds * 1000 / count:.0f} s", f"{flipped}", told, whole]


def share(model: torch.nn.Module, copies: Copies, found: list[NeuronRemoval]) -> float:
    """Share of all weights that are in the union."""
    union = torch.zeros(copies.count)
    union[sorted({at for each in found for at in each.removed})] = 1
    bits = expand(union, copies.spans, model, 0.0).values()
    return sum(int((b > 0).sum()) for b in bits) / sum(b.numel() for b in bits)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", help="folder with train.parquet and test.parquet of CIFAR-10")
    words.add_argument("width", nargs="?", type=int, default=8, help="width of the ResNet")
    words.add_argument("depth", nargs="?", type=int, default=10, help="depth of the ResNet")
    asked = words.parse_args()
    main(asked.folder, asked.width, asked.depth)
