"""What a server says when it is asked for the first time: its eras, what it offers, and every text that a model would read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from arcops.errors import Refused, Unavailable
from arcops.seen.server_tools import Pin, TextSaid
from artifacts.canonical import canonical
from tasks.server.definitions import INSTRUCTIONS, LISTS, pinned, pinned_text, texts, within
from tasks.server.talk import LEGACY, MODERN, Talk, discovering, initializing

_LEFTOVER_SECONDS = 0.3
_MOST_TEXTS = 100_000
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", LEGACY)


@dataclass(slots=True, kw_only=True)
class Heard:
    """As `ServerTools` has it, in the order in which it was heard."""

    eras: dict[str, None] = field(default_factory=dict)
    version: str = ""
    pins: dict[Pin, None] = field(default_factory=dict)
    texts: dict[TextSaid, None] = field(default_factory=dict)
    definitions: dict[str, None] = field(default_factory=dict)


class Asking(Protocol):
    """One conversation of its own with the server: `first_words` with these arguments. Raises as that does."""

    def __call__(self, heard: Heard, *, modern: bool, able: bool) -> None: ...


def heard_in_both_ways(ask: Asking, *, modern: bool) -> Heard:
    """What the server says to a client that can do nothing, and to one that can do all: some offer more to the latter.

    *modern*: the first of them asks in the modern era too. One that ends when it is asked for what it does not know is asked as
    older clients do. Raises as `first_words`.
    """
    heard = Heard()
    for era, able in ((modern, False), (False, True)):
        try:
            ask(heard, modern=era, able=able)
        except Unavailable:
            if not era:
                raise
            ask(heard, modern=False, able=able)
    return heard


def first_words(talk: Talk, heard: Heard, *, modern: bool, able: bool) -> None:
    """Shake hands in each era that the server speaks, and add everything that it offers to *heard*; without *modern* only as
    older clients do. *able* as for `initializing`.

    Raises `Refused` for what cannot be read, and for a server that speaks no era; `Unavailable` for silence.
    """
    if modern:
        answer = talk.call("server/discover", discovering()).get("result")
        versions = answer.get("supportedVersions") if isinstance(answer, dict) else None
        if isinstance(versions, list) and MODERN in versions:
            heard.eras.setdefault("modern")
            heard.version = MODERN
            _said(heard, "discover", answer)
            _offers(talk, heard, discovering())
    answer = talk.call("initialize", initializing(able=able)).get("result")
    version = answer.get("protocolVersion") if isinstance(answer, dict) else None
    if version in VERSIONS:
        heard.eras.setdefault("legacy")
        heard.version = heard.version or str(version)
        _said(heard, "initialize", answer)
        talk.notify("notifications/initialized")
        talk.leftover(_LEFTOVER_SECONDS)  # some servers add tools when they have heard this
        _offers(talk, heard, {})
    if not heard.eras:
        raise Refused("it refused the handshake of both eras of MCP")
    talk.leftover(_LEFTOVER_SECONDS)


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
            heard.definitions.setdefault(canonical(definition).decode())
            for text in texts(kind, definition):
                heard.texts.setdefault(text)
            if len(heard.texts) > _MOST_TEXTS:
                raise Refused(f"its definitions have more than {_MOST_TEXTS} texts")
