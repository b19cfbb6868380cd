"""Texts that a language model goes on with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import NotFinite
from untrain.data.ragged import PAD
from untrain.models.decoding import decoder
from untrain.models.tasks.causallm import CausalLM


@torch.no_grad()
def generate(
    model: nn.Module, prompts: Sequence[Sequence[int]], task: CausalLM, length: int, end: int | None = None,
    temperature: float = 0.0, seed: int = 0,
) -> list[list[int]]:  # fmt: skip
    """Replies of a model in eval mode to each prompt, without the prompt, up to ``length`` tokens or ``end``, which is the last.

    >>> import untrain as ut
    >>> data, learner = ut.Facts().load(), ut.Facts().learner()
    >>> model = learner.init(data.train, 0).eval()
    >>> [len(row) for row in generate(model, [[1, 2], [3]], learner.task, length=4)]
    [4, 4]

    Args:
        model: predicts the next token.
        prompts: rows of tokens, one token at least in each.
        task: of that vocabulary; no row exceeds its length.
        length: most tokens to say.
        end: token behind which nothing is said.
        temperature: of the draws; 0 takes the likeliest token.
        seed: of the draws; what is drawn after a prompt depends on the batch that it is in.

    Raises:
        NotFinite: a logit is NaN.

    Source: none; any model can be used, and one that keeps keys and values reads each token once.
    """
    said: list[list[int]] = []
    device = next(model.parameters()).device
    for start in range(0, len(prompts), task.asked_at_once):
        some = prompts[start : start + task.asked_at_once]
        draws = torch.Generator(device).manual_seed(int(np.random.SeedSequence((seed, start)).generate_state(1)[0]))
        sizes = torch.tensor([len(row) for row in some], device=device)
        room = min(length, task.length - min(len(row) for row in some))
        tokens = torch.full((len(some), int(sizes.max()) + length), PAD, device=device)
        for row, prompt in zip(tokens, some, strict=True):
            row[: len(prompt)] = torch.tensor(prompt, device=device)
        each, at = torch.arange(len(some), device=device), sizes.clone()
        going, following = at < task.length, decoder(model, task)
        for _ in range(room):
            if not bool(going.any()):
                break
            logits = following(tokens, at)[:, : task.vocabulary]
            if bool(logits[going].isnan().any()):
                raise NotFinite(f"{type(model).__name__} gives logits that are NaN: nothing can be said after a prompt")
            chosen = _choose(logits, temperature, draws)
            tokens[each[going], at[going]] = chosen[going]
            at = at + going
            going = going & (at < task.length)
            if end is not None:
                going = going & (chosen != end)
        said += [row[size:stop].tolist() for row, size, stop in zip(tokens, sizes.tolist(), at.tolist(), strict=True)]
    return said


def _choose(logits: Tensor, temperature: float, draws: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial((logits.double() / temperature).softmax(-1), 1, generator=draws)[:, 0]
