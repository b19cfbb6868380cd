"""Tokens per second of training a language model: our gradient loop beside a plain loop on the same model of transformers."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
import transformers
from side_by_side import Row, noise, ratio, row, show, times
from torch import nn

import untrain as ut
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.models.tasks.causallm import CausalLM

VOCABULARY, LENGTH, BATCH = 2048, 96, 16
CONFIG = {
    "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 384,
}  # fmt: skip


def answers(rows: int) -> Examples:
    """Random rows of 32 to 96 tokens, of which the second half is scored."""
    draw = np.random.default_rng(0)
    tokens = [draw.integers(VOCABULARY, size=draw.integers(32, LENGTH + 1)).tolist() for _ in range(rows)]
    labels = [[PAD] * (len(row) // 2) + row[len(row) // 2 :] for row in tokens]
    return Examples({"input_ids": Ragged.of(tokens), "labels": Ragged.of(labels)}, np.arange(rows))


def ours(data: Examples, alike: int = 1) -> Callable[[], None]:
    """An epoch of finetuning as a method takes it, copies and checks among them; rows of alike length together, or as drawn."""
    spec = ut.HuggingFaceLM(kind="llama", config=CONFIG)
    learner = ut.Train(model=spec, task=CausalLM(LENGTH, VOCABULARY))
    model = learner.init(data, 0)
    problem = ut.problem(data, [0], learner)
    method = ut.Finetune(steps=ut.Steps(lr=1e-4, epochs=1, batch=BATCH, alike=alike, optimizer=ut.AdamW()))
    return lambda: method(model, problem) and None  # type: ignore[func-returns-value, return-value]


def plain(data: Examples, attention: str) -> Callable[[], None]:
    """An epoch as most scripts have it: transformers' own loss on padded batches, AdamW."""
    config = transformers.LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=LENGTH, **CONFIG)
    config._attn_implementation = attention
    model: nn.Module = transformers.LlamaForCausalLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ids, labels = (data.fields[name] for name in ("input_ids", "labels"))
    draw = np.random.default_rng(0)

    def epoch() -> None:
        order = draw.permutation(len(data))
        for start in range(0, len(order), BATCH):
            x, y = ids[order[start : start + BATCH]], labels[order[start : start + BATCH]]
            loss = model(input_ids=x.clamp(min=0), attention_mask=(x >= 0).long(), labels=y, use_cache=False).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def main(quick: bool = False) -> list[Row]:
    """All rows."""
    torch.set_num_threads(1)
    rows, repeats = (64, 2) if quick else (320, 7)
    data = answers(rows)
    tokens = int(np.diff(data.fields["input_ids"].starts).sum())  # type: ignore[union-attr]
    found = times(
        {"ours": ours(data), "ours, alike=10": ours(data, 10), **{kind: plain(data, kind) for kind in ("eager", "sdpa")}}, repeats
    )
    name = "an epoch of finetuning, 1.3 M weights"
    return [
        noise(1),
        *(
            ratio(f"{name}: a plain loop ({kind} attention) / {mine}", found[kind], found[mine])
            for mine in ("ours", "ours, alike=10")
            for kind in ("eager", "sdpa")
        ),
        *(row(f"tokens a second, {kind}", "1/s", [tokens / t for t in each]) for kind, each in found.items()),
    ]


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
