"""Checks each request's host, origin, token and size before anything else handles it."""

import hmac
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .settings import LOOPBACK, Settings


PAGE: Final = Path(__file__).with_name("page")
OPEN_PATHS: Final = frozenset({"/", "/healthz", *(f"/{path.name}" for path in PAGE.iterdir())})  # need no token
REFUSED: Final = 1008  # WebSocket closing code for a policy violation
HEADERS: Final = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' blob: data:; connect-src 'self' ws: wss:"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """
    Refuses requests that no legitimate visitor sends, before anything else handles them.

    A browser lets a page of any site open a WebSocket to this server or post a form to it. Requests from another
    origin are therefore refused and, on a loopback address, requests for another host (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        problem = self._problem(scope)
        if problem is not None:
            return await _refuse(scope, receive, send, *problem)
        if scope["type"] == "http":
            receive, send = _limited(receive, self._settings.max_body), _with_headers(send)
            try:
                return await self._app(scope, receive, send)
            except _TooLargeError:
                return await _refuse(scope, receive, send, 413, self._too_large)
        await self._app(scope, receive, send)

    @property
    def _too_large(self) -> str:
        return f"a request may have at most {self._settings.max_body} bytes; send less"

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        headers, settings = Headers(scope=scope), self._settings
        host = headers.get("host", "")
        if settings.is_local and _split(f"//{host}").hostname not in LOOPBACK:
            return 403, f"this server answers only as {', '.join(LOOPBACK)}, got the host {host!r}"
        origin = headers.get("origin")
        # Proxies that replace the Host header put the original into X-Forwarded-Host, which no page can set.
        if origin is not None and _split(origin).netloc not in (host, headers.get("x-forwarded-host")):
            return 403, f"requests must come from this server's own pages, got the origin {origin!r}"
        if not headers.get("content-length", "0").isdecimal():
            return 400, "content-length must be a number"
        if int(headers.get("content-length", "0")) > settings.max_body:
            return 413, self._too_large
        if settings.token is not None and scope["path"] not in OPEN_PATHS:
            given = headers.get("authorization", "").removeprefix("Bearer ")
            given = given or parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if not hmac.compare_digest(given.encode(), settings.token.encode()):
                return 401, "a token is needed; send Authorization: Bearer TOKEN or ?token=TOKEN"
        return None


class _TooLargeError(Exception):
    pass


def _split(address: str) -> SplitResult:
    """The parts of an address; empty parts if it is invalid."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _limited(receive: Receive, most: int) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _TooLargeError
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": REFUSED, "reason": text})
    else:
        await PlainTextResponse(text, status)(scope, receive, send)
