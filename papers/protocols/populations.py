"""Originals and retrained models of a scenario by the hundred: what protocols are tried on.

Models are trained once and kept in a store; a second start reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import untrain as ut
from untrain.core.spec import parse
from untrain.data.examples import Examples
from untrain.data.requests.resolve import request
from untrain.data.splits import Data
from untrain.evaluation.observation import Observation

FRESH = 10_000  # seeds of retrained models begin here, so that none is an original's


@dataclass(frozen=True, eq=False)
class Models:
    """Outputs of originals, of retrained models of the same seeds, and of fresh retrained models, on all examples.

    Args:
        logits: (models, examples, classes).
        labels: (examples,).
        side: 'forget', 'retain' or 'test', (examples,).
        kind: 'original', 'paired' or 'retrain', (models,).
    """

    logits: Any
    labels: np.ndarray
    side: np.ndarray
    kind: np.ndarray

    def rows(self, kind: str) -> np.ndarray:
        """Numbers of the models of a kind."""
        return np.flatnonzero(self.kind == kind)

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """Logits of some models, a copy."""
        return np.array(self.logits[np.asarray(rows)], dtype=np.float32)

    def observed(self, logits: np.ndarray) -> Observation:
        """Models of some logits."""
        ids = np.arange(len(self.labels)).astype(str)
        return Observation.of_logits(logits, self.labels, self.labels, self.side, ids)

    def thinned(self, most: int) -> Models:
        """The same on at most so many retain and test examples each, drawn at random: all scores cost less."""
        draw, kept = np.random.default_rng(0), [np.flatnonzero(self.side == "forget")]
        for name in ("retain", "test"):
            rows = np.flatnonzero(self.side == name)
            kept.append(draw.permutation(rows)[:most])
        at = np.sort(np.concatenate(kept))
        return Models(np.ascontiguousarray(self.logits[:, at]), self.labels[at], self.side[at], self.kind)


def together(data: Data) -> Examples:
    """Training and test examples in one set, on which all models are observed."""
    parts = [data.train, data.test]
    inputs = torch.cat([part.x[:] for part in parts])
    labels = torch.cat([torch.as_tensor(np.asarray(part.y)) for part in parts])
    return Examples.labelled(inputs, labels, np.arange(len(labels)), data.train.classes)


def sides(data: Data, forget: np.ndarray) -> np.ndarray:
    """The side of each example of ``together``, where these rows of the training set are to be forgotten."""
    side = np.array(["retain"] * len(data.train) + ["test"] * len(data.test))
    side[forget] = "forget"
    return side


def population(spelling: str, originals: int, retrains: int, store: Path) -> Models:
    """Train what lacks of the models of a scenario, and return the outputs of all."""
    scenario = parse(spelling)
    data, learner = scenario.load(), scenario.learner()
    forget = np.asarray(request(data.train, scenario.request).rows)
    everyone = np.arange(len(data.train))
    retain = np.setdiff1d(everyone, forget)
    pairs = [(everyone, seed) for seed in range(originals)] + [(retain, seed) for seed in range(originals)]
    pairs += [(retain, FRESH + seed) for seed in range(retrains)]
    observed = together(data)
    outputs = ut.train_population(learner, data.train, pairs, observed, store=store)
    kind = np.array(["original"] * originals + ["paired"] * originals + ["retrain"] * retrains)
    return Models(outputs["logits"], np.asarray(observed.y), sides(data, forget), kind)
