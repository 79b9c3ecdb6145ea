"""How this user gets in if no issuer of tokens is configured: by a secret of this start, which other users cannot read.

An address of this machine proves nothing: requests of a local proxy come from there, and so do those of every local user.
Programs send the secret as a bearer token. A browser gets a cookie for it, by a link that opens once or by typing the secret.
The cookie is for looking, never for tools, and only for requests that our own pages make.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.http.bound import Bound
from foundation import nearby

PATH = "/open"
SECRET_FILE = "ARCOPS_SECRET_FILE"  # noqa: S105  # the name of a setting
_ONCE = "once"
_MOST_FORM = 4096
_OWN_REQUESTS = ("same-origin", "none")
_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


@dataclass(slots=True, kw_only=True)
class UserOpening:
    """The way in for this user. The secret is a file below the folder ``cache``, for this user's programs."""

    bound: Bound
    cache: Path
    secret: str = field(repr=False)
    _once: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def link(self) -> str:
        """The link that opens the pages in a browser, once."""
        scheme = "https" if self.bound.certificate else "http"
        host = f"[{self.bound.host}]" if ":" in self.bound.host else self.bound.host
        return f"{scheme}://{host}:{self.bound.port}{PATH}?{_ONCE}={self._once}"

    def by_secret(self, headers: Headers) -> bool:
        """Does the request carry the secret?"""
        kind, _, token = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and _same(token.strip(), self.secret)

    def by_cookie(self, headers: Headers) -> bool:
        """Does the request come from a browser that was let in, and from a page of ours or a person's own action?

        A browser sends a cookie to every port of a machine, and a page at another port counts as the same site. So the origin
        of the request is checked.
        """
        given = cookie_parser(headers.get("cookie", "")).get(self._name, "")
        return _same(given, self._cookie) and headers.get("sec-fetch-site", "none") in _OWN_REQUESTS

    def routes(self) -> list[BaseRoute]:
        """The routes that let a browser in."""
        return [Route(PATH, self._open, methods=["GET", "POST"])]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside this, this user's programs find the secret."""
        try:
            yield
        finally:
            nearby.forget(self.cache, self.bound.host, self.bound.port, secret=self.secret)

    def put(self) -> Path:
        """Write the secret and the link so that only this user can read them, and return the folder."""
        return nearby.put(self.cache, self.bound.host, self.bound.port, secret=self.secret, link=self.link)

    def page(self, said: str = "") -> Response:
        """The page that asks for the secret."""
        return HTMLResponse(_PAGE.format(said=escape(said)), status_code=401, headers=_FORM_HEADERS)

    @property
    def _name(self) -> str:
        return f"arcops-{self.bound.port}"

    @property
    def _cookie(self) -> str:
        """Made from the secret. It cannot be used instead of the secret."""
        return hmac.digest(self.secret.encode(), b"the cookie of arcops", hashlib.sha256).hex()

    async def _open(self, request: Request) -> Response:
        if request.method == "POST":
            body = b""
            async for part in request.stream():
                body += part
                if len(body) > _MOST_FORM:
                    return self.page("That is longer than any secret.")
            given = parse_qs(body.decode("ascii", "replace")).get("secret", [""])[0]
            if _same(given.strip(), self.secret):
                return self._let_in(request)
            return self.page("That is not the secret of this start.")
        once = request.query_params.get(_ONCE, "")
        if request.method == "GET" and once and _same(once, self._once):
            self._once = secrets.token_urlsafe(32)  # the link opens once; the file has the next one
            self.put()
            return self._let_in(request)
        return self.page("This link was used, or is from an earlier start." if once else "")

    def _let_in(self, request: Request) -> Response:
        answer = HTMLResponse(_GO, headers=_HEADERS)
        answer.set_cookie(
            self._name, self._cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
        )
        return answer


def opening(bound: Bound, cache: Path, environment: Mapping[str, str]) -> UserOpening:
    """The way in to *bound*. The secret is made now, or read from the file that ``ARCOPS_SECRET_FILE`` names.

    Raises `Refused` if others can read the file, or if it holds no secret.
    """
    named = environment.get(SECRET_FILE, "")
    made = UserOpening(bound=bound, cache=cache, secret=nearby.read_own(Path(named)) if named else secrets.token_urlsafe(32))
    made.put()
    return made


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_FORM_HEADERS = {**_HEADERS, "Referrer-Policy": "same-origin"}
"""For the page with the form: a browser says of a form whose page sends no referrer at all that its origin is unknown."""
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>ArcOps</title>
<h1>Sign in</h1><p>{said}</p>
<p>This server answers only to the user who started it. It printed the name of its folder when it started. Open the link in the
file <code>link</code> of that folder, or type the secret from the file <code>secret</code> beside it.</p>
<form method="post" action="/open"><label>Secret <input type="password" name="secret" autocomplete="off" required></label>
<button>Open</button></form></html>"""
_GO = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>ArcOps</title>
<p><a href="/">Go on</a></p></html>"""
