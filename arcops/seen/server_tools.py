"""What a hosted MCP server said and did when it was started once, behind walls and without a network, or asked elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Something that a server offers (``kind`` is ``tool``, ``prompt``, ``resource``, ``template`` or ``instructions``), and
    the digest (``sha256:…``) of its definition as canonical JSON, or of that text.
    """

    kind: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSaid:
    """A text that a model would read. ``where`` is its place: ``tool NAME`` and the path of members to it."""

    where: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Something outside of its row that it asked the kernel for: ``what`` is ``read``, ``write``, ``run``, ``connect``,
    ``listen``, or ``use`` (of a call that reaches into other processes or the kernel, whose name is the place).
    """

    what: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTools(Body):
    """``eras`` are those that it speaks, ``legacy`` (with sessions) and ``modern``; ``version`` is the revision that it chose.

    ``pins`` are sorted; ``before`` are those of the last good verdict about the same lock and start, empty without one.
    ``definitions`` are the definitions themselves, each as canonical JSON, by which all servers together are listed.
    ``texts`` are its instructions and all that its definitions say, names too. ``stray`` are lines of its standard output that
    are no message of MCP. ``tried`` is what it asked for besides what its row permits. ``watched`` is false if that could not
    be seen. ``elsewhere``: it is a server of another machine: no one here sees what it does.
    """

    KIND: ClassVar[str] = "server-tools"

    eras: tuple[str, ...]
    version: str
    pins: tuple[Pin, ...]
    texts: tuple[TextSaid, ...]
    before: tuple[Pin, ...] = ()
    stray: tuple[str, ...] = ()
    tried: tuple[Tried, ...] = ()
    watched: bool = True
    elsewhere: bool = False
    definitions: tuple[str, ...] = ()
