"""Request for all examples of some owners."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import RequestError, suggest
from untrain.data.examples import Examples
from untrain.data.id_index import IdIndex
from untrain.data.id_lists import ids_named
from untrain.data.readers.id_files import Reading
from untrain.data.requests.base import Request


class Owner(Request):
    """All examples of these owners, such as users or clients.

    >>> from dataclasses import replace
    >>> from untrain.data.readers.convert import examples
    >>> train = replace(examples([[0.0], [1.0], [2.0]], [0, 1, 0]), owner=np.array(["ann", "bob", "ann"]))
    >>> Owner(owners=("ann",)).draw(train).tolist()
    [0, 2]

    Args:
        owners: the owners, whole numbers or text as in the data.

    Source: none; a person's deletion request names the person, not the examples.
    """

    owners: tuple[int | str, ...]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows of these owners.

        Raises:
            RequestError: the data have no owners, or an owner is not among them.
        """
        if train.owner is None:
            raise RequestError("Owner needs to know whose each example is: give the data an owner per row")
        index = IdIndex(np.asarray(train.owner))
        for owner in self.owners:
            if index.find(owner) is None and not index.alike(owner):
                present = [str(each) for each in index.present]
                raise RequestError(f"no training example is of owner {owner!r}{suggest(str(owner), present)}")
        owners = set(ids_named(self.owners, index, "the request", Reading(gone="refuse"), "the owners of the training data"))
        return np.flatnonzero([owner in owners for owner in np.asarray(train.owner).tolist()])
