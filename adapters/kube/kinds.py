"""The kinds that the operator reads and writes, and where they are at the API server."""

from __future__ import annotations

from manifests.crds.definitions import GROUP, STORED, ServerKind, plural
from manifests.operator.rights import OwnedKind, owned_kinds
from services.operator.site import Site

Kind = OwnedKind

SERVERS = tuple(
    Kind(api_version=f"{GROUP}/{STORED}", kind=one.value, plural=plural(one), namespaced=one is ServerKind.NAMESPACED)
    for one in ServerKind
)
LEASE = Kind(api_version="coordination.k8s.io/v1", kind="Lease", plural="leases")
EVENT = Kind(api_version="events.k8s.io/v1", kind="Event", plural="events")
TOKEN_REVIEW = Kind(api_version="authentication.k8s.io/v1", kind="TokenReview", plural="tokenreviews", namespaced=False)
ACCESS_REVIEW = Kind(
    api_version="authorization.k8s.io/v1", kind="SubjectAccessReview", plural="subjectaccessreviews", namespaced=False
)
SECRET = Kind(api_version="v1", kind="Secret", plural="secrets")
SLICE = Kind(api_version="discovery.k8s.io/v1", kind="EndpointSlice", plural="endpointslices")


def owned(site: Site) -> tuple[Kind, ...]:
    """The kinds of objects that a server at *site* may have; each is looked for everywhere, by our label."""
    return owned_kinds(site.network)
