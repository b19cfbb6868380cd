"""Fuzzed arrays, columns and checkpoints, and archives made to hurt: nothing is run, nothing unpacks to gigabytes."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from argparse import Namespace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from attack import SILENT, Attack, Outcome, quietly
from mutate import changed


class Runs:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: str):
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.mark, "w"))


def npy(array: Any, **options: Any) -> bytes:
    """An array as a .npy file."""
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def head(description: str) -> bytes:
    """A .npy file of a head alone."""
    text = description.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def archive(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return stream.getvalue()


def bomb(megabytes: int = 600) -> bytes:
    """An archive of some hundred kilobytes that unpacks to more than a try may take."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open("a.npy", "w") as part:
        part.write(head(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({megabytes << 20},)}}"))
        for _ in range(megabytes):
            part.write(bytes(1 << 20))
    return stream.getvalue()


@cache
def arrays() -> list[tuple[str, bytes]]:
    """Samples of array files, good and bad, by ending."""
    from safetensors.numpy import save

    draw = np.random.default_rng(0)
    table, ids = draw.normal(size=(2, 5, 3)).astype(np.float32), np.array(["a", "bc"])
    sides = {"forget": table, "retain": table, "test": table}
    good = [("npy", npy(table)), ("npy", npy(ids)), ("npy", npy(np.arange(5))), ("safetensors", save(sides))]
    stream = io.BytesIO()
    np.savez_compressed(stream, **sides)
    good += [("npz", stream.getvalue()), ("npz", archive({f"{n}.npy": npy(a) for n, a in sides.items()}))]
    odd = [
        ("npz", archive({})), ("npz", archive({"readme.txt": b"no array"})), ("npz", archive({"forget": b"\x93NUMPY"})),
        ("npz", archive({"a.npy": npy(table)}, zipfile.ZIP_LZMA)), ("npz", bomb()),
        ("npz", archive({"a.npy": npy(np.array([None]), allow_pickle=True)})), ("npy", npy(np.array([None, 1]), allow_pickle=True)),
        ("npy", head("{'descr': '|S0', 'fortran_order': False, 'shape': (1000000000000,)}")),
        ("npy", head("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}")),
        ("npy", head("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}")), ("npy", head("(" * 60)), ("npy", b""),
        ("npy", head("{'descr': '<U0', 'fortran_order': False, 'shape': (100000000000, 2)}")),
        ("npy", npy(np.zeros(3, dtype=[("a", "f4"), ("b", "O")]), allow_pickle=True)), ("npy", pickle.dumps(Runs("ran"))),
        ("npy", npy(np.array(["2020-01-01"], "M8[D]"))), ("npy", npy(np.float32(3))), ("npy", npy(np.zeros((0, 3)))),
        ("safetensors", (1 << 62).to_bytes(8, "little") + b"{}"), ("safetensors", (2).to_bytes(8, "little") + b"{}"),
    ]  # fmt: skip
    return good + odd


def fuzzed(samples: list[tuple[str, bytes]], draw: random.Random, folder: Path, name: str, number: int) -> Path:
    """A sample as it is while the number is small, later changed; sometimes under another's ending."""
    ending, raw = samples[number % len(samples)] if number < len(samples) else draw.choice(samples)
    if number >= len(samples):
        raw = changed(draw, raw, [other for _, other in samples])
        ending = draw.choice(samples)[0] if draw.random() < 0.05 else ending
    file = folder / f"{name}.{ending}"
    file.write_bytes(raw)
    return file


def ran(folder: Path) -> Outcome | None:
    """Whether code of a file ran: it makes a file where the process works."""
    for mark in (Path("ran"), folder / "ran"):
        if mark.exists():
            mark.unlink()
            return Outcome(SILENT, "code out of a file ran", "code ran")
    return None


def outputs(folder: Path, number: int) -> Outcome | None:
    """Outputs of models from a file."""
    from untrain.experiments.audits.array_files import read_outputs

    file = fuzzed(arrays(), random.Random(number), folder, "outputs", number)
    quietly(lambda: summed(read_outputs(str(file), "model")))
    file.unlink()
    return ran(folder)


def summed(found: Any) -> Any:
    """Touch all that was read."""
    for array in found.values() if isinstance(found, dict) else [found]:
        np.asarray(array).tobytes()
    return found


@cache
def columns() -> list[tuple[str, bytes]]:
    """Samples of columns and of sides by id."""
    sides = "\n".join(["id,side", *(f"{i},{'forget' if i < 3 else 'retain'}" for i in range(8))])
    samples = [("csv", sides.encode()), ("csv", b"label\n0\n1\n2\n"), ("txt", b"forget\nretain\ntest\n"), ("csv", b'"a\nb",test\n')]
    return samples + [s for s in arrays() if len(s[1]) < 10_000]


def column(folder: Path, number: int) -> Outcome | None:
    """Labels, ids and sides from a file."""
    from untrain.experiments.audits.column_files import read_ids, read_labels, read_sides

    file = fuzzed(columns(), random.Random(number), folder, "column", number)
    quietly(lambda: summed(read_labels(str(file))))
    quietly(lambda: summed(read_ids(str(file), {8})))
    quietly(lambda: read_sides(str(file)))
    file.unlink()
    return ran(folder)


def network() -> Any:
    """The model whose weights are in the checkpoints."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))


@cache
def checkpoints() -> list[tuple[str, bytes]]:
    """Samples of checkpoints as people write them, and some that run code."""
    import torch
    from safetensors.torch import save

    state = network().state_dict()
    contents = [
        state, {"state_dict": state}, {"model": state, "net": state}, {f"module.{n}": t for n, t in state.items()},
        {"model": state, "lr": np.float64(0.1)}, {"model": state, "args": Namespace(lr=0.1)}, {}, [state], "text", {"model": {}},
        {n: t.to("meta") for n, t in state.items()}, {1: state["0.weight"]}, {"a": torch.zeros(2).to_sparse()},
        {"x": Runs("ran")},
    ]  # fmt: skip
    samples = [
        ("safetensors", save(state)),
        ("pt", pickle.dumps(Runs("ran"))),
        ("pth", b"\x80\x02."),
        ("pt", archive({"a/data.pkl": b"N."})),
    ]
    for at, content in enumerate(contents):
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=at % 4 != 3)
        samples.append(("pt", stream.getvalue()))
    return samples


def checkpoint(folder: Path, number: int) -> Outcome | None:
    """Weights from a file."""
    from untrain.experiments.audits.checkpoints import read_state

    learner = SimpleNamespace(init=lambda examples, seed: network())
    scene: Any = SimpleNamespace(learner=learner, data=SimpleNamespace(train=None), scenario=None)
    file = fuzzed(checkpoints(), random.Random(number), folder, "model", number)
    quietly(lambda: read_state(str(file), scene, "model"))
    file.unlink()
    return ran(folder)


ATTACKS = (
    Attack("arrays", "fuzzed outputs: .npy, .npz, .safetensors", outputs, 12_000, 250, seconds=6, memory=1 << 29),
    Attack("columns", "fuzzed labels, ids and sides", column, 6_000, 120, seconds=6, memory=1 << 29),
    Attack("checkpoints", "fuzzed checkpoints: .pt, .safetensors", checkpoint, 5_000, 100, seconds=6, memory=1 << 29),
)
