"""Linear models of scikit-learn as checkpoints: files of skops, and coefficients in .json or .npz."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from torch import nn

from untrain.core.errors import DataError, MissingExtra, ModelError
from untrain.data.examples import Examples
from untrain.data.readers.damage import reading
from untrain.data.readers.held_arrays import is_sparse
from untrain.data.readers.numpy_files import read_numpy
from untrain.data.understood import Understood
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.training.estimators import Estimated, from_estimator, to_estimator

Array = np.ndarray[Any, Any]
NEEDED = ("coef", "intercept")
SPELLED = '{"coef": [[0.5, -1.2]], "intercept": [0.1], "classes": ["no", "yes"], "C": 1.0}'


def open_skops(path: Path, data: Understood, valid: Understood | None) -> OpenedModel:
    """Open a linear estimator, or a pipeline that ends in one, in a file of skops.

    Raises:
        DataError: the file cannot be read, or the data do not fit.
        ModelError: it holds something else than a linear classifier.
        MissingExtra: skops is not installed.
    """
    library = _skops()
    made = from_estimator(library.read_estimator(path))

    def write(model: nn.Module, file: Path) -> None:
        library.write_estimator(to_estimator(model, made.estimator), file)

    return _opened(path, f"{type(made.estimator).__name__} of scikit-learn in a file of skops", made, data, valid, write)


def open_coefficients(path: Path, data: Understood, valid: Understood | None) -> OpenedModel:
    """Open the coefficients of a logistic regression, in JSON or as arrays of NumPy.

    Raises:
        DataError: the file cannot be read or lacks something, or the data do not fit.
    """
    with reading(f"{path} cannot be read as coefficients"):
        held: Any = json.loads(path.read_text(encoding="utf-8")) if path.suffix.lower() == ".json" else read_numpy(path)
    if not isinstance(held, Mapping) or any(name not in held for name in NEEDED):
        raise DataError(f"{path} lacks coefficients: 'coef' and 'intercept' are needed, 'classes' and 'C' where known: {SPELLED}")
    made = from_estimator(_fitted(path, held, data), tuned=True)
    assumed = "" if "C" in held else "C=1.0, scikit-learn's default; put 'C' beside the coefficients if it was another"

    def write(model: nn.Module, file: Path) -> None:
        last = to_estimator(model, made.estimator)
        new = {"coef": last.coef_, "intercept": last.intercept_}
        if path.suffix.lower() == ".json":
            lists = {name: value.reshape(np.shape(held[name])).tolist() for name, value in new.items()}
            file.write_text(json.dumps({**held, **lists}, indent=1) + "\n", encoding="utf-8")
        else:
            arrays = {name: value.reshape(np.shape(held[name])).astype(np.asarray(held[name]).dtype) for name, value in new.items()}
            with file.open("wb") as opened:
                np.savez(opened, **{**held, **arrays})

    kind = f"coefficients of a logistic regression in {path.suffix.lower()}"
    return replace(_opened(path, kind, made, data, valid, write), assumed=assumed)


def _fitted(path: Path, held: Mapping[str, Any], data: Understood) -> LogisticRegression:
    """A logistic regression with such coefficients.

    Raises:
        DataError: they are not numbers, or of shapes that do not go together.
    """
    with reading(f"{path} holds coefficients that are not numbers"):
        coef = np.atleast_2d(np.asarray(held["coef"], dtype=np.float64))
        bias = np.atleast_1d(np.asarray(held["intercept"], dtype=np.float64))
        strength = float(np.asarray(held.get("C", 1.0)))
    if coef.ndim != 2 or bias.shape != (len(coef),) or not (np.isfinite(coef).all() and np.isfinite(bias).all()):
        raise DataError(
            f"{path}: coef has shape {coef.shape} and intercept {bias.shape}: finite numbers (k, d) and (k,) are needed"
        )
    if not strength > 0:
        raise DataError(f"{path}: C is {strength:g}: it must be above 0")
    count = 2 if len(coef) == 1 else len(coef)
    classes = np.asarray(held["classes"]) if "classes" in held else np.unique(data.labels)
    if len(classes) != count:
        raise DataError(
            f"{path} holds coefficients of {count} classes, and there are {len(classes)}: give 'classes', as in {SPELLED}"
        )
    made = LogisticRegression(C=strength)
    made.classes_, made.coef_, made.intercept_ = classes, coef, bias
    made.n_features_in_, made.n_iter_ = coef.shape[1], np.zeros(1, dtype=np.int32)
    return made


def _opened(
    path: Path, kind: str, made: Estimated, data: Understood, valid: Understood | None, write: Callable[[nn.Module, Path], None]
) -> OpenedModel:
    if made.classes is None:
        raise ModelError(
            f"{path.name} predicts numbers; classifiers are supported here: see docs/convex.md for the steps in Python"
        )
    if made.learner is None:
        raise ModelError(f"{path.name} cannot be fitted again exactly: {made.obstacle}; see docs/convex.md")
    train = _examples(made, data)
    held_out = None if valid is None else _examples(made, valid)
    task = made.learner.task.resolve(train)
    learner = replace(made.learner, task=task)
    return OpenedModel(path, kind, made.model, learner, "", task, train, held_out, lambda model: model, write, exact=True)


def _examples(made: Estimated, data: Understood) -> Examples:
    """The data as the estimator takes them, labels by its own classes."""
    classes = [] if made.classes is None else made.classes.tolist()
    names = tuple(map(str, classes))
    y, names, _ = data.classes(names, len(names))
    inputs = data.inputs
    wide = getattr(made.estimator, "n_features_in_", None)
    rows = inputs.tolist() if data.roles.kind == "text" else inputs if is_sparse(inputs) else inputs.reshape(len(inputs), -1)
    if data.roles.kind != "text" and wide is not None and rows.shape[1] != wide:
        columns = ", ".join(data.roles.x)
        raise DataError(
            f"{data.table.source} has {rows.shape[1]} inputs ({columns[:80]}), and the estimator takes {wide}: name its columns in "
            "order, with --x COLUMN for each"
        )
    with reading(f"{data.table.source} does not fit the estimator"):
        shown = made.examples(rows, np.array(classes, dtype=made.classes.dtype if made.classes is not None else None)[y], data.ids)
    more = data.examples(names, len(names), x=np.zeros((len(data), 1), dtype=np.float32))
    further = {**more.columns, "text": inputs} if data.roles.kind == "text" else more.columns
    return replace(shown, ids=more.ids, columns=further, owner=more.owner, categories=names)


def _skops() -> ModuleType:
    try:
        from untrain.models import skops_files
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading .skops needs {error.name}, which is not installed: pip install skops") from None
    return skops_files
