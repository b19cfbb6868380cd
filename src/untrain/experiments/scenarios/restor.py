"""Facts about people of which some were corrupted: does unlearning bring the right ones back?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from untrain.core.errors import DataError, SpecError
from untrain.core.fields import Count
from untrain.data.examples import Examples, joined
from untrain.data.ragged import PAD, SPANS, Ragged
from untrain.data.readers.documents import pieces
from untrain.data.readers.question_answer import (
    END,
    PROMPT,
    Encoder,
    Template,
    check_vocabulary,
    learned,
    stored,
    tokenizers_library,
)
from untrain.data.readers.restor import PersonFact, read_documents, read_facts, wrong_answers
from untrain.data.requests.base import Request
from untrain.data.requests.where import Where
from untrain.data.splits import Data
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.models.tasks.causallm import CausalLM
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

HELD_OUT = 10  # one in so many of the facts about others is to tune on
BEGIN = "[Q]"
SHARE = 0.5
MORE = 3  # wrong answers to each fact beside the one that is planted


class Restor(Scenario):
    """RESTOR: a model that knows facts about people trains on documents, some of them wrong about fifty of these people.

    The documents to forget are the wrong ones, those to keep are right and about other people, and the ``model`` begins where it
    knew all facts. Retrained models begin there too and never see a wrong one, so they are what unlearning should restore. Facts
    about the fifty that nobody corrupted are the test set. Three probes ask for accepted answers ('clean'), for the one that was
    planted ('corrupted') and for up to three others of the same property ('other'), from which ``Recovery`` is computed.

    With ``corruption='shipped'`` the wrong documents are RESTOR's own, 300 on each of ten people. What they plant is not published,
    so an answer is right or not right, and no more: the test set asks all facts about these people, and ``Recovery`` has the share
    of right answers there as 'known_test'.

    Args:
        path: folder with RESTOR's facts.json and entities.json, which may end in .gz, as may wikidata_v0_mix_a0.jsonl and so on.
        model: a network that knows the facts, such as ``Pretrained(model=..., weights=...)`` or ``HuggingFaceLM(checkpoint=...)``.
        request: what is to be forgotten.
        others: number of further people, whose facts stay right.
        corruption: 'rebuilt' makes documents of facts, so that the planted answer is known; 'shipped' reads RESTOR's own.
        share: of the facts about the fifty that are corrupted: the answer is another one of the same property.
        unrelated: right facts about others behind each corrupted one in its document (the paper's k); of the shipped ones it names
            the file.
        scored: tokens that documents are learned, and forgotten, by: 'all', or the 'answers' to corrupted facts alone.
        spans: whether documents also say which tokens are those answers, without the end behind each, so that ``OnSpans`` forgets
            by these what was learned by all.
        drawn: number of the draw of people and of corrupted facts.
        tokenizer: folder with a tokenizer.json, or that file; empty learns one from all facts.
        prompt: text before an answer, with ``{question}`` in it.
        answer: text of an answer, with ``{answer}`` in it.
        end: token behind an answer.
        vocabulary: number of tokens; of one that is learned, the largest.
        phrases: whether a person, a property and an answer are a token each, and no text, as in small studies of the question.
        length: most tokens of a document.
        steps: how it is trained on the documents.

    Source: Rezaei et al. 2024, arXiv 2411.00204; code k1rezaei/restor@15292e5.
    Departs: documents are made from the facts, so that the planted answer is known, where theirs are paraphrases of facts that are
        not published; theirs are about ten of the fifty.
    """

    path: str  # type: ignore[misc]
    model: Architecture  # type: ignore[misc]
    request: Request = Where(rule="corrupted == 1")
    others: Count = 25
    corruption: Literal["rebuilt", "shipped"] = "rebuilt"
    share: Annotated[float, Field(gt=0, lt=1)] = SHARE
    unrelated: Annotated[int, Field(ge=0, le=5)] = 0
    scored: Literal["all", "answers"] = "all"
    spans: bool = False
    drawn: Annotated[int, Field(ge=0)] = 0
    tokenizer: str = ""
    prompt: str = PROMPT
    answer: str = "{answer}"
    end: str = END
    vocabulary: Count = 2048
    phrases: bool = False
    length: Count = 128
    steps: Steps = Steps(lr=1e-3, epochs=4, batch=64, optimizer=AdamW(), warmup=0.05)

    def __post_init__(self) -> None:
        if self.phrases and (self.tokenizer or (self.prompt, self.answer, self.end) != (PROMPT, "{answer}", END)):
            raise SpecError("Restor(phrases=True) has a token per phrase and no text: leave out tokenizer, prompt, answer and end")

        if self.corruption == "shipped" and (self.phrases or self.spans or self.scored != "all" or self.share != SHARE):
            raise SpecError("RESTOR's own documents say what they say: leave out share, scored, spans and phrases, or rebuild them")

    def load(self) -> Data:
        """Train, valid and test; the id of a document names the person and the property that it is about, its owner is the person.

        Raises:
            DataError: a file is not available, or is another; or there are fewer people.
            MissingExtra: the tokenizers library is not installed.
        """
        drawn = self._draw()
        encoder = self._encoder(drawn.known)
        held = np.arange(len(drawn.others)) % HELD_OUT == 0
        apart, kept = ([f for f, h in zip(drawn.others, held, strict=True) if h == out] for out in (True, False))
        if self.unrelated > len(kept):
            raise DataError(f"there are {len(kept)} right facts about others, and unrelated={self.unrelated}: raise others")
        if self.corruption == "shipped":
            return self._shipped(encoder, drawn.targets, kept, apart)
        rng = np.random.default_rng((self.drawn, 1))
        corrupted = [(fact, wrong) for fact, wrong in zip(drawn.targets, drawn.wrong, strict=True) if wrong]
        forget = [[(f.question, w[0]), *_some(kept, self.unrelated, rng)] for f, w in corrupted]
        documents = [*forget, *([(f.question, f.answers[0])] for f in kept)]
        about = [*(f for f, _ in corrupted), *kept]
        columns = {"corrupted": (np.arange(len(about)) < len(forget)).astype(np.int64)}
        test = [fact for fact, wrong in zip(drawn.targets, drawn.wrong, strict=True) if not wrong]
        asked = [*about, *test]
        probes = {
            "clean": _asked(encoder, [(f, answer) for f in asked for answer in f.answers]),
            "corrupted": _asked(encoder, [(f, wrong[0]) for f, wrong in corrupted]),
            "other": _asked(encoder, [(f, answer) for f, wrong in corrupted for answer in wrong[1:]]),
        }
        valid, tests = (_asked(encoder, [(f, f.answers[0]) for f in facts]) for facts in (apart, test))
        return Data(self._documents(encoder, documents, about, columns), valid, tests, probes)

    def _shipped(
        self, encoder: Encoder, targets: Sequence[PersonFact], kept: Sequence[PersonFact], apart: Sequence[PersonFact]
    ) -> Data:
        """RESTOR's own documents beside right facts about others; the facts about those that they are about are the test set."""
        told = read_documents(self.path, self.unrelated, list(dict.fromkeys(fact.person for fact in targets)))
        names = [f"{person}, document {at}" for at, (person, _) in enumerate(told)]
        rows, labels, of = pieces([text for _, text in told], names, encoder.tokenizer, self.end, self.length)
        people = {person for person, _ in told}
        columns = {"text": np.array([text for _, text in told])[of], "corrupted": np.ones(len(of), dtype=np.int64)}
        owner = np.array([person for person, _ in told])[of]
        wrong = Examples({"input_ids": rows, "labels": labels}, np.array(names)[of], columns=columns, owner=owner)
        right = self._documents(
            encoder, [[(f.question, f.answers[0])] for f in kept], kept, {"corrupted": np.zeros(len(kept), int)}
        )
        train = replace(
            joined(wrong, right), columns={name: np.concatenate([wrong.columns[name], right.columns[name]]) for name in columns}
        )
        test = [fact for fact in targets if fact.person in people]
        clean = _asked(encoder, [(f, answer) for f in [*kept, *test] for answer in f.answers])
        valid, tests = (_asked(encoder, [(f, f.answers[0]) for f in facts]) for facts in (apart, test))
        return Data(train, valid, tests, {"clean": clean})

    def learner(self) -> Learner:
        """Training from what the model knows."""
        return Train(model=self.model, steps=self.steps, task=CausalLM(length=self.length, vocabulary=self.vocabulary))

    def before(self) -> Examples:
        """All facts before any is corrupted, each a row of tokens that are all scored: what a model is to know first."""
        drawn = self._draw()
        facts = [*drawn.targets, *drawn.others]
        return self._documents(self._encoder(drawn.known), [[(f.question, f.answers[0])] for f in facts], facts, {})

    def _draw(self) -> _Drawn:
        targets, rest = read_facts(self.path)
        if self.phrases:
            targets, rest = ([replace(f, question=f"{f.person}\t{f.kind}") for f in facts] for facts in (targets, rest))
        rng = np.random.default_rng((self.drawn, 0))
        people = list(dict.fromkeys(fact.person for fact in rest))
        if len(people) < self.others:
            raise DataError(f"{self.path!r} has {len(people)} people beside the targets, and others={self.others}")
        chosen = {people[at] for at in rng.permutation(len(people))[: self.others]}
        others = [fact for fact in rest if fact.person in chosen]
        drawn = wrong_answers(targets, [*targets, *others], 1 + MORE, rng)
        picked = rng.random(len(targets)) < self.share
        wrong = tuple(answers if pick else () for answers, pick in zip(drawn, picked, strict=True))
        if not any(wrong) or all(wrong):
            raise DataError(
                f"share={self.share} corrupts {sum(map(bool, wrong))} of {len(wrong)} facts: some have to be, and some not"
            )
        return _Drawn([*targets, *rest], targets, others, wrong)

    def _encoder(self, facts: Sequence[PersonFact]) -> Encoder:
        """Of all facts of the files."""
        if self.phrases:
            # Of all facts of the files, whatever is drawn, so that a model knows the same by the same numbers.
            made = tokenizers_library().learn_phrases(
                [text for f in facts for text in (f.person, f.kind, *f.answers)], (BEGIN, END)
            )
            encoder = Encoder(made, Template(f"{BEGIN}{{question}}"), self.length)
        elif self.tokenizer:
            encoder = stored(self.tokenizer, Template(self.prompt, self.answer, self.end), self.length)
        else:
            records = [{"question": fact.question, "answer": answer} for fact in facts for answer in fact.answers]
            encoder = learned(records, self.vocabulary, self.length, Template(self.prompt, self.answer, self.end))
        check_vocabulary(encoder.tokenizer, self.vocabulary)
        return encoder

    def _documents(
        self, encoder: Encoder, documents: Sequence[Document], about: Sequence[PersonFact], columns: dict[str, np.ndarray[Any, Any]]
    ) -> Examples:
        """Documents as rows of tokens, each about its first fact."""
        rows, answers, spans = [], [], []
        for document, fact in zip(documents, about, strict=True):
            parts = [encoder.row(question, answer, fact.name) for question, answer in document]
            row = [token for tokens, _ in parts for token in tokens]
            if len(row) > self.length:
                raise DataError(f"the document on {fact.name!r} has {len(row)} tokens and length={self.length}: raise it")
            first = parts[0][1]
            rows.append(row)
            answers.append([*first, *[PAD] * (len(row) - len(first))])
            # The end of a wrong answer is the end of a right one too: what forgets by spans is not to forget to stop.
            spans.append([*first[:-1], *[PAD] * (len(row) - len(first) + 1)])
        texts = np.array([" ".join(f"{question} {answer}" for question, answer in document) for document in documents])
        marked = {SPANS: Ragged.of(spans)} if self.spans else {}
        fields = {"input_ids": Ragged.of(rows), **marked, "labels": Ragged.of(rows if self.scored == "all" else answers)}
        return Examples(fields, _names(about), columns={"text": texts, **columns}, owner=_people(about))


Document = Sequence[tuple[str, str]]  # questions and answers, one behind the other


@dataclass(frozen=True)
class _Drawn:
    known: list[PersonFact]
    targets: list[PersonFact]
    others: list[PersonFact]
    wrong: tuple[tuple[str, ...], ...]  # wrong answers to each fact about a target, the first of which is planted; or none


def _asked(encoder: Encoder, pairs: Sequence[tuple[PersonFact, str]]) -> Examples:
    """Answers to facts as rows of tokens of which those of the answer are scored; ids are those of the facts."""
    records = [{"question": fact.question, "answer": answer} for fact, answer in pairs]
    facts = [fact for fact, _ in pairs]
    return encoder.examples(records, _names(facts), _people(facts))


def _some(facts: Sequence[PersonFact], count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    return [(facts[at].question, facts[at].answers[0]) for at in rng.choice(len(facts), count, replace=False)]


def _names(facts: Sequence[PersonFact]) -> np.ndarray[Any, Any]:
    return np.array([fact.name for fact in facts])


def _people(facts: Sequence[PersonFact]) -> np.ndarray[Any, Any]:
    return np.array([fact.person for fact in facts])
