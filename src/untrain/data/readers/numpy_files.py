"""The one door for NumPy files: what their heads declare is compared with what is there before anything is read."""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from untrain.core.metering import add_note
from untrain.data.readers.damage import check_room
from untrain.data.readers.file_kinds import LOOKED_AT, kind_of

Array = np.ndarray[Any, Any]
NUMPY, ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")


class Head(NamedTuple):
    """The header of a .npy file: shape, order, type, and the bytes before the first number."""

    shape: tuple[int, ...]
    fortran: bool
    kind: np.dtype[Any]
    start: int


def read_head(file: BinaryIO, size: int) -> Head:
    """Read the head of a .npy file of so many bytes; the file is then at its first number.

    Raises:
        ValueError: it is none, or declares what cannot be there.
    """
    major = np.lib.format.read_magic(file)[0]
    header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, fortran, kind = header(file)
    start = file.tell()
    if kind.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled: save plain numbers or text")
    if kind.itemsize == 0 or any(length < 0 for length in shape):
        raise ValueError(f"it declares {kind} of shape {shape}, which is nothing that can be read")
    if math.prod(shape) * kind.itemsize > size - start:
        raise ValueError(f"it is cut short: it declares {kind} of shape {shape}, and has {size:,} bytes")
    return Head(shape, fortran, kind, start)


class Archive(Mapping[str, Array]):
    """The arrays of a .npz file by name; each is read on access.

    Args:
        source: the file, or its content.

    Raises:
        ValueError: its arrays are far larger than the file, two have one name, or there is none.
    """

    def __init__(self, source: Path | bytes):
        self.source = source
        with _opened(source) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            arrays = [each for each in members if each.filename.endswith(".npy")]
            check_room(sum(each.file_size for each in arrays), _size(file), "save it with numpy.savez, which packs nothing")
        self.members = {each.filename.removesuffix(".npy"): each for each in arrays}
        if len(self.members) < len(arrays):
            raise ValueError("two of its arrays have one name")
        if not arrays:
            raise ValueError(f"it holds no array, but {len(members)} other files")
        if len(members) > len(arrays):
            other = next(each.filename for each in members if not each.filename.endswith(".npy"))
            where = f"{source} holds" if isinstance(source, Path) else "an .npz file holds"
            add_note(f"{where} {len(members) - len(arrays)} files that are not arrays and are left out, such as {other!r}")

    def __getitem__(self, name: str) -> Array:
        member = self.members[name]
        with _opened(self.source) as file, zipfile.ZipFile(file) as archive:
            with archive.open(member) as stream:
                read_head(stream, member.file_size)  # type: ignore[arg-type]
            with archive.open(member) as stream:
                return _checked(np.lib.format.read_array(stream, allow_pickle=False))

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


def read_numpy(source: Path | bytes, mapped: bool = False) -> Array | Archive:
    """The array of a .npy file, or the arrays of a .npz file, whatever its name says; nothing is unpickled.

    Args:
        source: the file, or its content.
        mapped: whether to map the array of a file into memory instead of reading it.

    Raises:
        ValueError: it is neither, or declares more than it holds; NumPy and zipfile raise further errors of many kinds, so that
            this belongs into a block of ``reading``.
    """
    with _opened(source) as file:
        first = file.read(LOOKED_AT)
        file.seek(0)
        if first.startswith(NUMPY):
            read_head(file, _size(file))
            file.seek(0)
            if mapped and isinstance(source, Path):
                array: Array = np.load(source, mmap_mode="r", allow_pickle=False)
                return _checked(array)
            return _checked(np.lib.format.read_array(file, allow_pickle=False))
    if first.startswith(ZIP):
        return Archive(source)
    if kind := kind_of(first):
        raise ValueError(f"it is {kind}")
    raise ValueError("it is not a NumPy array, whatever its name says: write it with numpy.save" if first else "it is empty")


def _checked(array: Any) -> Array:
    """An array whose text is text: NumPy takes any number for a character, and fails only when it is used."""
    found: Array = np.asanyarray(array)
    if found.dtype.kind == "U" and found.size and found.dtype.itemsize:
        characters = np.frombuffer(found.tobytes(), dtype=np.dtype(np.uint32).newbyteorder(found.dtype.byteorder))
        if characters.max() > sys.maxunicode:
            raise ValueError(f"it is damaged: its text has a character of number {characters.max()}, which there is none of")
    return found


def _opened(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _size(file: BinaryIO) -> int:
    at = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(at)
    return size
