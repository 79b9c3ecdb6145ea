"""Generated manifests, proven before anybody sees them: put through the reader, the gates and the engine like all others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from arcops.errors import Broken, Refused
from arcops.evidence import Evidence
from arcops.finding import Outcome
from arcops.judge import judge
from arcops.seen.network import Network, PodSet, Protocol
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.wire import digest
from flows.plan import AnyGate, all_gates
from gates.gateway import GatewayPolicy
from gates.mesh import MeshPolicy
from gates.network import NetworkSafetyPolicy
from manifests.bundle import ManifestText, bundle
from manifests.description import Description, Mesh, Pods
from manifests.text import Value, document, documents
from reach.decision import decide
from reach.world import World
from tasks.network import network, network_of

_STAND_IN = "stand-in.yaml"


def generate(description: Description, *, now: datetime) -> tuple[ManifestText, ...]:
    """The manifests of *description*. Raises `Refused`, saying why, where they would not be GREEN at its site.

    They are judged together with stand-ins for the workload itself, which is not part of the bundle.
    """
    files = bundle(description)
    texts = [(one.name, one.text.encode()) for one in files]
    seen = network_of([*texts, (_STAND_IN, _own(description).encode())])
    findings = list(_not_green(seen, description, now))
    if findings:
        raise Refused(f"what this description asks for would not be GREEN: {' '.join(findings[:5])}")
    _prove(network_of([*texts, (_STAND_IN, _everybody(description).encode())]), description)
    return files


def _not_green(seen: Network, description: Description, now: datetime) -> Iterator[str]:
    site = description.site
    entries = (f"HTTPRoute {description.namespace}/{description.name[:50]}",) if description.entry is not None else ()
    policies: dict[str, object] = {
        "network": NetworkSafetyPolicy(
            enforcer=site.cni,
            api_server=site.api_server,
            entries=entries,
            dns_labels=tuple(f"{key}={value}" for key, value in site.dns_labels.items()),
            # The site's definitions are not known where manifests are made; 'check' asks for them.
            schemas=False,
        ),
        "mesh": MeshPolicy(required=site.mesh is Mesh.ISTIO),
        "gateway": GatewayPolicy(),
    }
    evidence = Evidence(
        kind=Network.KIND,
        body=seen,
        digest=digest(seen),
        collector=network.name,
        version=network.version,
        at=now,
        tier=Tier.AIR_GAPPED,
    )
    for gate in _gates(policies):
        result = judge(gate, policies[gate.id], {Network.KIND: evidence}, at=now, subject_name=description.name)
        if result.verdict is not Verdict.GREEN:
            yield from (one.text for one in result.findings if one.outcome is not Outcome.PASS)


def _gates(policies: dict[str, object]) -> list[AnyGate]:
    found = [gate for gate in all_gates() if gate.id in policies]
    if len(found) != len(policies):
        raise Broken("a gate that generated manifests are judged by is missing")
    return found


def _prove(seen: Network, description: Description) -> None:
    """Exactly what was asked for is open: each peer on its ports, and a stranger beside it on none. Raises `Broken` if not."""
    world = World(seen, points=[one.cidr for one in description.addresses])
    by_name = {one.name: one for one in seen.pods}
    own = by_name["own"]
    asked = [("from", number, one) for number, one in enumerate(_callers(description))]
    asked += [("to", number, one) for number, one in enumerate(description.calls)]
    for side, number, pods in asked:
        peer, stranger = by_name[f"{side}-{number}"], by_name[f"stranger-{side}-{number}"]
        for port in pods.ports:
            protocol = Protocol(port.protocol)
            for other, wanted in ((peer, True), (stranger, False)):
                source, target = (other, own) if side == "from" else (own, other)
                if _one_side(world, source, target, own, protocol, port.port) is not wanted:
                    raise Broken(f"the bundle of {description.name} does not open what was asked for: {side} {pods.namespace}")


def _one_side(world: World, source: PodSet, target: PodSet, own: PodSet, protocol: Protocol, port: int) -> bool:
    """What the workload's own policies say; the peer's are its own affair."""
    from arcops.seen.network import Direction

    direction = Direction.EGRESS if source is own else Direction.INGRESS
    return all(one.allows for one in decide(world, source, target, protocol, port).reasons if one.direction is direction)


def _callers(description: Description) -> Iterator[Pods]:
    yield from description.callers
    if description.entry is not None:
        yield description.entry.gateway_pods


def _own(description: Description) -> str:
    labels = {"istio-injection": "enabled"} if description.site.mesh is Mesh.ISTIO else {}
    objects: list[dict[str, Value]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": description.namespace, "labels": labels}},
        _pod("own", description.namespace, dict(description.labels)),
    ]
    if description.entry is not None:
        spec: Value = {"selector": dict(description.labels), "ports": [{"port": description.entry.port}]}
        metadata: Value = {"name": description.entry.service, "namespace": description.namespace}
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    return documents([document("A stand-in.", one) for one in objects])


def _everybody(description: Description) -> str:
    objects = [_pod("own", description.namespace, dict(description.labels))]
    sides = (("from", _callers(description)), ("to", iter(description.calls)))
    for side, peers in sides:
        for number, pods in enumerate(peers):
            objects.append(_pod(f"{side}-{number}", pods.namespace, dict(pods.labels)))
            objects.append(_pod(f"stranger-{side}-{number}", pods.namespace, {"arcops.dev/stand-in": "stranger"}))
    return documents([document("A stand-in.", one) for one in objects])


def _pod(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Value]:
    metadata: dict[str, Value] = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}}
