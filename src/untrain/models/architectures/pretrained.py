"""A network that begins with weights from a file."""

from __future__ import annotations

from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.models.architectures.base import Architecture
from untrain.models.checkpoints import read_state
from untrain.models.state import load_state


class Pretrained(Architecture):
    """A network with initial values from a file: all training starts there, also of retrained models.

    What was learned before is never forgotten by retraining, and resets to 'own' or 'fresh' values go back to it. The file must
    not come of the data to forget.

    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> from untrain.models.architectures.mlp import MLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file(MLP().build((3,), 2).state_dict(), f"{folder}/before.safetensors")
    ...     first, second = (Pretrained(model=MLP(), weights=f"{folder}/before.safetensors").build((3,), 2) for _ in range(2))
    >>> all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))
    True

    Args:
        model: the network.
        weights: file of its state dict, which safetensors or ``torch.save`` wrote; names as of wrapped models are understood.

    Source: the user.
    """

    model: Architecture
    weights: str

    def normalises(self) -> bool:
        """Return whether its network does."""
        return self.model.normalises()

    def begins_alike(self) -> bool:
        """True: all weights are loaded."""
        return True

    def sees(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The inputs of its network."""
        return self.model.sees(shape)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """The network with the weights of the file.

        Raises:
            ModelError: the file cannot be read, or holds other weights.
        """
        net = self.model.build(shape, classes)
        try:
            return load_state(net, read_state(self.weights, lambda: net, f"weights={self.weights!r}", repr(self.model)))
        except DataError as error:
            raise ModelError(str(error)) from None
