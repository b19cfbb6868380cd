"""Documents of your own."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.errors import DataError
from untrain.core.fields import Count, Share
from untrain.data.examples import Examples, take
from untrain.data.readers.documents import pieces
from untrain.data.readers.json_lines import read_records
from untrain.data.readers.question_answer import (
    END,
    TEXTS,
    Encoder,
    Template,
    check_same_tokens,
    check_vocabulary,
    tokenizers_library,
)
from untrain.data.requests.base import Request
from untrain.data.splits import Data
from untrain.experiments.scenarios._records import named
from untrain.experiments.scenarios._set_apart import check_whole, set_apart
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture, checkpoint_of
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.architectures.lora import Adapters, with_adapters
from untrain.models.tasks.causallm import CausalLM
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

TEXT, SPANS = "text", "spans"
ASKED = "Question: {question}\nAnswer:"


class Documents(Scenario):
    """Your own documents, one per line as JSON, and a language model trained on all their tokens.

    A record has a 'text', and may have an 'id', an 'owner' and further texts or numbers, which requests such as ``Where`` may name.
    A document that is longer than ``length`` is cut to pieces, which keep its id: a request for the id is one for all of them.
    Where a record has 'spans', such as [[0, 12]], characters counted from 0, the tokens with one of these alone are scored.
    Where nobody says whose documents are, pieces belong to their document. Without a tokenizer one is learned from the training
    texts.

    Args:
        train: file of JSON lines, which may end in .gz or .xz, to train on.
        test: the same, to report on: what no model has seen.
        request: what is to be forgotten, whole documents: by ``Ids``, ``Owner`` or ``Where``.
        tokenizer: folder with a tokenizer.json, as Hugging Face models have it, or that file; empty learns one.
        end: token behind a document.
        vocabulary: number of tokens; of one that is learned, the largest.
        length: most tokens of a piece.
        valid: share of ``train`` that is set apart to tune on, by whole documents.
        questions: file of JSON lines with 'question', 'answer' and the 'id' of the document each is about, which models get,
            but not in training: the probe 'knowledge', for ``KnowMem``; empty asks nothing.
        model: the network.
        adapters: 'auto' trains low-rank adapters (``LoRA``) and not the weights where ``model`` is a checkpoint in a folder whose
            weights take more than 2 GB, and says so; 'never' trains all weights.
        steps: how it is trained.

    Source: the user.
    """

    train: str
    test: str
    request: Request
    tokenizer: str = ""
    end: str = END
    vocabulary: Count = 2048
    length: Annotated[int, Field(ge=3)] = 128
    valid: Share = 0.1
    questions: str = ""
    model: Architecture = CausalTransformer(width=128, depth=4, hidden=512)
    adapters: Adapters = "auto"
    steps: Steps = Steps(lr=3e-3, epochs=40, batch=32, optimizer=AdamW(), warmup=0.05)

    def load(self) -> Data:
        """Train, valid and test; the id of a piece is its document's 'id', or else its line, counted from 0.

        Raises:
            DataError: a file is not available, a record is not as it should be, or the request names a part of a document.
            MissingExtra: the tokenizers library is not installed.
        """
        train, test = (read_records(path, (TEXT,)) for path in (self.train, self.test))
        library = tokenizers_library()
        if self.tokenizer:
            tokenizer = library.load(self.tokenizer)
        else:
            tokenizer = library.learn_bytes([record[TEXT] for record in train], self.vocabulary, (self.end,))
        with_adapters(self.model, self.adapters)  # for its note, which tells before anything is trained
        check_vocabulary(tokenizer, self.vocabulary)
        check_same_tokens(tokenizer, self.tokenizer, checkpoint_of(self.model))
        whole, held = (self._examples(tokenizer, records, path) for records, path in ((train, self.train), (test, self.test)))
        check_whole(whole, self.request)
        apart = np.isin(whole.ids, set_apart(whole, self.request, self.valid))
        probes = {"knowledge": self._asked(tokenizer, whole, held)} if self.questions else {}
        return Data(take(whole, np.flatnonzero(~apart)), take(whole, np.flatnonzero(apart)), held, probes)

    def learner(self) -> Learner:
        """Training from the network's initial values."""
        network = with_adapters(self.model, self.adapters)
        return Train(model=network, steps=self.steps, task=CausalLM(length=self.length, vocabulary=self.vocabulary))

    def _asked(self, tokenizer: Any, whole: Examples, held: Examples) -> Examples:
        """The questions about documents, each of which has to be there.

        Raises:
            DataError: a question is about none of them.
        """
        records = read_records(self.questions, TEXTS)
        ids, _, _ = named(records, TEXTS, self.questions)
        strange = np.flatnonzero(~np.isin(ids.astype(str), np.concatenate([whole.ids.astype(str), held.ids.astype(str)])))
        if len(strange) or "id" not in records[0]:
            at = int(strange[0]) + 1 if len(strange) else 1
            raise DataError(
                f"question {at} of {self.questions!r} is about no document: give the 'id' of one that is trained or tested on"
            )
        return Encoder(tokenizer, Template(ASKED, " {answer}", self.end), self.length).examples(records, ids)

    def _examples(self, tokenizer: Any, records: list[dict[str, Any]], path: str) -> Examples:
        ids, owner, columns = named(records, (TEXT,), path)
        spans = [_spans(record, name) for record, name in zip(records, ids.tolist(), strict=True)]
        told = [record[TEXT] for record in records]
        rows, labels, of = pieces(told, ids.tolist(), tokenizer, self.end, self.length, spans)
        texts = np.array([tokenizer.decode(row.tolist()) for row in rows.rows()])
        fields = {"input_ids": rows, "labels": labels}
        parts = {TEXT: texts, **{name: column[of] for name, column in columns.items()}}
        owners = (ids if owner is None else owner)[of]
        return Examples(fields, ids[of], columns=parts, owner=owners, pieces=tokenizers_library().pieces(tokenizer))


def _spans(record: dict[str, Any], name: object) -> list[tuple[int, int]] | None:
    """The parts of a document to score, where its record names them.

    Raises:
        DataError: these are not parts of the text.
    """
    if SPANS not in record:
        return None
    spans, size = record[SPANS], len(record[TEXT])
    for span in spans if isinstance(spans, list) else [spans]:
        ends = isinstance(span, list) and len(span) == 2 and all(type(at) is int for at in span)
        if not ends or not 0 <= span[0] < span[1] <= size:
            raise DataError(f"the spans of the document {name!r} hold {span!r}: give [first, last + 1] of its {size} characters")
    return [(start, stop) for start, stop in spans]
