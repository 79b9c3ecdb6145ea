"""Resources of all servers together as they are now: a server that this caller uses is asked for its list, page by page.

A resource may come and go without a new verdict. So the list of a server that runs for the caller is its own; of every other
one it is what was judged, because nothing is started to list it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import msgspec
from msgspec import UNSET, Raw

from adapters.relay.renaming import with_uri
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from services.host import envelope
from services.host.envelope import INVALID_PARAMS, Malformed
from services.host.eras import Era
from services.host.handshake import asking_for_us
from services.host.link import Link
from services.host.sessions import Owner, owner_of

METHOD = "resources/list"
MOST_PAGES = 100
"""Pages of one server. What it has behind them is read by its address."""
_ENOUGH = 1000
"""Resources after which a page ends."""
_ASK_SECONDS = 5.0
"""For one page of one server; of one that does not answer in time, what was judged is listed."""
_PAGE_SECONDS = 10.0
"""After so long a page ends, and the next one goes on."""
_MOST_CALLERS = 1000
_MOST_CURSOR = 4096


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Go on at ``server``, with the cursor that it gave after so many ``pages``, or at its beginning if that is empty."""

    server: str
    own: str
    pages: int


@dataclass(slots=True, kw_only=True)
class Reached:
    """The servers that each caller of 2026-07-28 has asked, as long as they run: such a client has no session that knows it."""

    _links: OrderedDict[Owner, WeakValueDictionary[str, Link]] = field(default_factory=OrderedDict)

    def met(self, caller: Identity, link: Link) -> None:
        """*caller* asks the server at *link*."""
        owner = owner_of(caller)
        if owner not in self._links:
            self._links[owner] = WeakValueDictionary()
        self._links[owner][link.name] = link
        self._links.move_to_end(owner)
        while len(self._links) > _MOST_CALLERS:
            self._links.popitem(last=False)

    def of(self, caller: Identity) -> Mapping[str, Link]:
        """Those that still run, by name."""
        return {name: link for name, link in self._links.get(owner_of(caller), {}).items() if not link.ended}


async def page(
    links: Mapping[str, Link], judged: Callable[[str], Iterable[bytes]], servers: Iterable[str], given: str
) -> bytes:
    """The members of one page of the list, as JSON without braces, after the cursor *given*.

    *links* are the servers that run for this caller, *servers* all that they may read of, and *judged* has the definitions of
    one by its verdict. Raises `Malformed` for a cursor that is not of this list.
    """
    at = _read(given)
    listed: list[bytes] = []
    loop = asyncio.get_running_loop()
    until = loop.time() + _PAGE_SECONDS
    for server in sorted(servers):
        if server < at.server:
            continue
        if len(listed) >= _ENOUGH or loop.time() > until:
            return _members(listed, _Cursor(server, "", 0))
        own, pages = (at.own, at.pages) if server == at.server else ("", 0)
        link = links.get(server)
        while link is not None:
            found = await _asked(link, own)
            if found is None:  # what it gave on earlier pages stands
                listed += judged(server) if not pages else ()
                break
            more, own = found
            listed += more
            pages += 1
            if not own or pages >= MOST_PAGES:
                break
            if len(listed) >= _ENOUGH or loop.time() > until:
                return _members(listed, _Cursor(server, own, pages))
        if link is None and not pages:
            listed += judged(server)
    return _members(listed, None)


async def _asked(link: Link, own: str) -> tuple[list[bytes], str] | None:
    """A page of the server at *link*, under addresses of all together, and its next cursor; ``None`` if it gives no list."""
    params = dict(asking_for_us()) if link.opened is not None and link.opened.era is Era.MODERN else {}
    if own:
        params["cursor"] = Raw(envelope.encoded(own))
    try:
        answer = await link.call(METHOD, params, seconds=_ASK_SECONDS)
        if answer.error is not UNSET:
            return None
        result = envelope.members(answer.result) or {}
        named = [one for one in envelope.objects(result["resources"]) if envelope.text(one.get("uri"))]
        found = [envelope.encoded(with_uri(one, link.name)) for one in named]
        after = envelope.text(result.get("nextCursor"))
    except (ArcOpsError, Malformed, msgspec.MsgspecError, KeyError):
        return None
    return found, after if len(after) <= _MOST_CURSOR else ""


def _members(listed: list[bytes], cursor: _Cursor | None) -> bytes:
    after = b"" if cursor is None else b',"nextCursor":%b' % envelope.encoded(_written(cursor))
    return b'"resources":[%b]%b' % (b",".join(listed), after)


def _written(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def _read(given: str) -> _Cursor:
    if not given:
        return _Cursor("", "", 0)
    try:
        found = msgspec.json.decode(base64.b64decode(given.encode(), altchars=b"-_", validate=True), type=_Cursor)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError):
        found = None
    if found is None or not 0 <= found.pages <= MOST_PAGES:
        raise Malformed(INVALID_PARAMS, "this cursor is not of the list of all resources here; list again without a cursor")
    return found
