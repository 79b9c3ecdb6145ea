"""Which pods of the manifests are in a service mesh (Istio), by the labels that put them there."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.seen.mesh import INJECT
from arcops.seen.network import Network, PodSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Meshed:
    """Pods in a mesh; ``ambient``: without a sidecar of their own."""

    pods: PodSet
    ambient: bool

    @property
    def past(self) -> tuple[str, ...]:
        """The annotations by which some of their traffic goes past the mesh's proxy."""
        return tuple(one for one in self.pods.bypasses if one.startswith(_AMBIENT) is self.ambient)


_AMBIENT = "ambient.istio.io/"
"""The start of the annotations that count for ambient pods alone; the others count for sidecars."""


def meshed(network: Network) -> tuple[Meshed, ...]:
    """The pods that are in a mesh, in the order of the manifests.

    A namespace that no manifest declares may have the labels, too. If a manifest puts an object of the mesh into it, its pods
    count as in the mesh.
    """
    labels = {one.name: {label.key: label.value for label in one.labels} for one in network.namespaces}
    declared = {one.name for one in network.namespaces if one.declared}
    said = network.mesh
    touched = {one.namespace for one in said.authorizations} | {one.namespace for one in said.sidecars}
    touched = (touched | {one.namespace for one in said.peer_authentications}) - declared
    found = []
    for pods in network.pods:
        own = {label.key: label.value for label in pods.labels}
        around = labels.get(pods.namespace, {})
        if pods.host_network:
            continue
        if _ambient(own, around) and own.get(INJECT) != "true":  # pods with a sidecar of their own stay out of it
            found.append(Meshed(pods=pods, ambient=True))
        elif INJECT in pods.bypasses:
            continue  # an annotation asks for no sidecar
        elif _injected(own, around) or (pods.namespace in touched and own.get(INJECT) != "false"):
            found.append(Meshed(pods=pods, ambient=False))
    return tuple(found)


def _ambient(own: dict[str, str], around: dict[str, str]) -> bool:
    return own.get("istio.io/dataplane-mode", around.get("istio.io/dataplane-mode", "")) == "ambient"


def _injected(own: dict[str, str], around: dict[str, str]) -> bool:
    asked = own.get(INJECT)
    if asked is not None:
        return asked == "true"
    if around.get("istio-injection") == "disabled":
        return False
    return around.get("istio-injection") == "enabled" or "istio.io/rev" in around or "istio.io/rev" in own
