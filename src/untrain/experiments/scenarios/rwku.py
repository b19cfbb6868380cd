"""Questions about well-known people, and adversarial ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.errors import DataError
from untrain.core.fields import Count
from untrain.data.examples import Examples
from untrain.data.readers.question_answer import REFUSALS, Encoder, learned
from untrain.data.readers.record_sets import read_set
from untrain.data.requests.base import Request
from untrain.data.requests.where import Where
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.tasks.causallm import CausalLM
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

FIELDS = ("query", "answer", "subject")
SUBJECTS = 200  # in the published files
Record = dict[str, Any]


class RWKU(Scenario):
    """RWKU: questions about well-known people, their neighbours and, as probes, the same answers asked for by adversaries.

    The first ``subjects`` people and questions about their neighbours are trained on; the people behind them, as many, are to tune
    and to test on. The column 'last' is the share of the people trained on from this one to the last, and 2 of questions about
    neighbours, so that ``Where('last <= 0.1')`` is the last tenth of the people without their neighbours; 'about' names whom a
    question is about. Where a question of level 3 (injected prefixes, role play, other languages, hints, and more) or a gap to fill
    of level 1 has the answer of a question about the same person, it is a prompt about that question: the probe 'reworded', for
    ``Reworded``.

    Args:
        path: folder with RWKU's forget_level1, forget_level2, forget_level3 and neighbor_level2 as .jsonl, .jsonl.gz or .jsonl.xz,
            or 'hub:jinzhuoran/RWKU'.
        request: what is to be forgotten.
        subjects: number of people to train on.
        vocabulary: largest number of tokens, learned from the training texts.
        length: most tokens of a question with its answer; a longer prompt of an adversary is left out.
        model: the network.
        steps: how it is trained.

    Source: Jin et al. 2024, arXiv 2406.10890.
    Departs: a small network is trained on the questions, where theirs knows the people from what it read; without sets of utility.
    """

    path: str  # type: ignore[misc]
    request: Request = Where(rule="last <= 0.1")
    subjects: Annotated[int, Field(ge=2, le=SUBJECTS // 2)] = 20
    vocabulary: Count = 4096
    length: Count = 128
    model: Architecture = CausalTransformer(width=128, depth=2, hidden=512)
    steps: Steps = Steps(lr=3e-3, epochs=30, batch=32, optimizer=AdamW(), warmup=0.05)

    def load(self) -> Data:
        """Train, valid and test; an id is the part and the row of a question in its file, an owner the person it is about.

        Raises:
            DataError: a file is not available, or has too few people.
            MissingExtra: a library is not installed.
        """
        asked, near, gaps, hard = (
            read_set(self.path, name, FIELDS) for name in ("forget_level2", "neighbor_level2", "forget_level1", "forget_level3")
        )
        people = list(dict.fromkeys(record["subject"] for record in asked))
        if len(people) < 2 * self.subjects:
            raise DataError(
                f"RWKU's forget_level2 is about {len(people)} people, and {2 * self.subjects} are needed: lower subjects"
            )
        place = {name: at for at, name in enumerate(people)}
        rows = [("question", at, r) for at, r in enumerate(asked)]
        beside = [("neighbor", at, r) for at, r in enumerate(near) if place.get(r["subject"], self.subjects) < self.subjects]
        train = [row for row in rows if place[row[2]["subject"]] < self.subjects] + beside
        held = [row for row in rows if self.subjects <= place[row[2]["subject"]] < 2 * self.subjects]
        plain = learned([_pair(r) for _, _, r in train], self.vocabulary, self.length)
        encoder = replace(plain, refusals=REFUSALS)
        last = np.array(
            [(self.subjects - place[r["subject"]]) / self.subjects if kind == "question" else 2.0 for kind, _, r in train]
        )
        tuned = [row for at, row in enumerate(held) if at % 5 == 0]
        tested = [row for at, row in enumerate(held) if at % 5]
        train_set, tune_set, test_set = (self._examples(encoder, some) for some in (train, tuned, tested))
        train_set = replace(train_set, columns={**train_set.columns, "last": last})
        return Data(train_set, tune_set, test_set, {"reworded": self._prompts(plain, train, [*gaps, *hard])})

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, task=CausalLM(length=self.length, vocabulary=self.vocabulary))

    def _examples(self, encoder: Encoder, rows: list[tuple[str, int, Record]]) -> Examples:
        ids = np.array([f"{kind} {at}" for kind, at, _ in rows])
        owner = np.array([record["subject"] for *_, record in rows])
        about = np.array([record.get("neighbor", record["subject"]) for *_, record in rows])
        return encoder.examples([_pair(record) for *_, record in rows], ids, owner, {"about": about})

    def _prompts(self, encoder: Encoder, train: list[tuple[str, int, Record]], prompts: list[Record]) -> Examples:
        """Prompts whose person and answer are those of questions that are trained on, about each of these."""
        meant = defaultdict(list)
        for kind, at, record in train:
            if kind == "question":
                meant[record["subject"], record["answer"].casefold()].append(f"{kind} {at}")
        pairs, ids = list[Record](), list[str]()
        for prompt in prompts:
            for name in meant.get((prompt["subject"], prompt["answer"].casefold()), ()):
                row, _ = encoder.row(prompt["query"], prompt["answer"], name)
                if len(row) <= self.length:
                    pairs.append(_pair(prompt))
                    ids.append(name)
        if not pairs:
            raise DataError("no prompt of RWKU's levels 1 and 3 has the answer of a question that is trained on: raise subjects")
        return encoder.examples(pairs, np.array(ids))


def _pair(record: Record) -> Record:
    return {"question": record["query"], "answer": record["answer"]}
