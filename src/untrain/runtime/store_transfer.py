"""Entries sent between stores that do not see each other, and how a worker finds out whether it sees the store of its run."""

from __future__ import annotations

import hashlib
import io
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load

from untrain.core.errors import RunFailed
from untrain.core.work_files import work_name
from untrain.data.readers.numpy_files import read_numpy
from untrain.runtime.disk import store_error
from untrain.runtime.record import RECORD, seal, unseal
from untrain.runtime.store import Entry, Store

OWN = {"key", "made", "ingredients", "files", "sha256"}  # what a store itself writes into a record


@dataclass(frozen=True)
class Address:
    """The address of a store: its folder, and a mark by which another process knows that it sees the same one.

    Args:
        path: the store's folder, absolute.
        mark: name of a file in its ``tmp/``.
        word: what that file says.
    """

    path: str
    mark: str
    word: str

    def is_visible(self) -> bool:
        """Return whether the store is visible from here: on another machine the same path may be another folder."""
        try:
            return (Path(self.path) / "tmp" / self.mark).read_text() == self.word
        except OSError:
            return False


@contextmanager
def mark(store: Store) -> Iterator[Address]:
    """Mark a store; its address, and the mark is there meanwhile."""
    address = Address(str(store.path.resolve()), work_name("mark"), secrets.token_hex(16))
    file = Path(address.path) / "tmp" / address.mark
    try:
        file.write_text(address.word)
    except OSError as error:
        raise store_error(store.path, error) from None
    try:
        yield address
    finally:
        with suppress(OSError):
            file.unlink()


def pack(entry: Entry) -> bytes:
    """An entry's record and files in one piece, as they were written.

    Raises:
        StoreError: a file is gone or damaged.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as parcel:
        parcel.writestr(RECORD, seal({name: value for name, value in entry.record.items() if name != "sha256"}))
        for name in entry.record["files"]:
            parcel.writestr(name, entry.read(name))
    return buffer.getvalue()


def unpack(parcel: bytes, key: str, store: Store) -> Entry:
    """Put a parcel's entry into a store, whole or not at all.

    Raises:
        RunFailed: it is not the entry of that key, or its files are not what was written.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(parcel)) as archive:
            record = unseal(_member(archive, RECORD), key)
            files = {name: _member(archive, name) for name in record["files"]}
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != record["files"][name]["sha256"]:
                raise ValueError(f"{name} is not what was written")
        arrays = {n[:-4]: np.asarray(read_numpy(d)) for n, d in files.items() if n.endswith(".npy")}
        tensors = {n.removesuffix(".safetensors"): load(d) for n, d in files.items() if n.endswith(".safetensors")}
    except Exception as error:  # zipfile, numpy and safetensors trust what they read, and let errors of many others through
        reason = " ".join(str(error).split())[:200]
        raise RunFailed(f"what a worker sent as entry {key[:12]} is damaged ({reason}): run the same again") from None
    entry = store.get(key)
    if entry is not None and not entry.final:
        store.discard(key)
    return store.put(record["ingredients"], {n: v for n, v in record.items() if n not in OWN}, arrays, tensors)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member as it lies in a parcel, which packs nothing tighter: it cannot become larger than it came."""
    about = archive.getinfo(name)
    if about.compress_type != zipfile.ZIP_STORED or about.file_size != about.compress_size:
        raise ValueError(f"{name} is packed in another way than parcels are")
    return archive.read(about)
