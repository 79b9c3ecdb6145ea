"""HTTP answers: security headers, validators, conditional requests, and problems that say what to do next."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from artifacts.wire import JSON

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The headers of every answer of the pages. A front that answers errors itself adds these to them.

The referrer goes to no other site. Without any, a browser would say of a form of ours that its origin is unknown.
"""

FOREVER = "private, max-age=31536000, immutable"
"""For what is named by its content. Private, because the front decides who may read it."""
ASK_AGAIN = "private, no-cache"
"""For what is checked for each request."""

_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")
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


def prefers_json(accept: str) -> bool:
    """Does the Accept field *accept* (RFC 9110, 12.5.1) prefer JSON to a page? A page is what is given in doubt.

    If both weigh the same, what is named by itself is preferred to what only ``*/*`` allows.
    """
    weights = {"application/json": -1.0, "text/html": -1.0, "application/*": -1.0, "text/*": -1.0, "*/*": -1.0}
    for part in accept.lower().split(","):
        name, *parameters = (one.strip() for one in part.split(";"))
        if name in weights:
            weights[name] = max(weights[name], _weight(parameters))
    anything = weights["*/*"]
    asked, page = (
        next((one for one in (weights[exact], weights[some], anything) if one >= 0), 0.0)
        for exact, some in (("application/json", "application/*"), ("text/html", "text/*"))
    )
    named = weights["application/json"] > 0 > weights["text/html"]
    return asked > page or (named and asked == page)


def _weight(parameters: list[str]) -> float:
    """The weight in *parameters*; 1 if none is given, 0 if it is not one."""
    for one in parameters:
        name, _, value = one.partition("=")
        if name.strip() == "q":
            found = _WEIGHT.match(value.strip())
            return float(found[0]) if found else 0.0
    return 1.0


def json_reply(value: JSON, **more: Any) -> Reply:
    """*value* as an answer in JSON, in ASCII, so that no character in it is invisible."""
    return Reply(body=json.dumps(value, indent=1).encode() + b"\n", kind="application/json", **more)


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
    headers = {**HEADERS, "Cache-Control": reply.keep, "Vary": "Accept, Authorization, Cookie", **reply.more}
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
