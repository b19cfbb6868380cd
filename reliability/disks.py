"""Full and read-only disks: one line, nothing half-written, and the same run afterwards."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import resource
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from attack import LEFT, TRACEBACK, Attack, Outcome
from child import Ended, apart, command
from file_operations import watch
from kills import count, operations
from sample import arguments, expected, outside, recovers, root_of, run

CODES = {errno.ENOSPC: "full", errno.EROFS: "read-only", errno.EACCES: "forbidden", errno.EDQUOT: "over quota", errno.EIO: "broken"}
NEWUSER, NEWNS, PRIVATE = 0x10000000, 0x00020000, (1 << 14) | (1 << 18)
NOBODY = 65534


def from_an_operation_on(folder: Path, number: int) -> Outcome | None:
    """From some operation on, each one that changes files fails; or that one alone."""
    draw, root = random.Random(number), root_of(folder)
    store, out = folder / "store", folder / "out"
    code, first, alone = draw.choice(list(CODES)), draw.randrange(operations(root)), number % 3 == 0

    def fail(at: int) -> None:
        if at == first or (at > first and not alone):
            raise OSError(code, os.strerror(code), "a file")

    def work() -> Any:
        watch((store, out), fail)
        return run(root, store, out=out if number % 4 == 0 else None)

    return after(folder, apart(work, folder / "work"), f"{CODES[code]} from operation {first} on")


def beyond_a_size(folder: Path, number: int) -> Outcome | None:
    """Files cannot grow beyond some size, as on a disk that fills while one is written."""
    draw, root = random.Random(number), root_of(folder)
    store, out = folder / "store", folder / "out"
    size = draw.choice((0, 1, 12, 64, 200, 500, 900, 1100, 1400, 2000, 4000, 8192, 10_000, 20_000, 100_000, 1_000_000))

    def work() -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        try:
            return run(root, store, out=out if number % 2 else None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return after(folder, apart(work, folder / "work"), f"files up to {size} bytes")


def after(folder: Path, ended: Ended, what: str) -> Outcome | None:
    """What a run on a bad disk has to leave: one line, no file of its own making, and a store that is whole."""
    root, store, out = root_of(folder), folder / "store", folder / "out"
    if ended.failure:
        return Outcome(ended.failure.verdict, f"{what}: {ended.failure.detail}"[:240], ended.failure.site)
    if ended.code == 0 and ended.value != expected(root)["document"]:
        return Outcome("silent", f"{what}: other numbers", "numbers on a bad disk")
    for file in out.glob("*") if out.is_dir() else ():
        if file.name.startswith("."):
            return Outcome(LEFT, f"{what}: {file.name} left", "hidden files in --out")
    return outside(folder / "work", out) or recovers(folder, store)


def without_rights(folder: Path, number: int) -> Outcome | None:
    """A folder that may be read and not written, for a user who is not root."""
    root, store, out = root_of(folder), folder / "store", folder / "out"
    shutil.copytree(root / "calm" / "store", store)
    paths = [store, *(p for p in store.rglob("*"))]
    parts = [p for p in paths if [True, p.is_dir(), p == store, p.name == "objects" or "objects" in p.parts][number % 4]]
    out.mkdir()
    for path in [*parts, *([out] if number % 2 else [])]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    extra = (folder / "work", folder / "work" / "home", folder / "work" / "temporary")
    for path in extra:
        path.mkdir(mode=0o777)
        path.chmod(0o777)
    lines = (
        ["report", "--store", str(store), "--out", str(out), "--no-images", "--evaluator", "Accuracy"],
        arguments(root, store, out), ["store", "--store", str(store), "--verify"], ["store", "--store", str(store), "--prune",
        "--older-than", "0"],
    )  # fmt: skip

    def work() -> Any:
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        command(lines[number // 4 % len(lines)])()

    ended = apart(work, folder / "work")
    for path in [*parts, out]:
        path.chmod(0o755)
    return ended.failure


def on_a_small_disk(folder: Path, number: int) -> Outcome | None:
    """A disk of some kilobytes that fills; then it is larger, and the same run goes on."""
    root, size = root_of(folder), 4 * (4 + 7 * number % 90)
    disk = folder / "disk"
    disk.mkdir()

    def work() -> Any:
        mount(disk, f"size={size}k")
        first = apart(lambda: run(root, disk / "store"), folder / "work")
        mount(disk, "size=100m", 32)
        wrong = first.failure or recovers(folder, disk / "store")
        return None if wrong is None else [wrong.verdict, f"disk of {size} kB: {wrong.detail}", wrong.site]

    ended = apart(work, folder / "mounting", 120)
    if ended.failure or ended.code:
        return ended.failure or Outcome(TRACEBACK, ended.err[-200:], "mount")
    return Outcome(*ended.value) if ended.value else None


def mount(folder: Path, options: str, flags: int = 0) -> None:
    """Mount a disk in memory, for this process and its children alone.

    Raises:
        OSError: this machine does not let us.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not flags:
        users = (os.getuid(), os.getgid())
        if libc.unshare(NEWNS if users[0] == 0 else NEWUSER | NEWNS):
            raise OSError(ctypes.get_errno(), "unshare")
        if users[0]:
            Path("/proc/self/setgroups").write_text("deny")
            for name, own in zip(("uid_map", "gid_map"), users, strict=True):
                Path(f"/proc/self/{name}").write_text(f"0 {own} 1")
        if libc.mount(b"none", b"/", None, PRIVATE, None):
            raise OSError(ctypes.get_errno(), "mount")
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", flags, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")


@cache
def no_mount() -> str:
    """Why a small disk cannot be mounted here."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        ended = apart(lambda: mount(Path(folder), "size=64k"), Path(folder))
    return f"no disk can be mounted here: {ended.err.strip().splitlines()[-1]}" if ended.code else ""


ATTACKS = (
    Attack("failing", "a disk full, read-only, broken from some operation on", from_an_operation_on, 70, 3,
           lambda folder: count(root_of(folder / "x")), seconds=120, small=True),
    Attack("sizes", "a disk that fills within a file", beyond_a_size, 32, 3, seconds=120, small=True),
    Attack("rights", "store and --out without the right to write", without_rights, 16, 2, seconds=120, small=True),
    Attack("small", "a disk of 16 to 376 kB", on_a_small_disk, 16, 1, seconds=150, small=True, skip=no_mount),
)  # fmt: skip
