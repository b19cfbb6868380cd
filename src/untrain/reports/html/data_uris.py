"""Small pictures of examples, as data URIs."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LARGEST = 48


def is_image(inputs: Array) -> bool:
    """Return whether inputs are (n, c, h, w) with one or three channels and a size that can be seen."""
    return inputs.ndim == 4 and inputs.shape[1] in (1, 3) and min(inputs.shape[2:]) >= 2


def to_bytes(images: Sequence[Array] | Array) -> list[Array]:
    """Images (c, h, w) as uint8; numbers that leave [0, 1] are stretched from the least to the greatest in any of the images."""
    if all(image.dtype == np.uint8 for image in images):
        return list(images)
    low, high = min(float(i.min()) for i in images), max(float(i.max()) for i in images)
    if low >= -1e-3 and high <= 1 + 1e-3:
        low, high = 0.0, 1.0
    return [_stretched(image, low, high) for image in images]


def _stretched(image: Array, low: float, high: float) -> Array:
    scaled = (np.asarray(image, dtype=np.float64) - low) / max(high - low, 1e-12)
    return np.asarray(np.clip(np.rint(255 * scaled), 0, 255), dtype=np.uint8)


def data_uri(pixels: Array, side: int = LARGEST) -> str:
    """An image (c, h, w) of uint8 as an inline PNG; those of more than ``side`` pixels are thinned."""
    step = -(-max(pixels.shape[1:]) // side)
    return "data:image/png;base64," + base64.b64encode(png(pixels[:, ::step, ::step])).decode("ascii")


def png(pixels: Array) -> bytes:
    """A PNG file of (c, h, w) uint8 with one or three channels."""
    channels, height, width = pixels.shape
    rows = pixels.transpose(1, 2, 0).reshape(height, width * channels)
    raw = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
