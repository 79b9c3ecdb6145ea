"""A simulated cluster with the operator's definitions, and operators that run in this process."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from joserfc.jwk import ECKey

from adapters.kube.api import Cluster as Api
from adapters.kube.operator import Operator
from arcops.errors import Unavailable
from arcops.request import LiveCluster
from arcops.tier import Tier
from arcops.verdict import Verdict
from manifests.crds.definitions import ServerKind, definition
from manifests.description import Site as NetworkSite
from manifests.operator.installation import Installation, installation
from services.operator.observed import Handshake
from services.operator.resource import ServerResource
from services.operator.sidecar import TrustedIssuer
from services.operator.site import NamespacePolicy, Site
from services.operator.verdicts import ImageVerdict, Verdicts
from tests.simulators.kube.serving import Cluster, cluster
from tests.simulators.kube.workloads import Workloads

DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.example.com/mcp/time@{DIGEST}"
RELAY = "registry.example.com/arcops/sidecar@sha256:" + "b" * 64
_COUNT = itertools.count(1)


def verdicts(*digests: str) -> Verdicts:
    """GREEN verdicts on these images."""
    made = {
        one: ImageVerdict(
            digest=one,
            verdict=Verdict.GREEN,
            signer="key:tests",
            trusted=True,
            valid_until=datetime.now(UTC) + timedelta(days=1),
            artifact="sha256:" + "c" * 64,
            entry_point=("/server",),
        )
        for one in digests
    }
    return Verdicts(images=made)


def a_site(**more: Any) -> Site:
    """A site whose plugin enforces NetworkPolicy."""
    given: dict[str, Any] = {
        "network": NetworkSite(cni="calico", api_server=("10.96.0.1/32",)),
        "kubernetes": (1, 36),
        "sidecar_image": RELAY,
        "otherwise": NamespacePolicy(open_network=True),
    }
    return Site(**(given | more))


@dataclass
class Told:
    """Sources that a test sets. ``shaken`` is what each server says."""

    settings: Site = field(default_factory=a_site)
    known: Verdicts = field(default_factory=lambda: verdicts(DIGEST))
    shaken: Callable[[ServerResource, tuple[str, ...]], str] = lambda resource, addresses: ""
    asked: list[str] = field(default_factory=list)
    issuers: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def site(self) -> Site:
        return self.settings

    def verdicts(self) -> Verdicts:
        return self.known

    def keys(self, issuer: TrustedIssuer) -> bytes:
        self.fetched.append(issuer.issuer)
        found = self.issuers.get(issuer.issuer)
        if found is None:
            raise Unavailable(f"{issuer.issuer} does not answer")
        return found

    def shake(self, resource: ServerResource, addresses: tuple[str, ...], of: int) -> Handshake:
        self.asked.append(str(resource.identity))
        problem = self.shaken(resource, addresses)
        if problem:
            return Handshake(of=of, problem=problem)
        return Handshake(of=of, protocol_version="2025-11-25", server="time 1.0", capabilities=frozenset(("tools",)))


def client(found: Cluster, context: str = "admin") -> Api:
    """A client of *found* as the real one is made, from its kubeconfig."""
    from adapters.kube.connecting import connected

    return Api(connected(LiveCluster(context=context, clusters=None, kubeconfig=found.kubeconfig), Tier.RESTRICTED, {}))


@contextmanager
def a_cluster(folder: Path, *, instant: bool = True, **more: Any) -> Iterator[Cluster]:
    """A cluster with the definitions and the operator's namespace."""
    with cluster(folder, **more) as found:
        for kind in ServerKind:
            found.create("customresourcedefinitions", definition(kind).value, "apiextensions.k8s.io")
        for name in ("arcops-system", "arcops-mcp", "team"):
            found.namespace(name)
        if instant:
            found.do(lambda: Workloads(found.api, instant=True))
        yield found


@contextmanager
def operator(found: Cluster, told: Told | None = None, *, context: str = "admin", **more: Any) -> Iterator[Operator]:
    """An operator that runs until the block ends."""
    made = Operator(client(found, context), told or Told(), holder=f"tests-{next(_COUNT)}", **more)
    made.start()
    try:
        yield made
    finally:
        made.end()


RBAC = "rbac.authorization.k8s.io"


def shipped(found: Cluster, *, rotating: tuple[str, ...] = (), discovery_tls: str = "") -> str:
    """The operator's own account with the roles that are shipped; the name of its context."""
    made = Installation(
        image="",
        settings="",
        site=a_site().network,
        namespace="arcops-system",
        cluster_namespace="arcops-mcp",
        rotating=rotating,
        discovery_tls=discovery_tls,
    )
    (text,) = [one.text for one in installation(made) if "rights" in one.name]
    for one in yaml.safe_load_all(text):
        if one["kind"] != "ServiceAccount":
            found.create(f"{one['kind'].lower()}s", one, RBAC)
    return found.account("arcops-system", "arcops-operator")


def public_key(kid: str) -> dict[str, Any]:
    """A key of an issuer, as its key set has it."""
    key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}, private=False)
    return {**key.as_dict(private=False), "alg": "ES256"}


def server(name: str = "time", namespace: str = "team", **spec: Any) -> dict[str, Any]:
    """A resource."""
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "MCPServer",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"image": IMAGE, "transport": "streamable-http", "permissionProfile": {"type": "builtin", "name": "none"}}
        | spec,
    }


def until(check: Callable[[], Any], seconds: float = 15.0, *, what: str = "") -> Any:
    """What *check* gives as soon as it is true; fails after *seconds*."""
    ends = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > ends:
            raise AssertionError(f"it did not happen within {seconds} seconds: {what or check}")
        time.sleep(0.02)


def ready(found: Cluster, name: str = "time", namespace: str = "team", plural: str = "mcpservers") -> dict[str, Any] | None:
    """The condition Ready of a resource, if it is True."""
    one = condition(found, name, namespace, plural)
    return one if one is not None and one["status"] == "True" else None


def condition(
    found: Cluster, name: str = "time", namespace: str = "team", plural: str = "mcpservers", kind: str = "Ready"
) -> Any:
    obj = found.get(f"{plural}.ome.io", namespace, name) or {}
    return next((one for one in obj.get("status", {}).get("conditions", ()) if one["type"] == kind), None)


def show(obj: Any) -> str:
    return json.dumps(obj, indent=1)
