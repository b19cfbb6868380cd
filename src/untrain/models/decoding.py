"""Logits behind the last token of each row, while rows grow by one token at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from untrain.data.examples import Batch
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.choice import logits_of
from untrain.models.wrappers import unwrap

CACHES = ("cache", "past_key_values")  # what transformers calls it since version 5, and before
Next = Callable[[Tensor, Tensor], Tensor]


def decoder(model: nn.Module, task: CausalLM) -> Next:
    """A function of rows (b, t), padded behind their ends, and of their sizes (b,): logits of each row's next token, (b, v).

    Call it each time that rows grew by one token or not at all. A model that can keep keys and values of the tokens before, as
    those of transformers and ``CausalTransformer`` can, reads each token once; any other reads the rows anew.
    """
    name = cache_of(model)
    return _Anew(model, task) if name is None else _Going(model, name)


def cache_of(model: nn.Module) -> str | None:
    """The argument under which a model's forward takes keys and values of the tokens before; None if it cannot say where they are.

    A row's tokens do not lie side by side in the cache once rows of several lengths grow: a model whose attention looks back over a
    window of places in the cache, and not in the row, would see too little.
    """
    inner = unwrap(model)
    taken = inspect.signature(inner.forward).parameters
    windowed = getattr(getattr(inner, "config", None), "sliding_window", None) is not None
    if windowed or not {"position_ids", "use_cache"} <= taken.keys():
        return None
    return next((name for name in CACHES if name in taken), None)


class _Anew:
    """Reads each row from its first token."""

    def __init__(self, model: nn.Module, task: CausalLM):
        self.model, self.task = model, task

    def __call__(self, tokens: Tensor, sizes: Tensor) -> Tensor:
        each = torch.arange(len(tokens), device=tokens.device)
        shown = Batch({"input_ids": tokens[:, : int(sizes.max())]}, each)
        return self.task.forward(self.model, shown)[each, sizes - 1]


class _Going:
    """Reads the last token of each row, beside what the model kept of those before."""

    def __init__(self, model: nn.Module, name: str):
        self.model, self.name = model, name
        self.kept: Any = None
        self.mask = self.sizes = torch.empty(0)

    def __call__(self, tokens: Tensor, sizes: Tensor) -> Tensor:
        each = torch.arange(len(tokens), device=tokens.device)
        if self.kept is None:
            new = tokens[:, : int(sizes.max())]
            self.mask, last = new >= 0, sizes - 1
            at = torch.arange(new.shape[1], device=tokens.device).expand(len(tokens), -1)
        else:
            # Rows that did not grow repeat their last token, which nobody sees.
            new, at, last = tokens[each, sizes - 1][:, None], (sizes - 1)[:, None], torch.zeros_like(sizes)
            self.mask = torch.cat((self.mask, (sizes > self.sizes)[:, None]), 1)
        kept = {} if self.kept is None else {self.name: self.kept}
        out = self.model(input_ids=new.clamp(min=0), attention_mask=self.mask, position_ids=at, use_cache=True, **kept)
        self.kept, self.sizes = getattr(out, self.name), sizes.clone()
        return logits_of(self.model, out)[each, last]
