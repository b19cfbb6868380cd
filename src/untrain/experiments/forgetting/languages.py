"""Folders of causal language models as checkpoints: questions and answers, or documents, as rows of tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.core.metering import add_note
from untrain.core.paths import user_path
from untrain.data.examples import Examples, to_device
from untrain.data.readers.chat_template import OWN_FILE, SETTINGS, ChatTemplate, chat_template
from untrain.data.readers.damage import reading
from untrain.data.readers.documents import pieces
from untrain.data.readers.question_answer import Encoder, Template, check_same_tokens, tokenizers_library
from untrain.data.understood import Understood
from untrain.experiments.forgetting.opened_model import ModelChoices, OpenedModel
from untrain.models.adapters import merge_adapter
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.huggingfacelm import HuggingFaceLM
from untrain.models.architectures.lora import LARGE, LoRA, weight_bytes, with_adapters
from untrain.models.checkpoint_folder import ModelFolder, open_folder
from untrain.models.compatibility import check_fit
from untrain.models.tasks.causallm import CausalLM
from untrain.training.learners.train import Train
from untrain.training.steps import AdamW, Constant, Steps

PAIRS = (
    ("question", "answer"), ("prompt", "completion"), ("prompt", "response"), ("instruction", "output"),
    ("instruction", "response"),
)  # fmt: skip
LENGTH = 512  # tokens of a row, where neither the user nor the model says
USUAL = Steps(lr=1e-5, epochs=3, batch=8, optimizer=AdamW(), schedule=Constant())
PLAIN = "{question}\n{answer}"
GUESS = f"{USUAL!r}, a guess: say how the model was trained, by --steps"
NO_BASE = "training again begins at the model from before your training, and nothing says where that is: --base FOLDER"


def open_language_folder(path: Path, sides: list[Understood], choices: ModelChoices) -> OpenedModel:
    """Open a folder of transformers that holds a causal language model, with the texts that it was trained on.

    Where its weights take more than ``LARGE``, low-rank adapters are trained beside them, and added to them when it is written.

    Args:
        path: of the folder.
        sides: training data and, if any, data that the model has not seen.
        choices: what else there is to know.

    Raises:
        DataError: the tokenizer or the texts cannot be read, or do not fit.
        ModelError: the base is another kind of model.
    """
    folder = open_folder(path)
    places = [folder.config.get(name) for name in ("max_position_embeddings", "n_positions")]
    length = min([choices.length or LENGTH, *(int(each) for each in places if each)])
    encode = _encoder(folder, choices.tokenizer or str(path), choices.prompt, length)
    shown = [to_device(encode(each), choices.device) for each in sides]
    task = CausalLM(length=length, vocabulary=int(folder.config["vocab_size"]))
    finished, start = _networks(folder, choices)
    model = finished.build(task.input_shape(shown[0]), 0).to(choices.device).eval()
    check_fit(model, task, shown[0])
    adapted = isinstance(finished, LoRA)

    def write(model: nn.Module, place: Path) -> None:
        folder.write(merge_adapter(deepcopy(model)) if adapted else model, place)

    assumed = "" if choices.steps is not None else GUESS
    what = f"folder of transformers, {', '.join(folder.config.get('architectures') or ())}{', with adapters' if adapted else ''}"
    return OpenedModel(
        path, what, model, Train(model=start, steps=choices.steps or USUAL, task=task), assumed, task, shown[0],
        shown[1] if len(shown) > 1 else None, (lambda model: model) if adapted else folder.rounded, write,
        obstacle="" if choices.base else NO_BASE,
    )  # fmt: skip


def _networks(folder: ModelFolder, choices: ModelChoices) -> tuple[Architecture, Architecture]:
    """The finished network, and the one that training again begins with."""
    kinds = {str(kind) for kind in folder.types.values() if kind.is_floating_point}
    half = weight_bytes(folder.path) > LARGE and kinds != {"torch.float32"}
    finished = HuggingFaceLM(checkpoint=str(folder.path), dtype="bfloat16" if half else "float32")
    start = replace(finished, weights="fresh")
    if choices.base:
        base = open_folder(user_path(choices.base)) if (user_path(choices.base) / "config.json").is_file() else None
        if base is None:
            raise DataError(f"--base {choices.base!r} is not the folder of a model: it has no config.json")
        if base.config.get("architectures") != folder.config.get("architectures"):
            raise ModelError(f"--base {choices.base!r} holds {base.config.get('architectures')}, and {folder.path} another kind")
        start = replace(finished, checkpoint=choices.base)
    adapters: Any = "never" if choices.adapters == "never" else "auto"
    made = with_adapters(finished, adapters)
    return made, LoRA(model=start) if isinstance(made, LoRA) else start


def _encoder(folder: ModelFolder, tokenizer: str, prompt: str, length: int) -> Callable[[Understood], Examples]:
    """A function from data to rows of tokens."""
    loaded = tokenizers_library().load(tokenizer)
    check_same_tokens(loaded, tokenizer, str(folder.path))

    def encode(data: Understood) -> Examples:
        pair = pair_of(data)
        if pair is None:
            return _documents(data, loaded, end_of(folder, loaded), length)
        chat = None if prompt else _chat(folder)
        if chat is not None:
            add_note(f"{pair[0]} and {pair[1]} become texts by the chat template of {folder.path}; --prompt gives another form")
            template = Template(end=chat.end)
        else:
            template = _template(prompt or PLAIN, end_of(folder, loaded))
            if not prompt:
                shown = PLAIN.replace("\n", "\\n")
                add_note(f"{pair[0]} and {pair[1]} become texts by '{shown}', a guess; --prompt gives the form of your training")
        questions, answers = (data.table.columns[name].tolist() for name in pair)
        records = [{"question": q, "answer": a} for q, a in zip(questions, answers, strict=True)]
        encoder = Encoder(loaded, template, length, chat=chat)
        return encoder.examples(records, data.ids, data.owners, data.further)

    return encode


def pair_of(data: Understood) -> tuple[str, str] | None:
    """Columns of questions and of answers; None where the data are documents.

    Raises:
        DataError: one of the two was named and not the other.
    """
    x, label = data.choices.x, data.choices.label
    if x and label:
        return x[0], label
    if label:
        raise DataError(f"--label {label} names the answers: name the questions too, --x COLUMN")
    texts = {name for name, column in data.table.columns.items() if column.ndim == 1 and column.dtype.kind == "U"}
    return next((pair for pair in PAIRS if set(pair) <= texts), None) if not x else None


def _documents(data: Understood, tokenizer: Any, end: str, length: int) -> Examples:
    if data.roles.kind != "text":
        named = ", ".join("/".join(pair) for pair in PAIRS)
        raise DataError(
            f"{data.table.source} has neither texts nor questions and answers ({named}): name them, --x COLUMN and --label COLUMN"
        )
    texts, ids = data.inputs.tolist(), data.ids
    rows, labels, of = pieces(texts, ids.tolist(), tokenizer, end, length)
    columns = {name: column[of] for name, column in data.further.items()}
    owner = None if data.owners is None else data.owners[of]
    known = tuple(tokenizers_library().pieces(tokenizer))
    return Examples({"input_ids": rows, "labels": labels}, ids[of], columns=columns, owner=owner, pieces=known)


def _template(prompt: str, end: str) -> Template:
    """The form of a question and its answer; a space before the answer belongs to the answer, as tokens have it."""
    before, mark, after = prompt.replace("\\n", "\n").partition("{answer}")
    if not mark or "{question}" not in before:
        raise DataError(
            f'--prompt {prompt!r} needs {{question}} and behind it {{answer}}, such as "Q: {{question}}\\nA: {{answer}}"'
        )
    bare = before.rstrip(" ")
    return Template(bare, f"{before[len(bare) :]}{{answer}}{after}", end)


def _chat(folder: ModelFolder) -> ChatTemplate | None:
    """The chat template of a folder; None where it has none."""
    settings = _settings(folder)
    if not (folder.path / OWN_FILE).is_file() and not settings.get("chat_template"):
        return None
    return chat_template(str(folder.path), "")


def end_of(folder: ModelFolder, tokenizer: Any) -> str:
    """The token behind a text, as the folder names it.

    Raises:
        DataError: it names none.
    """
    named = _settings(folder).get("eos_token")
    text = named.get("content") if isinstance(named, dict) else named
    if isinstance(text, str) and text:
        return text
    number = folder.config.get("eos_token_id")
    number = number[0] if isinstance(number, list) and number else number
    found = tokenizer.id_to_token(number) if isinstance(number, int) else None
    if not found:
        raise DataError(f"{folder.path} does not say which token ends a text: write eos_token into {SETTINGS}")
    return str(found)


def _settings(folder: ModelFolder) -> dict[str, Any]:
    file = folder.path / SETTINGS
    if not file.is_file():
        return {}
    with reading(f"cannot read {str(file)!r}"):
        settings = json.loads(file.read_text(encoding="utf-8"))
    return settings if isinstance(settings, dict) else {}
