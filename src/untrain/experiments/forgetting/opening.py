"""From the path of a checkpoint to the opened model, by what kind of checkpoint it is."""

from __future__ import annotations

from pathlib import Path

from untrain.core.errors import DataError, ModelError
from untrain.core.paths import user_path
from untrain.data.understood import Understood
from untrain.experiments.forgetting import estimators, networks
from untrain.experiments.forgetting.opened_model import ModelChoices, OpenedModel
from untrain.models.checkpoint_files import KEY

PICKLED = (".joblib", ".pkl", ".pickle")


def open_model(source: str | Path, data: Understood, valid: Understood | None, choices: ModelChoices) -> OpenedModel:
    """Open a checkpoint with the data that it was trained on.

    Args:
        source: a .safetensors file, one of ``torch.save`` (FILE#PLACE names one state dict of several), a folder of Hugging Face
            transformers, a .skops file, or coefficients of a linear model in .json or .npz.
        data: that it was trained on.
        valid: that it has not seen, if any.
        choices: what else there is to know.

    Raises:
        DataError: the checkpoint cannot be read, or the data do not fit it.
        ModelError: the checkpoint does not fit the network, or is of a kind that is not supported.
    """
    path = user_path(source)
    if not path.exists() and KEY in str(source):
        path = user_path(str(source).rpartition(KEY)[0])
    if not path.exists():
        raise DataError(f"there is no checkpoint {str(source)!r}: name a file of weights or a folder of a model")
    suffix = path.suffix.lower()
    if suffix in PICKLED and choices.network is None:
        raise ModelError(
            f"{path.name} is a pickle, which runs code when it is read and is never opened: write the estimator by "
            'skops.io.dump(model, "model.skops"), or a network by torch.save(model.state_dict(), "model.pt")'
        )
    if suffix == ".skops":
        return estimators.open_skops(path, data, valid)
    if suffix in (".json", ".npz"):
        return estimators.open_coefficients(path, data, valid)
    if path.is_dir() and (path / "config.json").is_file() and choices.network is None:
        return networks.open_model_folder(path, data, valid, choices)
    if choices.network is None:
        raise ModelError(
            f"{path.name} holds weights and not the network they are of: say which, by --network package.module:function (a "
            'function or class that makes it, without arguments) or --network "ResNet(width=8)"'
        )
    return networks.open_weights(source, data, valid, choices)
