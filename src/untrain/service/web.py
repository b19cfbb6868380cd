"""A service in the browser: who may see it, and which page stands at which address. The only place that uses Starlette."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from untrain.core.errors import BadInput, RequestError, UntrainError
from untrain.reports.html.service_pages import message_page
from untrain.service.folder import Service
from untrain.service.web_pages import Fields, WebPage, WebPages

# Under a policy of no referrer browsers send no origin with a form either, and every form would be refused.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
}  # fmt: skip
SESSION = "untrain_session"
ACCESS = "untrain_access"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FORM = 10_000  # bytes of a form at most
LIST = 5_000_000  # and of one that holds ids
Work = Callable[[Mapping[str, str], Fields, str], WebPage]


@dataclass(frozen=True, repr=False)
class WebView:
    """A view of a service over HTTP.

    Args:
        service: whose requests are shown.
        hosts: names by which a browser may call; without a token any other is refused, as a trick that leads a foreign name here.
        token: who lacks it sees nothing; empty where everybody on this machine may look.
        by: name under which it adds, approves and withdraws.
        secure: whether browsers must keep its cookies to HTTPS: always, where other machines are let in.
    """

    service: Service
    hosts: tuple[str, ...] = LOOPBACK
    token: str = ""
    by: str = "web"
    secure: bool = False
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def app(self) -> Starlette:
        """The application, for a server of ASGI."""
        pages = WebPages(self.service, self.by)
        shown: dict[str, Work] = {
            "/": pages.all_requests, "/requests/{name}": pages.one_request, "/add": pages.add_form, "/reviews": pages.all_reviews,
            "/reviews/{name}": pages.one_review, "/runs": pages.all_runs, "/runs/{name}": pages.one_run, "/compare": pages.compare,
            "/certificates": pages.certificates, "/certificates/{file}": pages.certificate, "/service.js": pages.script,
        }  # fmt: skip
        changed: dict[str, tuple[Work, int]] = {
            "/requests/{name}/{verb}": (pages.change, FORM), "/add": (pages.add, LIST), "/reviews/{name}": (pages.save_ticks, LIST),
        }  # fmt: skip
        routes = [Route(path, self._guarded(work, FORM)) for path, work in shown.items()]
        routes += [Route(path, self._guarded(work, most), methods=["POST"]) for path, (work, most) in changed.items()]
        return Starlette(routes=routes)

    def _guarded(self, work: Work, most: int) -> Callable[..., object]:
        async def reply(request: WebRequest) -> Response:
            session = request.cookies.get(SESSION, "")
            fresh = not session.isalnum() or len(session) != 64
            session = secrets.token_hex(32) if fresh else session
            response = self._shut_out(request)
            if response is None:  # nobody else sends a form, nor has one read
                response = await self._answered(work, most, request, session)
            response.headers.update(HEADERS)
            if fresh:
                self._keep(request, response, SESSION, session)
            return response

        return reply

    async def _answered(self, work: Work, most: int, request: WebRequest, session: str) -> Response:
        body = await _body(request, most)
        sent = request.url.query if request.method != "POST" else (body or b"").decode("utf-8", "replace")
        fields = await run_in_threadpool(_fields, sent)
        if request.method == "POST" and (body is None or not self._is_own(request, session, fields)):
            return _said(403, "Form refused", "this form is not one of this page: open the request again")
        return await run_in_threadpool(_safely, work, request, fields, self._form(session))

    def _keep(self, request: WebRequest, response: Response, name: str, value: str) -> None:
        """Set a cookie that scripts cannot read, other sites do not send, and plain HTTP does not carry where HTTPS is there."""
        secure = self.secure or request.url.scheme == "https"
        response.set_cookie(name, value, httponly=True, samesite="strict", secure=secure)

    def _shut_out(self, request: WebRequest) -> Response | None:
        host = request.url.hostname or ""
        # Behind an address that stands for all, or a proxy, any name may be right; a foreign page lacks the cookie with the token.
        if not self.token and host not in self.hosts:
            return _said(400, "Wrong host", "this view is not served under that name")
        given = request.query_params.get("token", "")
        if self.token and request.method == "GET" and _same(given, self.token):
            response = RedirectResponse(request.url.path, 303)  # without the token in the address
            self._keep(request, response, ACCESS, self.token)
            return response
        if self.token and not _same(request.cookies.get(ACCESS, ""), self.token):
            over = "; over plain HTTP a browser keeps no access: put HTTPS before it" if self.secure else ""
            return _said(403, "No access", f"open the address with its token, which `untrain serve` printed{over}")
        return None

    def _is_own(self, request: WebRequest, session: str, fields: Fields) -> bool:
        """Return whether a form was sent by a page of this session."""
        origin = request.headers.get("origin", "")
        # HTTPS may end at a proxy, so that the scheme here is another than in the browser.
        foreign = bool(origin) and origin not in (f"http://{request.url.netloc}", f"https://{request.url.netloc}")
        return not foreign and _same(fields.get("token", [""])[0], self._form(session))

    def _form(self, session: str) -> str:
        """The token of the forms of a session, which no other site can know."""
        return hmac.new(self.secret, session.encode(), hashlib.sha256).hexdigest()


def _fields(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True, errors="replace")


async def _body(request: WebRequest, most: int) -> bytes | None:
    """The body of a form; None where it is too large."""
    found: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            return None
        found.append(piece)
    return b"".join(found)


def _safely(work: Work, request: WebRequest, fields: Fields, token: str) -> Response:
    try:
        page = work(request.path_params, fields, token)
    except RequestError as error:
        return _said(404 if "there is no request" in str(error) else 409, "Not possible", str(error))
    except BadInput as error:
        return _said(409, "Not possible", str(error))
    except UntrainError as error:
        return _said(500, "Failed", str(error))
    if page.to:
        return RedirectResponse(page.to, 303)
    saved = {"Content-Disposition": f'attachment; filename="{page.file}"'} if page.file else None
    return Response(page.body, page.code, saved, page.kind)


def _said(code: int, title: str, text: str) -> Response:
    return HTMLResponse(message_page(title, text), code)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))
