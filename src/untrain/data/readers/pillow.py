"""Pillow: from an image to numbers."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from untrain.core.errors import DataError
from untrain.core.metering import add_note
from untrain.data.readers.damage import check_room, reading

Array = np.ndarray[Any, Any]
KEPT = ("L", "RGB", "RGBA")


def pixels(image: Image.Image) -> Array:
    """Pixels, uint8 (channels, height, width); other than grey, RGB and RGBA images become RGB.

    Raises:
        DataError: the image is damaged, or its pixels do not fit 8 bits.
    """
    with _decoding(image):
        return _first(image if image.mode in KEPT else image.convert("L" if image.mode == "1" else "RGB"))


def square(image: Image.Image, side: int) -> Array:
    """Pixels of the middle, uint8 (3, side, side), as RGB, once the shorter side is resized to ``side`` by bilinear resampling.

    Raises:
        DataError: the image is damaged, or its pixels do not fit 8 bits.
    """
    with _decoding(image):
        plain = image.convert("RGB")
        short = min(plain.size)
        wide, tall = (side * length // short for length in plain.size)
        left, top = round((wide - side) / 2), round((tall - side) / 2)
        resized = plain.resize((wide, tall), Image.Resampling.BILINEAR)
        return _first(resized.crop((left, top, left + side, top + side)))


class Decoder:
    """Decodes image files one after the other, and counts what it had to change.

    Args:
        side: pixels on each side of the squares that images become; None leaves them as they are.
    """

    def __init__(self, side: int | None = None):
        self.side = side
        self.changes: Counter[str] = Counter()

    def image(self, source: Path | bytes, where: str) -> Array:
        """Pixels of an image file, or of its content; of content, turned as its EXIF says.

        Raises:
            DataError: it cannot be decoded, its pixels do not fit 8 bits, or are far more than its bytes; ``where`` is named.
        """
        try:
            with reading(f"{where} is not an image that can be read"):
                return self._decoded(source)
        except DataError as error:  # what is no damage, such as pixels of 16 bits, names no file yet
            raise error if str(error).startswith(where) else DataError(f"{where}: {error}") from None

    def _decoded(self, source: Path | bytes) -> Array:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_formats()) as file:
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
            check_room(file.width * file.height * len(file.getbands()), size, "make the image smaller")
            if getattr(file, "is_animated", False):
                self.changes["have several frames, of which the first is read"] += 1
            file.load()
            turn, may_turn = file.getexif().get(ExifTags.Base.Orientation), isinstance(source, bytes)
            image = (ImageOps.exif_transpose(file) if turn is not None and may_turn else file) or file
            array = pixels(image) if self.side is None else square(image, self.side)
            if turn not in (None, 1):
                said = "are turned as their EXIF says" if may_turn else "lie as they are stored, which their EXIF says to turn"
                self.changes[said] += 1
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[len(array)]
            if image.mode != mode:
                self.changes[f"of mode {image.mode!r} became {mode!r}"] += 1
            return array

    def note(self, where: str) -> None:
        """Add a note that counts what was changed, if anything was."""
        if self.changes:
            counted = "; ".join(f"{count} {what}" for what, count in sorted(self.changes.items()))
            add_note(f"of the images of {where}, {counted}")


@cache
def _formats() -> list[str]:
    """All formats but EPS, a language of programs that Pillow gives to another program to run."""
    Image.init()
    return [name for name in Image.ID if name != "EPS"]


@contextmanager
def _decoding(image: Image.Image) -> Iterator[None]:
    if image.mode.startswith(("I", "F")):
        raise DataError(f"pixels of mode {image.mode!r} do not fit 8 bits: convert the image to grey ('L') or 'RGB'")
    with reading("an image cannot be decoded"):
        yield


def _first(image: Image.Image) -> Array:
    """Channels first."""
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))
