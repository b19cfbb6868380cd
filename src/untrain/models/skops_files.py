"""Estimators of scikit-learn in files of skops, which are read without unpickling anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skops import io

from untrain.core.errors import DataError
from untrain.data.readers.damage import reading

SHOWN = 5


def read_estimator(file: Path) -> Any:
    """The estimator in a file of skops; only types that skops trusts by itself are made.

    Raises:
        DataError: it cannot be read, or holds other types.
    """
    with reading(f"{file} cannot be read as a file of skops"):
        strange = io.get_untrusted_types(file=file)
        if strange:
            more = ", ..." if len(strange) > SHOWN else ""
            raise DataError(
                f"{file} holds types that are not scikit-learn's or NumPy's own ({', '.join(strange[:SHOWN])}{more}), which are "
                "not made: save the linear estimator itself"
            )
        return io.load(file, trusted=[])


def write_estimator(estimator: Any, file: Path) -> None:
    """Write an estimator to a file of skops."""
    io.dump(estimator, file)
