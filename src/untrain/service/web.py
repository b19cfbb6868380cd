"""A service in the browser: its requests, one request, certificates; approve and withdraw. The only place that uses Starlette."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from untrain.core.errors import BadInput, RequestError, UntrainError
from untrain.reports.html.service_pages import list_page, message_page, request_page
from untrain.service.folder import Service
from untrain.service.overview import one, overview
from untrain.service.states import NEXT

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
}  # fmt: skip
SESSION = "untrain_session"
ACCESS = "untrain_access"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FORM = 10_000  # bytes of a form at most
_VERBS = {"approve": "approved", "withdraw": "withdrawn"}


@dataclass(frozen=True, repr=False)
class WebView:
    """A view of a service over HTTP.

    Args:
        service: whose requests are shown.
        hosts: names by which a browser may call; without a token any other is refused, as a trick that leads a foreign name here.
        token: who lacks it sees nothing; empty where everybody on this machine may look.
        by: name under which it approves and withdraws.
    """

    service: Service
    hosts: tuple[str, ...] = LOOPBACK
    token: str = ""
    by: str = "web"
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def app(self) -> Starlette:
        """The application, for a server of ASGI."""
        routes = [
            Route("/", self._guarded(self._list)),
            Route("/requests/{name}", self._guarded(self._one)),
            Route("/requests/{name}/{verb}", self._guarded(self._change), methods=["POST"]),
            Route("/certificates/{file}", self._guarded(self._certificate)),
        ]
        return Starlette(routes=routes)

    def _guarded(self, work: Callable[[WebRequest, str, bytes], Response]) -> Callable[..., object]:
        async def answer(request: WebRequest) -> Response:
            session = request.cookies.get(SESSION, "")
            fresh = not session.isalnum() or len(session) != 64
            session = secrets.token_hex(32) if fresh else session
            body = await _body(request)
            response = self._refused(request, session, body)
            if response is None:
                response = await run_in_threadpool(_safely, work, request, session, body or b"")
            response.headers.update(HEADERS)
            if fresh:
                response.set_cookie(SESSION, session, httponly=True, samesite="strict")
            return response

        return answer

    def _refused(self, request: WebRequest, session: str, body: bytes | None) -> Response | None:
        host = request.url.hostname or ""
        # Behind an address that stands for all, or a proxy, any name may be right; a foreign page lacks the cookie with the token.
        if not self.token and host not in self.hosts:
            return _said(400, "Wrong host", "this view is not served under that name")
        given = request.query_params.get("token", "")
        if self.token and request.method == "GET" and _same(given, self.token):
            response = RedirectResponse(request.url.path, 303)  # without the token in the address
            response.set_cookie(ACCESS, self.token, httponly=True, samesite="strict")
            return response
        if self.token and not _same(request.cookies.get(ACCESS, ""), self.token):
            return _said(403, "No access", "open the address with its token, which `untrain serve` printed")
        if request.method != "POST":
            return None
        origin = request.headers.get("origin", "")
        sent = parse_qs((body or b"").decode("utf-8", "replace")).get("token", [""])[0]
        foreign = bool(origin) and origin != f"{request.url.scheme}://{request.url.netloc}"
        if body is None or foreign or not _same(sent, self._form(session)):
            return _said(403, "Form refused", "this form is not one of this page: open the request again")
        return None

    def _form(self, session: str) -> str:
        """The token of the forms of a session, which no other site can know."""
        return hmac.new(self.secret, session.encode(), hashlib.sha256).hexdigest()

    def _list(self, request: WebRequest, session: str, body: bytes) -> Response:
        return HTMLResponse(list_page(overview(self.service)))

    def _one(self, request: WebRequest, session: str, body: bytes) -> Response:
        document = one(self.service, request.path_params["name"])
        verbs = tuple(verb for verb, state in _VERBS.items() if state in NEXT[document["state"]])
        return HTMLResponse(request_page(document, verbs, self._form(session)))

    def _change(self, request: WebRequest, session: str, body: bytes) -> Response:
        name, verb = request.path_params["name"], request.path_params["verb"]
        if verb == "approve":
            self.service.approve(name, self.by)
        elif verb == "withdraw":
            self.service.withdraw(name, self.by)
        else:
            return _said(404, "Not found", "there is no such page")
        return RedirectResponse(f"/requests/{name}", 303)

    def _certificate(self, request: WebRequest, session: str, body: bytes) -> Response:
        name, _, kind = request.path_params["file"].rpartition(".")
        known = self.service.ledger.request(name)["id"]  # never a path of the browser's own
        file = self.service.certificates / f"{known}.{kind}"
        if kind not in ("html", "json") or not file.exists():
            return _said(404, "Not found", "this request has no certificate yet")
        if kind == "html":
            return HTMLResponse(file.read_text(encoding="utf-8"))
        return Response(file.read_bytes(), media_type="application/json")


async def _body(request: WebRequest) -> bytes | None:
    """The body of a form; None where it is too large."""
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > FORM:
            return None
    return found


def _safely(work: Callable[[WebRequest, str, bytes], Response], request: WebRequest, session: str, body: bytes) -> Response:
    try:
        return work(request, session, body)
    except RequestError as error:
        return _said(404 if "there is no request" in str(error) else 409, "Not possible", str(error))
    except BadInput as error:
        return _said(409, "Not possible", str(error))
    except UntrainError as error:
        return _said(500, "Failed", str(error))


def _said(code: int, title: str, text: str) -> Response:
    return HTMLResponse(message_page(title, text), code)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))
