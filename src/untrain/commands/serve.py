"""The local web view of a service."""

from __future__ import annotations

import errno
import socket
from typing import Annotated

from untrain.commands.arguments import AtLeast, Document
from untrain.commands.service_place import Place, need_service, open_at, user
from untrain.core.environment import variables
from untrain.core.errors import BadInput, MissingExtra
from untrain.runtime.progress import OnProgress, say, show_stage

TOKEN = "UNTRAIN_TOKEN"
SHORTEST = 16  # letters of a token
HIGHEST = 65_535  # number of a port


def serve(
    service: Place = None, host: str = "127.0.0.1", port: Annotated[int, AtLeast(1)] = 8765, on_progress: OnProgress | None = None
) -> Document:  # fmt: skip
    """Show requests and certificates in the browser.

    Examples:
        untrain serve
        untrain serve --port 9000

    Args:
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        host: address to listen at; any other than this machine's own needs a token in $UNTRAIN_TOKEN, and HTTPS before it.
        port: number of the port.

    Returns:
        The address, once it has ended.
    """
    need_service()
    try:
        import uvicorn

        from untrain.service.web import LOOPBACK, WebView
    except ImportError as error:
        raise MissingExtra(f"untrain serve needs {error.name}: pip install 'untrain[service]'") from None
    if not 0 < port <= HIGHEST:
        raise BadInput(f"--port {port} is not a port: a whole number from 1 to {HIGHEST} is needed")
    token = variables().get(TOKEN, "")
    if host not in LOOPBACK and len(token) < SHORTEST:
        raise BadInput(f"--host {host} lets other machines in: set {TOKEN} to a token of at least {SHORTEST} letters")
    _refuse_busy(host, port)
    view = WebView(open_at(service), (*LOOPBACK, host), token, f"{user()} (web)", secure=host not in LOOPBACK)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    say(on_progress, f"{address}{'?token=$' + TOKEN if token else ''} (stop it with Ctrl-C)")
    show_stage(on_progress, "")
    # The access log would hold addresses with tokens.
    uvicorn.run(view.app(), host=host, port=port, log_level="warning", access_log=False, server_header=False)
    return {"address": address}


def _refuse_busy(host: str, port: int) -> None:
    """Refuse an address at which nothing can listen, before anything is opened.

    Raises:
        BadInput: another program listens there, or the address is none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port that was just left is free
            tried.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInput(f"another program listens at {host}, port {port}: --port {port % HIGHEST + 1} names another") from None
        raise BadInput(f"cannot listen at --host {host} --port {port}: {error.strerror or error}") from None
