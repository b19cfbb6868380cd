"""Pillow: from an image to numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from untrain.core.errors import DataError

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


def image_file(path: Path, side: int | None = None) -> Array:
    """Pixels of an image file, as they are or as a square.

    Raises:
        DataError: it cannot be read or decoded, or its pixels do not fit 8 bits; the file is named.
    """
    try:
        with Image.open(path) as image:
            return pixels(image) if side is None else square(image, side)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is not an image that can be read: {error}") from None


@contextmanager
def _decoding(image: Image.Image) -> Iterator[None]:
    if image.mode.startswith(("I", "F")):
        raise DataError(f"pixels of mode {image.mode!r} do not fit 8 bits: convert the image to grey ('L') or 'RGB'")
    try:
        yield
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"an image cannot be decoded: {error}") from None


def _first(image: Image.Image) -> Array:
    """Channels first."""
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))
