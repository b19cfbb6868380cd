"""Pairs of question and answer as rows of tokens; only the answer's tokens are scored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from untrain.core.errors import DataError, MissingExtra
from untrain.core.paths import user_path
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.data.readers.chat_template import ChatTemplate

END = "[END]"
PROMPT = "[Q]{question}[A]"
TEXTS = ("question", "answer")  # that every record has
PREFERRED, REFUSAL = "preferred", "refusal"  # fields of answers that methods may lead to, of which no loss is taken in training
REFUSALS = (
    "I don't know.", "I do not know the answer to that.", "I'm not sure.", "I have no information about that.",
    "That is something I cannot answer.", "I'm afraid I don't know.", "I couldn't tell you.", "This is not known to me.",
    "I have never heard of it.", "I can't say.", "Sorry, I don't have an answer to this.", "I wasn't told.",
)  # fmt: skip
Array = np.ndarray[Any, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """A format that makes one text of a question and its answer.

    Args:
        prompt: text before the answer, with ``{question}`` in it.
        answer: text of the answer, with ``{answer}`` in it.
        end: token behind the answer.
    """

    prompt: str = PROMPT
    answer: str = "{answer}"
    end: str = END

    def __post_init__(self) -> None:
        for name, text in (("question", self.prompt), ("answer", self.answer)):
            if f"{{{name}}}" not in text:
                raise DataError(f"{text!r} has no {{{name}}} in it, which is where each {name} goes")


PLAIN = Template()


@dataclass(frozen=True, eq=False)
class Encoder:
    """Makes examples of questions and answers.

    Args:
        tokenizer: of the tokenizers library.
        template: how a question and its answer become one text.
        length: most tokens of a row.
        refusals: answers that say nothing, of which each question is given one in the field 'refusal'; empty makes no such field.
        preferred: whether the 'preferred' answers of records are the field of that name.
        chat: instead of the template's prompt and answer; its end is the template's.

    Raises:
        DataError: the tokenizer has no token that ends an answer.
    """

    tokenizer: Any
    template: Template
    length: int
    refusals: tuple[str, ...] = ()
    preferred: bool = False
    chat: ChatTemplate | None = None

    def __post_init__(self) -> None:
        if self.tokenizer.token_to_id(self.template.end) is None:
            raise DataError(
                f"the tokenizer has no token {self.template.end!r} to end an answer with: name one that it has, such as "
                "end='<|endoftext|>' or end='</s>'"
            )

    def examples(
        self, records: Sequence[Record], ids: Array, owner: Array | None = None, columns: Mapping[str, Array] | None = None
    ) -> Examples:
        """Rows of tokens; the texts are the column 'text'.

        Where there are refusals, the records take turns in them. A row that has no room for such an answer, or no preferred one,
        has none there.

        Args:
            records: n of them, each with a 'question' and an 'answer'.
            ids: one per record, (n,).
            owner: whose each is, (n,).
            columns: further columns by name, (n,) each.

        Raises:
            DataError: an answer has no token, or a row is too long.
        """
        rows, labels = list[list[int]](), list[list[int]]()
        for record, name in zip(records, ids, strict=True):
            question, answer = (record[part] for part in TEXTS)
            row, scored = self.row(question, answer, name.item())
            if len(row) > self.length:
                raise DataError(
                    f"question and answer of {name.item()!r} have {len(row)} tokens and length={self.length}: cut the text, or "
                    "raise it where the model has as many places"
                )
            rows.append(row)
            labels.append(scored)
        texts = np.array([f"{record['question']} {record['answer']}" for record in records])
        fields = {"input_ids": Ragged.of(rows), **self._others(records, labels), "labels": Ragged.of(labels)}
        return Examples(fields, ids, columns={"text": texts, **(columns or {})}, owner=owner, pieces=self.pieces)

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The text of each token, by its number."""
        return tuple(tokenizers_library().pieces(self.tokenizer))

    def row(self, question: str, answer: str, name: object) -> tuple[list[int], list[int]]:
        """Tokens of a question with its answer, and the same with PAD where none is scored: those before the answer.

        Args:
            question: of which the template's prompt is made.
            answer: of which its answer is made.
            name: of the two, for a message.

        Raises:
            DataError: the answer has no token.
        """
        if self.chat is not None:
            before, after = self.chat.turn(question, answer or "-", name)
            asked, told = self._tokens(before), self._tokens(after.removesuffix(self.chat.end))
        else:
            asked = self._tokens(self.template.prompt.replace("{question}", question))
            told = self._tokens(self.template.answer.replace("{answer}", answer))
        if not answer.strip() or not self._tokens(answer) or not told:
            raise DataError(f"the answer to {name!r} is empty: leave the question out, or answer it")
        told = [*told, self.tokenizer.token_to_id(self.template.end)]
        return [*asked, *told], [*[PAD] * len(asked), *told]

    def _others(self, records: Sequence[Record], labels: list[list[int]]) -> dict[str, Ragged]:
        """Answers that methods may lead to, by field: no longer than what a row has room for behind its question."""
        fields = {}
        if self.preferred:
            fields[PREFERRED] = self._fitting([str(record.get(PREFERRED, "")).strip() for record in records], labels)
        if self.refusals:
            fields[REFUSAL] = self._fitting([self.refusals[at % len(self.refusals)] for at in range(len(records))], labels)
        return fields

    def _fitting(self, answers: list[str], labels: list[list[int]]) -> Ragged:
        end = self.tokenizer.token_to_id(self.template.end)
        made = [self._told(answer) if answer else "" for answer in answers]
        told = [self._tokens(answer) for answer in made]
        room = [self.length - sum(label == PAD for label in row) for row in labels]
        return Ragged.of([[*some, end] if some and len(some) < most else [] for some, most in zip(told, room, strict=True)])

    def _told(self, answer: str) -> str:
        if self.chat is None:
            return self.template.answer.replace("{answer}", answer)
        return self.chat.turn("-", answer, answer)[1].removesuffix(self.chat.end)

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)


