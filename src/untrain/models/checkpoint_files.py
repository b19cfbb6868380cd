"""Files and folders of checkpoints: what lies in them, by safetensors and torch, and never unpickled as code."""

from __future__ import annotations

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.data.readers.damage import check_room, reading
from untrain.data.readers.file_kinds import LOOKED_AT, kind_of
from untrain.data.readers.visible_files import visible

State = dict[str, Tensor]
INDEX = ".index.json"
USUAL = ("model.safetensors", "diffusion_pytorch_model.safetensors", "pytorch_model.bin")  # as save_pretrained names them
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
PICKLE = b"\x80"  # of protocol 2 or later, which is all that torch writes and reads
KEY = "#"  # between a file and the place of a state dict in it
CURE = "save the weights by themselves, torch.save(model.state_dict(), ...)"


def read_content(source: Any, who: str) -> tuple[Any, str]:
    """Read what a checkpoint holds, and the place in it that ``FILE#PLACE`` names; a folder is one that save_pretrained wrote.

    Raises:
        DataError: there is no such file, it cannot be read, or it holds more than plain values and tensors.
    """
    if not isinstance(source, str | Path):
        raise DataError(f"{who} is of type {type(source).__name__}: the path of a file, a state dict or a module is needed")
    path, place = user_path(source), ""
    if not path.exists() and KEY in str(source):
        file, _, place = str(source).rpartition(KEY)
        path = user_path(file)
    if not path.exists():
        raise DataError(f"{who}: there is no file {path}")
    with reading(f"{who} cannot be read as a checkpoint"):
        try:
            return _joined(_parts(path)), place
        except pickle.UnpicklingError as error:
            raise DataError(f"{who} holds {_globals(path, error)}, which is never unpickled: {CURE}") from None


def _joined(parts: list[Path]) -> Any:
    if len(parts) == 1:
        return _read(parts[0])
    content: dict[str, Any] = {}
    for part in parts:
        found = _read(part)
        if twice := content.keys() & found.keys():
            raise ValueError(f"{part.name} holds {min(twice)} once more")
        content |= found
    return content


def _parts(path: Path) -> list[Path]:
    """The files that together hold the weights."""
    if path.is_dir():
        if (path / "adapter_config.json").exists():
            raise ValueError("it holds an adapter and no whole model: merge it into its model first")
        there = visible(path.iterdir(), path)
        names = {file.name for file in there}
        usual = [name for name in USUAL for name in (name, name + INDEX) if name in names]
        found = usual or sorted(file.name for file in there if file.suffix.lower() in SUFFIXES)
        if not found or (len(found) > 1 and not usual):
            there_is = ", ".join(found[:5]) if found else "no such file"
            raise ValueError(f"of a folder one file {' or '.join(USUAL[::2])} is read, and there is {there_is}: name a file")
        path = path / found[0]
    if not path.name.endswith(INDEX):
        return [path]
    names = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    if outside := [name for name in names if Path(name).name != name]:
        raise ValueError(f"{path.name} names {outside[0]!r}, which is not a file of its folder")
    return [path.parent / name for name in sorted(names)]


def _read(path: Path) -> Any:
    with open(path, "rb") as file:
        start = file.read(LOOKED_AT)
    if kind := kind_of(start):
        raise ValueError(f"it is {kind}")
    # By its first bytes, whatever its name says: safetensors begin with a length and JSON, torch writes zip archives or pickles.
    if start[8:9] == b"{" or (path.suffix == ".safetensors" and start[:2] not in (b"PK", b"\x80\x02")):
        return load_file(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_room(sum(member.file_size for member in archive.infolist()), path.stat().st_size, CURE)
            names = archive.namelist()
        if not any(Path(name).name == "data.pkl" for name in names):
            raise ValueError(f"it is an archive of {', '.join(names[:3]) or 'nothing'}, which torch did not write: {CURE}")
    elif not start.startswith(PICKLE):
        raise ValueError(f"it begins with {start[:9]!r}, as no file of safetensors or torch does" if start else "it is empty")
    # Opened here: of a path torch would read the name.
    with warnings.catch_warnings(), open(path, "rb") as file:
        warnings.simplefilter("ignore")  # warnings of torch about a file that is refused anyway
        return torch.load(file, map_location="cpu", weights_only=True)


def _globals(path: Path, error: Exception) -> str:
    """Names in a pickle that torch would not make."""
    named: list[str] = []
    with suppress(Exception), warnings.catch_warnings():  # a pickle that is no archive, or is damaged
        warnings.simplefilter("ignore")
        named = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    named = named or re.findall(r"GLOBAL ([\w.]+)", str(error))[:1]
    return f"more than tensors: {', '.join(named[:3])}" if named else "no pickle of tensors, or a damaged one"


def states_in(content: Any, who: str) -> dict[str, State]:
    """Find the state dicts in what a checkpoint holds, by their place such as 'ema.model'; '' is the whole.

    Raises:
        DataError: there are none, or a tensor among them is not made of numbers that are there.
    """
    found = {place: _plain(state, who) for place, state in _walk(content, "", [])}
    if not found:
        raise DataError(f"{who} holds {_content(content)}: a state dict, tensors by name, is needed ({CURE})")
    return found


def _walk(content: Any, place: str, above: list[int]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if id(content) in above or len(above) > 20:  # a dict may hold itself
        return
    items = content.items() if isinstance(content, Mapping) else enumerate(content) if isinstance(content, list | tuple) else ()
    pairs = list(items)
    tensors = {name: tensor for name, tensor in pairs if isinstance(tensor, Tensor) and isinstance(name, str)}
    if tensors:
        yield place, tensors
    for name, inner in pairs:
        if not isinstance(inner, Tensor):
            yield from _walk(inner, f"{place}.{name}" if place else str(name), [*above, id(content)])


def _plain(state: State, who: str) -> State:
    """Tensors of the CPU, which are numbers in rows and columns."""
    for name, tensor in state.items():
        lacks = (
            "no values: it lies on the device 'meta'" if tensor.is_meta
            else "no shape yet: run the model on one batch first" if torch.nn.parameter.is_lazy(tensor)
            else "quantised values: take the weights before they were quantised" if tensor.is_quantized
            else f"the layout {tensor.layout}: make it dense" if tensor.layout is not torch.strided
            else "parts on several processes: gather them first" if hasattr(tensor, "device_mesh") else ""
        )  # fmt: skip
        if lacks:
            raise DataError(f"{who}: {name} has {lacks}")
        try:
            check_room(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes(), "save each number by itself")
        except ValueError as error:
            raise DataError(f"{who}: {name} cannot be read: {error}") from None
    return {name: tensor.detach().cpu() for name, tensor in state.items()}


def _content(content: Any) -> str:
    """The contents of a file that is not a state dict, for a message."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    return next((f"{name!r}, a {type(t).__name__}, and no state dict" for name, t in content.items()), "an empty dict")
