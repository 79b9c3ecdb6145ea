"""What a person who is logged in does by a button of a page: a form that no other site can send, and a tool of a hosted server.

The tool decides as everywhere: by the person's roles, by the operator's word about trust (``ARCOPS_REMOTE_TRUST``), and with a
record of how it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.http.access import Door
from adapters.http.bound import Bound
from adapters.http.login import read_form
from adapters.http.login_cookies import is_forged
from arcops.errors import ArcOpsError, Refused
from arcops.identity import Identity
from capabilities.access.permitting import permitted
from capabilities.catalogue import all_tools
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.watching import watched

PATH = "/server/act"
ACTS = {one: f"host_{one}" for one in ("start", "stop", "restart", "rollback", "remove")}
"""What a button says, and the tool that does it."""
_MOST_FORM = 4096
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Lets people who are logged in at ``door`` act at ``place``."""

    door: Door
    bound: Bound
    place: Callable[[], Place]

    def routes(self) -> list[BaseRoute]:
        """The route that the forms are sent to; before those of the pages, which can only be read."""
        return [Route(PATH, self._act, methods=["POST"])] if self.door.people is not None else []

    async def _act(self, request: Request) -> Response:
        people = self.door.people
        form = await read_form(request, _MOST_FORM)
        name = form.get("name", "")[:63]
        try:
            found = await people.found(request.headers) if people is not None else None
            if found is None:
                return _said(401, "you are not logged in; open the page again", name)
            who, person = found
            if is_forged(request.headers, self.bound.origins, given=form.get("form", ""), expected=person.form):
                return self._denied(request, who, "form", 403, "this does not come from a page of this server", name)
            tool = next((one for one in all_tools() if one.name == ACTS.get(form.get("do", ""))), None)
            if tool is None or not name:
                return _said(400, "this form does not say what to do with which server; open the page again", name)
            ask = tool.ask(name=name)
            decision = permitted(tool, ask, who, self.door.authorization)
            if not decision.allowed:
                return self._denied(request, who, "policy", 403, decision.reason, name, tool.name)
            await self._done(request, tool, ask, who, name)
        except Refused as error:
            return _said(409, str(error), name)
        except ArcOpsError as error:
            return _said(503, str(error), name)
        there = "servers" if tool.name == ACTS["remove"] else f"server?{urlencode({'name': name})}"
        return RedirectResponse(f"{self.bound.url}/{there}", status_code=303, headers={"Cache-Control": "no-store"})

    async def _done(self, request: Request, tool: Tool[Any, Any], ask: object, who: Identity, name: str) -> None:
        """Call *tool*, with a record of how it ended."""
        accounts = self.door.accounts
        kept = None
        if accounts is not None:
            kept = accounts.begin(request.scope, who, tool=tool.name, arguments={"name": name}, known=("name",))
        at = replace(self.place(), caller=who)
        try:
            answer = await asyncio.to_thread(watched, tool, ask, at)
        except BaseException as error:
            if kept is not None:
                kept.failed(error)
            raise
        if kept is not None:
            kept.answered(answer)

    def _denied(
        self, request: Request, who: Identity, reason: str, status: int, said: str, name: str, tool: str = ""
    ) -> Response:
        if self.door.accounts is not None:
            self.door.accounts.denied(request.scope, who, reason, tool=tool, action="tools/call")
        return _said(status, said, name)


def _said(status: int, said: str, name: str) -> Response:
    back = f"server?{urlencode({'name': name})}" if name else "servers"
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Nothing was done</title><h1>Nothing was done</h1>'
        f'<p>{escape(said[:1].upper() + said[1:])}.</p><p><a href="../{escape(back)}">Back</a></p></html>'
    )
    return HTMLResponse(body, status_code=status, headers=_HEADERS)
