"""Margins that EasyDUB ships: 200 trained models and 2,000 oracles of CIFAR-10, one file per model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.experiments.audits.array_files import read_arrays, read_outputs

Array = np.ndarray[Any, Any]
ORDER = ("retain", "forget", "val")


def read_easydub(root: str | Path, forget_set: int) -> tuple[dict[str, Any], Array]:
    """Read the margins of the oracles and of the original models for one of EasyDUB's forget sets.

    Args:
        root: the folder of the data set.
        forget_set: 1 to 10.

    Returns:
        'oracles' and 'originals', by side; and the side of each example in the order retain, forget, val, in which EasyDUB's
        own demonstration joins them.

    Raises:
        DataError: the folder has another layout.

    Source: Rinberg et al. 2026, arXiv 2602.16400; layout as read by easydub/EasyDUB-code, easydub/data.py.
    """
    base = user_path(root) / "margins" / "cifar10"
    if not base.is_dir():
        raise DataError(f"{root} is not an EasyDUB data set: it has no folder margins/cifar10")
    folder = base / "oracle" / f"forget_{forget_set}"
    if not folder.is_dir():
        there = sorted(f.name.removeprefix("forget_") for f in base.glob("oracle/forget_*"))
        raise DataError(f"{root} has no oracles of forget set {forget_set}; it has those of {', '.join(there) or 'none'}")
    oracles = {side: np.asarray(read_outputs(folder / side, "oracles")) for side in ORDER}
    places = {"retain": "retain", "forget": f"forget_{forget_set}", "val": "val"}
    originals = {}
    if all((base / "pretrain" / place).is_dir() for place in places.values()):
        originals = {side: np.asarray(read_outputs(base / "pretrain" / place, "originals")) for side, place in places.items()}
        size = originals["retain"].shape[1]
        if size > oracles["retain"].shape[1]:  # margins of the originals are of all that they were trained on
            file = user_path(root) / "forget_sets" / "cifar10" / f"forget_set_{forget_set}.npy"
            stays = np.setdiff1d(np.arange(size), read_arrays(file, "the forget set")[file.stem])
            originals["retain"] = originals["retain"][:, stays]
    side = np.repeat(["retain", "forget", "test"], [oracles[name].shape[1] for name in ORDER])
    return {"oracles": oracles} | ({"originals": originals} if originals else {}), side
