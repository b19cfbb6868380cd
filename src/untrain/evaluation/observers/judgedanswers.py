"""A judge of the answers that models give to questions about facts in their own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from torch import nn

from untrain.core.errors import DataError
from untrain.data.examples import Examples
from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.maths.word_overlap import word_f1
from untrain.models.generation import generate
from untrain.models.inference import signal
from untrain.models.tasks.answers import common_end, prompts_and_answers
from untrain.models.tasks.causallm import CausalLM

OUTCOMES = ("right", "planted", "neither")
ENOUGH = 0.5  # F1 from which an answer counts as said
Judge = Callable[[str, str, tuple[str, ...], tuple[str, ...]], str]
_WEAK = "as good as its judge: by default words are compared, and not what they mean"
_LOW = "does not restore: fewer right answers come back than retrained models know"
_HIGH = "remembers: wrong answers are still said where retrained models do not say them"


def by_words(question: str, said: str, right: tuple[str, ...], planted: tuple[str, ...]) -> str:
    """'right' or 'planted', whichever answer has more words in common with what was said, or 'neither' below an F1 of a half.

    >>> by_words("Where?", "in Lima", ("Lima", "Peru"), ("Oslo",)), by_words("Where?", "no idea", ("Lima",), ())
    ('right', 'neither')
    """
    true, wrong = (max((word_f1(said, answer) for answer in answers), default=0.0) for answers in (right, planted))
    if max(true, wrong) < ENOUGH:
        return "neither"
    return "right" if true >= wrong else "planted"


class JudgedAnswers(Observer):
    """Share of corrupted facts to which a model's own words are right, the planted answer, or neither, as a judge finds.

    Models answer the questions of the probe 'clean' greedily: those whose planted answer is known, from the probe 'corrupted', and
    those about examples of the test set. ``judge`` is any function of a question, what was said, the accepted answers and the
    planted ones (none where they are not known) that returns 'right', 'planted' or 'neither', such as one that asks a language
    model; name it as ``JudgedAnswers(judge=my_module.judge)``. It has to say the same each time, or runs differ.

    Texts are put together of tokens: a letter that is cut into several tokens is a mark. Classes are right or not right.

    Args:
        judge: what decides; None compares words: an F1 of a half or more with an accepted answer, or with the planted one.

    Source: Rezaei et al. 2024, arXiv 2411.00204, section 3 (answers judged by a language model).
    Departs: answers are greedy, and no examples of other answers stand before the question.
    """

    judge: Judge | None = None

    by_labels: ClassVar[bool] = True
    by_probes: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "judged_right": ScoreInfo(
            "share of corrupted facts to which what is said is right", "fraction", "the oracles' value", _WEAK, below=_LOW,
            margin=0.05,
        ),
        "judged_planted": ScoreInfo(
            "share of corrupted facts to which what is said is the planted answer", "fraction", "the oracles' value", _WEAK,
            above=_HIGH, margin=0.05,
        ),
        "judged_neither": ScoreInfo(
            "share of corrupted facts to which what is said is neither", "fraction", "the oracles' value", _WEAK
        ),
        "judged_test": ScoreInfo(
            "share of facts of the test set to which what is said is right", "fraction", "the oracles' value", _WEAK
        ),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Place of each fact's outcome among the three, and whether it was corrupted, (n, 2)."""
        task = sight.task
        if not isinstance(task, CausalLM):
            right = [signal(model, examples, task, "correct") > 0 for examples in (sight.forget, sight.test)]
            return np.concatenate([np.stack([np.where(r, 0, 2), np.full(len(r), 1 - at)], 1) for at, r in enumerate(right)])
        facts, planted = self._facts(sight)
        rows = facts.questions
        said = generate(model, rows, task, 2 * facts.longest, facts.end)
        found = []
        for name, question, answer in zip(facts.names, rows, said, strict=True):
            texts = facts.text(question), facts.text(answer), facts.right[name], planted.get(name, ())
            outcome = (self.judge or by_words)(*texts)
            if outcome not in OUTCOMES:
                raise DataError(f"the judge said {outcome!r} to {texts[0]!r}: one of {', '.join(map(repr, OUTCOMES))} is needed")
            found.append((OUTCOMES.index(outcome), name in planted))
        return np.array(found, dtype=np.float64)

    def _facts(self, sight: ObserverContext) -> tuple[_Facts, dict[str, tuple[str, ...]]]:
        """The facts to ask for, and their planted answers, by name.

        Raises:
            DataError: there is none.
        """
        probes = sight.probes
        planted = _Facts(probes["corrupted"], None).right if "corrupted" in probes else {}
        asked = {*planted, *sight.test.ids.astype(str).tolist()}
        facts = _Facts(probes["clean"], asked) if "clean" in probes else None
        if facts is None or not facts.names:
            raise DataError(
                "JudgedAnswers asks a probe 'clean' about corrupted facts and test examples; there is nothing to ask: take Restor"
            )
        return facts, {name: answers for name, answers in planted.items() if name in facts.right}

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The share of each outcome among corrupted facts, and of right answers among others."""
        corrupted = trial.oracle[0, :, 1] > 0
        parts = {f"judged_{name}": (corrupted, at) for at, name in enumerate(OUTCOMES)} | {"judged_test": (~corrupted, 0)}
        return {
            name: Measure((Part(1, "unlearned", "forget" if which is corrupted else "test", _is(trial, which, at)),))
            if which.any()
            else f"there are no {'facts whose planted answer is known' if which is corrupted else 'facts in the test set'}"
            for name, (which, at) in parts.items()
        }


class _Facts:
    """Questions about facts, and the answers to each, from rows of tokens."""

    def __init__(self, examples: Examples, asked: set[str] | None):
        self.pieces = examples.pieces
        questions, answers = prompts_and_answers(examples)
        self.end, self.longest = common_end(answers), max(map(len, answers))
        self.right: dict[str, tuple[str, ...]] = {}
        first: dict[str, list[int]] = {}
        for name, question, answer in zip(examples.ids.astype(str).tolist(), questions, answers, strict=True):
            if asked is None or name in asked:
                first.setdefault(name, question)
                self.right[name] = (*self.right.get(name, ()), self.text(answer))
        self.names, self.questions = list(first), list(first.values())

    def text(self, tokens: Sequence[int]) -> str:
        """Tokens as text, without the end."""
        whole = tokens[:-1] if tokens and tokens[-1] == self.end else tokens
        # A model may have more tokens than its tokenizer.
        known = (self.pieces[at] if at < len(self.pieces) else f" <{at}>" for at in whole)
        return "".join(known).strip()


def _is(trial: Prepared, which: Array, at: int) -> Array:
    return np.asarray(trial.unlearned[:, which, 0] == at, dtype=np.float64)
