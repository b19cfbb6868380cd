"""Keys that sign certificates (Ed25519), and signatures of documents; the only place that uses ``cryptography``."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from untrain.core.errors import BadInput
from untrain.service.canonical import canonical
from untrain.service.subjects import make_private

ALGORITHM = "Ed25519"
PURPOSE = b"untrain certificate 1\0"  # so that a signature of something else is never one of a certificate
_FIELDS = {"algorithm", "public_key", "value"}


def make_key(file: Path, passphrase: bytes = b"") -> str:
    """Make a private key in a file that its owner alone can read, and beside it the public key; the public key's fingerprint.

    Args:
        file: of the private key, in PEM.
        passphrase: that encrypts it; empty for none.

    Raises:
        BadInput: there is a file of that name.
    """
    if public_file(file).exists():
        raise BadInput(f"{public_file(file)} is there already, and a key is never replaced: name another file")
    key = Ed25519PrivateKey.generate()
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    if not make_private(file, text):
        raise BadInput(f"{file} is there already, and a key is never replaced: name another file")
    public_file(file).write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return fingerprint(_raw(key.public_key()))


def public_file(private: Path) -> Path:
    """The place of the public key beside a private one.

    >>> public_file(Path("key.pem"))
    PosixPath('key.public.pem')
    """
    return private.with_name(f"{private.stem}.public.pem")


def load_private(file: Path, passphrase: Callable[[], bytes]) -> Ed25519PrivateKey:
    """The private key in a file.

    Args:
        file: of the key.
        passphrase: asked for one only where the key needs it.

    Raises:
        BadInput: it cannot be read, others can read it, it is not a key of this kind, or the passphrase is wrong.
    """
    try:
        raw, mode = file.read_bytes(), file.stat().st_mode & 0o077
    except OSError as error:
        raise BadInput(f"cannot read the key {file}: {error.strerror}; `untrain request key` makes one") from None
    if mode:
        raise BadInput(f"others can read the key {file}: chmod 600 {file}")
    word = passphrase() if b"ENCRYPTED" in raw else None
    try:
        key = serialization.load_pem_private_key(raw, word)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        why = "the passphrase is wrong, or it is damaged" if word is not None else "it is not a private key in PEM"
        raise BadInput(f"cannot use the key {file}: {why}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"the key {file} is of another kind than {ALGORITHM}: `untrain request key` makes one")
    return key


def load_public(file: Path) -> bytes:
    """The public key in a file, as 32 bytes.

    Raises:
        BadInput: it is not a public key of this kind.
    """
    try:
        key = serialization.load_pem_public_key(file.read_bytes())
    except OSError as error:
        raise BadInput(f"cannot read the public key {file}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(f"{file} is not a public key ({ALGORITHM} in PEM), such as `untrain request key` writes")
    return _raw(key)


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def fingerprint(public: bytes) -> str:
    """The fingerprint of a public key, to compare over the telephone.

    >>> fingerprint(bytes(32))[:14]
    '66687aadf862bd'
    """
    return hashlib.sha256(public).hexdigest()


def sign(document: Any, key: Ed25519PrivateKey) -> dict[str, str]:
    """The signature of a document's canonical spelling."""
    value = key.sign(PURPOSE + canonical(document).encode())
    return {"algorithm": ALGORITHM, "public_key": _text(_raw(key.public_key())), "value": _text(value)}


def signer_of(document: Any, signature: Any) -> bytes | None:
    """The public key that signed a document; None where the signature is not one of it."""
    if not isinstance(signature, dict) or set(signature) != _FIELDS or signature["algorithm"] != ALGORITHM:
        return None
    public, value = _bytes(signature["public_key"]), _bytes(signature["value"])
    if public is None or value is None:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(value, PURPOSE + canonical(document).encode())
    except (InvalidSignature, ValueError):
        return None
    return public


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: Any) -> bytes | None:
    """The bytes of a text in base64; None unless it is spelled in the one way that ``_text`` has."""
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if _text(raw) == text else None
