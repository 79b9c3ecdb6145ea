"""What all hosted servers offer together, from the verdicts that let them run: nothing is started or asked to know it.

A verdict pins each definition by its digest, and the evidence that it cites has them whole. A definition whose digest is not
pinned is not offered, so neither the database nor a server can add one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from arcops.errors import ArcOpsError, Refused
from arcops.seen.server_tools import ServerTools
from artifacts.wire import from_json
from services.host.legal_names import legal_name
from services.host.resource_names import together_uri
from services.host.rows import HostedRow
from services.host.verdicts import Verdicts
from tasks.server.definitions import LISTS

AGAIN_SECONDS = 5.0
"""After so long the verdicts are looked at again: by the clock one may have ended, or its signer may be revoked."""
STALE_SECONDS = 30.0
"""So old what is shown may be while it is looked at again. A call is decided by the server's own verdict at that moment."""
KINDS = tuple(LISTS)
"""What is offered together: tools, prompts, resources and templates of these. A resource may come and go without a new verdict;
those that are offered here were there when it was made.
"""

_log = logging.getLogger(__name__)
_members = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool, a prompt, a resource or a template: ``server`` calls it ``own``; together it is ``name``, and ``definition`` is
    JSON with that name. A resource's is its address. ``about`` is what it is found by, in small letters.
    """

    server: str
    kind: str
    own: str
    name: str
    definition: bytes
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Everything that is offered, in the order of servers and names; ``digest`` is another one after each change.

    ``servers`` are those that may run, also one that offers nothing.
    """

    servers: frozenset[str] = frozenset()
    tools: tuple[Offer, ...] = ()
    others: tuple[Offer, ...] = ()
    by_name: Mapping[tuple[str, str], Offer] = field(default_factory=dict)
    digest: str = ""

    def of(self, kind: str) -> tuple[Offer, ...]:
        """The offers of a *kind*."""
        return self.tools if kind == "tool" else tuple(one for one in self.others if one.kind == kind)


@dataclass(slots=True, kw_only=True)
class Offers:
    """``rows`` gives the servers as they are now, from memory; ``verdicts`` says which may run. For the thread of one loop."""

    rows: Callable[[], Iterable[HostedRow]]
    verdicts: Verdicts
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[str, tuple[Offer, ...]]] = field(default_factory=dict)
    _last: Offered = field(default_factory=Offered)
    _mark: tuple[object, ...] = ()
    _at: float = -1e9
    _looking: asyncio.Task[None] | None = None

    async def now(self) -> Offered:
        """What is offered. It is looked at again if a row has changed or some seconds have passed."""
        age = self.clock() - self._at
        changed = self._mark != _mark(self.rows())
        if (changed or age > AGAIN_SECONDS) and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._look())
        if self._looking is not None and (changed or age > STALE_SECONDS):
            await asyncio.shield(self._looking)
        return self._last

    async def _look(self) -> None:
        rows = tuple(self.rows())
        mark, at = _mark(rows), self.clock()
        try:
            offers = await asyncio.to_thread(self._all, rows)
        except ArcOpsError as error:
            _log.warning("what hosted servers offer together cannot be read now: %s", error)
            return
        self._mark, self._at = mark, at
        servers = frozenset(self._known)
        if (digest := _digest(offers, rows)) != self._last.digest or servers != self._last.servers:
            self._last = _together(offers, digest, servers)

    def _all(self, rows: Iterable[HostedRow]) -> list[Offer]:
        found: list[Offer] = []
        known: dict[str, tuple[str, tuple[Offer, ...]]] = {}
        for row in sorted(rows, key=lambda one: one.name):
            if not row.enabled or row.judged is None or not row.judged.tools:
                continue
            try:
                standing = self.verdicts.standing(row)
            except Refused:
                continue
            if standing.pins is None:
                continue
            kept = self._known.get(row.name)
            if kept is None or kept[0] != row.judged.artifact:
                kept = (row.judged.artifact, offers_of(row.name, from_json(ServerTools, row.judged.tools)))
            known[row.name] = kept
            found += kept[1]
        self._known = known
        return found


def offers_of(server: str, tools: ServerTools) -> tuple[Offer, ...]:
    """What *server* offers by the evidence *tools*, in the order of names."""
    pinned = {(one.kind, one.digest): one.name for one in tools.pins}
    found: dict[tuple[str, str], Offer] = {}
    for text in tools.definitions:
        digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        for kind in KINDS:
            pin = pinned.get((kind, digest))
            if pin is not None and (kind, pin) not in found and (offer := _offer(server, kind, text)) is not None:
                found[kind, pin] = offer
    return tuple(found[key] for key in sorted(found))


def _offer(server: str, kind: str, text: str) -> Offer | None:
    """The offer of a *kind* that *text* defines; ``None`` if it defines something else."""
    members = _members.decode(text)
    _, _, named = LISTS[kind]
    own = msgspec.json.decode(members.get(named, b"null"))  # whole, while a pin has only the beginning of a very long one
    if not isinstance(own, str):
        return None
    name = legal_name(server, own) if named == "name" else together_uri(server, own)
    members[named] = Raw(msgspec.json.encode(name))
    said = " ".join(str(msgspec.json.decode(members[one])) for one in ("title", "description") if one in members)
    return Offer(
        server=server,
        kind=kind,
        own=own,
        name=name,
        definition=msgspec.json.encode(members),
        about=f"{server} {own} {said}".lower(),
    )


def _together(offers: Iterable[Offer], digest: str, servers: frozenset[str]) -> Offered:
    """All *offers*, without those whose names are alike: no one could say which of them is meant."""
    by_name: dict[tuple[str, str], Offer] = {}
    twice: set[tuple[str, str]] = set()
    for one in offers:
        key = (one.kind, one.name)
        if key in by_name:
            twice.add(key)
        by_name[key] = one
    for key in twice:
        _log.error("two hosted servers offer %s %s under one name; neither is offered together with the others", *key)
        del by_name[key]
    return Offered(
        servers=servers,
        tools=tuple(one for one in by_name.values() if one.kind == "tool"),
        others=tuple(one for one in by_name.values() if one.kind != "tool"),
        by_name=by_name,
        digest=digest,
    )


def _digest(offers: Iterable[Offer], rows: Iterable[HostedRow]) -> str:
    found = hashlib.sha256(repr([(one.name, one.shares) for one in rows if one.shares]).encode())
    for one in offers:
        found.update(one.kind.encode() + b"\0" + one.definition + b"\0")
    return found.hexdigest()


def _mark(rows: Iterable[HostedRow]) -> tuple[object, ...]:
    """Something that is another value after each change of what may be offered."""
    return tuple(
        (
            one.name,
            one.current.number,
            one.generation,
            one.enabled,
            one.allowed,
            one.shares,
            one.judged and (one.judged.artifact, one.judged.withdrawn),
        )
        for one in rows
    )
