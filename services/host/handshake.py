"""How a link opens a server: ``initialize`` as a client up to 2025-11-25 does, or ``server/discover`` as one of 2026-07-28."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from msgspec import Raw

from arcops.errors import Unavailable
from services.host import envelope
from services.host.envelope import Malformed, Message
from services.host.eras import LEGACY_VERSION, LEGACY_VERSIONS, META, MODERN_VERSION, Era

US = {"name": "arcops", "version": "1"}
"""What a server that is shared hears of its client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a client said of itself when it opened its session, each as JSON. Without it: a client that can nothing."""

    version: str = LEGACY_VERSION
    capabilities: bytes = b"{}"
    client: bytes = field(default=envelope.encoded(US))


def asking_for_us(client: bytes = envelope.encoded(US)) -> dict[str, Raw]:
    """The params of a request of 2026-07-28 that this host makes by itself, as *client*, which can nothing."""
    meta = {
        META + "protocolVersion": MODERN_VERSION,
        META + "clientInfo": Raw(client),
        META + "clientCapabilities": {},
    }
    return {"_meta": Raw(envelope.encoded(meta))}


class Speaks(Protocol):
    """What a link can do with its server."""

    name: str

    async def call(self, method: str, params: Mapping[str, Raw] | None, *, seconds: float | None) -> Message:
        """The answer of the server."""

    def notify(self, method: str, params: Mapping[str, Raw] | None) -> None:
        """Tell the server something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How a server speaks, from its first answer: the ``version`` and the members of the ``result``."""

    era: Era
    version: str
    result: dict[str, Raw]


async def opened_by(link: Speaks, wanted: Era, opening: Opening) -> Opened:
    """Open *link* in the era *wanted*, or in the other one if the server does not know it.

    Any error, but not silence, says that it does not: servers disagree about which. Raises `Unavailable`.
    """
    first, other = (_initialize, _discover) if wanted is Era.LEGACY else (_discover, _initialize)
    found = await first(link, opening)
    if isinstance(found, Opened):
        return found
    again = await other(link, opening)
    if isinstance(again, Opened):
        return again
    raise Unavailable(f"{link.name} refused the handshake of both eras of MCP: {found}; {again}")


async def _initialize(link: Speaks, opening: Opening) -> Opened | str:
    params = {
        "protocolVersion": Raw(envelope.encoded(opening.version)),
        "capabilities": Raw(opening.capabilities),
        "clientInfo": Raw(opening.client),
    }
    result = _result(await link.call("initialize", params, seconds=3600))
    if isinstance(result, str):
        return result
    version = envelope.text(result.get("protocolVersion"))
    if version not in LEGACY_VERSIONS:
        return f"initialize was answered with the version {version[:40]!r}, which is not known here"
    link.notify("notifications/initialized", None)
    return Opened(era=Era.LEGACY, version=version, result=result)


async def _discover(link: Speaks, opening: Opening) -> Opened | str:
    params = asking_for_us(opening.client)
    result = _result(await link.call("server/discover", params, seconds=3600))
    if isinstance(result, str):
        return result
    try:
        versions = envelope.value(result.get("supportedVersions"))
    except msgspec.DecodeError:
        versions = None
    if not isinstance(versions, list) or MODERN_VERSION not in versions:
        return f"server/discover does not name {MODERN_VERSION}"
    return Opened(era=Era.MODERN, version=MODERN_VERSION, result=result)


def _result(answer: Message) -> dict[str, Raw] | str:
    try:
        if answer.error is not msgspec.UNSET:
            return f"error {envelope.code_of(answer)}"
        return envelope.members(answer.result) or "an empty result"
    except Malformed:
        return "a result that is no object"
