"""Objects of the mesh without effect because they select no pod, or with one that is not defined: two are for the same pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.mesh import AuthorizationSeen, MeshSeen, PeerAuthenticationSeen, SidecarSeen
from arcops.seen.network import Network
from gates.network.words import place
from gates.words import shown
from reach.filters import Filters
from reach.mesh_parts import selects
from reach.meshed import Meshed

USED = Rule(
    id="mesh/used",
    asks="Does every policy of the mesh select pods, and is it the only one of its kind for them?",
    fix="Correct the selector, or remove what has no effect. Of two PeerAuthentications or Sidecars for the same pods, keep "
    "one.",
)

Chosen = AuthorizationSeen | PeerAuthenticationSeen | SidecarSeen


def findings(evidence: Evidence[Network], said: MeshSeen, inside: tuple[Meshed, ...], root: str) -> Iterator[Finding]:
    """On objects that select nothing, and on those between which only their age decides."""
    shown_spaces = {one.namespace for one in evidence.body.pods}  # of other namespaces, the pods are somewhere else
    every: list[Chosen] = [*said.authorizations, *said.peer_authentications]
    for one in [*every, *said.sidecars]:
        everywhere = one.namespace == root and not isinstance(one, PeerAuthenticationSeen | SidecarSeen)
        known = everywhere or one.namespace in shown_spaces
        if known and one.selector is not None and not _members(one, inside, everywhere=everywhere):
            text = f"{place(one.at)}: {one.title} selects no pod of the mesh in these manifests."
            yield USED.warns(shown(text), evidence, about=one.title, location=one.at)
    filters = Filters(evidence.body, root)
    for other in said.filters:
        if filters.shown(other) and not filters.selected(other):
            text = f"{place(other.at)}: {other.title} changes the proxy of no pod in these manifests."
            yield USED.warns(shown(text), evidence, about=other.title, location=other.at)
    yield from _conflicts(evidence, said.peer_authentications, inside)
    yield from _conflicts(evidence, said.sidecars, inside)


def _members(one: Chosen, inside: tuple[Meshed, ...], *, everywhere: bool) -> set[int]:
    return {
        number
        for number, member in enumerate(inside)
        if (everywhere or member.pods.namespace == one.namespace)
        and (one.selector is None or selects(one.selector, member.pods))
    }


def _conflicts(
    evidence: Evidence[Network],
    kind: Sequence[PeerAuthenticationSeen | SidecarSeen],
    inside: tuple[Meshed, ...],
) -> Iterator[Finding]:
    """Two objects of one rank for the same pods: Istio takes the older one, and no manifest shows which one that is."""
    for number, second in enumerate(kind):
        for first in kind[:number]:
            if first.namespace != second.namespace or (first.selector is None) is not (second.selector is None):
                continue
            whole = first.selector is None
            both = whole or _members(first, inside, everywhere=False) & _members(second, inside, everywhere=False)
            if both and _content(first) != _content(second):
                text = (
                    f"{place(second.at)}: {second.title} and {first.title} ({place(first.at)}) are for the same pods, and only "
                )
                text += "their age decides which one counts."
                yield USED.unknown(shown(text), evidence, about=f"{second.title} {first.name}", location=second.at)
                break


def _content(one: PeerAuthenticationSeen | SidecarSeen) -> tuple[object, ...]:
    if isinstance(one, PeerAuthenticationSeen):
        return (one.mode, one.ports, one.numbers)
    return (one.outbound, one.hosts, one.by_port, one.listens)
