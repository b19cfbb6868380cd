"""Folders of Hugging Face models written again: new weights in the types of the old ones, and all that belongs to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from untrain.core.errors import DataError, ModelError
from untrain.core.metering import add_note
from untrain.data.readers.damage import reading
from untrain.data.readers.visible_files import is_hidden
from untrain.models.state import load_state

# Files of weights, and of training: what is forgotten is in them.
WEIGHTS = (
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".h5",
    ".msgpack",
    ".onnx",
    ".ot",
    ".gguf",
    ".npz",
    ".pkl",
    ".index.json",
)
KINDS = {"ForImageClassification": "images", "ForSequenceClassification": "text", "ForCausalLM": "language"}


@dataclass(frozen=True)
class ModelFolder:
    """A folder that ``save_pretrained`` wrote.

    Args:
        path: of the folder.
        config: the content of its config.json.
    """

    path: Path
    config: dict[str, Any]

    @property
    def inputs(self) -> str:
        """The kind of inputs that the model takes: 'images', 'text' or 'language'.

        Raises:
            ModelError: it is of another kind, or does not say.
        """
        named = [str(each) for each in self.config.get("architectures") or ()]
        for end, kind in KINDS.items():
            if any(end in each for each in named):
                return kind
        raise ModelError(
            f"{self.path} holds a model of kind {', '.join(named) or 'unknown'}: classifiers of images and of texts are supported; "
            "of another give the weights file and --network package.module:function"
        )

    @property
    def outputs(self) -> int:
        """Number of classes of a classifier."""
        names = self.config.get("id2label")
        return len(names) if isinstance(names, dict) and names else int(self.config.get("num_labels", 2))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the outputs; empty where the configuration only numbers them."""
        names = self.config.get("id2label")
        if not isinstance(names, dict) or not all(str(at) in names for at in range(len(names))):
            return ()
        listed = tuple(str(names[str(at)]) for at in range(len(names)))
        return () if listed == tuple(f"LABEL_{at}" for at in range(len(names))) else listed

    @property
    def types(self) -> dict[str, torch.dtype]:
        """The type in which each weight is stored, by its name in the files."""
        types: dict[str, str] = {}
        with reading(f"{self.path} cannot be read as a folder of a model"):
            for file in sorted(self.path.glob("*.safetensors")):
                with safe_open(file, framework="pt") as opened:
                    types |= {name: str(opened.get_slice(name).get_dtype()) for name in opened.keys()}  # noqa: SIM118
        return {name: DTYPES[kind] for name, kind in types.items() if kind in DTYPES}

    def rounded(self, model: nn.Module) -> nn.Module:
        """Round the weights of a model in place to the types in which they will be stored; the model."""
        kinds = self._kinds(model)
        own = model.state_dict()
        return load_state(model, {name: value.to(kinds[name]).to(value.dtype) for name, value in own.items()})

    def _kinds(self, model: nn.Module) -> dict[str, torch.dtype]:
        """The type of each weight by the model's name; of one that files name otherwise the usual type of the files."""
        types = self.types
        floats = [kind for kind in types.values() if kind.is_floating_point]
        usual = max(set(floats), key=floats.count) if floats else torch.float32
        own = model.state_dict()
        return {n: types.get(n, usual if v.is_floating_point() else v.dtype) for n, v in own.items()}

    def write(self, model: nn.Module, folder: Path) -> None:
        """Write the folder again with the weights of a model; configuration, tokenizer and processor stay byte for byte.

        Files of other weights and of training are left out, and a note lists them.

        Args:
            model: of the kind of which the weights are.
            folder: new.

        Raises:
            ModelError: the model is not one of transformers.
        """
        net: Any = model
        if not hasattr(net, "save_pretrained"):
            raise ModelError(f"{type(net).__name__} is not a model of transformers, and {self.path} holds one")
        folder.mkdir(parents=True)
        kinds = self._kinds(model)
        state = _converted(model.state_dict(), kinds)
        from untrain.models.transformers.config import plainly  # the library is there where a model of it is

        with plainly(str(folder)):
            type(net).save_pretrained(net, str(folder), state_dict=state)
        left = []
        for file in sorted(each for each in self.path.iterdir() if not is_hidden(each, self.path)):
            if file.is_dir() or file.name.endswith(WEIGHTS) or file.name == "trainer_state.json":
                if not file.name.endswith((".safetensors", ".safetensors.index.json")):
                    left.append(file.name)
            else:
                shutil.copyfile(file, folder / file.name)
        if left:
            add_note(f"{self.path} holds {', '.join(left)} too, which may hold what is forgotten and are left out")


def _converted(state: Mapping[str, Tensor], kinds: Mapping[str, torch.dtype]) -> dict[str, Tensor]:
    """Weights in other types; those that are one tensor, as a head and an embedding may be, stay one."""
    made: dict[tuple[int, torch.Size, torch.dtype], Tensor] = {}
    new = {}
    for name, value in state.items():
        which = (value.data_ptr(), value.shape, kinds[name])
        if value.numel() == 0 or which not in made:
            made[which] = value.detach().cpu().to(kinds[name])
        new[name] = made[which]
    return new


DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def open_folder(path: Path) -> ModelFolder:
    """Open the folder of a model.

    Raises:
        DataError: its config.json cannot be read.
    """
    with reading(f"{path / 'config.json'} cannot be read"):
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise DataError(f"{path / 'config.json'} holds no object: it is not the configuration of a model")
    return ModelFolder(path, config)
