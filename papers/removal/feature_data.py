"""Data sets with features that somebody may want to go, as examples of convex learners."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from papers.removal.data import unit
from scipy import sparse

import untrain as ut
from untrain.data.sparse import matrix_examples
from untrain.training.learners.convex import weights_of

Array = np.ndarray[Any, Any]
HEAVY, PENALTY = 300, 1000.0  # features of the largest weights, in a model with this penalty


@dataclass(frozen=True, eq=False)
class Named:
    """Training and test data whose features have names, and those that may go."""

    train: ut.Examples
    test: ut.Examples
    may_go: Array


def drebin(folder: Path) -> Named:
    """Drebin, sparse, rows of length 1; any URL may go that the source lists."""
    held = np.load(folder / "drebin.npz", allow_pickle=False)
    names = tuple(held["feature_names"].tolist())

    def part(name: str) -> ut.Examples:
        indices, starts = held[f"{name}_indices"], held[f"{name}_indptr"]
        x = sparse.csr_array((np.ones(len(indices)), indices, starts), shape=tuple(held[f"{name}_shape"]))
        rows = sparse.diags_array(1 / np.sqrt(np.maximum(x.sum(axis=1), 1))) @ x
        return matrix_examples(rows, held[f"{name}_labels"].astype(np.int64), features=names)

    return Named(part("train"), part("test"), np.intersect1d(held["relevant_features"], names))


def drebin_heavy(folder: Path) -> Named:
    """The same; the URLs may go that are among the features of the 300 largest weights of a model with l2 = 1000."""
    whole = drebin(folder)
    weights = weights_of(ut.Convex(l2=PENALTY, form="sum", bias="none")(whole.train), intercept=False)
    heavy = np.array(whole.train.features)[np.argsort(-np.abs(weights), kind="stable")[:HEAVY]]
    return Named(whole.train, whole.test, np.intersect1d(whole.may_go, heavy))


def enron(folder: Path) -> Named:
    """The test part of Enron, sparse, rows of length 1, 5,000 at random to train on; the names that the source lists may go."""
    held = np.load(folder / "enron_testonly.npz", allow_pickle=False)
    x = sparse.csr_array((held["test_data"], held["test_indices"], held["test_indptr"]), shape=tuple(held["test_shape"]))
    names, y = tuple(held["feature_names"].tolist()), held["test_labels"].astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    parts = [matrix_examples(x[rows], y[rows], features=names) for rows in (order[:5000], order[5000:])]
    return Named(*parts, np.intersect1d(held["relevant_features"], names))


def adult(folder: Path) -> Named:
    """Adult as 81 columns: numbers standardised, then of length 1 together; each value but the most frequent, which fills gaps."""
    with gzip.open(folder / "adult.csv.gz", "rt") as file:
        table = pd.read_csv(file, skipinitialspace=True, na_values="?").drop(columns=["fnlwgt", "education"])
    trained = (table.pop("split") == "train").to_numpy()
    y = table.pop("income").str.startswith(">50K").to_numpy().astype(np.int64)
    numbers = table.select_dtypes("number")
    fitted = numbers[trained]
    columns = {"numbers": unit(((numbers - fitted.mean()) / fitted.std(ddof=0)).to_numpy())}
    names = list(numbers.columns)
    for field in table.columns.difference(numbers.columns, sort=False):
        values = table.loc[trained, field].value_counts().index
        columns |= {f"{field}={value}": (table[field] == value).to_numpy(dtype=float)[:, None] for value in values[1:]}
        names += [f"{field}={value}" for value in values[1:]]
    x = np.hstack(list(columns.values()))
    parts = [matrix_examples(x[rows], y[rows], features=names) for rows in (trained, ~trained)]
    private = ("marital", "relationship", "race")
    return Named(*parts, np.array([name for name in names if name.startswith(private)]))
