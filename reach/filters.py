"""EnvoyFilters: each can open, close or rewrite what the proxies of its pods do, so it makes answers about these uncertain.

Source: Istio's reference of EnvoyFilter (``workloadSelector``, ``targetRefs``, ``context``).
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.mesh import FilterSeen
from arcops.seen.network import Direction, Network, PodSet
from reach.mesh_parts import place, selects
from reach.meshed import meshed

ROOT = "istio-system"
"""The namespace whose policies apply to the whole mesh, unless its settings say otherwise."""
_GATEWAY_NAMES = ("gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name")
_CONTEXTS = {Direction.INGRESS: "SIDECAR_INBOUND", Direction.EGRESS: "SIDECAR_OUTBOUND"}


class Filters:
    """The EnvoyFilters of a network. ``root`` is the namespace whose filters are for the whole mesh."""

    def __init__(self, network: Network, root: str = "") -> None:
        said = network.mesh
        self._network, self._filters = network, said.filters
        self._root = root or next((one.root_namespace for one in said.configs if one.root_namespace), ROOT)
        self._inside = {id(one.pods): one.ambient for one in meshed(network)} if said.filters else {}
        self._declared = {one.name for one in network.namespaces if one.declared}

    def on(self, pods: object, direction: Direction) -> list[FilterSeen]:
        """The filters that may change connections to (INGRESS) or from *pods*; an end that is no pod has none."""
        if not isinstance(pods, PodSet):
            return []
        return [one for one in self._filters if self._touches(one, pods, direction)]

    def selected(self, one: FilterSeen) -> list[PodSet]:
        """The pods whose connections *one* may change."""
        return [pods for pods in self._network.pods if any(self._touches(one, pods, way) for way in _CONTEXTS)]

    def shown(self, one: FilterSeen) -> bool:
        """Is any pod shown among which *one* selects?"""
        return any(one.namespace in (pods.namespace, self._root) for pods in self._network.pods)

    def _touches(self, one: FilterSeen, pods: PodSet, direction: Direction) -> bool:
        if one.namespace not in (pods.namespace, self._root):
            return False
        if one.selector is not None and not selects(one.selector, pods):
            return False
        labels = {label.key: label.value for label in pods.labels}
        gateway = next((labels[name] for name in _GATEWAY_NAMES if name in labels), "")
        if one.gateways is not None:
            # What it names may be a waypoint, which is on the way to any ambient pod of its namespace.
            return bool({gateway, "*"} & set(one.gateways)) if gateway else self._inside.get(id(pods), False)
        if gateway or "gateway" in labels.get("istio", ""):
            return bool({"ANY", "GATEWAY"} & set(one.contexts))
        ambient = self._inside.get(id(pods))
        if ambient is None and not (pods.namespace not in self._declared and not pods.host_network):
            # No proxy of the mesh is in these pods; but a filter for gateways may name a gateway by any labels.
            return one.selector is not None and "GATEWAY" in one.contexts
        if ambient:
            return False  # its proxy is the node's, to which no EnvoyFilter applies
        return bool({"ANY", _CONTEXTS[direction]} & set(one.contexts))


def doubt(one: FilterSeen, pods: PodSet) -> str:
    return f"{place(one.at)}: {one.title} may change what the proxy of {pods.title} does"


def doubts_of_filters(network: Network) -> Iterator[tuple[FilterSeen, str]]:
    """Each filter that may change anything, and the pods that it selects, in words."""
    filters = Filters(network)
    for one in network.mesh.filters:
        found = sorted({pods.title for pods in filters.selected(one)})
        if found:
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            yield one, f"it may change anything that the proxies of {', '.join(found[:5])}{more} do"
        elif not filters.shown(one):
            yield one, f"it may change anything that proxies in namespace {one.namespace} do, and none of its pods is shown"
