"""Objects of the mesh without effect because they select no pod, or with one that is not defined: two are for the same pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.mesh import AuthorizationSeen, MeshAction, MeshSeen, MeshTarget, PeerAuthenticationSeen, SidecarSeen
from arcops.seen.network import Network
from gates.network.words import place
from gates.words import shown
from reach.filters import Filters
from reach.mesh_parts import selects
from reach.mesh_rules import asks_for_requests
from reach.meshed import Meshed
from reach.waypoints import CLASS, Waypoints, missing

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
    yield from _waypoints(evidence, said, inside)
    filters = Filters(evidence.body, root)
    for other in said.filters:
        if filters.shown(other) and not filters.selected(other):
            text = f"{place(other.at)}: {other.title} changes the proxy of no pod in these manifests."
            yield USED.warns(shown(text), evidence, about=other.title, location=other.at)
    yield from _conflicts(evidence, said.peer_authentications, inside)
    yield from _conflicts(evidence, said.sidecars, inside)


def _waypoints(evidence: Evidence[Network], said: MeshSeen, inside: tuple[Meshed, ...]) -> Iterator[Finding]:
    """On waypoints that are asked for and missing, on policies that no waypoint enforces, and on rules that no node's proxy
    reads.
    """
    ways = Waypoints(evidence.body)
    ambient = [one for one in inside if one.ambient]
    for way in ways.asked() if ambient else ():
        if way.gateway is None:
            fix = f"Add the Gateway {way.title} with 'gatewayClassName: {CLASS}', or remove the label."
            yield USED.unknown(shown(f"{missing(way)}."), evidence, about=f"Waypoint {way.title}", location=way.at, fix=fix)
    spaces = {one.pods.namespace for one in ambient}
    for one in (one for one in said.authorizations if one.namespace in spaces or not one.targeted):
        for target in one.targets:
            lacks = _unenforced(one, target, ways, evidence.body)
            if lacks:
                text = f"{place(target.at)}: {one.title} is for {target.kind} {target.name}, {lacks}, so nothing enforces it."
                fix = "Name a waypoint (a Gateway of its class), or a Service that has one ('istio.io/use-waypoint')."
                yield USED.fails(shown(text), evidence, about=f"{one.title} {target.name}", location=target.at, fix=fix)
        blind = [rule for rule in one.rules if asks_for_requests(rule)] if not one.targeted else []
        if blind and any(_selected(one, member) for member in ambient):
            does = "it allows nothing" if one.action is MeshAction.ALLOW else "it denies more than it says"
            text = (
                f"{place(blind[0].at)}: {blind[0].field} of {one.title} asks for what only a request shows, which the proxy of "
            )
            text += f"a node (ztunnel) does not read: {does}."
            fix = "Name a waypoint under 'targetRefs' in place of 'selector'."
            yield USED.warns(shown(text), evidence, about=f"{one.title} requests", location=blind[0].at, fix=fix)


def _selected(one: AuthorizationSeen, member: Meshed) -> bool:
    return member.pods.namespace == one.namespace and (one.selector is None or selects(one.selector, member.pods))


def _unenforced(one: AuthorizationSeen, target: MeshTarget, ways: Waypoints, body: Network) -> str:
    """Why no waypoint enforces *one* for *target*; empty if one does, or *target* is of a kind that is not looked at."""
    wanted = (one.namespace, target.name)
    if target.kind == "Gateway":
        return "" if any((found.namespace, found.name) == wanted for found in body.gateways) else "which is in no manifest"
    if target.kind != "Service":
        return ""
    service = next((found for found in body.services if (found.namespace, found.name) == wanted), None)
    if service is None:
        return "which is in no manifest"
    return "" if ways.of_service(service) else "which has no waypoint"


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
