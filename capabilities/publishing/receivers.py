"""Receivers: web addresses, and Prefect, that are told about each new artifact, at least once and in the order of the log."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.verdict import Verdict
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, always, tool
from flows.place import Place
from flows.publish.delivering import Telling
from flows.publish.feed import Feed
from flows.publish.sending import PREFECT, WEBHOOK, senders
from foundation.database.late import Late
from foundation.database.lease import new_holder
from foundation.database.receivers import ReceiverRow, Receivers
from foundation.secrets.reference import read_reference
from tasks.publishing.webhook import permit

_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


class ReceiverKind(Enum):
    """How a receiver is told."""

    WEBHOOK = WEBHOOK
    """A POST to its address, signed with its secret (Standard Webhooks)."""
    PREFECT = PREFECT
    """An event of this place's Prefect: arcops.artifact.kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReceiver:
    """Who is told, and about what."""

    name: str = field(metadata=shaped(positional=True, title="NAME", pattern=_NAME))
    """A name for it: small letters, digits and hyphens."""
    address: str = field(default="", metadata=shaped(option="--url", title="URL", most=2048))
    """Its web address, https://… (http:// only for this machine). Without one, the server's own Prefect is told."""
    secret: str = field(default="", metadata=shaped(title="REF", most=500))
    """A reference to its secret: env:NAME, file:PATH, vault:… Messages are signed with it. The secret itself is not kept."""
    verdicts: tuple[Verdict, ...] = field(default=(), metadata=shaped(commas=True))
    """Only artifacts with these verdicts; by default all. What no one vouches for has none, and is always told."""
    kinds: tuple[str, ...] = field(default=(), metadata=shaped(commas=True))
    """Only artifacts about these kinds of subjects (model, release, …); by default all."""
    from_start: bool = False
    """Tell it everything that the store has; by default only what is kept from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One receiver, and how far it is."""

    name: str
    kind: ReceiverKind
    url: str
    secret: str
    """A reference to its secret."""
    verdicts: tuple[str, ...]
    kinds: tuple[str, ...]
    position: int
    """It has taken what it wanted of the log's entries before this one."""
    behind: int
    """How many entries of the log it was not told about yet."""
    failures: int
    """How often in a row it did not take a message."""
    problem: str
    """Why it did not take the last one."""
    told_at: datetime | None
    """When it last took one."""
    ended: bool
    """It answered that it wants nothing more, so it is told nothing. Remove it and add it again to change that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiversListed:
    """Every receiver, by name."""

    receivers: tuple[Receiver, ...]


@tool(title="Add a receiver", scope=Scope.TRUST)
def add_receiver(ask: AddReceiver, at: Place) -> Receiver:
    """Tell a web address, or this place's Prefect, about each artifact that is kept from now on. A running 'arcops server'
    tells it; 'arcops receivers tell' does so once.
    """
    if ask.address:
        if not ask.secret:
            raise Refused("a web address needs a secret, with which messages are signed: give --secret env:NAME or file:PATH")
        read_reference(ask.secret, "the receiver's secret")
        permit(at.settings.tier, ask.name, ask.address)
    elif ask.secret:
        raise Refused("a secret belongs to a web address; give --url, too")
    feed = Feed(at.settings)
    with _opened(at) as receivers:
        row = ReceiverRow(
            name=ask.name,
            kind=WEBHOOK if ask.address else PREFECT,
            address=ask.address,
            secret=ask.secret,
            verdicts=" ".join(one.value for one in ask.verdicts),
            kinds=" ".join(ask.kinds),
            log=feed.log,
            position=0 if ask.from_start else feed.size(),
            failures=0,
            problem="",
            told=0,
            again=0,
            ended=0,
        )
        receivers.add(row)
        return _shown(row, feed.size())


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReceivers:
    """This ask has no fields."""


@tool(title="List receivers", scope=Scope.TRUST, reads_only=True)
def list_receivers(ask: ListReceivers, at: Place) -> ReceiversListed:
    """List who is told about new artifacts, how far each is, and why one takes no more."""
    size = Feed(at.settings).size()
    late = Late(settings=at.settings, made=Receivers)
    try:
        receivers = late.there()
        return ReceiversListed(receivers=tuple(_shown(one, size) for one in receivers.all()) if receivers is not None else ())
    finally:
        late.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveReceiver:
    """Which receiver."""

    name: str = field(metadata=shaped(positional=True, title="NAME", pattern=_NAME))
    """Its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRemoved:
    """The name of the receiver that is told nothing more."""

    name: str


@tool(title="Remove a receiver", scope=Scope.TRUST, destructive=True)
def remove_receiver(ask: RemoveReceiver, at: Place) -> ReceiverRemoved:
    """Tell a receiver nothing more, and forget how far it was."""
    with _opened(at) as receivers:
        if not receivers.remove(ask.name):
            raise Refused(f"there is no receiver {ask.name!r}; 'arcops receivers list' lists them")
    return ReceiverRemoved(name=ask.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TellReceivers:
    """Who is told now."""

    name: str = field(default="", metadata=shaped(positional=True, title="NAME", pattern=f"(?:{_NAME})?"))
    """One receiver; by default all."""


@tool(title="Tell receivers now", scope=Scope.TRUST, long=True, connects=always)
def tell_receivers(ask: TellReceivers, at: Place) -> ReceiversListed:
    """Tell each receiver once what it has not taken yet, also one that is left alone for a while. No server is needed."""
    feed = Feed(at.settings)
    with _opened(at) as receivers:
        telling = Telling(
            receivers=receivers,
            leases=receivers.leases(new_holder()),
            feed=feed,
            send=senders(at.settings, os.environ),
            grounds=lambda: grounds(at),
            now=at.now,
            drawn=random.random,
        )
        names = [one.name for one in receivers.all() if not ask.name or one.name == ask.name]
        if ask.name and not names:
            raise Refused(f"there is no receiver {ask.name!r}; 'arcops receivers list' lists them")
        for number, name in enumerate(names):
            at.progress(number, len(names))
            telling.tell(name, stop=at.stop.is_set)
        return ReceiversListed(receivers=tuple(_shown(one, feed.size()) for one in receivers.all() if one.name in names))


@contextmanager
def _opened(at: Place) -> Iterator[Receivers]:
    late = Late(settings=at.settings, made=Receivers)
    try:
        yield late.opened()
    finally:
        late.close()


def _shown(row: ReceiverRow, size: int) -> Receiver:
    return Receiver(
        name=row.name,
        kind=ReceiverKind(row.kind),
        url=row.address,
        secret=row.secret,
        verdicts=tuple(row.verdicts.split()),
        kinds=tuple(row.kinds.split()),
        position=row.position,
        behind=max(0, size - row.position),
        failures=row.failures,
        problem=row.problem,
        told_at=datetime.fromtimestamp(row.told / 1000, UTC) if row.told else None,
        ended=bool(row.ended),
    )
