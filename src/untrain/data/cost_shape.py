"""The shape of batches on which their cost depends."""

from __future__ import annotations

from collections.abc import Hashable

from untrain.data.examples import Batch


def cost_shape(*batches: Batch | None) -> Hashable:
    """The shape that decides what operations on the examples of some batches cost: one where all have the same.

    Where they differ, as of rows of tokens that are padded to the longest of each batch, it tells their sizes too.
    """
    shapes = [None if b is None else (len(b), tuple(tuple(v.shape[1:]) for v in b.fields.values())) for b in batches]
    alike = {shape[1] for shape in shapes if shape is not None}
    return alike.pop() if len(alike) == 1 else tuple(shapes)
