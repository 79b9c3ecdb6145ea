"""The kinds that the operator reads and writes, and where they are at the API server."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.crds.definitions import GROUP, STORED, ServerKind
from manifests.objects import ObjectName


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind. ``api_version`` is as in objects; ``plural`` as in paths."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def root(self) -> str:
        """The path of all objects, over all namespaces."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"

    def path(self, namespace: str, name: str = "", below: str = "") -> str:
        """The path of one object, or of those of a namespace."""
        parts = [self.root, *(("namespaces", namespace) if self.namespaced and namespace else ()), self.plural]
        return "/".join([*parts, *((name,) if name else ()), *((below,) if below else ())])


SERVERS = (
    Kind(api_version=f"{GROUP}/{STORED}", kind=ServerKind.NAMESPACED.value, plural="mcpservers"),
    Kind(api_version=f"{GROUP}/{STORED}", kind=ServerKind.CLUSTER.value, plural="clustermcpservers", namespaced=False),
)
OWNED = (
    Kind(api_version="apps/v1", kind="Deployment", plural="deployments"),
    Kind(api_version="v1", kind="Service", plural="services"),
    Kind(api_version="v1", kind="ServiceAccount", plural="serviceaccounts"),
    Kind(api_version="v1", kind="ConfigMap", plural="configmaps"),
    Kind(api_version="networking.k8s.io/v1", kind="NetworkPolicy", plural="networkpolicies"),
    Kind(api_version="policy/v1", kind="PodDisruptionBudget", plural="poddisruptionbudgets"),
    Kind(api_version="autoscaling/v2", kind="HorizontalPodAutoscaler", plural="horizontalpodautoscalers"),
)
"""The kinds of objects that a server may have; each is looked for everywhere, by our label."""
LEASE = Kind(api_version="coordination.k8s.io/v1", kind="Lease", plural="leases")
EVENT = Kind(api_version="events.k8s.io/v1", kind="Event", plural="events")
SLICE = Kind(api_version="discovery.k8s.io/v1", kind="EndpointSlice", plural="endpointslices")
_BY_KIND = {(one.api_version, one.kind): one for one in OWNED}


def kind_of(name: ObjectName) -> Kind | None:
    """The kind of an object that we may own."""
    return _BY_KIND.get((name.api_version, name.kind))
