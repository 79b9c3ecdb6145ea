"""The kinds that the operator reads and writes, and where they are at the API server."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.crds.definitions import GROUP, STORED, ServerKind, plural
from manifests.operator.rights import owned_kinds
from services.operator.site import Site


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


SERVERS = tuple(
    Kind(api_version=f"{GROUP}/{STORED}", kind=one.value, plural=plural(one), namespaced=one is ServerKind.NAMESPACED)
    for one in ServerKind
)
LEASE = Kind(api_version="coordination.k8s.io/v1", kind="Lease", plural="leases")
EVENT = Kind(api_version="events.k8s.io/v1", kind="Event", plural="events")
SLICE = Kind(api_version="discovery.k8s.io/v1", kind="EndpointSlice", plural="endpointslices")


def owned(site: Site) -> tuple[Kind, ...]:
    """The kinds of objects that a server at *site* may have; each is looked for everywhere, by our label."""
    return tuple(
        Kind(api_version=one.api_version, kind=one.kind, plural=one.plural, namespaced=one.namespaced)
        for one in owned_kinds(site.network)
    )
