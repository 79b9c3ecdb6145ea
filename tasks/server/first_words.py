"""What a server says when it is asked for the first time: its eras, what it offers, and every text that a model would read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from arcops.errors import Refused
from arcops.seen.server_tools import Pin, TextSaid
from tasks.server.definitions import INSTRUCTIONS, LISTS, pinned, pinned_text, texts, within
from tasks.server.talk import LEGACY, MODERN, Talk, discovering, initializing

_LEFTOVER_SECONDS = 0.3
_MOST_TEXTS = 100_000
_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", LEGACY)


@dataclass(slots=True, kw_only=True)
class Heard:
    """As `ServerTools` has it, in the order in which it was heard."""

    eras: list[str] = field(default_factory=list)
    version: str = ""
    pins: dict[Pin, None] = field(default_factory=dict)
    texts: dict[TextSaid, None] = field(default_factory=dict)


def first_words(talk: Talk, *, modern: bool) -> Heard:
    """Shake hands in each era that the server speaks, and ask for everything that it offers; without *modern* only as older
    clients do. Raises `Refused` for what cannot be read, and for a server that speaks no era; `Unavailable` for silence.
    """
    heard = Heard()
    if modern:
        answer = talk.call("server/discover", discovering()).get("result")
        versions = answer.get("supportedVersions") if isinstance(answer, dict) else None
        if isinstance(versions, list) and MODERN in versions:
            heard.eras.append("modern")
            heard.version = MODERN
            _said(heard, "discover", answer)
            _offers(talk, heard, discovering())
    answer = talk.call("initialize", initializing()).get("result")
    version = answer.get("protocolVersion") if isinstance(answer, dict) else None
    if version in _VERSIONS:
        heard.eras.append("legacy")
        heard.version = heard.version or str(version)
        _said(heard, "initialize", answer)
        talk.notify("notifications/initialized")
        _offers(talk, heard, {})
    if not heard.eras:
        raise Refused("it refused the handshake of both eras of MCP")
    talk.leftover(_LEFTOVER_SECONDS)
    return heard


def _said(heard: Heard, where: str, answer: Any) -> None:
    """What a model is told of the server itself."""
    for text in within(where, answer):
        heard.texts.setdefault(text)
    told = answer.get(INSTRUCTIONS) if isinstance(answer, dict) else None
    if told is not None and not isinstance(told, str):
        raise Refused("its instructions are no text")
    if told:
        heard.pins.setdefault(pinned_text(told))


def _offers(talk: Talk, heard: Heard, more: dict[str, Any]) -> None:
    for kind, (method, member, _) in LISTS.items():
        for definition in talk.listed(method, member, more) or ():
            heard.pins.setdefault(pinned(kind, definition))
            for text in texts(kind, definition):
                heard.texts.setdefault(text)
            if len(heard.texts) > _MOST_TEXTS:
                raise Refused(f"its definitions have more than {_MOST_TEXTS} texts")
