"""A folder of a causal language model forgets answers or documents, and comes back as a folder."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import untrain as ut
from language_folders import PROMPT, answers, folders, write
from untrain.core.errors import BadInput, DamageAlarm, DataError, RunFailed
from untrain.experiments.forgetting import languages
from untrain.models.architectures import lora

STEPS = "Steps(lr=0.01, epochs=10, batch=8, optimizer=AdamW())"
LITTLE = "GradAscent(steps=Steps(lr=0.0005, epochs=1, batch=8, optimizer=AdamW()))"
GONE = [f"q{at}" for at in range(12)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Folders in bfloat16 whose heads are tied to their embeddings, and files of questions."""
    return folders(tmp_path_factory.mktemp("lm"), "bfloat16", STEPS)


@pytest.fixture(autouse=True)
def _here(home, monkeypatch):
    monkeypatch.chdir(home)


def forget(**given):
    usual = {
        "model": "lm", "data": "train.jsonl", "valid": "held.jsonl", "forget": GONE, "prompt": PROMPT, "steps": STEPS,
        "base": "base",
    }  # fmt: skip
    return ut.forget(**(usual | given))


def test_the_folder_comes_back_with_tokenizer_configuration_types_and_tied_weights(home, tmp_path):
    document = forget(method=LITTLE, out=str(tmp_path / "new"), accept_damage=True)
    new = tmp_path / "new"
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (new / name).read_bytes() == (home / "lm" / name).read_bytes()
    before, after = (load_file(folder / "model.safetensors") for folder in (home / "lm", new))
    assert before.keys() == after.keys()  # the head is the embedding, once
    assert {value.dtype for value in after.values()} == {torch.bfloat16}
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert document["after"]["forget"]["loss"] > document["before"]["forget"]["loss"]
    assert document["plan"]["classes"] == []
    from transformers import AutoModelForCausalLM

    assert sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(new).parameters()) == document["plan"]["parameters"]


def test_training_again_begins_at_the_base(home, tmp_path):
    forget(method="Retrain", seed=5, out=str(tmp_path / "new"), accept_damage=True)
    stays = write(tmp_path / "stays.jsonl", answers(0, 40)[12:])
    made = load_file(tmp_path / "new" / "model.safetensors")
    first = load_file(home / "base" / "model.safetensors")
    scenario = ut.QuestionAnswer(
        train=str(stays), test="held.jsonl", tokenizer="lm", prompt="Q: {question}\nA:", answer=" {answer}", end="</s>", valid=0.0,
        request=ut.Ids(ids=("q12",)), length=64, vocabulary=len(first["model.embed_tokens.weight"]),
        model=ut.HuggingFaceLM(checkpoint="base"), steps=ut.parse(STEPS),
    )  # fmt: skip
    again = scenario.learner()(scenario.load().train, seed=5).state_dict()
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.allclose(made[name].float(), again[name].bfloat16().float(), atol=0.02)
    assert not torch.allclose(made[name].float(), first[name].float(), atol=0.02)


def test_unseen_texts_that_became_unlikely_are_damage(home, tmp_path):
    harm = "GradAscent(steps=Steps(lr=0.02, epochs=8, batch=8, optimizer=AdamW()))"
    with pytest.raises(DamageAlarm, match=r"validation loss rose from \d\.\d+ to .*and a rise of"):
        forget(method=harm, out=str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_without_a_base_nothing_is_trained_again(home):
    lines = []
    plan = forget(base="", dry_run=True, on_progress=lambda at: lines.append(at.note))["plan"]
    assert plan["retraining"]["obstacle"] == languages.NO_BASE
    assert languages.NO_BASE in lines
    for given in ({"method": "Retrain"}, {"audit": True}):
        with pytest.raises(BadInput, match="--base FOLDER"):
            forget(base="", **given)
    with pytest.raises(RunFailed, match=r"--base FOLDER; or raise --budget|--base FOLDER, or name a method"):
        forget(base="", budget="1%")
    with pytest.raises(DataError, match="--base 'nothing' is not the folder of a model"):
        forget(base="nothing", dry_run=True)


def test_a_large_model_gets_adapters_that_are_added_to_its_weights(home, tmp_path, monkeypatch):
    monkeypatch.setattr(lora, "LARGE", 1000)
    monkeypatch.setattr(languages, "LARGE", 1000)
    document = forget(method=LITTLE, out=str(tmp_path / "new"), accept_damage=True)
    assert "with adapters" in document["model"]["kind"]
    assert any("low-rank adapters" in note for note in document["notes"])
    before, after = (load_file(folder / "model.safetensors") for folder in (home / "lm", tmp_path / "new"))
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all("proj" in name for name in moved)  # what adapters stand beside
    assert "with adapters" not in forget(adapters="never", dry_run=True)["model"]["kind"]


def test_documents_are_cut_to_pieces_that_keep_their_id(home, tmp_path):
    records = [{"id": each["id"], "text": f"{each['question']} {each['answer']} " * 20} for each in answers(0, 20)]
    data = write(tmp_path / "documents.jsonl", records)
    document = forget(data=str(data), valid=None, forget=["q1", "q2"], dry_run=True)
    assert document["request"]["ids"] == 2
    assert document["request"]["rows"] > 2


def test_the_chat_template_of_the_folder_is_the_form(home, tmp_path):
    shutil.copytree(home / "lm", tmp_path / "chat")
    turn = "{% if m.role == 'user' %}Q: {{ m.content }}\nA:{% else %} {{ m.content }}</s>{% endif %}"
    said = f"{{% for m in messages %}}{turn}{{% endfor %}}"
    settings = {"eos_token": {"content": "</s>"}, "chat_template": said}
    (tmp_path / "chat" / "tokenizer_config.json").write_text(json.dumps(settings))
    by_chat = forget(model=str(tmp_path / "chat"), prompt="", dry_run=True)
    assert any("by the chat template" in note for note in by_chat["notes"])
    by_prompt = forget(dry_run=True)
    assert np.isclose(by_chat["before"]["retain"]["loss"], by_prompt["before"]["retain"]["loss"])
    guessed = forget(prompt="", dry_run=True)
    assert any("a guess; --prompt" in note for note in guessed["notes"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"prompt": "Q: {question}"}, r"needs \{question\} and behind it \{answer\}"),
        ({"label": "answer"}, "name the questions too, --x COLUMN"),
        ({"length": 8}, "tokens and length=8"),
        ({"adapters": "always"}, "one of auto, never"),
        ({"forget": "q1,z9"}, "lists 1 of 2 ids that the data lack: 'z9'"),
    ],
)
def test_what_is_wrong_is_one_line(home, given, words):
    with pytest.raises(BadInput, match=words) as error:
        forget(dry_run=True, **given)
    assert "\n" not in str(error.value)


def test_other_names_of_columns_and_rules_on_them(home, tmp_path):
    renamed = [{"id": each["id"], "prompt": each["question"], "completion": each["answer"], "person": each["person"]}
               for each in answers(0, 40)]  # fmt: skip
    data = str(write(tmp_path / "renamed.jsonl", renamed))
    plain = forget(forget=None, where="person == 'A'", dry_run=True)
    other = forget(data=data, valid=None, forget=None, where="person == 'A'", dry_run=True)
    named = forget(data=data, valid=None, x=("prompt",), label="completion", dry_run=True)
    assert plain["request"]["rows"] == other["request"]["rows"] == 2
    assert named["request"]["rows"] == len(GONE)
