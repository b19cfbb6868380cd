"""Low-rank adapters of peft: what trains, what is merged, the format, other bases, masks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import texts
import untrain as ut
from hugging import saved
from untrain.core.errors import ModelError, SpecError
from untrain.models.architectures.causaltransformer import CausalTransformer
from untrain.models.architectures.huggingfacelm import HuggingFaceLM
from untrain.models.architectures.lora import LoRA
from untrain.models.tasks.causallm import CausalLM
from untrain.training.learners.train import Train

peft = pytest.importorskip("peft")

LLAMA = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 32}
TASK = CausalLM(texts.LENGTH, texts.VOCABULARY)
SHAPE = (texts.LENGTH, texts.VOCABULARY)
KINDS = {"llama": HuggingFaceLM(kind="llama", config=LLAMA), "own": CausalTransformer(**texts.SMALL)}


def trained(made, seed=0):
    """A learner, its model on made-up rows, and the request to forget eight of them."""
    learner = Train(model=made, steps=replace(texts.STEPS, lr=0.05), task=TASK)
    data = texts.answered()
    return learner, learner(data, seed), ut.problem(data, list(range(8)), learner)


def outputs(model):
    tokens = torch.arange(14).view(2, 7) % texts.VOCABULARY
    with torch.no_grad():
        out = model(input_ids=tokens, attention_mask=torch.ones(2, 7, dtype=torch.bool))
    return getattr(out, "logits", out)


def adapters(model):
    return {name for name, p in model.named_parameters() if ".lora_" in name}


@pytest.mark.parametrize("kind", KINDS)
def test_adapters_alone_are_trained_and_unlearned_and_merge_into_the_network(kind):
    learner, model, problem = trained(LoRA(model=KINDS[kind], rank=2))
    start = learner.init(texts.answered(), 0)
    moved = {n for (n, p), (_, q) in zip(model.named_parameters(), start.named_parameters(), strict=True) if not torch.equal(p, q)}
    assert moved
    assert moved <= adapters(model) == {n for n, p in model.named_parameters() if p.requires_grad}
    forgot = ut.NPO(steps=ut.Steps(lr=0.05, epochs=2))(model, problem)
    pairs = zip(model.named_parameters(), forgot.parameters(), strict=True)
    assert {n for (n, p), q in pairs if not torch.equal(p, q)} <= adapters(model)
    before = outputs(forgot)
    assert not torch.allclose(before, outputs(model))
    merged = ut.merge_adapter(forgot)
    assert not adapters(merged)
    assert all(p.requires_grad for p in merged.parameters())
    assert torch.allclose(outputs(merged), before, atol=1e-5)
    assert merged.state_dict().keys() == KINDS[kind].build(SHAPE, texts.VOCABULARY).state_dict().keys()
    # Of the merged network the weights themselves are unlearned.
    again = ut.GradAscent(steps=ut.Steps(lr=0.1, epochs=1))(merged, problem)
    assert not torch.equal(next(again.parameters()), next(merged.parameters()))


def test_a_localizer_confines_an_unlearner_to_weights_of_adapters():
    _, model, problem = trained(LoRA(model=KINDS["llama"], rank=2))
    outcome = (ut.Finetune(steps=ut.Steps(lr=0.05, epochs=1)) @ ut.WeightedGrad(keep=0.3)).run(model, problem)
    assert outcome.guard.outside_mask_max == 0
    assert {n for n, bits in outcome.mask.bits.items() if bits.any()} <= adapters(model)
    assert outcome.guard.moved_share > 0


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by an older name
def test_a_folder_of_adapters_is_read_by_peft_and_by_us_and_that_of_another_base_is_refused(tmp_path):
    base = KINDS["llama"].build(SHAPE, texts.VOCABULARY)
    folder = saved(base, tmp_path / "base")
    spec = LoRA(model=HuggingFaceLM(checkpoint=folder), rank=3, targets=("q_proj", "down_proj"))
    _, model, _ = trained(spec)
    at = ut.write_adapter(model, tmp_path / "adapter")
    about = json.loads((at / "adapter_config.json").read_text())
    assert (about["r"], about["lora_alpha"], about["base_model_name_or_path"]) == (3, 6.0, folder)
    theirs = peft.PeftModel.from_pretrained(HuggingFaceLM(checkpoint=folder).build(SHAPE, texts.VOCABULARY), str(at))
    assert torch.allclose(outputs(theirs.eval()), outputs(model), atol=1e-6)
    with pytest.raises(ModelError, match="has adapters: write them by write_adapter, or merge"):
        ut.write_model(model, tmp_path / "whole", folder)
    ours = replace(spec, targets=(), adapter=str(at)).build(SHAPE, texts.VOCABULARY).eval()
    assert torch.equal(outputs(ours), outputs(model))
    assert {p.requires_grad for n, p in ours.named_parameters() if n in adapters(ours)} == {True}
    # What peft itself writes, which knows its base by name alone, is read too.
    theirs.save_pretrained(tmp_path / "theirs")
    read = LoRA(model=spec.model, adapter=str(tmp_path / "theirs")).build(SHAPE, texts.VOCABULARY).eval()
    assert torch.allclose(outputs(read), outputs(model), atol=1e-6)
    other = saved(KINDS["llama"].build(SHAPE, texts.VOCABULARY), tmp_path / "other")
    with pytest.raises(ModelError, match=r"was trained on another base, .*: its weights differ from these"):
        LoRA(model=HuggingFaceLM(checkpoint=other), adapter=str(at)).build(SHAPE, texts.VOCABULARY)
    wider = HuggingFaceLM(kind="llama", config={**LLAMA, "hidden_size": 32})
    with pytest.raises(ModelError, match=r"was made for another network: .*q_proj.* do not fit|do not fit"):
        LoRA(model=wider, adapter=str(tmp_path / "theirs")).build(SHAPE, texts.VOCABULARY)


def test_a_network_with_moving_statistics_is_not_written_as_adapters_alone(tmp_path):
    net = LoRA(model=ut.parse("ResNet9(width=4)"), rank=2, targets=("stem.0",)).build((3, 8, 8), 3)
    with pytest.raises(ModelError, match=r"has statistics that move in training \(stem.1\)"):
        ut.write_adapter(net, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def test_seeds_draw_adapters_and_what_cannot_be_meant_is_refused(tmp_path):
    learner = Train(model=LoRA(model=KINDS["own"]), steps=texts.STEPS, task=TASK)
    one, same, other = (learner.init(texts.answered(), seed) for seed in (0, 0, 1))
    name = sorted(adapters(one))[0]
    assert torch.equal(dict(one.named_parameters())[name], dict(same.named_parameters())[name])
    assert not torch.equal(dict(one.named_parameters())[name], dict(other.named_parameters())[name])
    with pytest.raises(SpecError, match="has one set of adapters"):
        LoRA(model=LoRA(model=KINDS["own"]))
    with pytest.raises(SpecError, match="leave targets out"):
        LoRA(model=KINDS["own"], adapter="x", targets=("a",))
    with pytest.raises(ModelError, match=r"LoRA: .*nowhere"):
        LoRA(model=KINDS["own"], targets=("nowhere",)).build(SHAPE, texts.VOCABULARY)
    with pytest.raises(ModelError, match=r"has no adapter_config.json, which an adapter consists of"):
        LoRA(model=KINDS["own"], adapter=str(tmp_path)).build(SHAPE, texts.VOCABULARY)
    for act in (ut.merge_adapter, lambda net: ut.write_adapter(net, tmp_path)):
        with pytest.raises(ModelError, match="has no adapters"):
            act(KINDS["own"].build(SHAPE, texts.VOCABULARY))


def test_a_run_trains_adapters_and_scores_them(tmp_path):
    net = "LoRA(model=CausalTransformer(width=16, depth=1, heads=2, hidden=32))"
    few = f"Facts(people=10, model={net}, steps=Steps(lr=0.02, epochs=1))"
    made = ut.run(few, "WGA(steps=Steps(lr=0.01, epochs=1))", store=tmp_path / "store", seeds=1, oracles=2, images=False)
    assert made["results"][0]["error"] is None
    assert np.isfinite(made["results"][0]["scores"]["forget_gap"]["value"])
