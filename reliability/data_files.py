"""Fuzzed data of users: Parquet, JSON lines, folders of images; and the temporary folder is empty again."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from attack import LEFT, SILENT, Attack, Outcome, Refused, quietly
from mutate import changed


@cache
def tables(secret: str) -> list[bytes]:
    """Samples of Parquet files; the last one names an image that lies elsewhere."""
    import pyarrow as pa
    from pyarrow import parquet

    n = 6
    image = [{"bytes": png(np.full((4, 4, 3), 40 * i, np.uint8)), "path": "../../secret.png"} for i in range(n)]
    columns = [
        {"x": [[0.1 * i, 1.0] for i in range(n)], "label": list(range(n)), "id": list(range(n))},
        {"x": pa.array([[i, 200] for i in range(n)], pa.list_(pa.uint8())), "label": [i % 2 for i in range(n)], "town": ["a"] * n},
        {"image": image, "label": [0, 1] * 3}, {"a": [1.0, None] * 3, "b": [1, 2] * 3, "label": ["cat", "dog"] * 3},
        {"x": [[1.0]] * n, "label": [None] * n}, {"image": [{"bytes": None, "path": secret}] * n, "label": [0, 1] * 3},
    ]  # fmt: skip
    samples = []
    for each in columns:
        stream = io.BytesIO()
        parquet.write_table(pa.table(each), stream)
        samples.append(stream.getvalue())
    return samples


def table(folder: Path, number: int) -> Outcome | None:
    """Examples of a Parquet file."""
    import untrain as ut

    secret = folder / "secret.png"
    secret.write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    draw, samples = random.Random(number), tables(str(secret))
    file = folder / "train.parquet"
    raw = samples[number % len(samples)]
    file.write_bytes(raw if number < len(samples) else changed(draw, raw, samples))
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    tempfile.tempdir = str(scratch)
    hosts: list[str] = []
    with no_network(hosts):
        made = quietly(lambda: ut.examples(str(file)))
    if hosts:
        return Outcome(SILENT, f"asked the network for {hosts[:2]}", "network")
    if number == len(samples) - 1 and not isinstance(made, Refused):
        return Outcome(SILENT, "a cell that names a file had it opened", "path in a cell")
    left = [f.name for f in scratch.iterdir()]
    return Outcome(LEFT, f"left in the temporary folder: {left[:3]}", "temporary folder") if left else None


@contextmanager
def no_network(hosts: list[str]) -> Iterator[None]:
    """Refuse all sockets meanwhile, and note who was asked for."""

    def refuse(*given: Any, **named: Any) -> Any:
        hosts.append(str(given[:2]))
        raise OSError("there is no network")

    with patch("socket.socket.connect", refuse), patch("socket.getaddrinfo", refuse):
        yield


def png(pixels: Any) -> bytes:
    """An image file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@cache
def pictures() -> list[tuple[str, bytes]]:
    """Samples of image files."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    samples = [("png", png(pixels)), ("png", png(pixels[..., 0])), ("png", b""), ("png", png(np.zeros((8, 8, 4), np.uint8)))]
    for ending, form in (("jpg", "JPEG"), ("gif", "GIF"), ("bmp", "BMP"), ("tif", "TIFF"), ("webp", "WEBP"), ("ppm", "PPM")):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, form)
        samples.append((ending, stream.getvalue()))
    return samples


def picture(folder: Path, number: int) -> Outcome | None:
    """Examples of a folder of images, one of which is damaged."""
    import untrain as ut

    draw, samples = random.Random(number), pictures()
    place = folder / "images"
    for name, (ending, raw) in (("a", samples[0]), ("b", draw.choice(samples))):
        (place / name).mkdir(parents=True, exist_ok=True)
        (place / name / f"1.{ending}").write_bytes(raw if name == "a" else changed(draw, raw, [r for _, r in samples]))
    side = draw.choice((None, 8))
    made = quietly(lambda: ut.examples(ut.ImageFolder(path=str(place), side=side)))
    for file in place.glob("b/*"):
        file.unlink()
    if not isinstance(made, Refused):
        quietly(lambda: made.x.sum())
    return None


def lines(folder: Path, number: int) -> Outcome | None:
    """Records of JSON lines, plain or compressed."""
    from untrain.data.readers.json_lines import read_records

    draw = random.Random(number)
    text = "\n".join(json.dumps({"question": f"q{i}", "answer": "é" * i, "n": i}) for i in range(5)).encode()
    deep = b'{"question": "q", "answer": "a", "more": ' + b"[" * draw.choice((10, 100_000))
    raw = draw.choice((text, text, text, deep, b"null\n", b"\n\n", b"[1, 2]\n", b'{"question": NaN, "answer": 1e999}\n'))
    raw = changed(draw, raw) if draw.random() < 0.5 else raw
    ending = draw.choice(("", "", ".gz", ".xz"))
    packed = {"": bytes, ".gz": lambda data: gzip.compress(data, 1), ".xz": lambda data: lzma.compress(data, preset=0)}[ending](raw)
    file = folder / f"facts.jsonl{ending}"
    file.write_bytes(changed(draw, packed) if draw.random() < 0.5 else packed)
    quietly(lambda: read_records(str(file), ("question", "answer")))
    return None


ATTACKS = (
    Attack("parquet", "fuzzed Parquet files", table, 400, 12, seconds=30),
    Attack("images", "fuzzed images of a folder", picture, 3_000, 60, seconds=6, memory=1 << 29),
    Attack("lines", "fuzzed JSON lines: .jsonl, .gz, .xz", lines, 6_000, 120, seconds=6, memory=1 << 29),
)
