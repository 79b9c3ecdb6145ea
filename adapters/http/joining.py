"""Joining by an invitation in a browser, for someone without an account here: the token, then the ticket, is what counts.

These pages are for anyone who reaches the address, so the operator has to say so (``ARCOPS_JOIN_PUBLIC``). They set and read no
cookie: what the next step needs is in its form, so a form of another site could only use a token of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.http import login_pages
from adapters.http.accounts import Accounts
from adapters.http.beginning import address_of
from adapters.http.formed import called
from adapters.http.login import read_form
from adapters.web.pages import static_route
from adapters.web.replies import Reply, respond
from adapters.web.words import render
from arcops.errors import ArcOpsError, Refused
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.server.joining import (
    HostJoinAccept,
    HostJoinFinish,
    HostJoinVerify,
    host_join_accept,
    host_join_finish,
    host_join_verify,
)
from foundation.limits.beginnings import Beginnings

PATH = "/join"
MOST_AT_ONCE = 4
"""People whose step is being done; the next one is asked to try again."""
_MOST_FORM = 4096
_WAYS = ("dns", "mail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Lets anyone with an invitation join at ``place``, whose servers are reached at ``url`` if its settings name no public
    address; each step has a record in ``accounts``. ``keys``: API keys are accepted here. ``begun`` says how often one address
    may take a step.
    """

    accounts: Accounts | None
    place: Callable[[], Place]
    url: str
    keys: bool
    begun: Beginnings
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    def routes(self) -> list[BaseRoute]:
        """The routes, before those of the pages for readers; none unless the operator said so. Raises `Refused` if the key that
        a person would get opened nothing here.
        """
        if not self.place().settings.join_public:
            return []
        if not self.keys:
            raise Refused(
                "ARCOPS_JOIN_PUBLIC lets people join who get an API key, and none is accepted here: name an issuer of tokens, "
                "or in ARCOPS_ROOTS the folders that callers may name"
            )
        return [
            Route(PATH, self._begin, methods=["GET"]),
            Route(PATH, self._step, methods=["POST"]),
            static_route(),
        ]

    async def _begin(self, request: Request) -> Response:
        return _page(request, {})

    async def _step(self, request: Request) -> Response:
        if wait := self.begun.wait(address_of(request.scope)):
            return login_pages.too_often(wait, go_on=PATH.removeprefix("/"))
        form = await read_form(request, _MOST_FORM)
        ticket = form.get("ticket", "").strip()
        try:
            if self.turns.locked():
                return _page(request, {"ticket": ticket}, 503, "many people join just now; try again in a few seconds")
            async with self.turns:
                return _page(request, await self._done(request, form, ticket))
        except Refused as error:
            return _page(request, {"ticket": ticket}, 409, str(error))
        except ArcOpsError as error:
            return _page(request, {"ticket": ticket}, 503, str(error))

    async def _done(self, request: Request, form: Mapping[str, str], ticket: str) -> dict[str, object]:
        """What the page shows after the step that *form* asks for."""
        match form.get("do", ""):
            case "accept":
                by = form.get("by", "")
                if by not in _WAYS:
                    raise Refused("say how your domain is verified: by a DNS record, or by mail")
                accept = HostJoinAccept(token=form.get("token", "").strip(), by=by)
                begun = await self._called(request, host_join_accept, accept)
                return {"ticket": begun.ticket, "begun": begun, "by": by}
            case "verify":
                ask = HostJoinVerify(ticket=ticket, code=form.get("code", "").strip())
                found = await self._called(request, host_join_verify, ask)
                return {"ticket": ticket, "verified": found, "by": form.get("by", "")}
            case "finish":
                return {"joined": await self._called(request, host_join_finish, HostJoinFinish(ticket=ticket))}
        raise Refused("this form does not say what to do; begin again")

    async def _called(self, request: Request, tool: Tool[Any, Any], ask: Any) -> Any:
        """The answer of *tool*, with a record of how it ended."""
        given = {name: value for name, value in asdict(ask).items() if value}
        if not given.get("token", given.get("ticket")):
            raise Refused("give the token that you were sent, or the ticket that you got for it")
        return await called(tool, ask, self._at(), given, request.scope, None, self.accounts)

    def _at(self) -> Place:
        at = self.place()
        settings = replace(at.settings, public_url=at.settings.public_url or self.url)
        return replace(at, settings=settings, caller=None)


def _page(request: Request, values: Mapping[str, object], status: int = 200, wrong: str = "") -> Response:
    known: dict[str, object] = {"ticket": "", "begun": None, "verified": None, "joined": None, "by": "", **values}
    base = str(request.scope.get("root_path", "")).rstrip("/") + "/"
    said = f"{wrong[:1].upper()}{wrong[1:]}." if wrong else ""
    body = render("join.html", base=base, here="join", person=None, wrong=said, **known)
    return respond(request, Reply(body=body, status=status, keep="no-store"))
