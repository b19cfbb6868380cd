"""The data sets of the comparison, as examples of convex learners; those of FOLDER are there or are left out."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

import untrain as ut
from untrain.data.sparse import matrix_examples

Array = np.ndarray[Any, Any]
Examples = ut.Examples


def adult(folder: Path) -> Examples:
    """32,561 rows of Adult: standardised numbers and one column per value, rows of length 1."""
    with gzip.open(folder / "adult.csv.gz", "rt") as file:
        table = pd.read_csv(file, skipinitialspace=True)
    table = table[table["split"] == "train"].drop(columns=["split", "fnlwgt", "education"])
    y = table.pop("income").str.startswith(">50K").to_numpy().astype(np.int64)
    numbers = table.select_dtypes("number")
    words = pd.get_dummies(table.drop(columns=numbers.columns), drop_first=True).to_numpy(dtype=float)
    return matrix_examples(unit(np.hstack([StandardScaler().fit_transform(numbers), words])), y)


def pima(folder: Path) -> Examples:
    """768 rows of Pima's diabetes, standardised."""
    with gzip.open(folder / "diabetes_pima.csv.gz", "rt") as file:
        table = pd.read_csv(file)
    y = table.pop("Outcome").to_numpy().astype(np.int64)
    return matrix_examples(StandardScaler().fit_transform(table), y)


def drebin(folder: Path) -> Examples:
    """39,380 rows of Drebin, sparse, of length 1."""
    held = np.load(folder / "drebin.npz", allow_pickle=False)
    indices, starts = held["train_indices"], held["train_indptr"]
    x = sparse.csr_array((np.ones(len(indices)), indices, starts), shape=tuple(held["train_shape"]))
    return matrix_examples(sparse.diags_array(1 / np.sqrt(np.maximum(x.sum(axis=1), 1))) @ x, held["train_labels"].astype(np.int64))


def enron(folder: Path) -> Examples:
    """6,744 rows of Enron, the test part, sparse, of length 1."""
    held = np.load(folder / "enron_testonly.npz", allow_pickle=False)
    x = sparse.csr_array((held["test_data"], held["test_indices"], held["test_indptr"]), shape=tuple(held["test_shape"]))
    return matrix_examples(x, held["test_labels"].astype(np.int64))


def diabetes(folder: Path) -> Examples:
    """442 rows of scikit-learn's diabetes, standardised, a number to predict."""
    x, y = load_diabetes(return_X_y=True)
    fields = {"x": torch.as_tensor(StandardScaler().fit_transform(x)), "y": torch.as_tensor((y - y.mean()) / y.std())}
    return Examples(fields, np.arange(len(y)))


def unit(x: Array) -> Array:
    """Rows of length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


# Name, learner and data; penalties were fixed before any look at them.
SETS: dict[str, tuple[str, Callable[[Path], Examples]]] = {
    "diabetes, ridge": ("Convex(loss='squared', l2=0.01, tuned=False, task=Regression())", diabetes),
    "diabetes, lasso": ("Convex(loss='squared', l2=0.0, l1=0.05, tuned=False, task=Regression())", diabetes),
    "Pima, logistic": ("Convex(l2=0.01, tuned=False)", pima),
    "Adult, logistic": ("Convex(l2=0.001, tuned=False)", adult),
    "Adult, squared hinge": ("Convex(loss='squared_hinge', l2=0.001, tuned=False)", adult),
    "Enron (test part), logistic": ("Convex(l2=0.001, tuned=False)", enron),
    "Drebin, logistic": ("Convex(l2=0.0001, tuned=False)", drebin),
}
