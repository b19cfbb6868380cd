"""Addresses of a cluster."""

from __future__ import annotations

from untrain.core.errors import SpecError


def split_address(address: str) -> tuple[str, int]:
    """Host and port of an address.

    Raises:
        SpecError: it has no host or no port.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise SpecError(f"Ray's address {address!r}: HOST:PORT is needed, such as 10.0.0.1:6379")
    return host.strip("[]"), int(port)
