"""Unlearners and localizers keep their promises on texts, or say in one line why they cannot."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

import methods
from untrain.commands import promises
from untrain.core import discovery
from untrain.core.errors import UntrainError
from untrain.core.spec import parse
from untrain.localizers import contract as localizers
from untrain.unlearners import contract as unlearners
from untrain.unlearners.ssd import SSD

KINDS = ("bag", "encoder", "causal")
# What cannot be asked of tokens: they are never NaN, and a planted unit needs inputs that are numbers.
# Nor are a few texts, which make one batch, trained in an order that a seed could change.
APART = {
    "it raises when the loss is not finite", "it finds a planted neuron", "it says what becomes of buffers",
    "its batches follow the seed and the epoch", "it reads the labels of all it needs", "longer steps go the same way",
    "it does not learn the labels of the forget set",
}  # fmt: skip
# Why a method does not go with a task, in its own words.
TOKENS = "takes gradients by inputs, and these are torch.int64: real numbers are needed"
REASONS = {
    ("causal", "IdkDPO"): "these examples have no answers under 'refusal'",
    ("causal", "OnSpans"): "OnSpans forgets by the tokens of a field 'spans'",
    **{(kind, "CT"): "CT transposes kernels of convolutions" for kind in KINDS},
    **{(kind, name): TOKENS for kind in ("bag", "encoder") for name in ("AMUN", "L2UL", "MUMis")},
    **{("causal", name): "needs classes, which CausalLM does not give" for name in ("AMUN", "CFW", "FCS", "L2UL", "MUMis", "PRMQ")},
    **{
        ("causal", name): "needs classes, which CausalLM does not give"
        for name in ("DatamodelDirect", "DatamodelMatch", "OracleMatch")
    },
    **{(kind, "LoaderMethod"): "the function failed: " for kind in KINDS},  # texts take a mask too, and its default gives none
    ("causal", "RandomLabel"): "needs random_targets, which CausalLM does not give",
    ("causal", "SalUn"): "needs random_targets, which CausalLM does not give",
    ("causal", "FisherNoise"): "needs fisher, which CausalLM does not give",
    ("causal", "ProjectedGradient"): "needs classes, which CausalLM does not give",
    **{(kind, name): "adds noise to inputs, and these are rows of tokens" for kind in KINDS for name in ("JiT", "ReferenceJiT")},
    **{(kind, "CriticalNeurons"): "adds noise to inputs, and these are rows of tokens" for kind in KINDS},
    ("causal", "Amnesiac"): "needs classes, random_targets, which CausalLM does not give",
    **{
        ("causal", name): "needs classes, which CausalLM does not give"
        for name in ("DUCK", "SCAR", "DELETE", "POUR", "BoundaryExpand", "REM")
    },
    **{
        (kind, name): "changes inputs little by little, and these are torch.int64: real numbers are needed"
        for kind in ("bag", "encoder")
        for name in ("BoundaryShrink", "UNSIR")
    },
    **{("causal", name): "needs classes, which CausalLM does not give" for name in ("BoundaryShrink", "UNSIR")},
    ("causal", "CriticalNeurons"): "needs classes, which CausalLM does not give",
}

NAMES = [methods.name_of(made) for made in methods.of_networks("unlearner", "recipe")]


@pytest.fixture
def ask(texts, monkeypatch):
    """Tries the promises of a method on texts of a kind: names and errors of those that are broken."""
    kept = {}

    def small(kind):
        if kind not in kept:
            kept[kind] = texts.problem(kind)
        return deepcopy(kept[kind][0]), kept[kind][1]

    def tried(name, kind):
        for module in (unlearners, localizers):
            monkeypatch.setattr(module, "small", lambda *_, kind=kind: small(kind))
        made = promises.example(discovery.load(name))
        if isinstance(made, SSD):  # at its default it selects no weight of models as small as these, and says so
            made = replace(made, select=1.5)
        asked = [(promise, check) for promise, check in promises.checks_for(made) if promise not in APART]
        return [(promise, error) for promise, check in asked if (error := _error(check, made)) is not None]

    return tried


def _error(check, made):
    try:
        check(made)
    except UntrainError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("kind", "name"), methods.latin(KINDS, NAMES, 12, lambda kind, name: (kind, name) in REASONS))
def test_an_unlearner_keeps_its_promises_on_texts(name, kind, ask):
    broken = ask(name, kind)
    reason = REASONS.get((kind, name))
    assert [error for _, error in broken if reason is None or reason not in error] == []
    assert broken or reason is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [methods.name_of(made) for made in methods.localizers()])
def test_a_localizer_keeps_its_promises_on_texts(name, kind, ask):
    reason = REASONS.get((kind, name))
    assert [error for _, error in ask(name, kind) if reason is None or reason not in error] == []


@pytest.mark.parametrize("localizer", ["WeightedGrad(per='channel', keep=0.3)", "Gradient(keep=0.3)", "RandomMask()"])
def test_rows_of_an_embedding_are_channels(localizer, texts):
    model, problem = texts.problem("bag")
    bits = parse(localizer)(model, problem).bits["tokens.weight"]
    assert bits.shape == (texts.VOCABULARY, 8)
    if "per='channel'" in localizer:
        assert torch.equal(bits.all(1), bits.any(1))


def test_words_that_the_forget_set_alone_uses_are_found(texts):
    """Of an embedding's rows those of the forget set's own words are chosen first."""
    model, problem = texts.problem("bag")
    data = problem.forget.with_inputs(texts.Ragged.of([[0, 11, 11, 11, 11]] * len(problem.forget)))
    mask = parse("WeightedGrad(per='channel', keep=0.2)")(model, texts.replace_forget(problem, data))
    rows = mask.bits["tokens.weight"].any(1)
    assert rows[11]
    assert not rows[3:11].any()
