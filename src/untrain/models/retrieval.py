"""A memory of examples that returns the nearest ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from untrain.data.examples import Column
from untrain.data.fingerprint import id_hashes


class RetrievalMemory(nn.Module):
    """Log-probabilities by the nearest stored examples: each votes for its class by ``exp(-distance ** 2 / temperature)``.

    A row that was deleted is zeroed and takes no part. A row is known by the id and the input of its example together: several
    rows may have an id, and a request may name some of them. Rows alike in both are one example, and go together.

    Args:
        keys: inputs as vectors, (n, d).
        values: labels, (n,).
        names: hash of each example's id and input, int64 (n,).
        classes: number of classes.
        neighbours: how many vote.
        temperature: of the votes.

    Source: k nearest neighbours; datastore of Khandelwal et al. 2020, arXiv 1911.00172, eq. 2.
    """

    keys: Tensor
    values: Tensor
    names: Tensor
    valid: Tensor
    memory: tuple[str, ...] = ("keys", "values", "names", "valid")

    def __init__(self, keys: Tensor, values: Tensor, names: Tensor, classes: int, neighbours: int, temperature: float):
        super().__init__()
        self.classes, self.neighbours = classes, neighbours
        self.register_buffer("keys", keys)
        self.register_buffer("values", values)
        self.register_buffer("names", names)
        self.register_buffer("valid", torch.ones(len(values), dtype=torch.bool))
        self.temperature = nn.Parameter(torch.tensor(temperature))

    def delete(self, ids: Sequence[object], x: Column) -> int:
        """Zero the rows of examples with these ids (k,) and inputs (k, ...); returns how many there were."""
        gone = self.valid & torch.isin(self.names, torch.from_numpy(id_hashes(ids, x)).to(self.names.device))
        with torch.no_grad():
            for name in self.memory:
                getattr(self, name)[gone] = 0
        return int(gone.sum())

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities of the classes, (b, c); an empty memory finds all alike."""
        if not bool(self.valid.any()):
            return torch.full((len(x), self.classes), -math.log(self.classes), dtype=self.keys.dtype, device=self.keys.device)
        distance = torch.cdist(x.flatten(1).to(self.keys.dtype), self.keys)
        distance = distance.masked_fill(~self.valid, torch.inf)
        near, rows = distance.topk(min(self.neighbours, int(self.valid.sum())), largest=False)
        votes = (-(near**2) / self.temperature.abs()).softmax(1)
        share = torch.zeros(len(x), self.classes, dtype=votes.dtype, device=votes.device)
        share = share.scatter_add(1, self.values[rows], votes)
        smooth = 1e-3
        return ((1 - smooth) * share + smooth / self.classes).log()
