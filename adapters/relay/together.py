"""``/all/mcp``: the tools and prompts of all hosted servers under one address, each under a legal name that begins
with its server's.

Only listing is done here, from the verdicts of the servers. A call goes to its server as if its client had named that: through
the same permission, scope, limits, record, start and bridge, in a session of its own with that server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw
from starlette.types import Scope

from adapters.relay.calling import no_such
from adapters.relay.exchange import Exchange
from adapters.relay.finding import FIND, FIND_TOOL, USE, USE_TOOL, found, unwrapped
from adapters.relay.legacy import Legacy, Request
from adapters.relay.modern import Fields, Modern
from arcops.errors import Unavailable
from arcops.identity import Identity
from services.host import envelope
from services.host.envelope import INVALID_PARAMS, METHOD_NOT_FOUND, Malformed, Message
from services.host.eras import LEGACY_VERSION, META, MODERN_VERSION, lower_version
from services.host.handshake import Opening
from services.host.hosted import Row
from services.host.sessions import Session, Sessions

if TYPE_CHECKING:  # the relay in a pod knows no verdicts and no rows
    from services.host.offers import Offer, Offered, Offers

ALL = "all"
"""The name under which all of them are; no hosted server has it (`services.host.reserved`)."""
ROW = Row(name=ALL, stateless=True)
MOST_LISTED = 100
"""Tools that are listed to one caller. Above it there are two that find the others and call them."""
LOOK_SECONDS = 1.0
_MOST_KEPT = 1000
_INFO = {"name": "arcops-all", "version": "1"}
_CHANGED = {"tool": "notifications/tools/list_changed", "prompt": "notifications/prompts/list_changed"}
_ASKED_FOR = {"tool": "toolsListChanged", "prompt": "promptsListChanged"}
_CAPABILITIES = {"tools": {"listChanged": True}, "prompts": {"listChanged": True}, "completions": {}}
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_MODERN = b'"resultType":"complete","ttlMs":0,"cacheScope":"private",'
_INSTRUCTIONS = (
    "Tools and prompts of several servers. A name begins with its server's. What is not in the list is found by "
    f"{FIND}, if that is there, and called by {USE}. Resources are at each server's own address, /NAME/mcp."
)


@dataclass(slots=True, kw_only=True, eq=False)
class _Heard:
    """A request of 2026-07-28 that is told of changes of these ``kinds``, until ``over``."""

    id: bytes
    kinds: frozenset[str]
    exchange: Exchange
    over: asyncio.Future[None]

    def tell(self, kind: str) -> None:
        meta = {META + "subscriptionId": Raw(self.id)}
        self.exchange.tell(_CHANGED[kind], envelope.notification(_CHANGED[kind], envelope.encoded({"_meta": meta})))


@dataclass(slots=True, kw_only=True, eq=False)
class Together:
    """Serves all of ``offers``. ``legacy`` and ``modern`` are how one server is asked."""

    offers: Offers
    legacy: Legacy
    modern: Modern
    sessions: Sessions
    for_legacy: TogetherLegacy = field(init=False)
    for_modern: TogetherModern = field(init=False)
    most_listed: int = MOST_LISTED
    _parts: dict[str, dict[str, Session]] = field(default_factory=dict)
    """The sessions with single servers, by the session with all of them and by server."""
    _whole: dict[str, Session] = field(default_factory=dict)
    _heard: dict[_Heard, None] = field(default_factory=dict)
    _visible: OrderedDict[Identity, tuple[object, str, Mapping[str, bytes]]] = field(default_factory=OrderedDict)
    _watching: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, offers: Offers, legacy: Legacy, modern: Modern) -> Together:
        """All *offers*, and how clients of both eras ask for them."""
        made = cls(offers=offers, legacy=legacy, modern=modern, sessions=legacy.sessions)
        made.for_legacy = TogetherLegacy(calling=legacy.calling, sessions=legacy.sessions, together=made)
        made.for_modern = TogetherModern(calling=modern.calling, together=made)
        legacy.sessions.when_gone(made.gone)
        return made

    def opened(self, session: Session) -> bytes:
        """The result of ``initialize``."""
        session.version = lower_version(session.opening.version, LEGACY_VERSION)
        self._whole[session.id] = session
        self._watch()
        told = {"protocolVersion": session.version, "capabilities": _CAPABILITIES, "serverInfo": _INFO}
        return envelope.encoded({**told, "instructions": _INSTRUCTIONS})

    def gone(self, id: str) -> None:
        """The session *id* with all of them has ended: those with single servers end, too."""
        self._whole.pop(id, None)
        for part in self._parts.pop(id, {}).values():
            self.sessions.end(part, "the session with all servers ended")

    def close(self) -> None:
        """This host ends."""
        if self._watching is not None:
            self._watching.cancel()
        for one in self._heard:
            if not one.over.done():
                one.over.set_exception(Unavailable("this host ends"))

    async def asked_by_legacy(
        self, scope: Scope, caller: Identity, session: Session, message: Message, id: bytes, exchange: Request
    ) -> bytes:
        """The answer to a request of a client up to 2025-11-25."""
        method, params = str(message.method), envelope.members(message.params)
        here = await self._here(scope, method, params, caller, id, modern=False)
        if isinstance(here, bytes):
            return here
        offer, changed = here
        row = self._row(offer)
        part = self._part(session, row, caller)
        inner = Message(jsonrpc="2.0", id=message.id, method=method, params=Raw(envelope.encoded(changed)))
        part.requests[id] = exchange  # type: ignore[assignment]  # an `Exchange`, which can be aborted
        try:
            return await self.legacy.asked(scope, row, caller, part, inner, id, exchange)
        finally:
            part.requests.pop(id, None)

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
            told = {"supportedVersions": [MODERN_VERSION], "capabilities": _CAPABILITIES, "instructions": _INSTRUCTIONS}
            body = envelope.encoded({**told, "_meta": {META + "serverInfo": _INFO}})
            return envelope.result(id, b"{%b%b" % (_MODERN, body[1:]))
        if method == "subscriptions/listen":
            return await self._listened(params, id, exchange)
        here = await self._here(scope, method, params, caller, id, modern=True)
        if isinstance(here, bytes):
            return here
        offer, changed = here
        return await self.modern.asked(scope, self._row(offer), caller, fields, method, changed, id, exchange)

    async def _here(
        self, scope: Scope, method: str, params: Mapping[str, Raw] | None, caller: Identity, id: bytes, *, modern: bool
    ) -> bytes | tuple[Offer, Mapping[str, Raw]]:
        """The answer that is known here; or what one server is asked instead: what it offers, and the params for it."""
        if method not in ("tools/list", "tools/call", "prompts/list", "prompts/get", "completion/complete"):
            said = f"{method} is not to be had of all servers together; ask one of them at its own address, /NAME/mcp"
            return envelope.error(id, METHOD_NOT_FOUND, said)
        offered = await self.offers.now()
        extra = _MODERN if modern else b""
        if method in ("tools/list", "prompts/list"):
            kind = "tool" if method == "tools/list" else "prompt"
            return envelope.result(id, b'{%b"%bs":[%b]}' % (extra, kind.encode(), self._listed(kind, offered, caller)))
        given = dict(params or {})
        if method == "completion/complete":
            return self._completed(given, offered, caller, id)
        kind, name = ("tool" if method == "tools/call" else "prompt"), _text(given.get("name"))
        if kind == "tool" and name == FIND and self._many(offered, caller):
            tools = [one for one in offered.tools if self._may(one, caller)]
            return envelope.result(id, b"{%b%b" % (extra, envelope.encoded(found(tools, given.get("arguments")))[1:]))
        if kind == "tool" and name == USE and self._many(offered, caller):
            name, arguments = unwrapped(given.get("arguments"))
            given["arguments"] = arguments
        offer = offered.by_name.get((kind, name))
        if offer is None or not self._may(offer, caller):
            self.legacy.calling.permitting.refused(scope, caller, ALL, method, params, "unlisted")
            return envelope.error(id, INVALID_PARAMS, f"there is no {kind} {name[:100]!r} for you here; list the {kind}s")
        return offer, {**given, "name": Raw(envelope.encoded(offer.own))}

    def _completed(
        self, given: dict[str, Raw], offered: Offered, caller: Identity, id: bytes
    ) -> bytes | tuple[Offer, Mapping[str, Raw]]:
        ref = envelope.members(given.get("ref", UNSET)) or {}
        offer = offered.by_name.get(("prompt", _text(ref.get("name")))) if _text(ref.get("type")) == "ref/prompt" else None
        if offer is None or not self._may(offer, caller):
            return envelope.error(id, INVALID_PARAMS, "only arguments of a prompt that is listed here are completed")
        return offer, {**given, "ref": Raw(envelope.encoded({**ref, "name": offer.own}))}

    def _listed(self, kind: str, offered: Offered, caller: Identity) -> bytes:
        """The definitions that *caller* sees, with commas between. They are remembered until the policy or an offer changes."""
        policy = self._policy(caller)
        kept = self._visible.get(caller)
        if kept is None or kept[0] is not policy or kept[1] != offered.digest:
            kept = (policy, offered.digest, {one: self._definitions(one, offered, caller) for one in _CHANGED})
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
        row = self.legacy.calling.hosted.row(offer.server)
        tool = offer.own if offer.kind == "tool" else "prompts/get"
        return row is not None and self.legacy.calling.permitting.may(caller, row, tool)

    def _policy(self, caller: Identity) -> object:
        door = self.legacy.calling.permitting.door
        return door.authorization.policy_for(caller) if door is not None else None

    def _row(self, offer: Offer) -> Row:
        row = self.legacy.calling.hosted.row(offer.server)
        if row is None:
            raise no_such(offer.server)
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
                if method in _CHANGED.values():
                    session.standing.put(message)

            part.forward = told
        return part

    async def _listened(self, params: Mapping[str, Raw] | None, id: bytes, exchange: Exchange) -> bytes:
        asked = envelope.members((params or {}).get("notifications", UNSET)) or {}
        kinds = frozenset(kind for kind, name in _ASKED_FOR.items() if _is_true(asked.get(name)))
        meta = {META + "subscriptionId": Raw(id)}
        told = {"notifications": {_ASKED_FOR[kind]: True for kind in sorted(kinds)}, "_meta": meta}
        exchange.tell(_ACKNOWLEDGED, envelope.notification(_ACKNOWLEDGED, envelope.encoded(told)))
        one = _Heard(id=id, kinds=kinds, exchange=exchange, over=asyncio.get_running_loop().create_future())
        self._heard[one] = None
        self._watch()
        try:
            await one.over
        finally:
            self._heard.pop(one, None)
        return envelope.result(id, b"{}")

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._until_alone())

    async def _until_alone(self) -> None:
        """Tell everyone who listens if what is offered has changed, as long as someone listens."""
        before = await self.offers.now()
        while self._whole or self._heard:
            await asyncio.sleep(LOOK_SECONDS)
            now = await self.offers.now()
            if now.digest == before.digest:
                continue
            for kind, method in _CHANGED.items():
                if [one.definition for one in now.of(kind)] == [one.definition for one in before.of(kind)]:
                    continue
                for session in self._whole.values():
                    session.standing.put(envelope.notification(method, None))
                for one in self._heard:
                    if kind in one.kinds:
                        one.tell(kind)
            before = now


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
    ) -> bytes:
        return await self.together.asked_by_modern(scope, caller, fields, method, params, id, exchange)


def _text(raw: Raw | None) -> str:
    with contextlib.suppress(msgspec.DecodeError):
        return envelope.text(raw)
    raise Malformed(INVALID_PARAMS, "a name holds half of a letter")


def _is_true(raw: Raw | None) -> bool:
    return raw is not None and bytes(raw) == b"true"
