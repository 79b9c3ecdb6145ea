"""The two cookies of people: of a session, and of a login that has begun; and which requests a cookie counts for.

Over https their names begin with ``__Host-``, so that no other host and no page without TLS can set them (RFC 6265bis, section
4.1.3.2). A browser sends a cookie of this machine to every port, so at loopback the name has the port.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

from foundation.login.started import STARTED_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """The cookies of the server at ``url``."""

    url: str

    def session(self, headers: Headers) -> str:
        """The secret of the session that a browser shows, or nothing."""
        return self._shown(headers, "session")

    def started(self, headers: Headers) -> str:
        """The login that a browser began, sealed, or nothing."""
        return self._shown(headers, "login")

    def put_session(self, answer: Response, token: str) -> None:
        """Let the browser keep the secret *token* until it is closed; the server says when the session ends."""
        self._put(answer, "session", token)

    def put_started(self, answer: Response, value: str) -> None:
        self._put(answer, "login", value, round(STARTED_SECONDS))

    def drop_session(self, answer: Response) -> None:
        self._put(answer, "session", "", 0)

    def drop_started(self, answer: Response) -> None:
        self._put(answer, "login", "", 0)

    @property
    def _secure(self) -> bool:
        return self.url.startswith("https://")

    def _name(self, what: str) -> str:
        return f"__Host-arcops-{what}" if self._secure else f"arcops-{what}-{urlsplit(self.url).port or 80}"

    def _shown(self, headers: Headers, what: str) -> str:
        return cookie_parser(headers.get("cookie", "")).get(self._name(what), "")

    def _put(self, answer: Response, what: str, value: str, seconds: int | None = None) -> None:
        answer.set_cookie(
            self._name(what), value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )


def only_looks(method: str, headers: Headers) -> bool:
    """Is it a request to look, from our own page, or from a person who goes to an address, also by a link elsewhere?

    A cookie alone counts for nothing else. A page at another port of this machine is of the same site, so its requests come
    with our cookie; the browser says whose they are (``Sec-Fetch-Site``).
    """
    if method not in ("GET", "HEAD"):
        return False
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return True
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def is_forged(headers: Headers, origins: Collection[str], *, given: str, expected: str) -> bool:
    """May a request that changes something, and comes with our cookie, be another site's doing?

    It is not, only if the browser names no other origin and no other site than ours, and the form sent the word *expected*.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in origins:
        return True
    if site is not None and site != "same-origin":
        return True
    return not expected or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def is_page(method: str, headers: Headers) -> bool:
    """Does a browser ask for a page to show to a person?"""
    shows = "text/html" in headers.get("accept", "") and headers.get("sec-fetch-dest", "document") == "document"
    return method in ("GET", "HEAD") and shows
