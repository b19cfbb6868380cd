"""Costs on paper: against a published size, by hand, and against what is counted of one step of each method."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.data.ragged import PAD
from untrain.maths import decoder_cost as cost
from untrain.models.tasks.causallm import CausalLM

TINY = cost.Decoder(vocabulary=20, width=8, layers=2, heads=2, hidden=12)
ROWS, TOKENS = 3, 6
SEVEN = cost.Decoder(vocabulary=32000, width=4096, layers=32, heads=32, hidden=11008)


def network():
    config = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 12}
    torch.manual_seed(0)
    return ut.HuggingFaceLM(kind="llama", config=config).build((TOKENS, TINY.vocabulary), TINY.vocabulary)


def posed():
    sides = []
    for at in range(2):
        x = torch.randint(TINY.vocabulary, (ROWS, TOKENS), generator=torch.Generator().manual_seed(at))
        y = torch.where(torch.arange(TOKENS) < TOKENS // 2, PAD, x)
        fields = {"input_ids": x, "refusal": x[:, : TOKENS // 2], "labels": y}
        sides.append(ut.Examples(fields, np.arange(ROWS) + at * ROWS))
    return ut.Problem(CausalLM(TOKENS, TINY.vocabulary), *sides)


def test_weights_are_those_of_the_model():
    assert sum(p.numel() for p in network().parameters()) == TINY.parameters
    assert SEVEN.parameters == 6_738_415_616  # as published of Llama 2


@pytest.mark.parametrize("method", cost.PASSES)
def test_operations_on_paper_are_those_counted(method):
    pytest.importorskip("transformers")
    made = replace(ut.parse(method), steps=ut.Steps(lr=1e-4, epochs=1, batch=ROWS))
    paper, flops = cost.step_operations(method, TINY, ROWS, TOKENS), made.run(network(), posed()).cost.flops
    if method == "PDU":  # which looks once at the retain loss before
        paper += cost.forward_operations(TINY, ROWS, TOKENS)
    if method == "AltPO":  # which draws alternatives, and counts them too
        assert flops > paper
    else:
        assert flops == paper


def test_adapters_save_gradients_of_weights_and_not_those_of_outputs():
    few = 8 * sum(a + b for a, b in [(8, 8)] * 8 + [(8, 12)] * 6 + [(8, 20)])
    beside = ut.LowRank(unlearner=ut.NPO(steps=ut.Steps(lr=1e-4, epochs=1, batch=ROWS)), rank=8)
    counted = beside.run(network(), posed()).cost.flops
    assert counted == pytest.approx(cost.step_operations("NPO", TINY, ROWS, TOKENS, few), rel=0.1)
    whole, part = (cost.step_operations("NPO", SEVEN, 8, 256, n) for n in (0, 40_000_000))
    assert 0.6 < part / whole < 0.75


def test_memory_is_weights_of_all_copies_and_what_is_stepped():
    one = cost.Decoder(vocabulary=1, width=100, layers=1, heads=1, hidden=1000)
    alone = cost.memory_bytes("GradAscent", one, 0, 0, width=4)
    assert alone == one.parameters * (3 * 4 + 12)
    assert cost.memory_bytes("NPO", one, 0, 0, width=2) == one.parameters * (4 * 2 + 16)
    assert cost.memory_bytes("NPO", one, 0, 0, width=2, adapters=10) == one.parameters * 8 + 160
    again, kept = (cost.memory_bytes("NPO", SEVEN, 8, 256, again=a) for a in (True, False))
    assert again < kept
    assert cost.hours(4e14, 9000, 8, 1e15, 0.4) == pytest.approx(9000 / 8 / 3600)
