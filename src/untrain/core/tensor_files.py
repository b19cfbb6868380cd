"""Files of safetensors of which equal ones are equal byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor


def write_tensors(tensors: Mapping[str, Tensor], file: Path, facts: Mapping[str, str] | None = None) -> None:
    """Write tensors with text by name about them.

    The library writes that text in an order that changes from call to call, by which no digest could be compared with another;
    here it is sorted.

    Args:
        tensors: by name, each contiguous.
        file: to write.
        facts: text by name; None or empty for none.
    """
    save_file(dict(tensors), file, metadata=dict(facts) if facts else None)
    if not facts or len(facts) < 2:
        return
    with file.open("r+b") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(text) == length:  # as long as it was, so that no tensor moves
            opened.seek(8)
            opened.write(text)
