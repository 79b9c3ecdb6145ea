"""Connections of which no manifest says whether the tunnel of an ambient mesh carries them, and by which way."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import Network, PodSet, Protocol
from reach.decision import End
from reach.meshed import meshed

_WAYPOINT = "istio.io/use-waypoint"


class Tunnels:
    """The pods of a network as the tunnel of an ambient mesh sees them."""

    def __init__(self, network: Network) -> None:
        self._kinds = {id(one.pods): "ambient" if one.ambient else "sidecar" for one in meshed(network)}
        self._spaces = {one.name: {label.key: label.value for label in one.labels} for one in network.namespaces}
        self._declared = {one.name for one in network.namespaces if one.declared}

    def perhaps(self, source: End, target: End, protocol: Protocol) -> Iterator[tuple[bool, str]]:
        """Why policies may see another port, or other ends, of a connection. With `True`, they may see that of the tunnel; with
        `False`, it goes through a waypoint, whose policies count as well.
        """
        if protocol is not Protocol.TCP or not isinstance(target, PodSet) or source is target:
            return
        kinds = self._kind(source), self._kind(target)
        if kinds == ("ambient", "ambient"):
            name = {label.key: label.value for label in target.labels}.get(_WAYPOINT) or self._spaces.get(
                target.namespace, {}
            ).get(_WAYPOINT, "")
            if name and name != "none":
                where = f"{target.at.path}:{target.at.line}"
                yield False, f"{where}: connections to {target.title} go through the waypoint {name}, whose policies count, too"
        elif "ambient" in kinds and isinstance(source, PodSet) and set(kinds) & {"sidecar", "perhaps"}:
            where = f"{target.at.path}:{target.at.line}"
            text = f"the ambient mesh may carry connections from {source.title} to {target.title} in its tunnel on TCP 15008"
            yield True, f"{where}: {text}"

    def _kind(self, end: End) -> str:
        known = self._kinds.get(id(end), "")
        if known or not isinstance(end, PodSet) or end.host_network:
            return known
        return "" if end.namespace in self._declared else "perhaps"
