"""``subscriptions/listen`` of 2026-07-28: passed on to a server that knows it, else made of what a server tells sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from msgspec import UNSET, Raw, UnsetType

from arcops.errors import Unavailable
from services.host import envelope
from services.host.calls import Call
from services.host.envelope import Message
from services.host.eras import META, Era
from services.host.link import Link

_ENDLESS = 10 * 365 * 86400.0
_KINDS = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
}
_UPDATED = "notifications/resources/updated"
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_MOST_URIS = 1000


class Tells(Protocol):
    """What a request for ``subscriptions/listen`` is told through: an `Exchange`, or who listens at several servers."""

    def tell(self, method: str, message: bytes) -> None:
        """Put *message* into its stream."""


async def listened(link: Link, params: Mapping[str, Raw] | None, id: bytes, exchange: Tells) -> bytes:
    """Tell *exchange* what *link* says, until one of them ends; the answer to the request *id*."""
    if link.opened is not None and link.opened.era is Era.MODERN:
        found = await link.call("subscriptions/listen", params, tell=exchange.tell, subscription=id, seconds=_ENDLESS)
        return _ended(id, found)
    return await _made(link, params, id, exchange)


def _ended(id: bytes, found: Message) -> bytes:
    if found.error is not UNSET:
        return envelope.answer(id, found)
    result = envelope.members(found.result) or {}
    meta = envelope.members(result.get("_meta", UNSET)) or {}
    result["_meta"] = Raw(envelope.encoded({**meta, META + "subscriptionId": Raw(id)}))
    return envelope.result(id, envelope.encoded(result))


@dataclass(slots=True, kw_only=True, eq=False)
class _Listening:
    """A listener that tells one request what it asked for."""

    id: bytes
    exchange: Tells
    kinds: frozenset[str]
    uris: frozenset[str]
    over: asyncio.Future[str]

    def told(self, method: str, message: bytes) -> None:
        if method in self.kinds or method == _UPDATED:
            params = envelope.members(envelope.heard(message).params) or {}
            if method == _UPDATED and envelope.text(params.get("uri")) not in self.uris:
                return
            meta = envelope.members(params.get("_meta", UNSET)) or {}
            params["_meta"] = Raw(envelope.encoded({**meta, META + "subscriptionId": Raw(self.id)}))
            self.exchange.tell(method, envelope.notification(method, envelope.encoded(params)))

    def asked(self, id: bytes, method: str, params: Raw | UnsetType, about: Call | None) -> bool:
        return False

    def withdrawn(self, id: bytes, message: Message) -> None:
        """It is asked nothing."""

    def wants(self, uri: str) -> bool:
        return uri in self.uris

    def ended(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)


async def _made(link: Link, params: Mapping[str, Raw] | None, id: bytes, exchange: Tells) -> bytes:
    asked = envelope.members((params or {}).get("notifications", UNSET)) or {}
    kinds = {method: name for method, name in _KINDS.items() if envelope.value(asked.get(name)) is True}
    wanted = envelope.value(asked.get("resourceSubscriptions"))
    uris = [one for one in wanted if isinstance(one, str)][:_MOST_URIS] if isinstance(wanted, list) else []
    one = _Listening(
        id=id,
        exchange=exchange,
        kinds=frozenset(kinds),
        uris=frozenset(uris),
        over=asyncio.get_running_loop().create_future(),
    )
    honoured: dict[str, object] = dict.fromkeys(kinds.values(), True)
    if uris:
        honoured["resourceSubscriptions"] = uris
    meta = {META + "subscriptionId": Raw(id)}
    exchange.tell(
        _ACKNOWLEDGED, envelope.notification(_ACKNOWLEDGED, envelope.encoded({"notifications": honoured, "_meta": meta}))
    )
    link.listen(one)
    try:
        for uri in uris:
            await link.call("resources/subscribe", {"uri": Raw(envelope.encoded(uri))}, listener=one)
        raise Unavailable(await one.over)
    finally:
        link.leave(one)
        for uri in uris:
            if not link.ended and not link.wanted(uri):
                _unsubscribe(link, uri)


_LEAVING: set[asyncio.Task[None]] = set()


def _unsubscribe(link: Link, uri: str) -> None:
    async def said() -> None:
        try:
            await link.call("resources/unsubscribe", {"uri": Raw(envelope.encoded(uri))}, seconds=10.0)
        except Unavailable:
            return

    task = asyncio.get_running_loop().create_task(said())
    _LEAVING.add(task)
    task.add_done_callback(_LEAVING.discard)
