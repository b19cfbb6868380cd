"""The callback of transformers writes what `untrain forget` reads again."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch import nn

import untrain as ut
from untrain.core.errors import BadInput, DataError, ModelError
from untrain.training.steps import SGD, AdamW, Constant, Cosine, Triangular
from untrain.training.trainers.transformers import TransformersCallback, _steps, steps_of
from untrain.training.training_record import by_name_of, read_record

SIZES = dict.fromkeys(("hidden_size", "intermediate_size"), 8) | dict.fromkeys(("image_size", "patch_size"), 4)
ONES = dict.fromkeys(("num_hidden_layers", "num_attention_heads", "num_channels"), 1)


def arguments(folder, **more):
    usual = {
        "num_train_epochs": 2, "per_device_train_batch_size": 16, "learning_rate": 1e-3, "report_to": "none", "use_cpu": True,
        "disable_tqdm": True, "save_strategy": "no", "logging_strategy": "no",
    }  # fmt: skip
    return transformers.TrainingArguments(output_dir=str(folder), **(usual | more))


def rows(count=48):
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(count) % 2
    x = (torch.rand(2, 1, 4, 4, generator=draw)[y] + 0.2 * torch.rand(count, 1, 4, 4, generator=draw)).clamp(0, 1)
    return x, y


def train(folder, callback, **more):
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SIZES, **ONES, num_labels=2, id2label={0: "a", 1: "b"}, label2id={"a": 0, "b": 1})
    model = transformers.ViTForImageClassification(config)
    first = {name: value.clone() for name, value in model.state_dict().items()}
    data = [{"pixel_values": x, "labels": int(y)} for x, y in zip(*rows(), strict=True)]
    trainer = transformers.Trainer(model=model, args=arguments(folder, **more), train_dataset=data, callbacks=[callback])
    trainer.train()
    trainer.save_model(str(folder))
    return model, first


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained model with its record, and its data as images beside it; a model that training began with is kept."""
    place = tmp_path_factory.mktemp("trained")
    model, first = train(place / "out", TransformersCallback(ids=[f"{'ab'[at % 2]}/p{at}.png" for at in range(48)]))
    x, y = rows()
    for at in range(48):
        os.makedirs(place / "data" / "ab"[y[at]], exist_ok=True)
        Image.fromarray((x[at, 0] * 255).byte().numpy()).save(place / "data" / "ab"[y[at]] / f"p{at}.png")
    return place, model, first


def test_the_record_says_how_the_model_was_trained_and_is_of_this_model_alone(folder):
    place, model, first = folder
    record = read_record(place / "out" / "untrain-training")
    assert ut.parse(record.steps) == ut.Steps(
        lr=1e-3, epochs=2, batch=16, optimizer=AdamW(decay_on="weights"), schedule=Triangular(peak=0.0), clip=1.0
    )
    assert (record.rows, record.ids[:2], record.seeds, record.notes) == (48, ("a/p0.png", "b/p1.png"), {"seed": 42}, ())
    assert record.is_of(model.to(torch.float32))
    kept = record.kept(model)["Checkpoint"]
    assert all(torch.equal(kept[name], value) for name, value in first.items())
    with torch.no_grad():
        other = transformers.ViTForImageClassification(model.config)
    assert not record.is_of(other)


def test_forget_reads_it_again_and_trains_again_from_where_training_began(folder, tmp_path):
    place, _, first = folder
    document = ut.forget(
        str(place / "out"), str(place / "data"), "a/p0.png,b/p1.png", method="MSA(steps=Steps(lr=0.0001, epochs=1))",
        out=str(tmp_path / "new"), accept_damage=True,
    )  # fmt: skip
    assert any("training again begins with the weights that" in note for note in document["notes"])
    assert not any("guess" in note for note in document["notes"])
    again = ut.forget(
        str(place / "out"), str(place / "data"), "a/p0.png", method="Retrain", steps="Steps(lr=1e-12, epochs=1)",
        out=str(tmp_path / "again"), accept_damage=True,
    )  # fmt: skip
    assert again["method"] == "Retrain()"
    new = transformers.ViTForImageClassification.from_pretrained(tmp_path / "again").state_dict()
    assert all(torch.allclose(new[name], value, atol=1e-6) for name, value in first.items())
    assert not (tmp_path / "again" / "untrain-training").exists()


def test_a_record_of_another_checkpoint_is_refused_where_it_is_named_and_left_alone_where_it_lies(folder, tmp_path):
    place, model, _ = folder
    other = transformers.ViTForImageClassification(model.config)
    other.load_state_dict({name: value + 0.001 for name, value in model.state_dict().items()})
    other.save_pretrained(place / "checkpoint-1")
    with pytest.raises(ModelError, match="ended with other weights"):
        ut.forget(
            str(place / "checkpoint-1"), str(place / "data"), "a/p0.png", kept=str(place / "out" / "untrain-training"), dry_run=True
        )
    with pytest.raises(DataError, match="holds no record"):
        ut.forget(str(place / "out"), str(place / "data"), "a/p0.png", kept=str(tmp_path), dry_run=True)


