"""People log in to the pages: by the provider, with the authorization code flow and PKCE; and log out, here and there.

A session is for reading pages, never for tools. What an unknown caller begins costs no memory: it is in their own cookie.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from adapters.http import login_pages
from adapters.http.accounts import Accounts
from adapters.http.beginning import address_of, begun_at
from adapters.http.bound import Bound
from adapters.http.login_cookies import Cookies, is_forged
from adapters.http.quotas import Shares
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.claims import NotAccepted
from foundation.database.late import Late
from foundation.identity.accepted import Accepted
from foundation.identity.accepting import Revocations
from foundation.limits.beginnings import Beginnings
from foundation.login import exchange
from foundation.login.id_token import SignedTokens, logged_in, logged_out
from foundation.login.person import Person
from foundation.login.provider import Discovery, Provider
from foundation.login.sessions import Session, Sessions, form_word
from foundation.login.settings import DOCUMENT_PATH, LoginSettings, read_login
from foundation.login.started import (
    Failed,
    Started,
    acr_values,
    answer_to,
    authorize_url,
    code_in,
    local_path,
    opened,
    sealed,
    with_query,
)
from foundation.login.stored import stored_sessions
from foundation.settings import Settings
from foundation.tokens import Issuer

MOST_AT_ONCE, MOST_OF_ONE = 64, 8
"""The most logins that wait for the provider at the same time: of all, and of one address."""
_BODY_SECONDS = 30.0
_MOST_FORM, _MOST_TOKEN = 4096, 32 * 1024
_MOST_PARTS = 20
_NOT_NOW = "this server cannot log people in now; its operator finds the reason in the log"
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class People:
    """The way in for people. ``now`` is in seconds since 1970. A session that was begun before ``revoked`` names its person
    does not count.
    """

    settings: LoginSettings
    bound: Bound
    discovery: Discovery
    tokens: SignedTokens
    stored: Late[Sessions]
    environment: Mapping[str, str]
    now: Callable[[], float]
    accounts: Accounts | None = None
    revoked: Revocations | None = None
    _waiting: Shares = field(default_factory=lambda: Shares(MOST_AT_ONCE, "logins that wait for the provider"))
    _of_one: Shares = field(default_factory=lambda: Shares(MOST_OF_ONE, "logins that wait for the provider"))
    _asking: asyncio.Task[Provider] | None = None
    _cookies: Cookies = field(init=False)
    begun: Beginnings = field(init=False)

    def __post_init__(self) -> None:
        self._cookies = Cookies(url=self.settings.url)
        self.begun = begun_at(self.bound, self.environment)

    async def found(self, headers: Headers) -> tuple[Identity, Person] | None:
        """Who is logged in, by the session that a browser shows. Raises `ArcOpsError` if the sessions cannot be read."""
        token = self._cookies.session(headers)
        if not token:
            return None
        session = await asyncio.to_thread(self._session, token)
        if session is None:
            return None
        who = session.identity
        leave = f"{urlsplit(self.settings.url).path}/logout"
        return who, Person(name=session.name, id=who.id, issuer=who.issuer, leave=leave, form=form_word(token))

    def _session(self, token: str) -> Session | None:
        session = self.stored.opened().find(token, self._clock())
        if session is None or self.revoked is None:
            return session
        begun, until = session.begun.timestamp(), session.until.timestamp()
        try:
            self.revoked.refuse(Accepted(identity=session.identity, issued=begun, until=until), ())
        except NotAccepted:
            return None
        return session

    def shows_one(self, headers: Headers) -> bool:
        """Does the browser show a session, be it one that does not count?"""
        return bool(self._cookies.session(headers))

    def ask(self, scope: Scope) -> Response:
        """Send a browser to log in, and back to the page that it asked for."""
        answer = _redirect(f"{self._again}?{urlencode({'to': _wanted(scope)})}")
        if self.shows_one(Headers(scope=scope)):
            self._cookies.drop_session(answer)
        return answer

    def otherwise(self, scope: Scope, acr: Iterable[str]) -> str:
        """The address at which a person logs in with one of *acr*, to come back to the page that they asked for."""
        return f"{self._again}?{urlencode({'to': _wanted(scope), 'acr': ' '.join(acr)})}"

    def not_now(self, error: Exception) -> Response:
        """The answer if sessions cannot be read. The reason is for the operator: it may name folders."""
        _log.warning("people cannot be logged in: %s", error)
        return login_pages.said(503, "Not now", _NOT_NOW, go_on=self._again, words="Try again")

    def routes(self) -> list[BaseRoute]:
        """The routes to log in and out."""
        document = [Route(DOCUMENT_PATH, self._document, methods=["GET"])] if self.settings.document else []
        return [
            Route("/login", self._begin, methods=["GET"]),
            Route("/login/callback", self._come_back, methods=["GET"]),
            Route("/login/backchannel", self._told, methods=["POST"]),
            Route("/logout", self._leave, methods=["GET", "POST"]),
            *document,
        ]

    async def _begin(self, request: Request) -> Response:
        if wait := self.begun.wait(address_of(request.scope)):
            return login_pages.too_often(wait, go_on=self._again)
        started = Started(to=local_path(request.query_params.get("to", "/")), at=self.now())
        try:
            provider = await self._provider()
            value = sealed(started, await self._key(), self.settings)
        except ArcOpsError as error:
            return self.not_now(error)
        answer = _redirect(authorize_url(provider, self.settings, started, acr_values(request.query_params.get("acr", ""))))
        self._cookies.put_started(answer, value)
        return answer

    async def _come_back(self, request: Request) -> Response:
        address = address_of(request.scope)
        if wait := self.begun.wait(address):
            return login_pages.too_often(wait, go_on=self._again)
        try:
            with self._of_one.one(address), self._waiting.one(""):
                return await self._logged_in(request)
        except Failed as error:
            self._account(request.scope, "login", error.reason, error.who)
            answer: Response = self._said(400 if error.reason == "state" else 403, "You are not logged in", str(error))
            if error.reason != "state":
                self._cookies.drop_started(answer)
            return answer
        except ArcOpsError as error:
            self._account(request.scope, "login", type(error).__name__)
            return self.not_now(error)

    async def _logged_in(self, request: Request) -> Response:
        try:
            said = parse_qs(request.url.query, keep_blank_values=True, max_num_fields=_MOST_PARTS, errors="strict")
        except ValueError:
            raise Failed("state", "the answer of the provider cannot be read; log in again") from None
        cookie = self._cookies.started(request.headers)
        started = opened(cookie, await self._key(), self.settings, self.now()) if cookie else None
        started, parts = answer_to(started, said)
        provider = await self._provider()
        code = code_in(parts, provider, self.settings)
        token = await exchange.id_token(code, started, provider, self.settings, self.environment, now=self.now())
        who = await asyncio.to_thread(logged_in, self.tokens, token, started, self.settings)
        before = self._cookies.session(request.headers)

        def begin() -> str:
            return self.stored.opened().begin(who, self._clock(), instead=before)

        if self.accounts is None:
            session = await asyncio.to_thread(begin)
        else:
            with self.accounts.logging_in(request.scope) as tell:
                session = await asyncio.to_thread(begin)
                tell(who.identity)
        answer = _redirect(f"{self.settings.url}{started.to}")
        self._cookies.put_session(answer, session)
        self._cookies.drop_started(answer)
        return answer

    async def _leave(self, request: Request) -> Response:
        if request.method != "POST":
            return self._said(200, "Logged out", "you are not logged in here")
        form = await read_form(request, _MOST_FORM)
        try:
            found = await self.found(request.headers)
            if found is not None:
                who, person = found
                if is_forged(request.headers, self.bound.origins, given=form.get("form", ""), expected=person.form):
                    self._account(request.scope, "logout", "form", who)
                    said = "the request to log out does not come from a page of this server; use the button on a page"
                    return login_pages.said(403, "You are still logged in", said, go_on=self.settings.url, words="Go on")
                token = self._cookies.session(request.headers)
                await asyncio.to_thread(lambda: self.stored.opened().end(token))
                if self.accounts is not None:
                    self.accounts.left(request.scope, who)
        except ArcOpsError as error:
            return self.not_now(error)
        answer = await self._left() if found is not None else self._said(200, "Logged out", "you are not logged in here")
        self._cookies.drop_session(answer)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    async def _left(self) -> Response:
        """The page after logging out here: it goes on to the provider, if that has an address to log out at."""
        try:
            there = (await self._provider()).leave
        except ArcOpsError as error:
            _log.warning("a person is logged out here, and not at the provider: %s", error)
            there = ""
        if not there:
            return self._said(200, "Logged out", "you are logged out here, and not at the provider")
        asked = {"client_id": self.settings.client, "post_logout_redirect_uri": self.settings.ended}
        return login_pages.leaving(with_query(there, asked))

    async def _told(self, request: Request) -> Response:
        """The provider says that someone logged out there (OpenID Connect Back-Channel Logout 1.0, section 2.8)."""
        token = (await read_form(request, _MOST_TOKEN)).get("logout_token", "")
        try:
            told = await asyncio.to_thread(logged_out, self.tokens, token, self.settings)
            ended = await asyncio.to_thread(lambda: self.stored.opened().end_as_told(told))
        except NotAccepted as error:
            self._account(request.scope, "logout", "token")
            return _json(400, {"error": "invalid_request", "error_description": str(error)[:500]})
        except ArcOpsError as error:
            _log.warning("a logout that the provider told of could not be done: %s", error)
            return _json(503, {"error": "temporarily_unavailable"})
        if self.accounts is not None:
            for who in ended:
                self.accounts.left(request.scope, who, "provider")
        return _json(200, {})

    async def _document(self, _: Request) -> Response:
        """This server as a client, for a provider that knows clients by their address."""
        known = {
            "client_id": self.settings.client,
            "client_name": "ArcOps",
            "client_uri": self.settings.url,
            "redirect_uris": [self.settings.redirect],
            "post_logout_redirect_uris": [self.settings.ended],
            "backchannel_logout_uri": f"{self.settings.url}/login/backchannel",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "scope": " ".join(self.settings.scopes),
            "token_endpoint_auth_method": "none",
            "application_type": "web",
        }
        return JSONResponse(known, headers={"Cache-Control": "max-age=3600"})

    def _said(self, status: int, title: str, text: str) -> Response:
        return login_pages.said(status, title, text, go_on=self._again, words="Log in")

    @property
    def _again(self) -> str:
        return f"{self.settings.url}/login"

    async def _provider(self) -> Provider:
        """The provider. All who wait for its document share one thread: there are few, and a provider may be slow."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(asyncio.to_thread(self.discovery.provider))
        return await asyncio.shield(self._asking)

    async def _key(self) -> bytes:
        return await asyncio.to_thread(lambda: self.stored.opened().key())

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def _account(self, scope: Scope, action: str, reason: str, who: Identity | None = None) -> None:
        if self.accounts is not None:
            self.accounts.denied(scope, who, reason, action=action)


