"""Networks of other libraries by name: 'timm:NAME' and 'torchvision:NAME'."""

from __future__ import annotations

import re

from untrain.core.errors import MissingExtra
from untrain.models.architectures.base import Architecture

NAMED = re.compile(r"(timm|torchvision):([\w.\-]+)")


def library_network(text: str) -> Architecture | None:
    """The network of a library that a text names; None where it names none.

    >>> library_network("nets:Net") is None
    True

    Raises:
        MissingExtra: the library is not installed.
    """
    found = NAMED.fullmatch(text.strip())
    if found is None:
        return None
    library, name = found.groups()
    try:
        if library == "timm":
            from untrain.models.timm_networks import TimmNetwork

            return TimmNetwork(name=name)
        from untrain.models.torchvision_networks import TorchvisionNetwork

        return TorchvisionNetwork(name=name)
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{text} needs {error.name}, which is not installed: pip install {library}") from None
