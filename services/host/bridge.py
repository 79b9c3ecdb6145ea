"""Clients of one era at servers of the other one: what can be said in both is said, and the rest is refused with a reason.

Tools, resources, prompts and completion are the same in both. A server up to 2025-11-25 asks its client (sampling, elicitation,
roots) in a way that a client of 2026-07-28 does not know, and the other way round (``input_required``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw

from services.host import envelope
from services.host.envelope import METHOD_NOT_FOUND, Malformed, Message
from services.host.eras import META, MODERN_VERSION, Era
from services.host.handshake import US, Opened
from services.host.link import Link
from services.host.sessions import Session

_SAME = frozenset(
    (
        "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read", "prompts/list",
        "prompts/get", "completion/complete",
    )
)  # fmt: skip
"""What both eras ask in the same words."""
_CACHED = frozenset(("tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list"))
"""What a client of 2026-07-28 may keep, so that the answer has to say for how long."""
_NOT_KEPT: Mapping[str, Raw] = {"ttlMs": Raw(b"0"), "cacheScope": Raw(b'"private"')}
_COMPLETE: Mapping[str, Raw] = {"resultType": Raw(b'"complete"')}
_OWN = META.encode()
_NOT_FOUND_THEN = -32002
"""No such resource, up to 2025-11-25; later `INVALID_PARAMS`."""
_BY_CHILD = ("tools", "resources", "prompts", "completions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """A request as it goes to the server: with these ``params``, or not at all if there is an ``answer`` to its id already."""

    params: Mapping[str, Raw] | None = None
    answer: Callable[[bytes], bytes] | None = None


def initialized(opened: Opened, version: str) -> bytes:
    """The result of ``initialize`` for a client that is told the revision *version*."""
    result = opened.result
    if opened.era is Era.LEGACY:
        return envelope.encoded({**result, "protocolVersion": version})
    told: dict[str, object] = {
        "protocolVersion": version,
        "capabilities": {name: one for name, one in _capabilities(opened).items() if name in _BY_CHILD},
        "serverInfo": _server_info(result),
    }
    if "instructions" in result:
        told["instructions"] = result["instructions"]
    return envelope.encoded(told)


def discovered(opened: Opened) -> bytes:
    """The result of ``server/discover`` for a client of 2026-07-28."""
    result = opened.result
    if opened.era is Era.MODERN:
        return envelope.encoded(result)
    told: dict[str, object] = {
        **_COMPLETE,
        **_NOT_KEPT,
        "supportedVersions": [MODERN_VERSION],
        "capabilities": {name: one for name, one in _capabilities(opened).items() if name in (*_BY_CHILD, "logging")},
        "_meta": {META + "serverInfo": _server_info(result)},
    }
    if "instructions" in result:
        told["instructions"] = result["instructions"]
    return envelope.encoded(told)


def _capabilities(opened: Opened) -> dict[str, object]:
    found = _decoded(opened.result.get("capabilities"))
    return found if isinstance(found, dict) else {}


def _server_info(result: Mapping[str, Raw]) -> object:
    if "serverInfo" in result:
        return result["serverInfo"]
    meta = _decoded(result.get("_meta"))
    found = meta.get(META + "serverInfo") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else US


def _decoded(raw: Raw | None) -> object:
    try:
        return envelope.value(raw)
    except msgspec.DecodeError:
        return None


def from_legacy(link: Link, session: Session, method: str, params: Mapping[str, Raw] | None) -> Here | None:
    """A request of a client up to 2025-11-25 as *link* takes it; ``None``: as it is."""
    if link.opened is not None and link.opened.era is Era.MODERN:
        return _legacy_to_modern(link, method, params)
    if method in ("resources/subscribe", "resources/unsubscribe"):
        uri = envelope.text((params or {}).get("uri"))
        session.subscribes(uri, on=method == "resources/subscribe")
        if method == "resources/unsubscribe" and link.wanted(uri):
            return Here(answer=lambda id: envelope.result(id, b"{}"))  # others that share the server still want it
    return None


def _legacy_to_modern(link: Link, method: str, params: Mapping[str, Raw] | None) -> Here:
    if method not in _SAME:
        said = f"{link.name} speaks MCP {MODERN_VERSION}, which has no {method} as this client means it"
        return Here(answer=lambda id: envelope.error(id, METHOD_NOT_FOUND, said))
    meta = envelope.members((params or {}).get("_meta", UNSET)) or {}
    meta = {
        **meta,
        META + "protocolVersion": Raw(envelope.encoded(MODERN_VERSION)),
        META + "clientInfo": Raw(envelope.encoded(US)),
        META + "clientCapabilities": Raw(b"{}"),
    }
    return Here(params={**(params or {}), "_meta": Raw(envelope.encoded(meta))})


def to_legacy(link: Link, id: bytes, found: Message) -> bytes:
    """An answer of *link* for a client up to 2025-11-25."""
    if link.opened is not None and link.opened.era is Era.MODERN and found.error is UNSET:
        result = _members(found.result)
        if envelope.text(result.get("resultType")) == "input_required":
            said = f"{link.name} asks its client for more, as MCP {MODERN_VERSION} does, which this client does not understand"
            return envelope.error(id, envelope.INVALID_REQUEST, said)
    return envelope.answer(id, found)


def said_by_legacy(link: Link, method: str, params: Mapping[str, Raw] | None) -> None:
    """Pass on a notification of a client up to 2025-11-25, if *link* is its own."""
    if link.private and link.opened is not None and link.opened.era is Era.LEGACY:
        link.notify(method, params)


def from_modern(link: Link, method: str, params: Mapping[str, Raw] | None) -> Here | None:
    """A request of a client of 2026-07-28 as *link* takes it; ``None``: as it is."""
    if link.opened is None or link.opened.era is Era.MODERN:
        return None
    if method not in _SAME:
        said = f"{link.name} speaks MCP up to 2025-11-25, so {method} is not to be had of it"
        return Here(answer=lambda id: envelope.error(id, METHOD_NOT_FOUND, said))
    kept = dict(params or {})
    kept.pop("inputResponses", None)
    kept.pop("requestState", None)
    meta = envelope.members(kept.pop("_meta", UNSET)) or {}
    meta = {name: one for name, one in meta.items() if not name.startswith(META)}
    if meta:
        kept["_meta"] = Raw(envelope.encoded(meta))
    return Here(params=kept)


def to_modern(link: Link, method: str, id: bytes, found: Message) -> bytes:
    """An answer of *link* for a client of 2026-07-28, which needs to know that it is whole and how long it may be kept."""
    if link.opened is None or link.opened.era is Era.MODERN:
        return envelope.answer(id, found)
    if found.error is not UNSET:
        if method == "resources/read" and envelope.code_of(found) == _NOT_FOUND_THEN:
            error = {**_members(found.error), "code": Raw(b"%d" % envelope.INVALID_PARAMS)}
            return envelope.one_line(b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (id, envelope.encoded(error)))
        return envelope.answer(id, found)
    result = {**_COMPLETE, **(_NOT_KEPT if method in _CACHED else {}), **_members(found.result)}
    return envelope.one_line(envelope.result(id, envelope.encoded(result)))


def _members(raw: Raw | msgspec.UnsetType) -> dict[str, Raw]:
    try:
        return envelope.members(raw) or {}
    except Malformed:
        return {}
