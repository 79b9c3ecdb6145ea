"""Connections of which no manifest says whether the tunnel of an ambient mesh carries them, and by which way."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import Network, PodSet, Protocol, ServiceSeen
from reach.decision import End
from reach.meshed import meshed
from reach.waypoints import Waypoint, Waypoints, missing


class Tunnels:
    """The pods of a network as the tunnel of an ambient mesh sees them."""

    def __init__(self, network: Network) -> None:
        self._kinds = {id(one.pods): "ambient" if one.ambient else "sidecar" for one in meshed(network)}
        self._declared = {one.name for one in network.namespaces if one.declared}
        self._waypoints = Waypoints(network)

    def way(self, source: End, target: End, protocol: Protocol, service: ServiceSeen | None) -> Waypoint | None:
        """The waypoint that a connection passes, if its pods are shown: policies see a connection to it, and one from it."""
        found = self._before(source, target, protocol, service)
        return found if found is not None and found.gateway is not None and found.pods else None

    def _before(self, source: End, target: End, protocol: Protocol, service: ServiceSeen | None) -> Waypoint | None:
        if protocol is not Protocol.TCP or not isinstance(target, PodSet) or source is target:
            return None
        if (self._kind(source), self._kind(target)) != ("ambient", "ambient"):
            return None
        return self._waypoints.before(target, service)

    def perhaps(self, source: End, target: End, protocol: Protocol, service: ServiceSeen | None) -> Iterator[tuple[bool, str]]:
        """Why policies may see another port, or other ends, of a connection. With `True`, they may see that of the tunnel; with
        `False`, it goes through a waypoint, whose policies count as well.
        """
        if protocol is not Protocol.TCP or not isinstance(target, PodSet) or source is target:
            return
        kinds = self._kind(source), self._kind(target)
        if kinds == ("ambient", "ambient"):
            way = self._before(source, target, protocol, service)
            if way is not None and way.gateway is None:
                yield False, missing(way)
            elif way is not None and not way.pods:
                where = f"{target.at.path}:{target.at.line}"
                text = f"connections to {target.title} go through the waypoint {way.title}, of which no manifest shows the pods"
                yield False, f"{where}: {text}"
        elif "ambient" in kinds and isinstance(source, PodSet) and set(kinds) & {"sidecar", "perhaps"}:
            where = f"{target.at.path}:{target.at.line}"
            text = f"the ambient mesh may carry connections from {source.title} to {target.title} in its tunnel on TCP 15008"
            yield True, f"{where}: {text}"

    def _kind(self, end: End) -> str:
        known = self._kinds.get(id(end), "")
        if known or not isinstance(end, PodSet) or end.host_network:
            return known
        return "" if end.namespace in self._declared else "perhaps"
