"""What a person who is logged in does by a button of a page: a form that no other site can send, and a tool of hosted servers,
of their catalog, or of feedback.

The tool decides as everywhere: by the person's roles, by the operator's word about trust (``ARCOPS_REMOTE_TRUST``), within the
person's limits, and with a record of how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.http import login_pages
from adapters.http.access import Door
from adapters.http.bound import Bound
from adapters.http.formed import called
from adapters.http.login import read_form
from adapters.http.login_cookies import is_forged
from adapters.http.read_limits import over_limit
from arcops.asks import questions, refuse_outside
from arcops.errors import ArcOpsError, Refused
from arcops.identity import Identity
from artifacts.wire import from_values
from capabilities.access.permitting import permitted
from capabilities.catalogue import tool_named
from capabilities.contract import Tool
from capabilities.place import Place

_MOST_FORM, _MOST_TEXT = 4096, 64 * 1024
"""Bytes of a form, of one with a long text: each byte of a letter may take three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """The buttons of a ``page`` about one thing of a name, which its address gives as ``named``. Their forms are sent to
    ``path``, with at most ``most`` bytes; ``tools`` are what each does. After one of ``ends`` the thing is gone, and ``listed``
    is shown. What a person writes is in the field ``typed``.
    """

    path: str
    page: str
    listed: str
    tools: Mapping[str, str]
    ends: frozenset[str] = frozenset()
    named: str = "name"
    most: int = _MOST_FORM
    typed: str = ""


ALL_BUTTONS = (
    Buttons(
        path="/server/act",
        page="server",
        listed="servers",
        tools={one: f"host_{one}" for one in ("start", "stop", "restart", "rollback", "switch", "remove", "allow", "deny")},
        ends=frozenset(("remove",)),
    ),
    Buttons(
        path="/catalog/act",
        page="catalog/entry",
        listed="catalog",
        tools={one: f"host_catalog_{one}" for one in ("approve", "refuse", "rate")},
        typed="reason",
    ),
    Buttons(
        path="/feedback/act",
        page="feedback",
        listed="feedback",
        tools={one: f"host_feedback_{one}" for one in ("give", "answer")},
        named="about",
        most=_MOST_TEXT,
        typed="text",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Lets people who are logged in at ``door`` act at ``place``."""

    door: Door
    bound: Bound
    place: Callable[[], Place]

    def routes(self) -> list[BaseRoute]:
        """The routes that the forms are sent to; before those of the pages, which can only be read."""
        if self.door.people is None:
            return []
        return [Route(one.path, partial(self._act, one), methods=["POST"]) for one in ALL_BUTTONS]

    async def _act(self, buttons: Buttons, request: Request) -> Response:
        people = self.door.people
        form = await read_form(request, buttons.most)
        name, do = form.get(buttons.named, "")[:200], form.get("do", "")
        said = partial(self._said, buttons, name)
        try:
            found = await people.found(request.headers) if people is not None else None
            if found is None:
                ours = not is_forged(request.headers, self.bound.origins, given="-", expected="-")
                kept = login_pages.typed_again(form, buttons.typed, "") if ours else ""
                return said(401, "you are not logged in; open the page again", kept)
            who, person = found
            if is_forged(request.headers, self.bound.origins, given=form.get("form", ""), expected=person.form):
                self._denied(request, who, "form")
                return said(403, "this does not come from a page of this server")
            again = login_pages.typed_again(form, buttons.typed, f"{self.bound.url}{buttons.path}")
            said = partial(said, more=again)
            tool = tool_named(buttons.tools.get(do, ""))
            if tool is None or not name:
                return said(400, "this form does not say what to do with which of them; open the page again")
            given = _given(tool, form)
            try:
                ask = from_values(tool.ask, given)
                refuse_outside(ask)
            except Refused as error:
                return said(400, str(error))
            decision = permitted(tool, ask, who, self.door.authorization)
            if not decision.allowed:
                self._denied(request, who, "policy", tool.name)
                return said(403, decision.reason)
            if self.door.limits is not None:
                door, back = self.door, self._address(buttons, name)
                over = await over_limit(request.scope, who, tool.name, self.door.limits, door.accounts, back=back, more=again)
                if over is not None:
                    return over
            at = replace(self.place(), caller=who)
            await called(tool, ask, at, given, request.scope, who, self.door.accounts)
        except Refused as error:
            return said(409, str(error))
        except ArcOpsError as error:
            return said(503, str(error))
        there = self._address(buttons, "" if do in buttons.ends else name)
        return RedirectResponse(there, status_code=303, headers={"Cache-Control": "no-store"})

    def _denied(self, request: Request, who: Identity, reason: str, tool: str = "") -> None:
        if self.door.accounts is not None:
            self.door.accounts.denied(request.scope, who, reason, tool=tool, action="tools/call")

    def _said(self, buttons: Buttons, name: str, status: int, text: str, more: str = "") -> Response:
        back = self._address(buttons, name)
        return login_pages.said(status, "Nothing was done", text, go_on=back, words="Back", more=more)

    def _address(self, buttons: Buttons, name: str) -> str:
        """The page of *name*; that of all of them without a name."""
        return f"{self.bound.url}/" + (f"{buttons.page}?{urlencode({buttons.named: name})}" if name else buttons.listed)


def _given(tool: Tool[Any, Any], form: Mapping[str, str]) -> dict[str, object]:
    """What *form* says of the ask of *tool*. A text that should be a number, and is not one, stays a text, which is refused."""
    given: dict[str, object] = {}
    for one in questions(tool.ask):
        said = form.get(one.name)
        if said is not None:
            said = said.replace("\r\n", "\n")  # as a browser sends the end of a line
            given[one.name] = int(said) if one.hint is int and said.isascii() and said.isdigit() else said
    return given
