"""Networks of others as checkpoints: files of weights with a network that the user names, and folders of transformers."""

from __future__ import annotations

from pathlib import Path

from untrain.data.examples import Examples, prototype, to_device
from untrain.data.understood import Understood
from untrain.experiments.forgetting.inputs import token_examples, tokens_of, transformed
from untrain.experiments.forgetting.languages import open_language_folder
from untrain.experiments.forgetting.opened_model import ModelChoices, OpenedModel
from untrain.experiments.forgetting.prepared import LENGTH, name_of, prepared, shown_to
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.huggingface import HuggingFace
from untrain.models.architectures.huggingfacetext import HuggingFaceText
from untrain.models.checkpoint_folder import ModelFolder, open_folder
from untrain.models.checkpoint_format import open_checkpoint
from untrain.models.compatibility import check_fit
from untrain.models.state import load_state
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.textclassification import TextClassification
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Steps

USUAL = Steps(lr=1e-3, epochs=20, batch=64, optimizer=AdamW())
GUESS = f"{USUAL!r}, a guess: say how the model was trained, by --steps"


def open_weights(source: str | Path, data: Understood, valid: Understood | None, choices: ModelChoices) -> OpenedModel:
    """Open a file of weights, of a network that the user names.

    Raises:
        DataError: the file cannot be read, or the data do not fit.
        ModelError: the weights are not those of the network, or the network does not take the data.
    """
    network = choices.network
    sides = [data, *([] if valid is None else [valid])]
    shown, task = prepared(sides, choices)
    train = shown[0]
    steps = choices.steps or USUAL
    learner = Train(model=network, steps=steps, task=task)
    blank = prototype(train)
    name = f"the network {name_of(network)}"
    opened = open_checkpoint(source, lambda: learner.init(blank, 0), Path(str(source)).name, name)
    model = load_state(learner.init(blank, 0), opened.found.state).to(choices.device).eval()
    check_fit(model, task, train)
    place = f", under {opened.found.at!r}" if opened.found.at else ""
    kinds = "/".join(sorted({str(kind).removeprefix("torch.") for kind in opened.types.values() if kind.is_floating_point}))
    kind = f"{opened.kind} file{place}, {kinds}"
    assumed = "" if choices.steps is not None else GUESS
    held_out = shown[1] if valid is not None else None
    return OpenedModel(
        opened.path, kind, model, learner, assumed, task, train, held_out, opened.rounded, opened.write, place=opened.found.at
    )  # fmt: skip


def open_model_folder(path: Path, data: Understood, valid: Understood | None, choices: ModelChoices) -> OpenedModel:
    """Open a folder of transformers that holds a classifier of images or of texts, or a causal language model.

    Raises:
        DataError: the folder cannot be read, or the data do not fit.
        ModelError: it holds another kind of model.
    """
    folder = open_folder(path)
    kind = folder.inputs
    sides = [data, *([] if valid is None else [valid])]
    if kind == "language":
        return open_language_folder(path, sides, choices)
    finished: Architecture
    make: Architecture
    if kind == "text":
        shown, task = _texts(folder, sides, choices)
        finished, make = HuggingFaceText(checkpoint=str(path)), HuggingFaceText(checkpoint=str(path), weights="fresh")
    else:
        columns = [transformed(each, choices.transform) if choices.transform is not None else None for each in sides]
        shown = [shown_to(e, c, folder.outputs, choices.device, folder.class_names) for e, c in zip(sides, columns, strict=True)]
        task = Classification(classes=folder.outputs)
        finished, make = HuggingFace(checkpoint=str(path)), HuggingFace(checkpoint=str(path), weights="fresh")
    train = shown[0]
    model = finished.build(task.input_shape(train), folder.outputs).to(choices.device).eval()
    check_fit(model, task, train)
    learner = Train(model=make, steps=choices.steps or USUAL, task=task)
    held_out = shown[1] if valid is not None else None
    assumed = "" if choices.steps is not None else GUESS
    what = f"folder of transformers, {', '.join(folder.config.get('architectures') or ())}"
    return OpenedModel(path, what, model, learner, assumed, task, train, held_out, folder.rounded, folder.write)


def _texts(folder: ModelFolder, sides: list[Understood], choices: ModelChoices) -> tuple[list[Examples], Task]:
    places = [folder.config.get(name) for name in ("max_position_embeddings", "n_positions")]
    room = min([int(each) for each in places if each], default=LENGTH)
    if "roberta" in str(folder.config.get("model_type", "")):
        room -= 2  # places that its kind counts before the first token
    length = min(choices.length or LENGTH, room)
    tokenizer = choices.tokenizer or str(folder.path)
    shown = []
    for each in sides:
        rows = tokens_of(each, tokenizer, length)
        shown.append(to_device(token_examples(each, rows, folder.class_names, folder.outputs), choices.device))
    return shown, TextClassification(length=length, vocabulary=int(folder.config["vocab_size"]), classes=folder.outputs)
