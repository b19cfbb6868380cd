"""Entries sent between stores that do not see each other, and how a worker finds out whether it sees the store of its run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from untrain.core.errors import RunFailed
from untrain.runtime.store import Entry, Store, key_of

OWN = {"key", "made", "ingredients", "files"}  # what a store itself writes into a record


@dataclass(frozen=True)
class Address:
    """Where a store is, and a mark by which another process knows that it sees the same one.

    Args:
        path: the store's folder, absolute.
        mark: name of a file in its ``tmp/``.
        word: what that file says.
    """

    path: str
    mark: str
    word: str

    def is_visible(self) -> bool:
        """Whether the store is visible from here: on another machine the same path may be another folder."""
        try:
            return (Path(self.path) / "tmp" / self.mark).read_text() == self.word
        except OSError:
            return False


@contextmanager
def mark(store: Store) -> Iterator[Address]:
    """Mark a store; its address, and the mark is there meanwhile."""
    address = Address(str(store.path.resolve()), f"mark.{os.getpid()}.{time.monotonic_ns()}", secrets.token_hex(16))
    file = Path(address.path) / "tmp" / address.mark
    file.write_text(address.word)
    try:
        yield address
    finally:
        file.unlink(missing_ok=True)


def pack(entry: Entry) -> bytes:
    """An entry's record and files in one piece."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as parcel:
        for name in ("record.json", *entry.record["files"]):
            parcel.writestr(name, (entry.folder / name).read_bytes())
    return buffer.getvalue()


def unpack(parcel: bytes, key: str, store: Store) -> Entry:
    """Put a parcel's entry into a store, whole or not at all.

    Raises:
        RunFailed: it is not the entry of that key, or its files are not what was written.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
            record = json.loads(archive.read("record.json"))
            files = {name: archive.read(name) for name in record["files"]}
        if record["key"] != key or key_of(record["ingredients"]) != key:
            raise ValueError("it is of something else")
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != record["files"][name]["sha256"]:
                raise ValueError(f"{name} is not what was written")
        arrays = {n[:-4]: np.load(io.BytesIO(d), allow_pickle=False) for n, d in files.items() if n.endswith(".npy")}
        tensors = {n.removesuffix(".safetensors"): load(d) for n, d in files.items() if n.endswith(".safetensors")}
    except (zipfile.BadZipFile, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise RunFailed(f"what a worker sent as entry {key[:12]} is damaged ({reason}): run the same again") from None
    entry = store.get(key)
    if entry is not None and not entry.final:
        store.discard(key)
    return store.put(record["ingredients"], {n: v for n, v in record.items() if n not in OWN}, arrays, tensors)
