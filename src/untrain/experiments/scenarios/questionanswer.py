"""Questions and answers of your own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from untrain.core.errors import SpecError
from untrain.core.fields import Count, Share
from untrain.data.examples import Examples, take
from untrain.data.readers.chat_template import chat_template
from untrain.data.readers.json_lines import read_records
from untrain.data.readers.question_answer import (
    END,
    PREFERRED,
    PROMPT,
    REFUSALS,
    TEXTS,
    Encoder,
    Template,
    check_same_tokens,
    check_vocabulary,
    learned,
    stored,
)
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data
from untrain.experiments.scenarios._records import named
from untrain.experiments.scenarios._set_apart import set_apart
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture, checkpoint_of
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.architectures.lora import Adapters, with_adapters
from untrain.models.tasks.causallm import CausalLM
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps


class QuestionAnswer(Scenario):
    """Your own questions and answers, one per line as JSON, and a language model trained on them.

    A record has a 'question' and an 'answer', and may have an 'id', an 'owner' and further texts or numbers, which requests such as
    ``Where`` may name. Answers alone are scored. ``DPO`` leads to 'preferred' answers where records
    have them. Without a tokenizer one is learned from the training texts.

    Args:
        train: file of JSON lines, which may end in .gz or .xz, to train on.
        test: the same, to report on: about what no model has seen.
        request: what is to be forgotten.
        tokenizer: folder with a tokenizer.json, as Hugging Face models have it, or that file; empty learns one.
        prompt: text before an answer, with ``{question}`` in it.
        answer: text of an answer, with ``{answer}`` in it.
        end: token behind an answer; with ``chat`` it is the folder's own, unless another is named.
        chat: whether texts are made by the chat template of the tokenizer's folder, instead of ``prompt`` and ``answer``.
        system: what a chat template says before each question.
        refusals: answers that say nothing, of which each question has one for methods such as ``IdkDPO``.
        vocabulary: number of tokens; of one that is learned, the largest.
        length: most tokens of a question with its answer.
        valid: share of ``train`` that is set apart to tune on.
        model: the network.
        adapters: 'auto' trains low-rank adapters (``LoRA``) and not the weights where ``model`` is a checkpoint in a folder whose
            weights take more than 2 GB, and says so; 'never' trains all weights.
        steps: how it is trained.

    Source: the user.
    """

    train: str  # type: ignore[misc]
    test: str  # type: ignore[misc]
    request: Request = Random(fraction=0.1)
    tokenizer: str = ""
    prompt: str = PROMPT
    answer: str = "{answer}"
    end: str = END
    chat: bool = False
    system: str = ""
    refusals: tuple[str, ...] = REFUSALS
    vocabulary: Count = 2048
    length: Count = 256
    valid: Share = 0.1
    model: Architecture = CausalTransformer(width=128, depth=4, hidden=512)
    adapters: Adapters = "auto"
    steps: Steps = Steps(lr=3e-3, epochs=40, batch=32, optimizer=AdamW(), warmup=0.05)

    def __post_init__(self) -> None:
        if self.chat and (not self.tokenizer or (self.prompt, self.answer) != (PROMPT, "{answer}")):
            raise SpecError(
                "chat=True takes its texts from the template in the tokenizer's folder: name that, and no prompt or answer"
            )
        if self.system and not self.chat:
            raise SpecError("system=... is a part of chat templates: give chat=True, or write it into the prompt")

    def load(self) -> Data:
        """Train, valid and test; the id of an answer is its 'id', or else its line, counted from 0.

        Raises:
            DataError: a file is not available, or a record is not as it should be.
            MissingExtra: the tokenizers library is not installed.
        """
        chat = chat_template(self.tokenizer, "" if self.end == END else self.end, self.system) if self.chat else None
        template = Template(self.prompt, self.answer, self.end if chat is None else chat.end)
        train, test = (read_records(path, TEXTS) for path in (self.train, self.test))
        encoder = self._encoder(train, template)
        encoder = replace(encoder, refusals=self.refusals, preferred=any(PREFERRED in record for record in train), chat=chat)
        with_adapters(self.model, self.adapters)  # for its note, which tells before anything is trained
        check_vocabulary(encoder.tokenizer, self.vocabulary)
        check_same_tokens(encoder.tokenizer, self.tokenizer, checkpoint_of(self.model))
        whole, held = (_asked(encoder, records, path) for records, path in ((train, self.train), (test, self.test)))
        apart = np.isin(whole.ids, set_apart(whole, self.request, self.valid))
        return Data(take(whole, np.flatnonzero(~apart)), take(whole, np.flatnonzero(apart)), held)

    def learner(self) -> Learner:
        """Training from the network's initial values."""
        network = with_adapters(self.model, self.adapters)
        return Train(model=network, steps=self.steps, task=CausalLM(length=self.length, vocabulary=self.vocabulary))

    def _encoder(self, records: list[dict[str, Any]], template: Template) -> Encoder:
        if self.tokenizer:
            return stored(self.tokenizer, template, self.length)
        return learned(records, self.vocabulary, self.length, template)


def _asked(encoder: Encoder, records: list[dict[str, Any]], path: str) -> Examples:
    """Records as examples, with all that every record has as columns."""
    ids, owner, columns = named(records, TEXTS, path)
    return encoder.examples(records, ids, owner, columns)
