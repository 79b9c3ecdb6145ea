"""HTTP answers: security headers, validators, conditional requests, and problems that say what to do next."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The headers of every answer of the pages. A front that answers errors itself adds these to them."""

FOREVER = "private, max-age=31536000, immutable"
"""For what is named by its content. Private, because the front decides who may read it."""
ASK_AGAIN = "private, no-cache"
"""For what is checked for each request."""

_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A body with its type, how long it may be kept, and its entity tag (made from the body if no tag is given)."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    keep: str = ASK_AGAIN
    tag: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


class Problem(Exception):
    """An error with its own page: the HTTP *status*, a title, what was found, and what to do next."""

    def __init__(self, status: int, title: str, said: str, next_step: str) -> None:
        super().__init__(said)
        self.status = status
        self.title = title
        self.said = said
        self.next_step = next_step


def respond(request: Request, reply: Reply) -> Response:
    """*reply* as the answer to *request*: 304 if the client has it already. For HEAD the server leaves the body out."""
    headers = {**HEADERS, "Cache-Control": reply.keep, "Vary": "Authorization, Cookie", **reply.more}
    if reply.status == 200:
        tag = reply.tag or f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
        headers["ETag"] = tag
        if _known(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
    headers["Content-Type"] = reply.kind
    return Response(reply.body, status_code=reply.status, headers=headers)


def _known(asked: str, tag: str) -> bool:
    """Does the If-None-Match field *asked* name *tag*? Compared weakly, as RFC 9110 (13.1.2) says."""
    return asked.strip() == "*" or tag in _TAG.findall(asked)
