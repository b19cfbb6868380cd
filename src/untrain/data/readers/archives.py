"""Archives that unpack to far more than they hold: refused before anything of them is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PLAIN = 2**28  # bytes that may come of anything
RATIO = 100  # how much more than its file an archive of real numbers may hold


def check_archive(file: Path | io.BytesIO) -> None:
    """Refuse a zip archive, such as an .npz file or a checkpoint, whose members are far larger than it is.

    Raises:
        ValueError: it is one.
    """
    if (isinstance(file, Path) and not file.is_file()) or not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        held = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
        refuse_growth(sum(member.file_size for member in archive.infolist()), held)
    if not isinstance(file, Path):
        file.seek(0)


def refuse_growth(unpacked: int, held: int) -> None:
    """Refuse what takes far more bytes unpacked than are there.

    >>> refuse_growth(2_600_000_000, 300_000)
    Traceback (most recent call last):
        ...
    ValueError: its 300,000 bytes unpack to 2,600,000,000: save it uncompressed, each number by itself

    Raises:
        ValueError: it does.
    """
    if unpacked > max(PLAIN, RATIO * held):
        raise ValueError(f"its {held:,} bytes unpack to {unpacked:,}: save it uncompressed, each number by itself")
