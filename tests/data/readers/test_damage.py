"""One door: whatever a damaged or hostile file raises is one line, and none unpacks to gigabytes. All readers go through it."""

import ast
import gzip
import io
import lzma
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import untrain
from untrain.core.errors import BadInput, DataError, RequestError
from untrain.data.on_disk import open_npy
from untrain.data.readers.array_cache import load_array
from untrain.data.readers.damage import ROOM, reading
from untrain.data.readers.json_lines import read_records
from untrain.data.readers.numpy_files import Archive, read_numpy
from untrain.data.readers.score_files import scores
from untrain.experiments.audits.array_files import read_arrays

SOURCE = Path(untrain.__file__).parent
# What takes a file apart: libraries that trust what they read.
OPENERS = {
    "np.load", "np.lib.format.read_array", "np.lib.format.read_magic", "zipfile.ZipFile", "gzip.open", "lzma.open", "Image.open",
    "json.loads", "datasets.load_dataset", "parquet.read_metadata", "parquet.read_table", "load_file", "read_numpy", "read_head",
}  # fmt: skip
# The door itself, and what is read inside a block that its callers open; all are private or say so.
INSIDE = {
    "data/readers/numpy_files.py", "data/readers/pillow.py:_decoded", "data/readers/image_cache.py:_cells",
    "data/readers/json_lines.py:read_records",  # OPENERS of its own, in a block
    # Let nothing through, with words of their own.
    "data/readers/datasets.py:read_hub", "data/readers/datasets.py:read_parts", "data/readers/datasets.py:read_parquet",
}  # fmt: skip


def calls(tree):
    """Names of what is called, with the function around it and whether it is in a block of ``reading``."""

    def walk(node, function, inside):
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.With):
            inside = inside or any("reading(" in ast.unparse(item.context_expr) for item in node.items)
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), function, inside
        for child in ast.iter_child_nodes(node):
            yield from walk(child, function, inside)

    return walk(tree, "", False)


def test_every_reader_takes_files_apart_in_a_guarded_block():
    seen, open_doors = set(), []
    for file in [*sorted((SOURCE / "data").rglob("*.py")), SOURCE / "experiments/audits/array_files.py"]:
        place = file.relative_to(SOURCE).as_posix()
        for name, function, inside in calls(ast.parse(file.read_text(encoding="utf-8"))):
            if name in OPENERS:
                seen.add(place)
                if not inside and not {place, f"{place}:{function}"} & INSIDE:
                    open_doors.append(f"{place}: {function} calls {name}")
    assert not open_doors
    readers = ("array_cache", "datasets", "id_files", "image_cache", "json_lines", "numpy_files", "pillow", "score_files")
    assert {f"data/readers/{name}.py" for name in readers} | {"data/on_disk.py", "experiments/audits/array_files.py"} <= seen


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def head(description):
    text = description.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin-1")


def declared(kind, shape):
    return head(f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}")


def packed(parts, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return stream.getvalue()


def bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open("id.npy", "w") as part:
        part.write(declared("|u1", (ROOM + (8 << 20),)))
        for _ in range((ROOM >> 20) + 8):
            part.write(bytes(1 << 20))
    return stream.getvalue()


def flipped(raw, at):
    return raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]


WHOLE = packed({"id.npy": npy(np.arange(3)), "memorization.npy": npy(np.zeros(3))}, zipfile.ZIP_DEFLATED)
BAD = {
    "nothing": b"", "text": b"nothing of the kind", "only magic": b"\x93NUMPY", "cut": npy(np.arange(50.0))[:-9],
    "no cells": declared("|S0", (10**12,)), "no letters": declared("<U0", (10**11, 2)), "huge": declared("<f4", (10**12,)),
    "wraps": declared("<f4", (2**62, 4)), "negative": declared("<f4", (-1,)), "brackets": head("(" * 110),
    "no dictionary": head("[]"), "names": head("{'descr': os, 'fortran_order': False, 'shape': (3,)}"),
    "odd version": b"\x93NUMPY\x09\x00",
    "objects": npy(np.array([None, 1]), allow_pickle=True), "fields": declared("<f4,|O", (3,)),
    "empty archive": packed({}), "no array": packed({"readme.txt": b"a"}), "member": packed({"id.npy": b"\x93NUMPY"}),
    "member of text": packed({"id.npy": b"text", "memorization.npy": b"text"}), "cut archive": b"PK\x03\x04 and no more",
    "lzma": flipped(packed({"id.npy": npy(np.arange(999))}, zipfile.ZIP_LZMA), 60),
    "bzip2": flipped(packed({"id.npy": npy(np.arange(999))}, zipfile.ZIP_BZIP2), 70), "bomb": bomb(),
    "no such packing": WHOLE.replace(b"\x08\x00", b"\x63\x00"), "locked": WHOLE.replace(b"\x14\x00\x00\x00", b"\x14\x00\x01\x00"),
}  # fmt: skip


