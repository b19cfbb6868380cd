"""Quantization, pruning and further training: what becomes of models, worked out, and a change that rounding undoes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from untrain.core.errors import DataError
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers._weakened import known
from untrain.evaluation.observers.continued import Continued
from untrain.evaluation.observers.contract import scene
from untrain.evaluation.observers.pruning import Pruning
from untrain.evaluation.observers.quantization import Quantization
from untrain.evaluation.scoring.resampling import number
from untrain.maths.round_to_bits import round_to_bits
from untrain.models.inference import predict
from untrain.reports.html.comes_back import comes_back
from untrain.training.steps import Constant, Steps


def test_rounding_stays_within_half_a_step_and_keeps_the_largest_of_a_row():
    weight = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    weight[4] = 0
    for bits in (2, 4, 8):
        rounded = round_to_bits(weight, bits)
        largest = weight.abs().flatten(1).amax(1)
        step = largest / (2 ** (bits - 1) - 1)
        assert bool(((weight - rounded).abs().flatten(1) <= step[:, None] / 2 + 1e-6).all())
        assert rounded.abs().flatten(1).amax(1).tolist() == pytest.approx(largest.tolist())
        assert len(rounded[0].unique()) <= 2**bits - 1
    assert bool((rounded[4] == 0).all())


def test_eight_bits_change_little_and_two_bits_much():
    model, _, sight = scene()
    before = Quantization(bits=8)(model, sight)
    assert np.abs(before[:, 0] - before[:, 1]).mean() < 0.02
    after = Quantization(bits=2)(model, sight)
    assert after[:, 0].tolist() == before[:, 0].tolist()
    assert np.abs(after[:, 0] - after[:, 1]).mean() > 0.05


def test_it_is_the_probability_of_the_targets_in_the_forget_set():
    model, _, sight = scene()
    labels = sight.forget.y[:].numpy()
    p = softmax(predict(model, sight.forget, sight.task)["logits"].astype(float), 1)
    assert Quantization(bits=8)(model, sight)[:, 0] == pytest.approx(p[np.arange(len(labels)), labels], abs=1e-5)


def test_matrices_change_and_vectors_stay():
    model, _, sight = scene()
    shapes = []

    def change(weight):
        shapes.append(weight.ndim)
        return weight

    values = known(model, sight, change)
    assert values[:, 0].tolist() == values[:, 1].tolist()
    assert len(shapes) == sum(p.ndim > 1 for p in model.parameters()) > 0
    assert min(shapes) == 2


def test_the_smallest_weights_of_each_matrix_go():
    weight = torch.tensor([[3.0, -1.0], [0.5, -2.0]])
    assert Pruning(share=0.5)._pruned(weight).tolist() == [[3.0, 0.0], [0.0, -2.0]]


def test_rounding_undoes_a_change_below_half_a_step():
    before = torch.tensor([[7.0, -3.0, 2.0, 5.0]])
    hidden = before + torch.tensor([[0.0, 0.4, -0.4, 0.3]])
    assert round_to_bits(hidden, 4).tolist() == before.tolist()
    assert round_to_bits(hidden, 8).tolist() != before.tolist()


def test_the_scores_are_the_value_after_and_its_change():
    side = np.array(["forget"] * 3)
    ours = np.stack([np.zeros((2, 3)), np.ones((2, 3))], axis=-1)  # hidden before, known after
    trial = Prepared(ours, np.zeros((4, 3, 2)), side, False)
    found = {n: number(m) for n, m in Quantization().evaluate(trial).items()}
    assert found == {"quantized_forget": 1.0, "quantized_change": 1.0}


def test_further_training_is_plain_finetuning_on_the_retain_set():
    model, _, sight = scene()
    steps = Steps(lr=0.05, epochs=2, batch=16, schedule=Constant(), buffers="freeze")
    found = Continued(steps=steps)(model, sight)
    assert found.shape == (12, 2)
    still = Continued(steps=replace(steps, lr=1e-12))(model, sight)
    assert still[:, 1] == pytest.approx(still[:, 0], abs=1e-5)
    assert np.abs(found[:, 0] - found[:, 1]).max() > 1e-3
    with pytest.raises(DataError, match="there is none"):
        Continued()(model, replace(sight, retain=None))


def test_the_page_has_a_table_of_what_brings_it_back():
    score = {"value": 0.4, "low": 0.3, "high": 0.5, "ideal": 0.1, "ceiling": 0.9, "band": None, "verdict": None, "note": None}
    rows = [{"method": "NegGrad()", "error": None, "scores": {"pruned_forget": score}}]
    glossary = {**Pruning.scores, **Quantization.scores}
    table = comes_back({"results": rows}, glossary)
    assert [column.name for column in table.columns] == ["pruned_forget"]
    assert [label for label, _ in table.references] == ["Retrained models", "Original models"]
    assert [cells[0].value.split("\N{NO-BREAK SPACE}")[0] for _, cells in table.references] == ["10.0", "90.0"]
    assert comes_back({"results": [{"method": "NegGrad()", "error": None, "scores": {}}]}, glossary) is None
