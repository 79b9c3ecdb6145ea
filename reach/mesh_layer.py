"""What the mesh (Istio) decides about one connection, in addition to the network policies.

The caller's sidecar may block the connection (Sidecar, ServiceEntry, outboundTrafficPolicy). The proxy of the called pods may
require mutual TLS (PeerAuthentication), and an authorised caller (AuthorizationPolicy: CUSTOM, then DENY, then ALLOW). Only TCP
goes through the mesh. It does not affect pods outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import Direction, Network, PodSet, Protocol, ServiceSeen
from reach.decision import End
from reach.filters import ROOT, Filters, doubt
from reach.mesh_inbound import Inbound
from reach.mesh_outbound import Outbound
from reach.mesh_parts import MeshPart, MeshSaid, place, together
from reach.meshed import Meshed, meshed
from reach.sure import Sure


class MeshLayer:
    """The mesh of a network."""

    def __init__(self, network: Network) -> None:
        self._mesh = network.mesh
        self._inside = {id(one.pods): one for one in meshed(network)}
        self._declared = {one.name for one in network.namespaces if one.declared}
        self._root = next((one.root_namespace for one in self._mesh.configs if one.root_namespace), ROOT)
        self._filters = Filters(network, self._root)
        self._outbound, self._inbound = Outbound(network, self._root), Inbound(network, self._root)

    def say(self, source: End | None, target: End, protocol: Protocol, port: int, service: ServiceSeen | None) -> MeshSaid:
        """May *source* open a connection to *port* of *target*, which it calls by *service* if that is not `None`?

        Without *source*, the caller is outside and its address is not known.
        """
        if protocol is not Protocol.TCP:
            return MeshSaid(allowed=True)
        calling, called = self._inside.get(id(source)), self._inside.get(id(target))
        parts = list(self._perhaps_inside(source, target))
        known = Sure.YES  # without a sidecar, the mesh finds the target from the connection's destination
        if calling is not None and not calling.ambient:
            out, known = self._outbound.say(calling.pods, target, port, service)
            parts.append(out)
        leaving = self._filters.on(source, Direction.EGRESS)
        if leaving:
            parts, known = _loosened(parts), Sure.PERHAPS
        arriving = self._filters.on(target, Direction.INGRESS)
        if called is not None:
            said = list(self._inbound.say(source, called, port, service, inside=self._sure(source), known=known))
            said += self._listens(called)
            parts += _loosened(said) if arriving else said
        for end, found in ((source, leaving), (target, arriving)):
            words = [doubt(one, end) for one in found if isinstance(end, PodSet)]
            parts += [MeshPart(Sure.PERHAPS, doubts=words)] if words else []
        parts += self._bypassed(one for one in (calling, called) if one is not None)
        return together(parts)

    def _sure(self, end: End | None) -> Sure:
        """Is *end* in the mesh?"""
        if id(end) in self._inside:
            return Sure.YES
        told = not isinstance(end, PodSet) or end.host_network or end.namespace in self._declared
        return Sure.NO if told else Sure.PERHAPS

    def _perhaps_inside(self, source: End | None, target: End) -> Iterator[MeshPart]:
        """Pods that may be in the mesh (no manifest shows it), if rules for the whole mesh would apply to them, too."""
        said = self._mesh
        rules = [one.namespace for one in said.peer_authentications] + [one.namespace for one in said.authorizations]
        outbound = self._root in [one.namespace for one in said.sidecars if one.selector is None]
        for end, asked in ((source, outbound), (target, self._root in rules)):
            if asked and isinstance(end, PodSet) and self._sure(end) is Sure.PERHAPS:
                what = f"no manifest shows whether namespace {end.namespace} is in the mesh"
                yield MeshPart(Sure.PERHAPS, doubts=[f"{what}, and {self._root} has rules for the whole mesh"])

    def _listens(self, called: Meshed) -> Iterator[MeshPart]:
        sidecar, _ = self._outbound.sidecar(called.pods)
        if sidecar is not None and sidecar.listens and not called.ambient:
            text = f"{sidecar.title} has its own listeners for incoming traffic, which are not checked"
            yield MeshPart(Sure.PERHAPS, doubts=[f"{place(sidecar.at)}: {text}"])

    def _bypassed(self, members: Iterator[Meshed]) -> Iterator[MeshPart]:
        for one in members:
            if one.past:
                text = f"some traffic of {one.pods.title} bypasses the mesh ({one.past[0]})"
                yield MeshPart(Sure.PERHAPS, doubts=[f"{place(one.pods.at)}: {text}"])


def _loosened(parts: list[MeshPart]) -> list[MeshPart]:
    """*parts* that an EnvoyFilter may have changed: none of them is certain to close a connection."""
    return [MeshPart(Sure.PERHAPS, doubts=one.doubts) if one.answer is Sure.NO else one for one in parts]
