"""Areas under ROC curves of forget examples against test examples, as tables of one column per example."""

from __future__ import annotations

from untrain.evaluation.base import Array, Part, Population
from untrain.maths.roc import placements


def placed_apart(members: Array, others: Array, weights: Array | float = 1.0) -> tuple[Array, Array]:
    """Placements of members, (n,), and of others, (k,), the means of which add up to the area under the curve.

    Those of others are centred: they add nothing to the value and carry the others' share of its spread (DeLong et al. 1988).

    Args:
        members: attack scores of forget examples, (n,).
        others: of test examples, (k,).
        weights: of the others, mean 1, (k,); 1 for equal ones.
    """
    placed = placements(members, others, None if isinstance(weights, float) else weights)
    return placed, weights * (1 - placements(others, members) - placed.mean())


def area_parts(population: Population, tables: Array, side: Array, at: int) -> tuple[Part, ...]:
    """The forget and the test columns of one table, in double precision so that sums do not depend on their order."""
    return tuple(Part(1, population, s, tables[:, side == s, at].astype(float)) for s in ("forget", "test"))
