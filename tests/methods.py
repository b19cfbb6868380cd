"""Methods as most tests take them: found by their roles, made by the examples that `untrain check` makes."""

import pytest
from torch import nn

from untrain.commands import promises
from untrain.core import discovery
from untrain.core.spec import Spec, parse
from untrain.unlearners.base import Recipe

# By default these search for adversarial examples, or train by single gradients, so long that each takes as long as twenty others.
SHORT = {"L2UL": "L2UL(others=2)", "AMUN": "AMUN(radius=1.0)", "DPSGD": "DPSGD(model=MLP(), rounds=10)"}
IDLE = ("Nothing", "DatamodelDirect", "GroupPrivacy")  # they move no weight


def example(name: str) -> Spec:
    """The method of a name as `untrain check` takes it, or a shorter one."""
    return promises.example(parse(SHORT[name]) if name in SHORT else discovery.load(name))


def of_networks(*roles: str) -> list[Spec]:
    """An example of each method of these roles that changes any network; not those of a kind of model of their own."""
    found = [example(place.name) for place in discovery.of_role(*roles)]
    return [made for made in found if (made.expand() if isinstance(made, Recipe) else made).works_on is nn.Module]


def that_move(*roles: str) -> list[Spec]:
    """Those of them that move a weight."""
    return [made for made in of_networks(*roles) if name_of(made) not in IDLE]


def localizers() -> list[Spec]:
    """Each localizer, with its defaults."""
    return [discovery.load(place.name)() for place in discovery.of_role("localizer")]


def name_of(made: object) -> str:
    """A method's name, for the listing of tests; a string stands for itself."""
    return made if isinstance(made, str) else type(made).__name__


def latin(rows, columns, step: int, always=lambda row, column: False) -> list:
    """All pairs of a row and a column, of which one in ``step`` runs by default and the others with ``-m slow``.

    Pairs are taken along diagonals, so that each row meets some columns and each column some rows; those of ``always`` run too.
    """
    return [
        pytest.param(row, column, marks=() if (i + j) % step == 0 or always(row, column) else pytest.mark.slow)
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    ]
