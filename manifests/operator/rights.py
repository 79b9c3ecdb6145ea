"""What the operator may do at the API server: one table, from which its roles are made. It may do nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from manifests.crds.definitions import GROUP, ServerKind, plural
from manifests.description import Names, Site
from manifests.objects import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """*verbs* on *resource* of an API *group*; ``why`` is for the reader of the role."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedKind:
    """A kind of objects that a server may have, and its name in addresses of the API server."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group, empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def root(self) -> str:
        """The path of all objects, over all namespaces."""
        return f"/{'apis' if '/' in self.api_version else 'api'}/{self.api_version}"

    def path(self, namespace: str, name: str = "", below: str = "") -> str:
        """The path of one object, or of those of a namespace."""
        parts = [self.root, *(("namespaces", namespace) if self.namespaced and namespace else ()), self.plural]
        return "/".join([*parts, *((name,) if name else ()), *((below,) if below else ())])


_EVERYWHERE = (
    OwnedKind(api_version="apps/v1", kind="Deployment", plural="deployments"),
    OwnedKind(api_version="v1", kind="Service", plural="services"),
    OwnedKind(api_version="v1", kind="ServiceAccount", plural="serviceaccounts"),
    OwnedKind(api_version="v1", kind="ConfigMap", plural="configmaps"),
    OwnedKind(api_version="networking.k8s.io/v1", kind="NetworkPolicy", plural="networkpolicies"),
    OwnedKind(api_version="policy/v1", kind="PodDisruptionBudget", plural="poddisruptionbudgets"),
    OwnedKind(api_version="autoscaling/v2", kind="HorizontalPodAutoscaler", plural="horizontalpodautoscalers"),
)
_CILIUM = OwnedKind(api_version="cilium.io/v2", kind="CiliumNetworkPolicy", plural="ciliumnetworkpolicies")
_ISTIO = (
    OwnedKind(api_version="networking.istio.io/v1", kind="Sidecar", plural="sidecars"),
    OwnedKind(api_version="networking.istio.io/v1", kind="ServiceEntry", plural="serviceentries"),
    OwnedKind(api_version="networking.istio.io/v1", kind="Gateway", plural="gateways"),
    OwnedKind(api_version="networking.istio.io/v1", kind="DestinationRule", plural="destinationrules"),
    OwnedKind(api_version="networking.istio.io/v1", kind="VirtualService", plural="virtualservices"),
    OwnedKind(api_version="security.istio.io/v1", kind="AuthorizationPolicy", plural="authorizationpolicies"),
)


def owned_kinds(site: Site) -> tuple[OwnedKind, ...]:
    """The kinds of objects that servers at *site* may have; kinds that nothing there defines are not among them."""
    found = list(_EVERYWHERE)
    if site.is_cilium:
        found.append(_CILIUM)
    if site.names is Names.EGRESS_GATEWAY:
        found += _ISTIO
    if site.domain_names is not None:
        version = f"policy.networking.k8s.io/{site.domain_names.version}"
        found.append(
            OwnedKind(api_version=version, kind="ClusterNetworkPolicy", plural="clusternetworkpolicies", namespaced=False)
        )
    return tuple(found)


def rights(site: Site) -> tuple[Right, ...]:
    """What the operator may do in the whole cluster."""
    return tuple(_rights(site))


def _rights(site: Site) -> Iterator[Right]:
    for kind in ServerKind:
        yield Right(group=GROUP, resource=plural(kind), verbs=("list", "watch"), why="the resources")
        yield Right(
            group=GROUP, resource=f"{plural(kind)}/status", verbs=("patch",), why="their status, and nothing else of them"
        )
    for one in owned_kinds(site):
        yield Right(
            group=one.group,
            resource=one.plural,
            verbs=("get", "list", "watch", "create", "patch", "delete"),
            why="their objects; ConfigMaps also because profiles are in them",
        )
    yield Right(group="discovery.k8s.io", resource="endpointslices", verbs=("list", "watch"), why="which pods answer")
    yield Right(group="events.k8s.io", resource="events", verbs=("create", "patch"), why="what happened, beside a resource")


def own_rights() -> tuple[Right, ...]:
    """What it may do in its own namespace: hold the lease by which one of several leads."""
    return (
        Right(group="coordination.k8s.io", resource="leases", verbs=("get", "create", "update"), why="the lease of the leader"),
    )


def secret_rights() -> tuple[Right, ...]:
    """What it may do besides in a namespace that lets it look at Secrets. Listing them is reading them."""
    return (Right(group="", resource="secrets", verbs=("get", "list", "watch"), why="a changed Secret rolls the pods"),)


def review_rights() -> tuple[Right, ...]:
    """What it may do besides if callers find servers there: ask who they are, and what they may list."""
    return (
        Right(group="authentication.k8s.io", resource="tokenreviews", verbs=("create",), why="who asks for servers"),
        Right(group="authorization.k8s.io", resource="subjectaccessreviews", verbs=("create",), why="what they may list"),
    )


KEYS_URL = "/openid/v1/jwks"
"""The keys of the cluster's own tokens; the address has no resource."""


def rules(of: tuple[Right, ...], *, addresses: tuple[str, ...] = ()) -> list[Json]:
    """The rules of a role."""
    made: list[Json] = [{"apiGroups": [one.group], "resources": [one.resource], "verbs": list(one.verbs)} for one in of]
    if addresses:
        made.append({"nonResourceURLs": list(addresses), "verbs": ["get"]})
    return made