def test_damage_is_told(folder, tmp_path):
    place, model, _ = folder
    source, copy = place / "out" / "untrain-training", tmp_path / "copy"
    copy.mkdir()
    (copy / "training.json").write_bytes((source / "training.json").read_bytes())
    (copy / "checkpoint.safetensors").write_bytes((source / "checkpoint.safetensors").read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(DataError, match="is damaged"):
        read_record(copy).kept(model)
    facts = json.loads((copy / "training.json").read_text())
    for broken in ({**facts, "format": "other"}, {"format": facts["format"]}, {**facts, "rows": float("inf")}, [1]):
        (copy / "training.json").write_text(json.dumps(broken))
        with pytest.raises(DataError, match="no record of a training"):
            read_record(copy)


def test_ids_that_are_not_one_per_row_are_refused_before_the_first_step(tmp_path):
    with pytest.raises(DataError, match="3 ids were given, and the training data have 48 rows"):
        train(tmp_path, TransformersCallback(ids=[1, 2, 3]))
    with pytest.raises(BadInput, match="a number of epochs is needed"):
        TransformersCallback(at=-1)


def test_an_epoch_that_never_came_is_told(tmp_path):
    train(tmp_path, TransformersCallback(at=5), num_train_epochs=1)
    record = read_record(tmp_path / "untrain-training")
    assert record.checkpoint is None
    assert record.notes == ("training ended before epoch 5, so that no earlier checkpoint was kept",)


def test_a_resumed_training_keeps_no_model_as_one_from_before_it(tmp_path):
    torch.manual_seed(0)
    config = transformers.ViTConfig(**SIZES, **ONES, num_labels=2)
    data = [{"pixel_values": x, "labels": int(y)} for x, y in zip(*rows(), strict=True)]
    for resume in (None, True):
        args = arguments(tmp_path, num_train_epochs=2 if resume else 1, save_strategy="epoch")
        model = transformers.ViTForImageClassification(config)
        trainer = transformers.Trainer(model=model, args=args, train_dataset=data, callbacks=[TransformersCallback()])
        trainer.train(resume_from_checkpoint=resume)
    record = read_record(tmp_path / "untrain-training")
    assert record.checkpoint is None
    assert record.notes == ("training was resumed, so that the model from before the first step was not there to keep",)


def test_weights_that_the_arguments_did_not_make_have_no_spelling(tmp_path):
    weight = torch.nn.Parameter(torch.ones(1))
    state = SimpleNamespace(max_steps=6, epoch=2.0, global_step=6, best_global_step=3)
    args, own = arguments(tmp_path), torch.optim.AdamW([weight], lr=1e-3)
    assert _steps(args, state, own).lr == 1e-3
    args.load_best_model_at_end = True
    with pytest.raises(ut.BadInput, match="step 3 of 6, the best"):
        _steps(args, state, own)
    state.best_global_step = 6
    for other in (torch.optim.SGD([weight], lr=1e-3), torch.optim.AdamW([weight], lr=0.1)):
        with pytest.raises(ut.BadInput, match="that the arguments do not name"):
            _steps(args, state, other)


@pytest.mark.parametrize(("given", "steps"), [
    ({"lr_scheduler_type": "cosine", "warmup_steps": 3}, {"schedule": Cosine(floor=0.0), "warmup": 0.1}),
    ({"lr_scheduler_type": "constant"}, {"schedule": Constant()}),
    ({"optim": "sgd"}, {"optimizer": SGD(momentum=0.0, decay_on="weights")}),
    ({"weight_decay": 0.1, "adam_beta2": 0.9}, {"optimizer": AdamW(beta2=0.9, decay=0.1, decay_on="weights")}),
])  # fmt: skip
def test_arguments_have_a_spelling(tmp_path, given, steps):
    made = steps_of(arguments(tmp_path, **given), 30, 2.0)
    assert {name: getattr(made, name) for name in steps} == steps


@pytest.mark.parametrize(("given", "epochs", "words"), [
    ({"lr_scheduler_type": "polynomial"}, 2.0, "polynomial"), ({"optim": "adafactor"}, 2.0, "adafactor"), ({}, 1.5, "1.5 epochs"),
])  # fmt: skip
def test_arguments_without_a_spelling_are_told(tmp_path, given, epochs, words):
    with pytest.raises(ut.BadInput, match=words):
        steps_of(arguments(tmp_path, **given), 30, epochs)


def test_ids_of_another_form_are_no_rows_that_the_model_never_saw():
    from untrain.core.metering import metered
    from untrain.experiments.forgetting.recorded import note_unseen
    from untrain.training.training_record import TrainingRecord

    def notes(known, ids):
        record = TrainingRecord(np.array(["."]).item(), ids=known)
        with metered() as meter:
            note_unseen(record, ids, [1, 2, 3])
        return list(meter.notes)

    assert "others than those of the data" in notes(("p1", "p2"), [1])[0]
    assert "1 of the rows to forget are not among" in notes(("1", "2"), [2, 3])[0]
    assert notes(("1", "2"), [2]) == notes((), [2]) == []


def test_a_checkpoint_of_another_model_leaves_no_part_of_the_finished_one():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    saved = {name: value.detach() * 0 for name, value in model.state_dict().items()}
    frozen = {name: value for name, value in saved.items() if name.startswith("1.")}
    assert not by_name_of(model, frozen)["1.weight"].any()
    assert not by_name_of(model, saved | {"metric.count": torch.zeros(1)})["0.weight"].any()
    with pytest.raises(ModelError, match="its tensors do not fit by name and shape"):
        by_name_of(model, {"1.weight": saved["1.weight"], "1.bias": saved["1.bias"], "2.weight": torch.zeros(1)})