@pytest.fixture(scope="module")
def train():
    return untrain.examples(np.ones((3, 2)), [0, 1, 0])


DOORS = {
    "open": lambda file, train: open_npy(file),
    "labels": lambda file, train: load_array(file),
    "outputs": lambda file, train: dict(read_arrays(file, "model")),
    "scores": lambda file, train: scores(file, train, strangers=False),
    "ids": lambda file, train: untrain.IdFile(path=str(file)).draw(train),
}


def said(door, file, train):
    """What a door says of a file, in one line; nothing where it reads it."""
    try:
        DOORS[door](file, train)
    except BadInput as error:
        return str(error)
    return ""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_at_every_door(tmp_path, name, door, train):
    for ending in ("npy", "npz"):
        file = tmp_path / f"a.{ending}"
        file.write_bytes(BAD[name])
        message = said(door, file, train)
        assert file.name in message
        assert "\n" not in message


@pytest.mark.parametrize("seed", range(150))
def test_changed_bytes_are_one_line_or_an_array(tmp_path, seed, train):
    draw = np.random.default_rng(seed)
    raw = bytearray((npy(np.arange(3)), WHOLE)[seed % 2])
    for at in draw.integers(0, len(raw), 1 + seed % 7):
        raw[at] = draw.integers(256)
    file = tmp_path / ("a.npy" if seed % 2 == 0 else "a.npz")
    file.write_bytes(bytes(raw))
    assert not any("\n" in said(door, file, train) for door in DOORS)


def test_what_is_no_array_of_an_archive_is_left_out_and_told(tmp_path):
    from untrain.core.metering import metered

    (tmp_path / "a.npz").write_bytes(packed({"id.npy": npy(np.arange(3)), "note.txt": b"mine"}))
    with metered() as meter:
        found = read_numpy(tmp_path / "a.npz")
    assert isinstance(found, Archive)
    assert found["id"].tolist() == [0, 1, 2]
    assert "1 files that are not arrays and are left out, such as 'note.txt'" in " ".join(meter.notes)


def test_an_array_nobody_asks_for_may_be_of_objects():
    kept = Archive(packed({"id.npy": npy(np.arange(3)), "names.npy": npy(np.array([None]), allow_pickle=True)}))
    assert kept["id"].tolist() == [0, 1, 2]


def test_well_packed_arrays_are_read():
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros(2_000_000), b=np.array(["x", "yz"]))
    found = read_numpy(stream.getvalue())
    assert found["a"].shape == (2_000_000,)
    assert found["b"].tolist() == ["x", "yz"]


@pytest.mark.parametrize(("ending", "library"), [(".gz", gzip), (".xz", lzma)])
def test_lines_that_unpack_to_gigabytes_are_refused(tmp_path, ending, library):
    file = tmp_path / f"a.jsonl{ending}"
    with library.open(file, "wb") as stream:
        for _ in range((ROOM >> 20) + 8):
            stream.write(b" " * (1 << 20))
    with pytest.raises(DataError, match=r"it unpacks from .* unpack it"):
        read_records(file, ("text",))


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": ' + "1" * 5000 + "}", "\ud800", "nul", '{"text": "a"} {'])
def test_lines_that_are_no_records_are_refused(tmp_path, line):
    (tmp_path / "a.jsonl").write_bytes(line.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError, match=r"a.jsonl") as caught:
        read_records(tmp_path / "a.jsonl", ("text",))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [RecursionError, MemoryError, lzma.LZMAError, struct.error, KeyError, AssertionError, SystemError]
)
def test_any_error_becomes_one_line_of_the_kind_asked_for(error):
    with pytest.raises(RequestError, match=r"a.x cannot be read: ."), reading("a.x cannot be read", RequestError):
        raise error


def test_errors_of_our_own_and_interrupts_pass():
    for error in (DataError("as it was"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, reading("a.x cannot be read", RequestError):
            raise error
        assert caught.value is error
