"""``/all/mcp``: the tools, prompts and resources of all hosted servers under one address, each under a legal name that begins
with its server's.

Only listing is done here, from the verdicts of the servers. A call goes to its server as if its client had named that: through
the same permission, scope, limits, record, start and bridge, in a session of its own with that server.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw
from starlette.types import Scope

from adapters.relay.calling import no_such
from adapters.relay.exchange import Exchange
from adapters.relay.finding import FIND, FIND_TOOL, USE, USE_TOOL, found, unwrapped
from adapters.relay.legacy import Legacy, Request
from adapters.relay.modern import Fields, Modern
from adapters.relay.renaming import RENAMED, UPDATED, renamed, updated
from adapters.relay.together_changes import CHANGES, Changes
from adapters.relay.together_resources import METHOD as RESOURCES
from adapters.relay.together_resources import Reached, page
from arcops.identity import Identity
from foundation.audit.record import Outcome
from services.host import envelope
from services.host.envelope import INVALID_PARAMS, METHOD_NOT_FOUND, Malformed, Message
from services.host.eras import LEGACY_VERSION, META, MODERN_VERSION, lower_version
from services.host.handshake import Opening
from services.host.hosted import Row
from services.host.link import Link
from services.host.resource_names import own_uri
from services.host.sessions import Session, Sessions
from tasks.server.definitions import LISTS

if TYPE_CHECKING:  # the relay in a pod knows no verdicts and no rows
    from services.host.offers import Offer, Offered, Offers

ALL = "all"
"""The name under which all of them are; no hosted server has it (`services.host.reserved`)."""
ROW = Row(name=ALL, stateless=True)
MOST_LISTED = 100
"""Tools that are listed to one caller. Above it there are two that find the others and call them."""
FINDING = FIND.removeprefix("_")
"""The tool that finds others, in records and limits: names there begin with a letter."""
_MOST_KEPT = 1000
_INFO = {"name": "arcops-all", "version": "1"}
_CHANGING = {"listChanged": True}
_MODERN_CAPABILITIES = {"tools": _CHANGING, "prompts": _CHANGING, "resources": _CHANGING, "completions": {}}
_CAPABILITIES = {**_MODERN_CAPABILITIES, "resources": {**_CHANGING, "subscribe": True}}
_PASSED_ON = frozenset(one.method for one in CHANGES)
"""What a server tells of itself, and means here, too."""
_MODERN = b'"resultType":"complete","ttlMs":0,"cacheScope":"private",'
_LISTED = {method: (kind, member) for kind, (method, member, _) in LISTS.items()}
_CALLED = {"tools/call": "tool", "prompts/get": "prompt"}
_COMPLETED = {"ref/prompt": ("prompt", "name"), "ref/resource": ("template", "uri")}
_READ_ONE = "resources/read"
_READ = frozenset((_READ_ONE, "resources/subscribe", "resources/unsubscribe"))
_INSTRUCTIONS = (
    "Tools, prompts and resources of several servers. A name begins with its server's, and the address of a resource with "
    f"arcops:// and its server's name. A tool that is not in the list is found by {FIND}, if that is there, and called by "
    f"{USE}. "
    "The lists have what was judged; a server's own resources, as they are now, are listed after it was asked for something."
)


@dataclass(slots=True, kw_only=True, eq=False)
class Together:
    """Serves all of ``offers``. ``legacy`` and ``modern`` are how one server is asked."""

    offers: Offers
    legacy: Legacy
    modern: Modern
    sessions: Sessions
    for_legacy: TogetherLegacy = field(init=False)
    for_modern: TogetherModern = field(init=False)
    changes: Changes
    most_listed: int = MOST_LISTED
    _parts: dict[str, dict[str, Session]] = field(default_factory=dict)
    """The sessions with single servers, by the session with all of them and by server."""
    _reached: Reached = field(default_factory=Reached)
    _visible: OrderedDict[Identity, tuple[object, str, Mapping[str, bytes]]] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, offers: Offers, legacy: Legacy, modern: Modern) -> Together:
        """All *offers*, and how clients of both eras ask for them."""
        made = cls(offers=offers, legacy=legacy, modern=modern, sessions=legacy.sessions, changes=Changes(offers=offers))
        made.for_legacy = TogetherLegacy(calling=legacy.calling, sessions=legacy.sessions, together=made)
        made.for_modern = TogetherModern(calling=modern.calling, together=made)
        legacy.sessions.when_gone(made.gone)
        return made

    def opened(self, session: Session) -> bytes:
        """The result of ``initialize``."""
        session.version = lower_version(session.opening.version, LEGACY_VERSION)
        self.changes.opened(session)
        told = {"protocolVersion": session.version, "capabilities": _CAPABILITIES, "serverInfo": _INFO}
        return envelope.encoded({**told, "instructions": _INSTRUCTIONS})

    def gone(self, id: str) -> None:
        """The session *id* with all of them has ended: those with single servers end, too."""
        self.changes.gone(id)
        for part in self._parts.pop(id, {}).values():
            self.sessions.end(part, "the session with all servers ended")

    async def asked_by_legacy(
        self, scope: Scope, caller: Identity, session: Session, message: Message, id: bytes, exchange: Request
    ) -> bytes:
        """The answer to a request of a client up to 2025-11-25."""
        method, params = str(message.method), envelope.members(message.params)
        if method == RESOURCES:
            return await self._resources(params, caller, id, self._links(session), b"")
        here = await self._here(scope, method, params, caller, id, exchange, modern=False)
        if isinstance(here, bytes):
            return here
        server, changed = here
        row = self._row(server)
        part = self._part(session, row, caller)
        inner = Message(jsonrpc="2.0", id=message.id, method=method, params=Raw(envelope.encoded(changed)))
        part.requests[id] = exchange  # type: ignore[assignment]  # an `Exchange`, which can be aborted
        try:
            body = await self.legacy.asked(scope, row, caller, part, inner, id, exchange)
        finally:
            part.requests.pop(id, None)
        return renamed(body, server) if method in RENAMED else body

    async def asked_by_modern(
        self,
        scope: Scope,
        caller: Identity,
        fields: Fields,
        method: str,
        params: Mapping[str, Raw] | None,
        id: bytes,
        exchange: Exchange,
    ) -> bytes:
        """The answer to a request of a client of 2026-07-28."""
        if method == "server/discover":
            told = {"supportedVersions": [MODERN_VERSION], "capabilities": _MODERN_CAPABILITIES, "instructions": _INSTRUCTIONS}
            body = envelope.encoded({**told, "_meta": {META + "serverInfo": _INFO}})
            return envelope.result(id, b"{%b%b" % (_MODERN, body[1:]))
        if method == "subscriptions/listen":
            return await self.changes.listened(params, id, exchange, caller)
        if method == RESOURCES:
            return await self._resources(params, caller, id, self._reached.of(caller), _MODERN)
        here = await self._here(scope, method, params, caller, id, exchange, modern=True)
        if isinstance(here, bytes):
            return here
        server, changed = here
        met = partial(self._met, caller)
        body = await self.modern.asked(scope, self._row(server), caller, fields, method, changed, id, exchange, met)
        return renamed(body, server) if method in RENAMED else body

    async def _here(
        self,
        scope: Scope,
        method: str,
        params: Mapping[str, Raw] | None,
        caller: Identity,
        id: bytes,
        exchange: Request,
        *,
        modern: bool,
    ) -> bytes | tuple[str, Mapping[str, Raw]]:
        """The answer that is known here; or which server is asked instead, and the params for it."""
        given = dict(params or {})
        if method in _READ:
            return self._read(scope, method, given, caller, id)
        if method not in _LISTED and method not in _CALLED and method != "completion/complete":
            said = f"{method} is not to be had of all servers together; ask one of them at its own address, /NAME/mcp"
            return envelope.error(id, METHOD_NOT_FOUND, said)
        offered = await self.offers.now()
        extra = _MODERN if modern else b""
        if method in _LISTED:
            kind, member = _LISTED[method]
            return envelope.result(id, b'{%b"%b":[%b]}' % (extra, member.encode(), self._listed(kind, offered, caller)))
        if method == "completion/complete":
            return self._completed(given, offered, caller, id)
        kind, name = _CALLED[method], _text(given.get("name"))
        if kind == "tool" and name == FIND and self._many(offered, caller):
            return await self._found(scope, given, offered, caller, id, exchange, extra)
        if kind == "tool" and name == USE and self._many(offered, caller):
            name, arguments = unwrapped(given.get("arguments"))
            given["arguments"] = arguments
        offer = offered.by_name.get((kind, name))
        if offer is None or not self._may(offer, caller):
            self.legacy.calling.permitting.refused(scope, caller, ALL, method, params, "unlisted")
            return envelope.error(id, INVALID_PARAMS, f"there is no {kind} {name[:100]!r} for you here; list the {kind}s")
        return offer.server, {**given, "name": Raw(envelope.encoded(offer.own))}

    async def _resources(
        self, params: Mapping[str, Raw] | None, caller: Identity, id: bytes, links: Mapping[str, Link], extra: bytes
    ) -> bytes:
        """A page of the resources of all servers. Those of *links* run for *caller*, and are asked what they have now."""
        offered = await self.offers.now()
        cursor = _text((params or {}).get("cursor"))
        if not links and not cursor:
            return envelope.result(id, b'{%b"resources":[%b]}' % (extra, self._listed("resource", offered, caller)))
        judged: dict[str, list[bytes]] = {}
        for one in offered.of("resource"):
            judged.setdefault(one.server, []).append(one.definition)
        asked = {*judged, *(links.keys() & offered.servers)}
        servers = {name for name in asked if self._may_at(name, _READ_ONE, caller)}
        live = {name: one for name, one in links.items() if name in servers and name in offered.servers}
        found = await page(live, lambda server: judged.get(server, ()), servers, cursor)
        return envelope.result(id, b"{%b%b}" % (extra, found))

    def _links(self, session: Session) -> dict[str, Link]:
        """The servers that run for *session*, by name."""
        links = ((name, part.link) for name, part in self._parts.get(session.id, {}).items())
        return {name: link for name, link in links if link is not None and not link.ended}

    def _met(self, caller: Identity, link: Link) -> None:
        self._reached.met(caller, link)
        self.changes.reached(caller, link)

    def _read(
        self, scope: Scope, method: str, given: dict[str, Raw], caller: Identity, id: bytes
    ) -> bytes | tuple[str, Mapping[str, Raw]]:
        """Which server has the resource. It need not be listed: resources come and go, and are not judged one by one."""
        uri = _text(given.get("uri"))
        server, own = own_uri(uri)
        if not server or not self._may_at(server, _READ_ONE, caller):
            self.legacy.calling.permitting.refused(scope, caller, ALL, method, given, "unlisted")
            return envelope.error(id, INVALID_PARAMS, f"there is no resource {uri[:100]!r} for you here; list the resources")
        return server, {**given, "uri": Raw(envelope.encoded(own))}

    async def _found(
        self,
        scope: Scope,
        given: Mapping[str, Raw],
        offered: Offered,
        caller: Identity,
        id: bytes,
        exchange: Request,
        extra: bytes,
    ) -> bytes:
        """The answer of the tool that finds tools: limited, recorded and measured as a call of any other."""
        permit = await self.legacy.calling.permitting.permit_here(scope, caller, ALL, FINDING, given)
        exchange.headers = (*exchange.headers, *permit.headers)
        exchange.allowed()
        outcome, reason, message = Outcome.REFUSED, "request", None
        try:
            tools = [one for one in offered.tools if self._may(one, caller)]
            body = envelope.result(id, b"{%b%b" % (extra, envelope.encoded(found(tools, given.get("arguments")))[1:]))
            outcome, reason, message = Outcome.DONE, "", envelope.heard(body)
            return body
        finally:
            permit.ended(outcome, reason, message)

    def _completed(
        self, given: dict[str, Raw], offered: Offered, caller: Identity, id: bytes
    ) -> bytes | tuple[str, Mapping[str, Raw]]:
        ref = envelope.members(given.get("ref", UNSET)) or {}
        kind, named = _COMPLETED.get(_text(ref.get("type")), ("", ""))
        offer = offered.by_name.get((kind, _text(ref.get(named)))) if kind else None
        if offer is None or not self._may(offer, caller):
            said = "only arguments of a prompt or of a template of resources that is listed here are completed"
            return envelope.error(id, INVALID_PARAMS, said)
        return offer.server, {**given, "ref": Raw(envelope.encoded({**ref, named: offer.own}))}

    def _listed(self, kind: str, offered: Offered, caller: Identity) -> bytes:
        """The definitions that *caller* sees, with commas between. They are remembered until the policy or an offer changes."""
        policy = self._policy(caller)
        kept = self._visible.get(caller)
        if kept is None or kept[0] is not policy or kept[1] != offered.digest:
            kept = (policy, offered.digest, {one: self._definitions(one, offered, caller) for one in LISTS})
            self._visible[caller] = kept
            while len(self._visible) > _MOST_KEPT:
                self._visible.popitem(last=False)
        return kept[2][kind]

    def _definitions(self, kind: str, offered: Offered, caller: Identity) -> bytes:
        visible = [one.definition for one in offered.of(kind) if self._may(one, caller)]
        if kind == "tool" and len(visible) > self.most_listed:
            visible = [envelope.encoded(FIND_TOOL), envelope.encoded(USE_TOOL)]
        return b",".join(visible)

    def _many(self, offered: Offered, caller: Identity) -> bool:
        return self._listed("tool", offered, caller).startswith(envelope.encoded(FIND_TOOL))

    def _may(self, offer: Offer, caller: Identity) -> bool:
        tool = offer.own if offer.kind == "tool" else "prompts/get" if offer.kind == "prompt" else _READ_ONE
        return self._may_at(offer.server, tool, caller)

    def _may_at(self, server: str, tool: str, caller: Identity) -> bool:
        row = self.legacy.calling.hosted.row(server)
        return row is not None and self.legacy.calling.permitting.may(caller, row, tool)

    def _policy(self, caller: Identity) -> object:
        door = self.legacy.calling.permitting.door
        return door.authorization.policy_for(caller) if door is not None else None

    def _row(self, server: str) -> Row:
        row = self.legacy.calling.hosted.row(server)
        if row is None:
            raise no_such(server)
        return row

    def _part(self, session: Session, row: Row, caller: Identity) -> Session:
        """The session with the server of *row* inside of *session*. It can do nothing for a server: none may ask its client."""
        parts = self._parts.setdefault(session.id, {})
        part = parts.get(row.name)
        if part is None or self.sessions.find(part.id, row.name, caller) is not part:
            opening = Opening(version=session.opening.version, client=session.opening.client)
            part = parts[row.name] = self.sessions.begin(row.name, caller, opening)
            part.version = session.version

            def told(method: str, message: bytes) -> None:
                if method in _PASSED_ON:
                    session.standing.put(message)
                elif method == UPDATED:
                    session.standing.put(updated(message, row.name))

            part.forward = told
        return part


@dataclass(frozen=True, slots=True, kw_only=True)
class TogetherLegacy(Legacy):
    """As `Legacy`, for all servers together."""

    together: Together

    async def opened(self, row: Row, caller: Identity, session: Session, id: bytes) -> bytes:
        return envelope.result(id, self.together.opened(session))

    async def asked(
        self, scope: Scope, row: Row, caller: Identity, session: Session, message: Message, id: bytes, exchange: Request
    ) -> bytes:
        return await self.together.asked_by_legacy(scope, caller, session, message, id, exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class TogetherModern(Modern):
    """As `Modern`, for all servers together."""

    together: Together

    async def asked(
        self,
        scope: Scope,
        row: Row,
        caller: Identity,
        fields: Fields,
        method: str,
        params: Mapping[str, Raw] | None,
        id: bytes,
        exchange: Exchange,
        met: Callable[[Link], object] = bool,
    ) -> bytes:
        return await self.together.asked_by_modern(scope, caller, fields, method, params, id, exchange)


def _text(raw: Raw | None) -> str:
    with contextlib.suppress(msgspec.DecodeError):
        return envelope.text(raw)
    raise Malformed(INVALID_PARAMS, "a name holds half of a letter")
