"""The headers ``Mcp-Param-…`` of a call, compared with what the tool's schema declares, as the server lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import msgspec
from msgspec import UNSET, Raw

from adapters.relay.failing import Failed, Failure
from services.host import bridge, envelope
from services.host.envelope import HEADER_MISMATCH, Malformed
from services.host.eras import META, MODERN_VERSION
from services.host.handshake import US
from services.host.link import Link
from services.host.parameters import Declared, declared, mismatch

_MOST_PAGES = 100


@dataclass(slots=True, kw_only=True)
class Parameters:
    """Remembers what the tools of each link declare, until the link says that its tools changed."""

    _known: WeakKeyDictionary[Link, tuple[int, dict[str, tuple[Declared, ...]]]] = field(default_factory=WeakKeyDictionary)

    async def refuse_mismatch(self, link: Link, params: Mapping[str, Raw], fields: Mapping[bytes, bytes]) -> None:
        """Raise `Failed` if *fields* say something else than the arguments in *params*."""
        given = params.get("arguments")
        if (given is None or bytes(given) == b"{}") and not any(name.startswith(b"mcp-param-") for name in fields):
            return
        kept = self._known.get(link)
        if kept is None or kept[0] != link.changes:
            kept = (link.changes, await _listed(link))
            self._known[link] = kept
        found = kept[1].get(envelope.text(params.get("name")))
        if found and (wrong := mismatch(found, envelope.value(given), fields)):
            raise Failed(Failure(status=400, code=HEADER_MISMATCH, said=wrong))


async def _listed(link: Link) -> dict[str, tuple[Declared, ...]]:
    """What each tool of *link* declares. What cannot be listed declares nothing: the server's answer to the call says more."""
    found: dict[str, tuple[Declared, ...]] = {}
    meta = {META + "protocolVersion": MODERN_VERSION, META + "clientCapabilities": {}, META + "clientInfo": US}
    params: dict[str, Raw] = {"_meta": Raw(envelope.encoded(meta))}
    for _ in range(_MOST_PAGES):
        here = bridge.from_modern(link, "tools/list", params)
        answer = await link.call("tools/list", params if here is None else here.params)
        if answer.error is not UNSET:
            return found
        try:
            result = envelope.members(answer.result) or {}
            tools = envelope.value(result.get("tools"))
        except (Malformed, msgspec.DecodeError):
            return found
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(tool.get("name"), str) and (one := declared(tool.get("inputSchema"))):
                found[tool["name"]] = one
        cursor = result.get("nextCursor")
        if cursor is None or bytes(cursor) == b"null":
            return found
        params = {**params, "cursor": cursor}
    return found
