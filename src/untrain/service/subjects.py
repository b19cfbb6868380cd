"""Ids of people as the ledger keeps them: hashed with a secret salt, never as they are."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from untrain.core.atomic_write import atomic_write, sync
from untrain.core.errors import StoreError

BYTES = 32


@dataclass(frozen=True, repr=False)
class Salt:
    """The secret with which ids are hashed.

    Whoever has it can try ids one by one: a number of six digits is found within seconds. Without it, a hash says nothing.
    """

    secret: bytes

    def hashed(self, subject: object) -> str:
        """The HMAC-SHA256 of an id.

        >>> Salt(b"a").hashed(17) == Salt(b"a").hashed("17") != Salt(b"b").hashed(17)
        True
        """
        text = b"untrain.subject\0" + str(subject).encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()

    def all_hashed(self, subjects: Iterable[object]) -> list[str]:
        """The hashes of some ids, each once, sorted so that they say nothing about the order of the list."""
        return sorted({self.hashed(each) for each in subjects})


def make_private(file: Path, content: bytes) -> bool:
    """Write a file that its owner alone can read, whole or not at all; False where there is one already."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(fresh, file)  # unlike a rename it never replaces what is there
        sync(file.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            fresh.unlink()
    return True


def replace_private(file: Path, content: bytes) -> None:
    """Write a file that its owner alone can read instead of the one that is there, whole or not at all."""
    with atomic_write(file) as fresh:
        fresh.touch(mode=0o600)
        fresh.write_bytes(content)


def salt_in(file: Path) -> Salt:
    """The salt that a file holds; made where there is none.

    Raises:
        StoreError: it cannot be read, others can read it, or it is not a salt.
    """
    if not file.exists():
        make_private(file, secrets.token_hex(BYTES).encode() + b"\n")
    try:
        mode, text = file.stat().st_mode & 0o077, file.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise StoreError(f"{file} is not a salt: {2 * BYTES} hexadecimal digits are needed; bring back the one of this ledger")
    if mode:
        raise StoreError(f"others can read {file}, with which ids can be guessed: chmod 600 {file}")
    return Salt(secret)
