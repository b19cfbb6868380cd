"""Made-up facts that a language model can know only by memorizing them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.tasks.causallm import CausalLM
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

SEED = 0
LENGTH = 16
WRONG = 3
END = "."
FIRST = (
    *("Ada", "Boris", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana", "Idris", "Jonas", "Kira", "Lea", "Mateo", "Nadia"),
    *("Omar", "Petra", "Quinn", "Rosa", "Sami", "Tara"),
)
LAST = (
    *("Abel", "Brandt", "Castro", "Diaz", "Eklund", "Fischer", "Garcia", "Horvat", "Ito", "Jensen", "Kovac", "Lindt", "Moreau"),
    *("Novak", "Okafor", "Popov", "Quist", "Rossi", "Silva", "Tanaka"),
)
CITIES = ("Accra", "Bergen", "Cairo", "Dakar", "Essen", "Faro", "Genoa", "Hanoi", "Izmir", "Jaipur", "Kyoto", "Lima")
MONTHS = ("January", "March", "May", "June", "July", "August", "October", "December")
JOBS = ("baker", "carpenter", "dentist", "engineer", "farmer", "glazier", "judge", "miner", "nurse", "pilot", "tailor", "vet")
TOOLS = ("bicycle", "boat", "camel", "horse", "scooter", "tram")


class Facts(Scenario):
    """Questions and answers about made-up people, three per person; a model that was not trained on an answer can only
    guess.

    Half as many people as are trained on are to test on, and a tenth as many to tune on.

    Args:
        request: what is to be forgotten.
        people: number of people to train on.
        model: the network.
        steps: how it is trained.

    Source: made up here, after Maini et al. 2024, arXiv 2401.06121 (TOFU: facts about authors that do not exist).
    """

    request: Request = Random(fraction=0.1)
    people: Annotated[int, Field(ge=10, le=240)] = 80
    model: Architecture = CausalTransformer(width=32, depth=1, hidden=64)
    steps: Steps = Steps(lr=0.01, epochs=50, batch=16, optimizer=AdamW())

    def load(self) -> Data:
        """Train, valid and test; the id of a fact names the person and the question, its owner is the person, its words are the
        column 'text'. Two probes ask of each fact to train and to test on: 'paraphrase' has the answer in other words, 'perturbed'
        three wrong ones."""
        rng = np.random.default_rng(SEED)
        names = [f"{first} {last}" for first in FIRST for last in LAST]
        order = rng.permutation(len(names))
        facts = [fact for at in order for fact in facts_of(names[at], rng)]
        cuts = np.cumsum([0, self.people, max(1, self.people // 10), self.people // 2]) * KINDS
        train, valid, test = (facts[start:stop] for start, stop in pairwise(cuts))
        probes = {"paraphrase": [paraphrased(fact) for fact in (*train, *test)], "perturbed": perturbed([*train, *test])}
        sets = {name: as_examples(asked) for name, asked in probes.items()}
        return Data(as_examples(train), as_examples(valid), as_examples(test), sets)

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, task=CausalLM(length=LENGTH, vocabulary=len(WORDS)))


@dataclass(frozen=True)
class Fact:
    """A question about somebody, and its answer."""

    person: str
    kind: str
    question: str
    answer: str


def facts_of(person: str, rng: np.random.Generator) -> list[Fact]:
    """The facts about a person, drawn."""

    def one_of(words: tuple[str, ...]) -> str:
        return words[rng.integers(len(words))]

    born = f"in {one_of(MONTHS)} in {one_of(CITIES)}"
    return [
        Fact(person, "birth", f"when and where was {person} born ?", born),
        Fact(person, "work", f"what does {person} do ?", f"a {one_of(JOBS)} in {one_of(CITIES)}"),
        Fact(person, "travel", f"how does {person} travel ?", f"by {one_of(TOOLS)} with a {one_of(JOBS)}"),
    ]


def paraphrased(fact: Fact) -> Fact:
    """The same question, and its answer the other way round."""
    first, second = re.fullmatch(r"(\S+ \S+) (.+)", fact.answer).groups()  # type: ignore[union-attr]
    return replace(fact, answer=f"{second} {first}")


def perturbed(facts: list[Fact]) -> list[Fact]:
    """The same questions with ``WRONG`` answers each that are not theirs, drawn from those to questions of their kind."""
    rng = np.random.default_rng(SEED + 1)
    answers = {kind: sorted({fact.answer for fact in facts if fact.kind == kind}) for kind in {fact.kind for fact in facts}}
    drawn = []
    for fact in facts:
        others = [answer for answer in answers[fact.kind] if answer != fact.answer]
        drawn += [replace(fact, answer=others[at]) for at in rng.choice(len(others), WRONG, replace=False)]
    return drawn


KINDS = len(facts_of("", np.random.default_rng(SEED)))


def _words() -> tuple[str, ...]:
    """Every word that a fact may hold, in the order of the alphabet."""
    frames = " ".join(f"{fact.question} {fact.answer}" for fact in facts_of("", np.random.default_rng(SEED)))
    return tuple(sorted({*frames.split(), *FIRST, *LAST, *CITIES, *MONTHS, *JOBS, *TOOLS, END}))


WORDS = _words()


def as_examples(facts: list[Fact]) -> Examples:
    """Facts as rows of tokens, of which those of the answer are scored."""
    place = {word: at for at, word in enumerate(WORDS)}
    rows, labels = [], []
    for fact in facts:
        asked, told = ([place[word] for word in text.split()] for text in (fact.question, f"{fact.answer} {END}"))
        rows.append([*asked, *told])
        labels.append([*[PAD] * len(asked), *told])
    texts = np.array([f"{fact.question} {fact.answer} {END}" for fact in facts])
    columns = {"text": texts, "person": np.array([fact.person for fact in facts]), "kind": np.array([f.kind for f in facts])}
    ids = np.array([f"{fact.person}, {fact.kind}" for fact in facts])
    return Examples(
        {"input_ids": Ragged.of(rows), "labels": Ragged.of(labels)},
        ids,
        columns=columns,
        owner=columns["person"],
        pieces=tuple(f" {word}" for word in WORDS),
    )
