"""``python papers/scale``: what unlearning costs a model of 7 billion weights, on paper; ``--check`` holds it to counters first."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

import untrain as ut
from untrain.core.peak_memory import peak_bytes, reset_peak
from untrain.maths.decoder_cost import PASSES, Decoder, hours, memory_bytes, step_operations
from untrain.models.tasks.causallm import CausalLM

HERE = Path(__file__).parent
SEVEN = Decoder(vocabulary=32000, width=4096, layers=32, heads=32, hidden=11008)
RANK, ROWS, TOKENS = 16, 8, 256
STEPS = 5 * 3600 // ROWS  # five epochs of 3,600 retained answers
PEAK, SHARE, ROOM = 989e12, 0.4, 80e9  # a GPU of 80 GB: operations a second in bfloat16, and what is reached of them
BATCH = (4, 64)  # rows and tokens that are counted
CHECKED = ("GradAscent", "NPO", "IdkDPO")
SMALL = {
    "1 M": Decoder(512, 128, 4, 4, 352), "10 M": Decoder(4096, 320, 6, 5, 864), "100 M": Decoder(16000, 768, 10, 12, 2048),
}  # fmt: skip


def adapters(model: Decoder, rank: int) -> int:
    """Weights of adapters beside all linear layers but the head."""
    return model.layers * rank * (4 * 2 * model.width + 3 * (model.width + model.hidden))


def network(model: Decoder, tokens: int) -> nn.Module:
    """A model of these sizes with random weights."""
    config = {
        "hidden_size": model.width, "num_hidden_layers": model.layers, "num_attention_heads": model.heads,
        "num_key_value_heads": model.heads, "intermediate_size": model.hidden,
    }  # fmt: skip
    return ut.HuggingFaceLM(kind="llama", config=config).build((tokens, model.vocabulary), model.vocabulary)


def posed(model: Decoder, rows: int, tokens: int) -> ut.Problem:
    """The request to forget as many random rows as are kept, of which the second half is scored."""
    sides = []
    for at in range(2):
        x = torch.randint(model.vocabulary, (rows, tokens), generator=torch.Generator().manual_seed(at))
        y = x.clone()
        y[:, : tokens // 2] = -100
        fields = {"input_ids": x, "refusal": x[:, : tokens // 2], "labels": y}
        sides.append(ut.Examples(fields, np.arange(rows) + at * rows))
    return ut.Problem(CausalLM(tokens, model.vocabulary), *sides)


def counted(name: str, method: str) -> str:
    """Of one step of a method: operations and bytes counted, as a share of those on paper. Bytes need a process of their own."""
    model, (rows, tokens) = SMALL[name], BATCH
    problem = posed(model, rows, tokens)
    tiny, first = SMALL["1 M"], ut.parse(method)
    steps = ut.Steps(lr=1e-4, epochs=1, batch=rows, optimizer=ut.AdamW())
    replace(first, steps=steps).run(network(tiny, tokens), posed(tiny, rows, tokens))  # type: ignore[type-var, attr-defined]
    net = network(model, tokens)
    reset_peak()
    before = peak_bytes()
    flops = replace(first, steps=steps).run(net, problem).cost.flops  # type: ignore[type-var, attr-defined]
    used = peak_bytes() - before
    paper = memory_bytes(method, model, rows, tokens, width=4, again=False, copies=2)  # the model itself is there already
    share = flops / step_operations(method, model, rows, tokens)
    return f"| {name} | `{method}` | {share:.3f} | {used / paper:.2f} of {paper / 1e9:.2f} GB |"


def table() -> list[str]:
    """Rows of the table for 7 billion weights."""
    few = adapters(SEVEN, RANK)
    lines = [
        "| method | operations a step | hours, 1 GPU | hours, 8 GPUs | GB, all weights | GB, adapters | hours, adapters, 1 GPU |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in PASSES:
        whole, beside = (step_operations(method, SEVEN, ROWS, TOKENS, n) for n in (0, few))
        bytes_ = [memory_bytes(method, SEVEN, ROWS, TOKENS, adapters=n) for n in (0, few)]
        one, eight = (hours(whole, STEPS, n, PEAK, SHARE) for n in (1, 8))
        alone = f"{one:.2f}" if bytes_[0] <= ROOM else f"({one:.2f})"
        low = hours(beside, STEPS, 1, PEAK, SHARE)
        full, few_bytes = (f"{each / 1e9:.0f}" for each in bytes_)
        lines.append(f"| `{method}` | {whole / 1e12:.0f} T | {alone} | {eight:.2f} | {full} | {few_bytes} | {low:.2f} |")
    return lines


def main() -> None:
    """Print the tables."""
    words = argparse.ArgumentParser(prog="papers/scale", description=__doc__)
    words.add_argument(
        "--check", action="store_true", help="hold operations and bytes to counters, at 1, 10 and 100 million weights"
    )
    words.add_argument("--one", nargs=2, metavar=("SIZE", "METHOD"), help="a row of that")
    asked = words.parse_args()
    if asked.one:
        print(counted(*asked.one))
        return
    if asked.check:
        print("| size | method | operations, counted / paper | bytes, counted / paper |\n|---|---|---|---|", flush=True)
        for name, method in product(SMALL, CHECKED):
            subprocess.run([sys.executable, str(HERE / "__main__.py"), "--one", name, method], check=True)
        print()
    print("\n".join(table()))


if __name__ == "__main__":
    main()
