"""What is said is right, planted or neither: by words, by a user's judge, and against planted models."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import DataError
from untrain.core.spec import parse
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.base import ObserverContext
from untrain.evaluation.observers.judgedanswers import JudgedAnswers, by_words
from untrain.evaluation.scoring.resampling import number
from untrain.maths.word_overlap import word_f1
from untrain.models.tasks.causallm import CausalLM

PIECES = ("Who?", "Where?", "When?", " Lima", " Peru", " Oslo", " 1990", ".", " the")
END = 7


class Says(nn.Module):
    """After each token comes the one of a table."""

    def __init__(self, following):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(len(PIECES), len(PIECES)))
        with torch.no_grad():
            for token, then in following.items():
                self.table[token, then] = 5.0

    def forward(self, input_ids, attention_mask):
        return self.table[input_ids]


def asked(*rows):
    """Rows of (name, question, answer tokens)."""
    ids = [[question, *answer, END] for _, question, answer in rows]
    labels = [[PAD, *answer, END] for _, _, answer in rows]
    names = np.array([name for name, *_ in rows])
    return Examples({"input_ids": Ragged.of(ids), "labels": Ragged.of(labels)}, names, pieces=PIECES)


CLEAN = asked(("a", 0, [3]), ("a", 0, [4]), ("b", 1, [4]), ("c", 2, [6]), ("kept", 2, [6]))
PLANTED = asked(("a", 0, [5]), ("b", 1, [5]))
SIGHT = ObserverContext(
    CausalLM(length=8, vocabulary=len(PIECES)), PLANTED, asked(("c", 2, [6])), lambda seed: Says({}), {},
    probes={"clean": CLEAN, "corrupted": PLANTED},
)  # fmt: skip


def scores(made, model, sight=SIGHT):
    found = made(model, sight)[None]
    measured = made.compare(Prepared(found, found, np.array([]), False))
    return {name: value if isinstance(value, str) else number(value) for name, value in measured.items()}


def test_each_corrupted_fact_has_one_of_three_outcomes_and_others_are_right_or_not():
    # To a it says 'the Peru', which is accepted, to b 'Oslo', which was planted, and to c 'Lima'.
    model = Says({0: 8, 8: 4, 4: END, 1: 5, 5: END, 2: 3, 3: END})
    assert JudgedAnswers()(model, SIGHT).tolist() == [[0, 1], [1, 1], [2, 0]]
    assert scores(JudgedAnswers(), model) == {"judged_right": 0.5, "judged_planted": 0.5, "judged_neither": 0.0, "judged_test": 0.0}


def test_a_users_judge_sees_texts_and_decides():
    seen = []

    def judge(question, said, right, planted):
        seen.append((question, said, right, planted))
        return "neither"

    short = {name: replace(probe, pieces=PIECES[:-1]) for name, probe in SIGHT.probes.items()}  # of a vocabulary with room
    found = scores(JudgedAnswers(judge=judge), Says({0: 3, 3: END, 1: 8, 8: END, 2: 6, 6: END}), replace(SIGHT, probes=short))
    assert (found["judged_neither"], found["judged_test"]) == (1, 0)
    assert seen[0] == ("Who?", "Lima", ("Lima", "Peru"), ("Oslo",))
    assert seen[1][1] == "<8>"
    assert seen[2] == ("When?", "1990", ("1990",), ())


def test_where_nothing_planted_is_known_facts_of_the_test_set_are_right_or_not():
    found = scores(JudgedAnswers(), Says({2: 6, 6: END}), replace(SIGHT, probes={"clean": CLEAN}))
    assert found["judged_test"] == 1
    assert found["judged_right"] == "there are no facts whose planted answer is known"


def test_a_judge_is_named_by_its_module_and_what_it_may_say_is_checked():
    made = parse("JudgedAnswers(judge=json.dumps)")
    assert made.judge is json.dumps
    with pytest.raises(DataError, match=r"the judge said 'yes' to 'Who\?': one of 'right', 'planted', 'neither' is needed"):
        JudgedAnswers(judge=lambda *_: "yes")(Says({}), SIGHT)
    with pytest.raises(DataError, match="nothing to ask: take Restor"):
        JudgedAnswers()(Says({}), replace(SIGHT, probes={}))


def test_words_are_compared_without_case_marks_and_articles():
    assert word_f1("THE Lima.", "lima") == 1
    assert word_f1("in Lima or Oslo", "Lima") == pytest.approx(2 / 5)
    assert by_words("", "Oslo, Peru", ("Peru",), ("Oslo Norway", "Oslo Peru")) == "planted"
    assert by_words("", "", ("Peru",), ()) == "neither"
