"""States of a request, and the steps from one to another that are allowed."""

from __future__ import annotations

from typing import Any

from untrain.core.errors import RequestError

NEXT: dict[str, tuple[str, ...]] = {
    "received": ("planned", "approved", "withdrawn"),
    "planned": ("planned", "approved", "withdrawn"),
    "approved": ("running", "withdrawn"),
    "running": ("forgotten", "failed", "approved"),  # approved again: its worker died or was stopped
    "forgotten": ("audited",),
    "audited": ("audited",),
    "failed": ("approved", "withdrawn"),
    "withdrawn": (),
}
OPEN = ("received", "planned", "approved", "running", "failed")
DONE = ("forgotten", "audited")


def check_step(request: Any, state: Any, to: str) -> None:
    """Refuse a step that is not allowed.

    >>> check_step("R00001", "approved", "running")
    >>> check_step("R00001", "forgotten", "withdrawn")
    Traceback (most recent call last):
    ...
    untrain.core.errors.RequestError: R00001 is forgotten, and cannot become withdrawn; from there it can become audited

    Raises:
        RequestError: it is not.
    """
    allowed = NEXT.get(state, ())
    if to not in allowed:
        way = f"from there it can become {' or '.join(allowed)}" if allowed else "that is where it ends"
        raise RequestError(f"{request} is {state}, and cannot become {to}; {way}")