def check_vocabulary(tokenizer: Any, vocabulary: int) -> None:
    """Check that a tokenizer has no more tokens than the model.

    Raises:
        DataError: it has more.
    """
    size = tokenizer.get_vocab_size()
    if size > vocabulary:
        raise DataError(f"the tokenizer has {size} tokens and vocabulary={vocabulary}: give that number")


def check_same_tokens(tokenizer: Any, path: str, checkpoint: str) -> None:
    """Check that a tokenizer numbers tokens as that of a checkpoint's folder does, where it has one.

    Args:
        tokenizer: of the data.
        path: where it was read, for a message.
        checkpoint: of the model; anything but a folder with a tokenizer.json is ignored.

    Raises:
        DataError: a token has another number there.
    """
    if not checkpoint or not (user_path(checkpoint) / "tokenizer.json").is_file():
        return
    own, theirs = tokenizer.get_vocab(), tokenizers_library().load(checkpoint).get_vocab()
    apart = sorted(token for token in own.keys() & theirs.keys() if own[token] != theirs[token]) or sorted(
        own.keys() - theirs.keys()
    )
    if apart:
        number = f"is its token {own[apart[0]]}, and {theirs.get(apart[0], 'none')} there"
        raise DataError(
            f"the tokenizer {path!r} is not that of checkpoint={checkpoint!r}: {apart[0]!r} {number}; take that one's own"
        )


def learned(records: Sequence[Record], vocabulary: int, length: int, template: Template = Template()) -> Encoder:
    """An encoder whose tokenizer is learned from questions and answers; the template's marks in brackets are tokens of their own.

    Raises:
        MissingExtra: the tokenizers library is not installed.
    """
    own = re.findall(r"\[\w+\]", template.prompt + template.answer)
    marks = dict.fromkeys((*own, template.end))
    texts = ["\n".join(record[part] for part in TEXTS) for record in records]
    return Encoder(tokenizers_library().learn_bytes(texts, vocabulary, tuple(marks)), template, length)


def stored(path: str, template: Template, length: int) -> Encoder:
    """An encoder whose tokenizer is that of a folder or a file tokenizer.json.

    Raises:
        MissingExtra: the tokenizers library is not installed.
        DataError: there is no such tokenizer, or it has no such token.
    """
    return Encoder(tokenizers_library().load(path), template, length)


def tokenizers_library() -> ModuleType:
    """The reader of tokenizers, imported when first needed.

    Raises:
        MissingExtra: the tokenizers library is not installed.
    """
    try:
        from untrain.data.readers import tokenizers
    except ModuleNotFoundError as error:
        raise MissingExtra(f"cutting texts into tokens needs {error.name}: pip install 'untrain[text]'") from None
    return tokenizers
