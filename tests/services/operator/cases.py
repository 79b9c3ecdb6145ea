"""What the operator's tests share: a site that can enforce everything, an image that is GREEN, and resources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from arcops.verdict import Verdict
from manifests.description import Site as NetworkSite
from manifests.objects import KubeObject, ObjectName
from services.operator.observed import Child, Handshake, Observed
from services.operator.reconcile import Outcome, reconcile
from services.operator.resource import ServerResource, parse
from services.operator.site import NamespacePolicy, Site
from services.operator.verdicts import ImageVerdict, Verdicts

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DIGEST = f"sha256:{'1' * 64}"
IMAGE = f"registry.example/mcp/tools@{DIGEST}"
RELAY = f"registry.example/arcops/relay@sha256:{'2' * 64}"
SITE = Site(
    network=NetworkSite(cni="cilium", api_server=("10.96.0.1", "192.0.2.10")),
    kubernetes=(1, 36),
    sidecar_image=RELAY,
    policies={"open": NamespacePolicy(open_network=True)},
)
GREEN = ImageVerdict(
    digest=DIGEST,
    verdict=Verdict.GREEN,
    signer="release",
    trusted=True,
    valid_until=NOW + timedelta(days=7),
    artifact=f"sha256:{'3' * 64}",
    entry_point=("/usr/bin/tools", "serve"),
)
VERDICTS = Verdicts(images={DIGEST: GREEN})


def written(
    kind: str = "MCPServer", name: str = "tools", namespace: str = "shop", uid: str = "u-1", **spec: Any
) -> dict[str, Any]:
    """A resource as the API server has it."""
    metadata: dict[str, Any] = {"name": name, "uid": uid, "generation": 1}
    if kind == "MCPServer":
        metadata["namespace"] = namespace
    return {"apiVersion": "ome.io/v1beta1", "kind": kind, "metadata": metadata, "spec": {"image": IMAGE, **spec}}


def resource(value: Mapping[str, Any]) -> ServerResource:
    """*value*, read."""
    found = parse(value)
    assert isinstance(found, ServerResource), str(found)
    return found


def made(
    value: Mapping[str, Any], observed: Observed | None = None, site: Site = SITE, verdicts: Verdicts = VERDICTS
) -> Outcome:
    """One pass over *value*."""
    return reconcile(parse(value), observed or Observed(), site, verdicts, NOW)


def child(one: KubeObject, uid: str = "u-1", **status: Any) -> Child:
    """*one* as the API server has it once it is applied: with defaults, and a status."""
    live = json.loads(one.text)
    live["metadata"] |= {"uid": f"uid of {one.name}", "generation": 1, "creationTimestamp": "2026-11-30T12:00:00Z"}
    live["status"] = {"observedGeneration": 1, **status}
    return Child(name=one.name, uid=f"uid of {one.name}", owner=uid, resource_version="7", live=live)


def after(outcome: Outcome, *, handshake: Handshake | None = None, ready: int = 1, uid: str = "u-1") -> Observed:
    """What is observed once *outcome* is applied, and *ready* pods run."""
    counts = {"replicas": ready, "readyReplicas": ready, "updatedReplicas": ready}
    children = {one.name: child(one, uid, **(counts if one.name.kind == "Deployment" else {})) for one in outcome.objects}
    return Observed(children=children, handshake=handshake, status=json.loads(json.dumps(_plain(outcome.status))))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


def of_kind(outcome: Outcome, kind: str) -> dict[str, Any]:
    """The one object of *kind*."""
    (found,) = [one for one in outcome.objects if one.name.kind == kind]
    value: dict[str, Any] = json.loads(found.text)
    return value


def condition(outcome: Outcome, kind: str = "Ready") -> dict[str, Any]:
    """The condition of this *kind*."""
    found = [one for one in _plain(outcome.status)["conditions"] if one["type"] == kind]
    value: dict[str, Any] = found[0]
    return value


def object_name(kind: str, name: str = "tools", namespace: str = "shop") -> ObjectName:
    """A name of an object in v1."""
    return ObjectName(api_version="v1", kind=kind, namespace=namespace, name=name)
