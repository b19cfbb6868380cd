"""SHA-256 digests of files and folders, as ``sha256sum`` gives them."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes; of a folder that of the lines ``DIGEST  NAME`` of its files, by name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.txt"
    ...     _ = file.write_bytes(b"abc")
    ...     digests = file_digest(file), file_digest(Path(folder))
    >>> digests[0][:8], digests[1] == hashlib.sha256(f"{digests[0]}  a.txt".encode()).hexdigest()
    ('ba7816bf', True)
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = [f"{file_digest(file)}  {file.relative_to(path).as_posix()}" for file in files]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
