"""Kinds of files given instead of another, by their first bytes, and what would do."""

from __future__ import annotations

PACKED = "unpack it first"
KINDS = (
    (b"version https://git-lfs", "a pointer of git-lfs and not the file itself: fetch it, by `git lfs pull`"),
    (b"<", "a web page or other markup, as a download gives that failed: get the file again"),
    (b"\x1f\x8b", f"packed by gzip: {PACKED}"),
    (b"BZh", f"packed by bzip2: {PACKED}"),
    (b"\xfd7zXZ\x00", f"packed by xz: {PACKED}"),
    (b"\x28\xb5\x2f\xfd", f"packed by zstd: {PACKED}"),
    (b"7z\xbc\xaf\x27\x1c", f"packed by 7-zip: {PACKED}"),
    (b"\x89HDF", "HDF5, as Keras writes it, which is not read: convert it"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"PAR1", "Parquet"),
)
LOOKED_AT = 64  # bytes


def kind_of(start: bytes) -> str:
    """The kind of a file by its first bytes, and what would do; empty where they are not known.

    >>> kind_of(b"version https://git-lfs.github.com/spec/v1")
    'a pointer of git-lfs and not the file itself: fetch it, by `git lfs pull`'
    """
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((kind for first, kind in KINDS if start.startswith(first)), "")
