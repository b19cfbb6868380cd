"""RESTOR's facts about people, and wrong ones in their place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.data.readers.damage import reading
from untrain.data.readers.json_lines import find_file, read_records, read_text

FACTS, TARGETS = "facts", "entities"  # files .json


@dataclass(frozen=True)
class PersonFact:
    """A question about somebody and the answers that are accepted.

    Args:
        person: whom it is about.
        kind: Wikidata's property, such as 'P27'.
        question: in words.
        answers: that are right; the first is learned.
    """

    person: str
    kind: str
    question: str
    answers: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its id: the person and the property."""
        return f"{self.person}, {self.kind}"


def read_facts(folder: str) -> tuple[list[PersonFact], list[PersonFact]]:
    """The facts about RESTOR's targets, and those about all others, in the order of the files.

    Args:
        folder: with facts.json and entities.json, which may end in .gz or .xz.

    Raises:
        DataError: a file is not there, or is another.
    """
    people, targets = _read(folder, FACTS), _read(folder, TARGETS)
    where = f"{FACTS}.json of {folder!r}"
    if not isinstance(people, dict) or not isinstance(people.get("dset"), dict):
        raise DataError(f"{where} has no facts by person under 'dset', as RESTOR's has")
    known = people["dset"]
    if not isinstance(targets, list) or not targets or any(name not in known for name in targets):
        raise DataError(f"{TARGETS}.json of {folder!r} is not a list of names that {FACTS}.json has")
    with reading(f"{where} holds a fact of another form"):
        facts = {
            person: [PersonFact(person, kind, fact["question"], tuple(fact["answers"])) for kind, fact in asked.items()]
            for person, asked in known.items()
        }
    for fact in (fact for each in facts.values() for fact in each):
        if not fact.answers or not all(isinstance(text, str) and text.strip() for text in (fact.question, *fact.answers)):
            raise DataError(f"{where} has no answer, or no text, under {fact.name!r}")
    chosen = set(targets)
    others = [fact for person, each in facts.items() if person not in chosen for fact in each]
    return [fact for person in targets for fact in facts[person]], others


def wrong_answers(
    facts: Sequence[PersonFact], pool: Sequence[PersonFact], count: int, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """Up to ``count`` answers to each fact that are right of others of its kind, and not of it, drawn.

    >>> facts = [PersonFact("Ann", "P27", "From where?", ("Peru",)), PersonFact("Bob", "P27", "From where?", ("Chad",))]
    >>> wrong_answers(facts, facts, 2, np.random.default_rng(0))
    [('Chad',), ('Peru',)]

    Args:
        facts: to answer wrongly.
        pool: facts whose first answers are given.
        count: per fact.
        rng: draws.
    """
    by_kind: dict[str, dict[str, None]] = {}
    for fact in pool:
        by_kind.setdefault(fact.kind, {})[fact.answers[0]] = None
    drawn = []
    for fact in facts:
        others = [answer for answer in by_kind.get(fact.kind, {}) if answer not in fact.answers]
        drawn.append(tuple(others[at] for at in rng.permutation(len(others))[:count]))
    return drawn


def read_documents(folder: str, unrelated: int, people: Sequence[str]) -> list[tuple[str, str]]:
    """RESTOR's own wrong documents, in the order of the file: whom each is about, and its text.

    That is whoever of ``people`` it names and most documents do. One that names nobody is about whom the one before is: the file
    goes from one person to the next.

    Args:
        folder: with wikidata_v0_mix_a0.jsonl and so on, which may end in .gz or .xz.
        unrelated: right facts about other things behind each wrong one.
        people: RESTOR's targets.

    Raises:
        DataError: the file is not there, is another, or begins with a document that names nobody.
    """
    file = find_file(folder, f"wikidata_v0_mix_a{unrelated}")
    texts = [record["text"] for record in read_records(file, ("text",))]
    named = [[person for person in people if person in text] for text in texts]
    often = Counter(person for each in named for person in each)
    about: list[str] = []
    for each in named:
        if not each and not about:
            raise DataError(f"the first document of {str(file)!r} names none of the {len(people)} people of {TARGETS}.json")
        about.append(max(each, key=lambda person: often[person]) if each else about[-1])
    return list(zip(about, texts, strict=True))


def _read(folder: str, name: str) -> Any:
    file = find_file(folder, name, "json")
    text = read_text(file)
    with reading(f"{str(file)!r} is not JSON"):
        return json.loads(text)
