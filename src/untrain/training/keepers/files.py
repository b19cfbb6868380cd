"""Files of what keepers saved, each bound to the model that it was saved of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import DataError, ModelError
from untrain.core.tensor_files import write_tensors
from untrain.data.fingerprint import array_digest
from untrain.models.state import as_array
from untrain.training.keepers.base import Keeper, Kept

FORMAT = "untrain kept 1"


def save_kept(path: str | Path, keeper: Keeper, tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    """Write what a keeper saved of a model, or what a request left of it, to a safetensors file; it is whole or not there.

    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from untrain.training.keepers.inputcovariance import InputCovariance
    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> with TemporaryDirectory() as folder:
    ...     save_kept(f"{folder}/covariance.safetensors", InputCovariance(), {"0": torch.eye(2)}, model)
    ...     load_kept(f"{folder}/covariance.safetensors", model)["InputCovariance"]["0"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Args:
        path: of the file; one that is there is replaced.
        keeper: of which the tensors are.
        tensors: by name.
        model: of which they are: after a request, the model that forgot. Its weights and buffers are not written, their digest is.
    """
    held = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    facts = {
        "format": FORMAT, "keeper": type(keeper).__name__, "settings": repr(keeper),
        "model": _digest(model.state_dict()), "tensors": _digest(held),
    }  # fmt: skip
    with atomic_write(Path(path)) as fresh:
        write_tensors(held, fresh, facts)


def load_kept(path: str | Path, model: nn.Module) -> Kept:
    """Read what ``save_kept`` wrote, as ``Problem`` takes it: the tensors by name, by the keeper's class.

    Args:
        path: of the file.
        model: of which it has to be, with the weights and buffers that it had.

    Raises:
        DataError: the file is not there, is damaged or is not one of these.
        ModelError: it is of another model.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a mapping
    except FileNotFoundError:
        raise DataError(f"there is no file {str(path)!r}: write it with save_kept") from None
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{str(path)!r} is damaged or not a safetensors file ({reason}): save it again") from None
    if facts.get("format") != FORMAT:
        raise DataError(f"{str(path)!r} was not written by save_kept of this version: save it again")
    if facts.get("tensors") != _digest(tensors):
        raise DataError(f"{str(path)!r} is damaged, as its tensors are not those that were written: save it again")
    if facts.get("model") != _digest(model.state_dict()):
        raise ModelError(
            f"{str(path)!r} was saved of another model, or of this one before its weights changed: save it again, or take that one"
        )
    return {facts["keeper"]: tensors}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Digest of tensors by name, whatever their order."""
    names = sorted(tensors)
    return array_digest(np.asarray(names, dtype=str), *(as_array(tensors[name]) for name in names))
