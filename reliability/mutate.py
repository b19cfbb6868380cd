"""Bytes and texts that are nearly right."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

EXTREMES = (0, 1, 0xFF, 0x7F, 0x80, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
DEPTHS = (50, 1000, 30_000)
WORDS = (
    "\0", "\x1b[31m", "\r", "\n", "\t", "\u2028", "\ud800", "é", "e\u0301", "\ufeff", "🙂", "'", '"', "\\", "%s", "{0}", "..",
    "/", "~",
    "1e999", "-1e999", "nan", "inf", "-0", "1_000", "0x10", "007", "٣", "9" * 25, "9" * 5000, "True", "None", "null", "[]",
    "{}", "()",
    "[", "]", "(", ")", "{", "}", ",", ";", ":", "=", "@", "*", "**", "//", "%", "-", "+", "not ", " in ", " and ", " or ",
    "lambda: 0",
    "self", "self=1", "*x", "**x", "a.b", "x" * 300,
)  # fmt: skip


def changed(draw: random.Random, raw: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Some bytes flipped, put in, left out, repeated, cut off, or taken from another sample."""
    data = bytearray(raw)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(data) + 1)
        # Heads of files decide how the rest is read.
        at = draw.randrange(min(len(data), 200) + 1) if draw.random() < 0.4 else at
        size = draw.choice((1, 2, 4, 8, 16, 100))
        match draw.randrange(8):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 2:
                data[at:at] = draw.randbytes(size)
            case 3:
                del data[at : at + size]
            case 4:
                data[at:at] = data[at : at + size] * draw.choice((1, 2, 50))
            case 5:
                del data[at:]
            case 6:
                form = draw.choice(["<B", "<H", "<I", "<Q", ">I", ">Q"])
                number = draw.choice(EXTREMES) % (1 << 8 * struct.calcsize(form))
                data[at : at + struct.calcsize(form)] = struct.pack(form, number)
            case 7 if others:
                other = draw.choice(others)
                start = draw.randrange(len(other) + 1)
                data[at:] = other[start:]
    return bytes(data)


def written(draw: random.Random, text: str, words: Sequence[str] = WORDS) -> str:
    """A text with words and signs put in, left out, doubled or exchanged."""
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        at = draw.randrange(len(text) + 1)
        size = draw.choice((1, 1, 2, 5, 20))
        match draw.randrange(6):
            case 0 | 1:
                text = text[:at] + draw.choice(words) + text[at:]
            case 2:
                text = text[:at] + text[at + size :]
            case 3:
                text = text[:at] + text[at : at + size] + text[at:]
            case 4:
                text = text[:at] + draw.choice(words) + text[at + size :]
            case 5 if draw.random() < 0.1:
                opened, closed = draw.choice(("()", "[]", "{}", ("not ", ""), ("-", ""), ("~", ""), ("1+", "1"), ("DEL(", ")")))
                depth = draw.choice(DEPTHS)
                text = opened * depth + text + closed * depth
    return text
