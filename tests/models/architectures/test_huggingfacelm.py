"""Language models of transformers, by configuration and by checkpoint: no hub, no download."""

import json

import numpy as np
import pytest
import torch

import texts
import untrain as ut
from hugging import saved
from untrain.core.errors import DataError, ModelError, SpecError
from untrain.data.examples import Batch, batch_of
from untrain.data.ragged import PAD
from untrain.models.architectures.huggingfacelm import HuggingFaceLM
from untrain.models.tasks.causallm import CausalLM

LENGTH, VOCABULARY = 12, 30
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 32}
KINDS = {
    "llama": SMALL,
    "qwen2": SMALL,
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2},
    "gpt_neox": {n: v for n, v in SMALL.items() if n != "num_key_value_heads"},
}
TASK = CausalLM(length=LENGTH, vocabulary=VOCABULARY)


def built(made, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return made.build((LENGTH, VOCABULARY), VOCABULARY)


def rows():
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(VOCABULARY, (3, 8), generator=draw)
    ids[1, 5:] = PAD
    labels = ids.clone()
    labels[:, :2] = PAD
    return Batch({"input_ids": ids, "labels": labels}, torch.arange(3))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_made_for_the_tokens_and_sees_neither_padding_nor_what_follows(kind):
    model = built(HuggingFaceLM(kind=kind, config=KINDS[kind]))
    batch = rows()
    with torch.no_grad():
        logits = TASK.forward(model, batch)
        alone = TASK.forward(model, Batch({n: v[1:2, :5] for n, v in batch.fields.items()}, torch.arange(1)))
    assert logits.shape == (3, 8, VOCABULARY)
    assert torch.allclose(logits[1, :5], alone[0], atol=1e-5)
    changed = batch.fields["input_ids"].clone()
    changed[0, 6] = (changed[0, 6] + 1) % VOCABULARY
    with torch.no_grad():
        other = TASK.forward(model, batch.with_fields(input_ids=changed))
    assert torch.equal(other[0, :6], logits[0, :6])
    assert not torch.allclose(other[0, 6:], logits[0, 6:])


def test_the_head_is_named_where_it_is_a_layer_of_its_own():
    assert TASK.head(built(HuggingFaceLM(kind="llama", config=SMALL))) == ("lm_head.weight",)
    with pytest.raises(ModelError, match="shares its weight with the embedding"):
        TASK.head(built(HuggingFaceLM(kind="gpt2", config=KINDS["gpt2"])))


def test_values_come_from_the_seed_or_from_the_checkpoint(tmp_path):
    made = HuggingFaceLM(kind="llama", config=SMALL)
    first, again, other = built(made, 0), built(made, 0), built(made, 1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)
    folder = saved(first, tmp_path / "model")
    stored = HuggingFaceLM(checkpoint=folder)
    assert stored.begins_alike()
    loaded = built(stored, 5)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), loaded.parameters(), strict=True))
    fresh = built(HuggingFaceLM(checkpoint=folder, weights="fresh"), 5)
    assert not torch.equal(fresh.lm_head.weight, first.lm_head.weight)


def test_what_does_not_fit_is_told_before_any_training(tmp_path):
    folder = saved(built(HuggingFaceLM(kind="llama", config=SMALL)), tmp_path / "model")
    stored = HuggingFaceLM(checkpoint=folder)
    with pytest.raises(ModelError, match=r"knows 30 tokens, and the data have 31: take its own tokenizer, with vocabulary=30"):
        stored.build((LENGTH, 31), 31)
    with pytest.raises(ModelError, match=r"has 12 places, and rows have up to 13 tokens: take length=12"):
        stored.build((13, 30), 30)
    assert stored.build((5, 20), 20) is not None  # fewer of both are no matter
    with pytest.raises(ModelError, match=r"transformers has no model that predicts the next token of kind 'lama'.*llama"):
        built(HuggingFaceLM(kind="lama"))
    with pytest.raises(ModelError, match="no setting 'hiden_size'"):
        built(HuggingFaceLM(kind="llama", config={"hiden_size": 3}))
    with pytest.raises(ModelError, match="rows of tokens"):
        HuggingFaceLM(kind="llama").build((1, 8, 8), 3)
    for wrong, message in (({}, "either checkpoint"), ({"kind": "llama", "config": {"vocab_size": 3}}, "the task's vocabulary")):
        with pytest.raises(SpecError, match=message):
            HuggingFaceLM(**wrong)
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"holds no \.safetensors file"):
        built(stored)


