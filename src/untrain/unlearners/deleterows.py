"""Deletion of rows of a memory."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from untrain.core.errors import ModelError, NotFinite, RequestError
from untrain.models.retrieval import RetrievalMemory
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class DeleteRows(Unlearner):
    """Zero the rows of a retrieval memory that hold forget examples.

    Exact: apart from empty places, the memory is the one without these examples. It deletes and writes nothing, so it refuses a
    request that corrects. It has no batch-norm buffers.

    Source: none; a memory forgets what is deleted from it.
    """

    works_on: ClassVar[type] = RetrievalMemory
    needs: ClassVar[frozenset[str]] = frozenset({"forget"})

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The memory without the rows.

        Raises:
            RequestError: the request corrects.
            NotFinite: inputs are NaN or infinite, and the memory holds none of the examples.
            ModelError: it holds none of them.
        """
        if problem.replacement is not None:
            raise RequestError("DeleteRows only deletes, and this request gives rows other values: take Retrain()")
        if model.delete(problem.forget.ids.tolist(), problem.forget.x) == 0:  # type: ignore[operator]
            if not bool(torch.isfinite(problem.forget.x[:]).all()):
                raise NotFinite("inputs of the examples to forget are NaN or infinite, and the memory holds none of them")
            raise ModelError("the memory holds none of the examples to forget")
        return model
