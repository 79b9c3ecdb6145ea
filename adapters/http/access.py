"""Who may call what: OAuth 2.1 bearer tokens for every part that shows or does something (RFC 6750, RFC 9728), and API keys.

Without an issuer of tokens, the user who started the server is served by the secret of this start (`opening`), and only
directly: a request that came through a proxy is from another machine. What a caller may do is decided by the policy of this
place (`foundation.authorization`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.accounts import Accounts
from adapters.http.callers import NO_SECRET, NotIn, by_token, other_login, refused_here, shown
from adapters.http.calls import CALL as CALLED
from adapters.http.calls import DECISION, Call
from adapters.http.login_cookies import is_page, only_looks
from adapters.http.login_pages import not_for
from adapters.http.opening import UserOpening
from adapters.http.quotas import RETRY_SECONDS, Quotas, Shares
from adapters.http.read_limits import over_limit
from adapters.http.reading import RecordedPages
from adapters.http.standing import WhileLetIn
from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from capabilities.access.permitting import permitted
from capabilities.contract import Scope as Permission
from capabilities.contract import Tool
from foundation.authorization.authorizing import Authorization, decide, nearby
from foundation.authorization.decision import Decision
from foundation.authorization.objects import CALL
from foundation.authorization.stronger import stronger
from foundation.identity.accepting import KEY_PREFIX, Accepting, caller_of
from foundation.limits.deciding import Deciding
from foundation.login.person import MAY, PERSON
from foundation.tokens import PREFIX, Caller

if TYPE_CHECKING:  # a door without people needs no database
    from adapters.http.login import People

CALLER, IDENTITY = "arcops.caller", "arcops.identity"
"""The keys of the `Caller` and of the `Identity` in an ASGI scope."""
METADATA = "/.well-known/oauth-protected-resource"
ANONYMOUS = Caller(name="", scopes=frozenset(one.value for one in Permission if one is not Permission.TRUST))
"""A caller on this machine if there are no tokens. Their identity is not known, so they may not change what counts here."""
NEARBY = nearby(*sorted(ANONYMOUS.scopes))
"""The identity of `ANONYMOUS`."""
TO_READ = "list_artifacts"
"""Who may call this tool may read what is kept here."""
STATIC = "/static/"
"""Files that every page needs, which say nothing of this place: they are no reading."""
_BODY_SECONDS = 30.0
_UNAUTHORIZED, _FORBIDDEN, _PARSE_ERROR = -32001, -32003, -32700


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks: whether a caller ``may``, the scopes of a token that allow it, and the ``call`` of a tool in it.

    ``reading``: it reads a resource, which counts for the caller's limits; ``id`` is then its id in JSON-RPC.
    """

    scopes: tuple[Permission, ...]
    may: Callable[[Identity], Decision]
    call: Call | None = None
    reading: bool = False
    id: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who may enter at a front: callers with a token or an API key, or without an issuer this user; and their quotas.

    ``authorization`` says what they may do, ``limits`` how often they may call tools, and ``accounts``, if it is given, keeps
    the record of it. ``people`` logs people in.
    """

    accepting: Accepting
    authorization: Authorization
    accounts: Accounts | None = None
    opening: UserOpening | None = None
    people: People | None = None
    quotas: Quotas = field(default_factory=Quotas)
    requests: Shares | None = None
    limits: Deciding | None = None

    def for_readers(self, app: ASGIApp, resource: str, *, counted: bool = False) -> Guard:
        """*app* for callers who may read, also in a browser; what they read is recorded, and counts if it is *counted*."""
        shown = RecordedPages(app=app, accounts=self.accounts) if self.accounts is not None else app
        return Guard(
            app=shown,
            door=self,
            resource=resource,
            asks=lambda _: reads(self.authorization),
            limit=0,
            pages=True,
            counted=counted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Passes a request to ``app`` with its `Caller`, or answers 400, 401, 403 or 429 itself.

    ``resource`` is this server's URL for clients. ``asks`` reads from the body what a request asks, and raises `Refused` if it
    can be read in more than one way. ``limit`` is the most bytes of a body that is read. ``pages`` says that a browser's cookie
    is enough to look, and that a person is shown how to get one; ``counted`` that each request counts for the caller's limits.
    The door's shares limit the requests of one caller at the same
    time, over all guards.
    """

    app: ASGIApp
    door: Door
    resource: str
    asks: Callable[[bytes], Asked]
    limit: int
    pages: bool = False
    counted: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = await self._identify(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        shares = self.door.requests
        if shares is None:
            await self._let_through(scope, receive, send)
            return
        caller: Caller = scope[CALLER]
        one: Identity = scope[IDENTITY]
        known = "\n".join((one.issuer, one.tenant, one.id))  # callers of two issuers or tenants may have the same id
        who = known if caller.id else str((scope.get("client") or ("",))[0])
        try:
            shares.take(who)
        except Unavailable as error:
            await _answer(429, str(error), retry=RETRY_SECONDS)(scope, receive, send)
            return
        try:
            await self._let_through(scope, receive, send)
        finally:
            shares.give(who)

    async def _let_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body, again = await _read(receive, self.limit)
        except TimeoutError:
            await _answer(408, f"the body did not come within {_BODY_SECONDS:.0f} seconds")(scope, receive, send)
            return
        if body is None:
            await _answer(413, f"the body is longer than {self.limit} bytes")(scope, again, send)
            return
        try:
            asked = self.asks(body)
        except Refused as error:
            await _answer(400, str(error), code=_PARSE_ERROR)(scope, again, send)
            return
        caller: Identity = scope[IDENTITY]
        decision = asked.may(caller)
        if not decision.allowed:
            self._account(scope, "policy", asked.call.tool_name if asked.call is not None else "")
            await self._denied(scope, asked, decision)(scope, again, send)
            return
        scope[CALLED], scope[DECISION] = asked.call, decision
        if self.door.limits is not None and (asked.reading or (self.counted and not scope["path"].startswith(STATIC))):
            refusal = await over_limit(scope, caller, TO_READ, self.door.limits, self.door.accounts, asked.id)
            if refusal is not None:
                await refusal(scope, again, send)
                return
        if asked.call is None:  # a call goes on, but what it answers may be a stream that does not end by itself
            again = WhileLetIn(again, partial(self._still_let_in, scope, asked))
        await self.app(scope, again, send)

    async def _still_let_in(self, scope: Scope, asked: Asked) -> bool:
        """May the caller still ask what they *asked*? If what they showed cannot be looked at now, they may until it can."""
        now = dict(scope)
        refusal = await self._identify(now)
        if refusal is not None:
            return refusal.status_code == 503
        who, was = now[IDENTITY], scope[IDENTITY]
        return (who.issuer, who.tenant, who.id) == (was.issuer, was.tenant, was.id) and asked.may(who).allowed

    def _denied(self, scope: Scope, asked: Asked, decision: Decision) -> Response:
        caller: Identity = scope[IDENTITY]
        acr = stronger(caller, asked.may, self.door.authorization)
        why = why_not(decision, asked.scopes, caller)
        person, people = scope.get(PERSON), self.door.people
        if person is not None:
            return not_for(person, why, people.otherwise(scope, acr) if people is not None and acr else "")
        metadata = f'resource_metadata="{self._metadata()}"'
        if acr:
            found = other_login(acr, metadata)
            return _answer(found.status, found.said, found.challenge)
        needed = " ".join(f"{PREFIX}{one.value}" for one in asked.scopes)
        return _answer(403, why, f'Bearer error="insufficient_scope", scope="{needed}", {metadata}')

    async def _identify(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        accepting = self.door.accepting
        secret = shown(headers.get("authorization", ""))
        if not accepting.tokens and not secret.startswith(KEY_PREFIX):
            return self._is_this_user(scope, headers)
        metadata = f'resource_metadata="{self._metadata()}"' if accepting.tokens else ""
        if not secret and self.pages and self.door.people is not None and "authorization" not in headers:
            return await self._is_logged_in(self.door.people, scope, headers, metadata)
        found = await by_token(accepting, secret, metadata)
        if isinstance(found, NotIn):
            if found.token:
                self._account(scope, "token", who=found.who)
            return _answer(found.status, found.said, found.challenge)
        scope[IDENTITY] = found
        scope[CALLER] = caller_of(found)
        return None

    def _account(self, scope: Scope, reason: str, tool: str = "", who: Identity | None = None) -> None:
        if self.door.accounts is not None:
            self.door.accounts.denied(scope, who or scope.get(IDENTITY), reason, tool=tool)

    async def _is_logged_in(self, people: People, scope: Scope, headers: Headers, metadata: str) -> Response | None:
        """Lets a person in who looks at a page and is logged in; another one is sent to log in."""
        looks = only_looks(scope["method"], headers)
        try:
            found = await people.found(headers) if looks else None
        except ArcOpsError as error:
            return people.not_now(error)
        if found is not None:
            scope[IDENTITY], scope[PERSON] = found
            scope[MAY] = partial(_why_they_may_not, found[0], self.door.authorization)
            scope[CALLER] = caller_of(found[0])
            return None
        if people.shows_one(headers):
            self._account(scope, "session")
        if looks and is_page(scope["method"], headers):
            return people.ask(scope)
        return _answer(401, "a bearer token is needed, or a person who is logged in and looks at a page", f"Bearer {metadata}")

    def _is_this_user(self, scope: Scope, headers: Headers) -> Response | None:
        opening = self.door.opening
        refused = refused_here(opening, scope, headers)
        if opening is None or refused is not None:
            refused = refused or NO_SECRET
            return _answer(refused.status, refused.said, refused.challenge)
        if opening.by_secret(headers) or (self.pages and opening.by_cookie(headers)):
            scope[CALLER], scope[IDENTITY] = ANONYMOUS, NEARBY
            return None
        if self.pages and scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
            return opening.page()
        return _answer(NO_SECRET.status, NO_SECRET.said, NO_SECRET.challenge)

    def _metadata(self) -> str:
        origin, path = _split(self.resource)
        return f"{origin}{METADATA}{path}"


def metadata(accepting: Accepting, resource: str) -> list[BaseRoute]:
    """The protected resource's metadata (RFC 9728), at the paths that clients read."""
    known = {
        "resource": resource,
        "authorization_servers": [one.issuer.name for one in accepting.tokens if one.issuer.reviewed is None],
        "scopes_supported": [f"{PREFIX}{one.value}" for one in Permission],
        "bearer_methods_supported": ["header"],
        "resource_name": "ArcOps",
    }

    async def answer(_: object) -> Response:
        return JSONResponse(known, headers={"Cache-Control": "max-age=3600", "Access-Control-Allow-Origin": "*"})

    _, path = _split(resource)
    return [Route(where, answer, methods=["GET"]) for where in dict.fromkeys((METADATA, f"{METADATA}{path}"))]


def reads(authorization: Authorization, call: Call | None = None) -> Asked:
    """What every request asks that only reads what is kept here, on a page or as a resource, or whose *call* does nothing."""
    return Asked(scopes=(Permission.READ,), may=lambda caller: decide(caller, CALL, TO_READ, None, authorization), call=call)


def why_not(decision: Decision, scopes: Iterable[Permission], caller: Identity) -> str:
    """Why *caller* is denied, in a sentence for them: the scope that they lack, or else what the policy says."""
    lacking = [one.value for one in scopes if one.value not in caller.scopes]
    return f"this needs the scope {PREFIX}{lacking[0]}, which the token does not grant" if lacking else decision.reason


def _why_they_may_not(who: Identity, authorization: Authorization, tool: Tool[Any, Any], ask: object) -> str:
    decision = permitted(tool, ask, who, authorization)
    return "" if decision.allowed else decision.reason


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}".rstrip("/")


def _answer(status: int, said: str, challenge: str = "", *, code: int = 0, retry: int = 0) -> Response:
    code = code or {401: _UNAUTHORIZED, 403: _FORBIDDEN}.get(status, -32600)
    headers = {**({"WWW-Authenticate": challenge} if challenge else {}), **({"Retry-After": str(retry)} if retry else {})}
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": said[:1000]}}
    return JSONResponse(body, status_code=status, headers=headers)


async def _read(receive: Receive, limit: int) -> tuple[bytes | None, Receive]:
    """The body, or ``None`` if it is longer than *limit*, and a `Receive` that gives the body again."""
    parts: list[bytes] = []
    size, more = 0, True
    last: Message = {"type": "http.request", "body": b"", "more_body": False}
    while more:
        message = await receive()
        if message["type"] != "http.request":
            last, more = message, False
            continue
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return None, receive
        more = message.get("more_body", False)
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if last["type"] != "http.request":
            return last
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return body, again