def people(
    settings: Settings,
    issuers: tuple[Issuer, ...],
    bound: Bound,
    environment: Mapping[str, str],
    *,
    now: Callable[[], float],
    fetch: Callable[[str, Tier], bytes],
    accounts: Accounts | None = None,
) -> People | None:
    """The way in for people at *bound*, if the operator set one (`read_login`, whose `Refused` it raises)."""
    login = read_login(environment, issuers, bound.url)
    if login is None:
        return None
    return People(
        settings=login,
        bound=bound,
        discovery=Discovery(settings=login, now=now, fetch=fetch),
        tokens=SignedTokens(issuer=login.issuer, now=now, fetch=fetch),
        stored=stored_sessions(settings, login),
        environment=environment,
        now=now,
        accounts=accounts,
    )


def _wanted(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("ascii", "replace")
    return local_path(scope.get("raw_path", b"/").decode("ascii", "replace") + (f"?{query}" if query else ""))


def _redirect(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def _json(status: int, body: Mapping[str, str]) -> Response:
    return JSONResponse(dict(body), status_code=status, headers={"Cache-Control": "no-store"})


async def read_form(request: Request, most: int) -> Mapping[str, str]:
    """The fields of a form with at most *most* bytes; nothing if it is longer, of another type, or has a field twice."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    return {}
        found = parse_qs(body.decode("ascii"), max_num_fields=_MOST_PARTS)
    except (TimeoutError, ValueError):
        return {}
    if kind != "application/x-www-form-urlencoded" or any(len(values) != 1 for values in found.values()):
        return {}
    return {name: values[0] for name, values in found.items()}
