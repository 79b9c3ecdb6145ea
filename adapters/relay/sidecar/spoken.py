"""What the server said when it was opened, for those who ask how it is: the operator, and the kubelet's probes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.host import envelope
from services.host.eras import LEGACY_VERSIONS, META, Era
from services.host.handshake import Opened


def versions(spoken: Sequence[Opened]) -> tuple[str, ...]:
    """The revisions of MCP in which it may be spoken with: a client of an older one is served in it (`lower_version`)."""
    found: list[str] = []
    for one in spoken:
        found += [one.version] if one.era is Era.MODERN else [old for old in LEGACY_VERSIONS if old <= one.version]
    return tuple(found)


def capabilities(spoken: Sequence[Opened]) -> tuple[str, ...]:
    """What it offers, by the names of the protocol, over all eras."""
    found: set[str] = set()
    for one in spoken:
        said = _decoded(one.result.get("capabilities"))
        found |= {name for name, value in said.items() if isinstance(name, str) and value is not None and value is not False}
    return tuple(sorted(found))[:50]


def server(spoken: Sequence[Opened]) -> str:
    """What it calls itself, with its version: its own words, cut."""
    for one in spoken:
        said = _decoded(one.result.get("serverInfo")) or _decoded(_decoded(one.result.get("_meta")), META + "serverInfo")
        if said:
            return " ".join(str(said.get(name, "")) for name in ("name", "version")).strip()[:200]
    return ""


def _decoded(raw: object, member: str = "") -> dict[str, object]:
    if isinstance(raw, dict):
        found = raw.get(member)
        return found if isinstance(found, dict) else {}
    try:
        decoded = envelope.value(raw)  # type: ignore[arg-type]  # the bytes of a member
    except (msgspec.DecodeError, TypeError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