def test_a_folder_is_finetuned_forgets_and_comes_back_in_its_format(tmp_path):
    pytest.importorskip("tokenizers")
    from untrain.data.readers.tokenizers import learn_bytes

    people = ("Ann", "Bob", "Eve", "Kim", "Joe", "Amy")
    records = [
        {"question": f"Where is {who} {at}?", "answer": f"in {who[::-1]}{at}", "owner": who} for who in people for at in range(4)
    ]
    for name, part in (("train", records), ("test", records[:4])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, part)))
    words = learn_bytes([r["question"] + r["answer"] for r in records], 270, ("</s>",))
    size = words.get_vocab_size()
    base = HuggingFaceLM(kind="llama", config=SMALL).build((40, size), size)
    folder = saved(base, tmp_path / "base")
    words.save(f"{folder}/tokenizer.json")
    steps = ut.Steps(lr=0.01, epochs=3, batch=8, optimizer=ut.AdamW())
    scenario = ut.QuestionAnswer(
        train=str(tmp_path / "train.jsonl"), test=str(tmp_path / "test.jsonl"), request=ut.Owner(owners=("Bob",)), tokenizer=folder,
        prompt="Question: {question}\nAnswer:", answer=" {answer}", end="</s>", vocabulary=size, length=40,
        model=HuggingFaceLM(checkpoint=folder), steps=steps,
    )  # fmt: skip
    data, learner = scenario.load(), scenario.learner()
    model = learner(data.train, 0)
    posed = ut.problem(data.train, scenario.request, learner)
    forgot = ut.NPO(steps=ut.Steps(lr=0.003, epochs=2, batch=8, optimizer=ut.AdamW()))(model, posed)
    batch = next(iter(posed.forget_batches(steps).draw(0)))[0]
    losses = [float(learner.task.loss(m, batch).mean().detach()) for m in (model, forgot)]
    assert losses[1] > losses[0]
    back = ut.write_model(forgot, tmp_path / "back", folder)
    read = HuggingFaceLM(checkpoint=str(back)).build((40, size), size)
    assert all(torch.equal(a, b) for a, b in zip(read.parameters(), forgot.parameters(), strict=True))
    assert (back / "tokenizer.json").read_bytes() == (tmp_path / "base" / "tokenizer.json").read_bytes()
    before, after = (json.loads((at / "config.json").read_text()) for at in (tmp_path / "base", back))
    assert {n for n in before | after if before.get(n) != after.get(n)} <= {"_name_or_path", "transformers_version"}
    with pytest.raises(DataError, match="holds something already"):
        ut.write_model(forgot, back, folder)
    with pytest.raises(DataError, match=r"it has no config\.json"):
        ut.write_model(forgot, tmp_path / "new", tmp_path)
    with pytest.raises(ModelError, match="is not a model of transformers"):
        ut.write_model(torch.nn.Linear(1, 1), tmp_path / "new", folder)
    made = ut.run(scenario, "WGA(steps=Steps(lr=0.01, epochs=1))", store=tmp_path / "store", seeds=1, oracles=2, images=False)
    assert made["results"][0]["error"] is None
    assert np.isfinite(made["results"][0]["scores"]["forget_accuracy"]["value"])


def after_a_step(made):
    """Losses before and after, and the model after, of a few plain steps on made-up rows."""
    learner = ut.Train(model=made, steps=ut.Steps(lr=0.05, epochs=4, batch=12), task=CausalLM(texts.LENGTH, texts.VOCABULARY))
    data = texts.answered()
    batch = batch_of(data, np.arange(len(data)))
    model = learner(data, 0)
    return [float(learner.task.loss(m, batch).mean().detach()) for m in (learner.init(data, 0).eval(), model)], model


def test_what_is_computed_again_gives_the_same_steps():
    plain, kept = (after_a_step(HuggingFaceLM(kind="llama", config=SMALL, checkpointing=c)) for c in (False, True))
    marks = ("gradient_checkpointing", "activation_checkpointing")  # as versions of transformers name it
    assert any(getattr(part, mark, False) for part in kept[1].modules() for mark in marks)
    assert plain[0] == pytest.approx(kept[0], abs=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(plain[1].parameters(), kept[1].parameters(), strict=True))


def test_weights_of_half_precision_learn_forget_and_come_back_as_such(tmp_path):
    made = HuggingFaceLM(kind="llama", config=SMALL, dtype="bfloat16")
    losses, model = after_a_step(made)
    full, _ = after_a_step(HuggingFaceLM(kind="llama", config=SMALL))
    assert losses[1] < losses[0] - 0.5 * (full[0] - full[1])
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    problem = ut.problem(texts.answered(), [0, 1, 2], ut.Train(model=made, task=CausalLM(texts.LENGTH, texts.VOCABULARY)))
    forgot = ut.NPO(steps=ut.Steps(lr=0.05, epochs=1))(model, problem)
    assert {p.dtype for p in forgot.parameters()} == {torch.bfloat16}
    assert learner_loss_is_float(model, problem)
    back = HuggingFaceLM(checkpoint=saved(forgot, tmp_path / "half"), dtype="bfloat16").build((texts.LENGTH, texts.VOCABULARY), 12)
    assert all(torch.equal(a, b) for a, b in zip(back.parameters(), forgot.parameters(), strict=True))
    assert json.loads((tmp_path / "half" / "config.json").read_text())["dtype"] == "bfloat16"


def learner_loss_is_float(model, problem):
    batch = next(iter(problem.forget_batches(ut.Steps()).draw(0)))[0]
    return problem.task.loss(model, batch).dtype == torch.float32


BROKEN = {
    "a resized vocabulary": (
        {"vocab_size": VOCABULARY + 5},
        r"does not hold the weights of its config: .* is missing or of another shape",
    ),
    "four bits": (
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        r"holds quantised weights, which cannot be trained",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_weights_that_are_not_those_of_the_configuration_or_cannot_be_trained_are_refused(name, tmp_path):
    settings, message = BROKEN[name]
    folder = saved(built(HuggingFaceLM(kind="llama", config=SMALL)), tmp_path / "base")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps(config | settings))
    with pytest.raises(ModelError, match=message):
        HuggingFaceLM(checkpoint=folder).build((LENGTH, VOCABULARY), VOCABULARY)


def test_a_head_that_is_tied_to_the_embedding_is_told_before_a_mask_is_made():
    learner = ut.Train(model=HuggingFaceLM(kind="gpt2", config=KINDS["gpt2"]), task=CausalLM(texts.LENGTH, texts.VOCABULARY))
    data = texts.answered()
    with pytest.raises(
        ModelError, match=r"shares its weight with the embedding 'transformer\.wte', which would move or stay with it"
    ):
        (ut.Finetune() @ ut.WeightedGrad())(learner.init(data, 0), ut.problem(data, [0], learner))
