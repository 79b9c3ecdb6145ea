"""Who listens at all servers together is told when what they offer has changed: by a verdict, or a row that comes or goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from adapters.relay.exchange import Exchange
from adapters.relay.listening import listened
from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from services.host import envelope
from services.host.envelope import Malformed
from services.host.eras import META
from services.host.link import Link
from services.host.sessions import Session

if TYPE_CHECKING:  # the relay in a pod knows no verdicts and no rows
    from services.host.offers import Offered, Offers

LOOK_SECONDS = 1.0
_MOST_HEARD = 200
"""Servers that one request listens at."""
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The notification ``method`` says that offers of these ``kinds`` have changed; a client of 2026-07-28 asks for it by the
    name ``wanted``.
    """

    method: str
    wanted: str
    kinds: tuple[str, ...]

    def between(self, one: Offered, two: Offered) -> bool:
        """Are there other definitions in *two*?"""
        return any(
            [each.definition for each in one.of(kind)] != [each.definition for each in two.of(kind)] for kind in self.kinds
        )


CHANGES = (
    Change(method="notifications/tools/list_changed", wanted="toolsListChanged", kinds=("tool",)),
    Change(method="notifications/prompts/list_changed", wanted="promptsListChanged", kinds=("prompt",)),
    Change(method="notifications/resources/list_changed", wanted="resourcesListChanged", kinds=("resource", "template")),
)


@dataclass(slots=True, kw_only=True, eq=False)
class _Heard:
    """A request of 2026-07-28 that is told of ``changes``, until ``over``."""

    id: bytes
    changes: frozenset[Change]
    exchange: Exchange
    caller: Identity
    params: Mapping[str, Raw]
    over: asyncio.Future[None]
    hearing: dict[Link, asyncio.Task[None]] = field(default_factory=dict)
    """The servers that this caller has asked meanwhile: what they say of their own lists is told, too."""

    def hear(self, link: Link) -> None:
        """Tell what the server at *link* says of its lists from now on, until one of them ends."""
        self.hearing = {one: task for one, task in self.hearing.items() if not one.ended}
        if link not in self.hearing and not link.ended and len(self.hearing) < _MOST_HEARD:
            self.hearing[link] = asyncio.get_running_loop().create_task(self._hear(link))

    async def _hear(self, link: Link) -> None:
        wanted = {**self.params, "notifications": Raw(envelope.encoded({one.wanted: True for one in self.changes}))}
        try:
            await listened(link, wanted, self.id, self)
        except (ArcOpsError, Malformed):
            return  # it ended, or has nothing to say, and is not asked again

    def tell(self, method: str, message: bytes) -> None:
        """As an `Exchange` is told: of what the server said, only that a list has changed goes on."""
        for one in self.changes:
            if one.method == method:
                self.changed(one)

    def changed(self, change: Change) -> None:
        meta = {META + "subscriptionId": Raw(self.id)}
        self.exchange.tell(change.method, envelope.notification(change.method, envelope.encoded({"_meta": meta})))


@dataclass(slots=True, kw_only=True, eq=False)
class Changes:
    """Looks at ``offers`` as long as someone listens."""

    offers: Offers
    _sessions: dict[str, Session] = field(default_factory=dict)
    _heard: dict[_Heard, None] = field(default_factory=dict)
    _watching: asyncio.Task[None] | None = None

    def opened(self, session: Session) -> None:
        """Tell *session* from now on."""
        self._sessions[session.id] = session
        self._watch()

    def gone(self, id: str) -> None:
        """The session *id* has ended."""
        self._sessions.pop(id, None)

    def close(self) -> None:
        """This host ends."""
        if self._watching is not None:
            self._watching.cancel()
        for one in self._heard:
            if not one.over.done():
                one.over.set_exception(Unavailable("this host ends"))

    def reached(self, caller: Identity, link: Link) -> None:
        """*caller* asks the server at *link*: who listens for that caller hears of its lists, too."""
        for one in self._heard:
            if one.caller == caller and one.changes:
                one.hear(link)

    async def listened(self, params: Mapping[str, Raw] | None, id: bytes, exchange: Exchange, caller: Identity) -> bytes:
        """Tell *exchange*, the request *id* for ``subscriptions/listen``, until it ends; its answer."""
        asked = envelope.members((params or {}).get("notifications", UNSET)) or {}
        changes = frozenset(one for one in CHANGES if _is_true(asked.get(one.wanted)))
        meta = {META + "subscriptionId": Raw(id)}
        told = {"notifications": {one.wanted: True for one in CHANGES if one in changes}, "_meta": meta}
        exchange.tell(_ACKNOWLEDGED, envelope.notification(_ACKNOWLEDGED, envelope.encoded(told)))
        one = _Heard(
            id=id,
            changes=changes,
            exchange=exchange,
            caller=caller,
            params=params or {},
            over=asyncio.get_running_loop().create_future(),
        )
        self._heard[one] = None
        self._watch()
        try:
            await one.over
        finally:
            self._heard.pop(one, None)
            for task in list(one.hearing.values()):
                task.cancel()
        return envelope.result(id, b"{}")

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._until_alone())

    async def _until_alone(self) -> None:
        before = await self.offers.now()
        while self._sessions or self._heard:
            await asyncio.sleep(LOOK_SECONDS)
            now = await self.offers.now()
            if now.digest == before.digest:
                continue
            for change in CHANGES:
                if not change.between(before, now):
                    continue
                for session in self._sessions.values():
                    session.standing.put(envelope.notification(change.method, None))
                for one in self._heard:
                    if change in one.changes:
                        one.changed(change)
            before = now


def _is_true(raw: Raw | None) -> bool:
    return raw is not None and bytes(raw) == b"true"
