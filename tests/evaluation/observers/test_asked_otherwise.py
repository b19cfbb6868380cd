"""Few shots, steering and attacks that take the model, each on models whose answer is known in closed form."""

import zlib

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import SpecError
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.base import ObserverContext
from untrain.evaluation.observers.fewshot import FewShot, _behind
from untrain.evaluation.observers.gradientnormmia import GradientNormMIA
from untrain.evaluation.observers.relearn import Relearn
from untrain.evaluation.observers.steering import Steering
from untrain.evaluation.observers.verbmem import VerbMem
from untrain.evaluation.observers.zlibmia import ZlibMIA, packed
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.classification import Classification


class Copying(nn.Module):
    """Gives every token a logit for each time that it was said before: the more context, the surer."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, input_ids, attention_mask):
        seen = nn.functional.one_hot(input_ids, 8).float() * attention_mask[..., None]
        return self.scale * seen.cumsum(1)


def texts(rows, scored):
    labels = [[*[PAD] * (len(row) - k), *row[len(row) - k :]] for row, k in zip(rows, scored, strict=True)]
    return Examples({"input_ids": Ragged.of(rows), "labels": Ragged.of(labels)}, np.arange(len(rows)))


def sight(forget, test, task=CausalLM(length=8, vocabulary=8)):
    return ObserverContext(task, forget, test, lambda seed: Copying(), {})


def test_a_context_is_what_has_room_and_none_of_it_is_scored():
    forget = texts([[1, 2, 3], [1, 2, 2, 2, 2, 3]], [1, 2])
    made = _behind([[5, 6], [7, 7, 7], [4]], forget, length=8)
    assert made.fields["input_ids"][:][0].tolist() == [5, 6, 7, 7, 7, 1, 2, 3]
    assert made.fields["input_ids"][:][1].tolist() == [5, 6, 1, 2, 2, 2, 2, 3]
    assert made.fields["labels"][:][1].tolist() == [*[PAD] * 6, 2, 3]


def test_a_model_that_copies_its_context_says_what_stands_in_it():
    given = sight(texts([[1, 2, 3]], [1]), texts([[4, 3, 3]], [1]))
    before, after = FewShot(shots=1)(Copying(), given)[0]
    e = np.e
    assert before == pytest.approx(1 / (2 * e + 6))  # 3 was not said
    assert after == pytest.approx(e**2 / (3 * e + e**2 + 4))  # 4, 3, 3, 1, 2: 3 twice, three others once, four never


def test_a_push_that_undoes_what_hides_brings_it_back():
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 2))
    with torch.no_grad():
        for p, value in zip(model.parameters(), ([[1.0]], [0.0], [[0.0], [1.0]], [0.0, 0.0]), strict=True):
            p.copy_(torch.tensor(value))
    forget, test = (
        Examples.labelled(torch.full((3, 1), x), torch.ones(3, dtype=torch.int64), np.arange(3), 2) for x in (-1.0, 1.0)
    )
    found = Steering(strength=2.0, layer="0")(model, sight(forget, test, Classification()))
    # The difference of means is -2, twice it -4: of -1 - 4 and -1 + 4 the latter makes class 1 likelier.
    assert found[:, 0] == pytest.approx(1 / (1 + np.e))
    assert found[:, 1] == pytest.approx(1 / (1 + np.exp(-3)))


def test_the_length_of_a_gradient_is_that_of_logistic_regression():
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0], [1.0]]))
    data = Examples.labelled(torch.tensor([[2.0], [-1.0]]), torch.ones(2, dtype=torch.int64), np.arange(2), 2)
    found = GradientNormMIA()(model, sight(data, data, Classification()))
    wrong = 1 / (1 + np.exp([2.0, -1.0]))
    assert found[:2] == pytest.approx(-np.log(np.sqrt(2) * wrong * [2.0, 1.0]), rel=1e-5)
    assert model.weight.grad is None


def test_a_loss_is_divided_by_what_its_answer_packs_to():
    forget = texts([[1, 2, 3]], [2])
    found = ZlibMIA()(Copying(), sight(forget, forget))
    e, size = np.e, len(zlib.compress(np.array([2, 3], dtype=np.uint16).tobytes()))
    loss = np.log(e + 7) + np.log(2 * e + 6)
    assert found.tolist() == pytest.approx([-loss / size] * 2, rel=1e-5)
    assert packed(np.zeros(500)) < packed(np.random.default_rng(0).normal(size=500))


@pytest.mark.parametrize("made", [GradientNormMIA(), ZlibMIA()])
def test_an_area_is_over_pairs(made):
    scores = np.array([[3.0, 1.0, 2.0, 0.0]])
    (found,) = made.evaluate(Prepared(scores, scores, np.array(["forget", "forget", "test", "test"]), False)).values()
    assert number(found) == 0.75
    (curve,) = made.curves(Prepared(scores, scores, np.array(["forget", "forget", "test", "test"]), False)).values()
    assert curve.tpr[0].tolist() == [1.0] * len(curve.fpr), "from one of two test examples on, that of 2, both are found"
    lower = scores - [[0, 2, 0, 0]]
    (curve,) = made.curves(Prepared(lower, lower, np.array(["forget", "forget", "test", "test"]), False)).values()
    assert curve.tpr[0, [0, -1]].tolist() == [0.5, 1.0]
    assert made.curves(Prepared(scores * np.nan, scores, np.array(["forget", "forget", "test", "test"]), False)) == {}
    (none,) = made.evaluate(Prepared(scores, scores, np.array(["forget"] * 4), False)).values()
    assert none == "there are no forget or no test examples"


def test_of_a_few_that_are_relearned_the_others_are_looked_at():
    data = texts([[1, 2, 3], [1, 2, 4], [1, 2, 5]], [1, 1, 1])
    shown, asked, rows = Relearn(examples=1)._parts(sight(data, data))
    assert (len(shown), len(asked)) == (1, 2)
    assert sorted([*shown.ids.tolist(), *asked.ids.tolist()]) == [0, 1, 2]
    assert asked.ids.tolist() == rows.tolist()
    assert Relearn(on="test")._parts(sight(data, shown))[0] is shown
    with pytest.raises(SpecError, match="leave examples out"):
        Relearn(on="test", examples=2)


class Counting(nn.Module):
    """Says the token one above the last."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, input_ids, attention_mask):
        return self.scale * nn.functional.one_hot((input_ids + 1) % 8, 8).float()


def test_a_text_is_gone_on_with_from_its_middle():
    forget = texts([[0, 1, 2, 3, 4], [5, 1, 2, 3, 7]], [5, 5])
    found = VerbMem(prefix=0.5)(Counting(), sight(forget, texts([[7, 7, 1, 2]], [2])))
    # After 0 1 come 2 3 4; after 5 1 come 2 3 4, of which 2 3 are there; after 7 7 comes 0, and 1 2 is there.
    assert found.tolist() == pytest.approx([1.0, 2 / 3, 0.5])
