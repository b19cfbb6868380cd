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
# Where configurations say how far back a layer sees, and what kind each layer is of; others than these keep a state instead.
WINDOWS = ("sliding_window", "window_size", "attention_chunk_size", "keep_window_size", "local_attention_window_len")
KINDS, WHOLE = ("layer_types", "layers_block_type"), frozenset({"full_attention", "attention"})
Next = Callable[[Tensor, Tensor], Tensor]


def decoder(model: nn.Module, task: CausalLM) -> Next:
    """A function of rows (b, t), padded behind their ends, and of their sizes (b,): logits of each row's next token, (b, v).

    Call it each time that rows grew by one token or not at all. A model that can keep keys and values of the tokens before, as
    those of transformers and ``CausalTransformer`` can, reads each token once; any other reads the rows anew.
    """
    name = cache_of(model)
    return _Anew(model, task) if name is None else _Going(model, task, name)


def cache_of(model: nn.Module) -> str | None:
    """The argument under which a model's forward takes keys and values of the tokens before; None if it cannot say where they are.

    A row's tokens do not lie side by side in the cache once rows of several lengths grow: a model whose attention looks back over a
    window of places in the cache, and not in the row, would see too little, and one with a running state would take in what is
    between them. A model whose places do not count from 0, as those of the RoBERTa kind, would get others than it learned.
    """
    inner = unwrap(model)
    taken = inspect.signature(inner.forward).parameters
    shifted = any(hasattr(part, "create_position_ids_from_input_ids") for part in inner.modules())
    if shifted or not {"position_ids", "use_cache"} <= taken.keys() or not _sees_all(getattr(inner, "config", None)):
        return None
    return next((name for name in CACHES if name in taken), None)


def _sees_all(config: Any) -> bool:
    """Return whether all layers of such a configuration attend to all tokens before."""
    of_text = getattr(config, "get_text_config", None)
    for each in (config,) if of_text is None else (config, of_text()):
        kinds = {kind for name in KINDS for kind in getattr(each, name, None) or ()}
        windowed = any(getattr(each, name, None) is not None for name in WINDOWS)
        if windowed or not kinds <= WHOLE or any(name.startswith("mamba") for name in getattr(each, "__dict__", ())):
            return False
    return True


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

    def __init__(self, model: nn.Module, task: CausalLM, name: str):
        self.model, self.name = model, name
        self.anew, self.none = _Anew(model, task), False
        self.kept: Any = None
        self.mask = self.sizes = torch.empty(0)

    def __call__(self, tokens: Tensor, sizes: Tensor) -> Tensor:
        if self.none:
            return self.anew(tokens, sizes)
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
        self.kept, self.sizes = getattr(out, self.name, None), sizes.clone()
        if self.kept is None:  # such as a BERT that is no decoder, or one's own model whose cache comes in a tuple
            self.none = True
            return self.anew(tokens, sizes)
        return logits_of(self.model, out)[each, last]
