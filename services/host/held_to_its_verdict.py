"""A server of another machine is held to its verdict: it is asked what it offers before it is asked anything else, and again
after it says that this changed; and it is asked for nothing by a name that was not judged.

Its answers are compared with the verdict like every message of it (`services.host.offering`). This makes sure that there are
answers to compare, because a client that listed once may never list again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import UNSET, Raw

from arcops.errors import Refused, Unavailable
from services.host import envelope
from services.host.envelope import INVALID_PARAMS, Malformed, Message
from services.host.eras import Era
from services.host.handshake import Speaks, asking_for_us
from services.host.offering import Pins
from services.host.spec import read_package
from tasks.server.definitions import LISTS

if TYPE_CHECKING:  # a sidecar has no rows, and no database
    from services.host.rows import HostedRow

LIST_SECONDS = 20.0
"""For all lists of one server, with all their pages."""
_MOST_PAGES = 100
_ROUNDS = 3
_NAMED = {"tools/call": "tool", "prompts/get": "prompt"}
"""What is asked for by name, and the kind of its pin. Resources may come and go, so no name of one is refused."""
_LOOKED_AT = frozenset(method for method, _, _ in LISTS.values())
_BEFORE = frozenset(("initialize", "server/discover", *_LOOKED_AT))
"""What needs no list before it: the handshake, and the lists themselves."""


class Changing(Speaks, Protocol):
    """A server that says when its lists change."""

    @property
    def changes(self) -> int:
        """How often it said so."""


class HeldToItsVerdict:
    """What one link may ask its server, of which *pins* were judged."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        kinds = {kind for kind, _ in pins}
        self._lists = [(method, member) for kind, (method, member, _) in LISTS.items() if kind in kinds and kind != "resource"]
        self._seen = -1
        self._asking: asyncio.Task[None] | None = None

    def unjudged(self, name: str, method: str, params: Mapping[str, Raw] | None) -> Message | None:
        """The error for a call that the server *name* is not asked, because what it names was not judged."""
        kind = _NAMED.get(method)
        if kind is None:
            return None
        try:
            called = envelope.text((params or {}).get("name"))
        except msgspec.DecodeError:
            called = ""  # half of a letter: no name that was judged has one
        if (kind, called) in self._pins:
            return None
        said = f"{name} listed no {kind} {called[:100]!r} when it was judged, so it is not asked for it"
        return envelope.heard(envelope.error(b"0", INVALID_PARAMS, f"{said}; list its {kind}s to see what there is"))

    async def up_to_date(self, link: Changing, era: Era, method: str = "") -> None:
        """Wait until all that *link* offers was looked at since it last changed, unless *method* needs no list before it.

        Raises `Unavailable` if it cannot be seen: then nothing may be asked of it.
        """
        if method in _BEFORE:
            return
        rounds = 0
        while self._seen != link.changes:
            if rounds == _ROUNDS:
                raise Unavailable(f"{link.name} changes its lists while they are read, so no call is passed on to it")
            rounds += 1
            if self._asking is None or self._asking.done():
                self._asking = asyncio.get_running_loop().create_task(self._ask(link, era))
                self._asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # no one may wait any more
            await asyncio.shield(self._asking)

    async def _ask(self, link: Changing, era: Era) -> None:
        seen = link.changes
        try:
            async with asyncio.timeout(LIST_SECONDS):
                for method, member in self._lists:
                    await _listed(link, era, method, member)
        except TimeoutError:
            why = f"{link.name} did not say within {LIST_SECONDS:.0f} seconds what it offers, so no call is passed on to it"
            raise Unavailable(why) from None
        self._seen = seen


def held_to_its_verdict(row: HostedRow, pins: Pins | None) -> HeldToItsVerdict | None:
    """What holds *row* to its *pins* if it is a server of another machine; ``None`` for one whose files were judged.

    Raises `Refused` for one of another machine of which nothing was judged: nothing could be compared with what it says.
    """
    if not read_package(row.current.spec.package).source.elsewhere:
        return None
    if pins is None:
        raise Refused(
            f"{row.name} may not run: it is a server of another machine, and its policy did not ask what it offers; its "
            f"operator judges it ('arcops host gate {row.name}') by a policy with the gate server-tools"
        )
    return HeldToItsVerdict(pins)


async def _listed(link: Speaks, era: Era, method: str, member: str) -> None:
    """Have *link* list all of it, page by page. Raises `Unavailable` for what is no list."""
    params = asking_for_us() if era is Era.MODERN else {}
    for _ in range(_MOST_PAGES):
        answer = await link.call(method, params, seconds=None)
        if answer.error is not UNSET:
            raise _unseen(link, method, f"error {envelope.code_of(answer)}")
        try:
            result = envelope.members(answer.result) or {}
            found, cursor = envelope.value(result.get(member)), envelope.value(result.get("nextCursor"))
        except (Malformed, msgspec.DecodeError):
            raise _unseen(link, method, "no result that can be read") from None
        if not isinstance(found, list):
            raise _unseen(link, method, f"no list of {member}")
        if not cursor:
            return
        params = {**params, "cursor": Raw(envelope.encoded(cursor))}
    raise _unseen(link, method, f"more than {_MOST_PAGES} pages")


def _unseen(link: Speaks, method: str, said: str) -> Unavailable:
    return Unavailable(f"{link.name} answers {method} with {said}, so it is not known what it offers, and no call is passed on")
