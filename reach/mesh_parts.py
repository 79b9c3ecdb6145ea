"""The answers of the parts of the mesh about a connection, and their combination."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.finding import Location
from arcops.seen.mesh import PeerAuthenticationSeen, SidecarSeen
from arcops.seen.network import Direction, PodSet, Selector
from reach.decision import Layer, Reason
from reach.selectors import Labelled
from reach.sure import Sure, every


@dataclass(slots=True)
class MeshPart:
    """The answer of one part of the mesh: whether it allows the connection, the reasons, and why that is not certain."""

    answer: Sure
    reasons: list[Reason] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSaid:
    """The mesh's answer. ``reasons`` and ``doubts`` are empty if no pod of the mesh is part of the connection."""

    allowed: bool
    reasons: tuple[Reason, ...] = ()
    doubts: tuple[str, ...] = ()


def reason(direction: Direction, allows: bool, one: SidecarSeen | PeerAuthenticationSeen, words: str) -> Reason:
    text = f"{one.title} {words}"
    return Reason(layer=Layer.MESH, direction=direction, allows=allows, policy=one.title, rule="", at=one.at, text=text)


def together(parts: list[MeshPart]) -> MeshSaid:
    """The answer of all parts: if one says no, only that counts."""
    answer = every(one.answer for one in parts)
    deciding = [one for one in parts if one.answer is Sure.NO] if answer is Sure.NO else parts
    doubts = [doubt for one in deciding for doubt in one.doubts] if answer is Sure.PERHAPS else []
    reasons = [reason for one in deciding for reason in one.reasons]
    return MeshSaid(allowed=answer is not Sure.NO, reasons=tuple(reasons), doubts=tuple(dict.fromkeys(doubts)))


def selects(selector: Selector, pods: PodSet) -> bool:
    return bool(Labelled([pods.labels]).select(selector)[0])


def place(at: Location | None) -> str:
    return "" if at is None else f"{at.path}:{at.line}"
