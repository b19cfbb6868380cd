"""Pillow: from an image to numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from untrain.core.errors import DataError

KEPT = ("L", "RGB", "RGBA")


def pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    """Pixels, uint8 (channels, height, width); other than grey, RGB and RGBA images become RGB.

    Raises:
        DataError: the image is damaged, or its pixels do not fit 8 bits.
    """
    if image.mode.startswith(("I", "F")):
        raise DataError(f"pixels of mode {image.mode!r} do not fit 8 bits: convert the image to grey ('L') or 'RGB'")
    try:
        plain = image if image.mode in KEPT else image.convert("L" if image.mode == "1" else "RGB")
        array = np.asarray(plain)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"an image cannot be decoded: {error}") from None
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))
