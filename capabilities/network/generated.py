"""Generated manifests, proven before they are returned: the reader, the gates and the engine check them like all others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from arcops.errors import Broken, Refused
from arcops.evidence import Evidence
from arcops.finding import Outcome
from arcops.judge import judge
from arcops.seen.network import METADATA_SERVICES, Direction, Network, PodSet, Protocol
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.wire import digest
from flows.plan import AnyGate, all_gates
from gates.network.gateway.gate import GatewayPolicy
from gates.network.mesh.gate import MeshPolicy
from gates.network.network.gate import NetworkSafetyPolicy
from manifests.bundle import ManifestText, bundle, egress_pods
from manifests.description import DescribedMesh, Description, Pods
from manifests.text import Value, document, documents
from reach.addresses import Domain
from reach.decision import decide
from reach.world import World
from tasks.network.network import network, network_of

_STAND_IN = "stand-in.yaml"
_DEFINITIONS = "definitions.yaml"


def generate(description: Description, *, now: datetime, definitions: str = "") -> tuple[ManifestText, ...]:
    """The manifests of *description*. Raises `Refused` with the reason if they would not be GREEN at its site.

    They are judged together with stand-ins for the workload itself, which is not part of the bundle, and checked against the
    site's own *definitions* (CustomResourceDefinitions as YAML) if these are given; if not, 'check' asks for them. Only one
    thing may be AMBER: a host name with a wildcard that the description itself names.
    """
    files = bundle(description)
    texts = [(one.name, one.text.encode()) for one in files]
    beside = [(_STAND_IN, _own(description).encode())]
    if definitions:
        beside.append((_DEFINITIONS, definitions.encode()))
    seen = network_of([*texts, *beside])
    findings = list(_not_green(seen, description, now, definitions=definitions))
    if findings:
        raise Refused(f"the manifests of this description would not be GREEN: {' '.join(findings[:5])}")
    _prove(network_of([*texts, (_STAND_IN, _everybody(description).encode())]), description)
    return files


def _not_green(seen: Network, description: Description, now: datetime, *, definitions: str) -> Iterator[str]:
    site = description.site
    entries = (f"HTTPRoute {description.namespace}/{description.name[:50]}",) if description.entry is not None else ()
    # A wildcard that the description names warns under the policy's name and its own; 'check' will say so, too.
    titles = [one.title for one in seen.policies]
    asked = {f"{title} {host.name}" for title in titles for host in description.hosts if host.wildcard}
    policies: dict[str, object] = {
        "network": NetworkSafetyPolicy(
            enforcer=site.cni,
            api_server=site.api_server,
            metadata=(*METADATA_SERVICES, *site.metadata),
            entries=entries,
            dns_labels=tuple(f"{key}={value}" for key, value in site.dns_labels.items()),
            schemas=bool(definitions),
        ),
        "mesh": MeshPolicy(required=site.mesh is DescribedMesh.ISTIO),
        "gateway": GatewayPolicy(),
    }
    evidence = Evidence(
        kind=Network.KIND,
        body=seen,
        digest=digest(seen),
        collector=network.id,
        version=network.version,
        at=now,
        tier=Tier.AIR_GAPPED,
    )
    for gate in _gates(policies):
        result = judge(gate, policies[gate.id], {Network.KIND: evidence}, at=now, subject_name=description.name)
        if result.verdict is not Verdict.GREEN:
            for one in result.findings:
                if one.outcome is not Outcome.PASS and not (one.outcome is Outcome.WARN and one.about in asked):
                    yield one.text


def _gates(policies: dict[str, object]) -> list[AnyGate]:
    found = [gate for gate in all_gates() if gate.id in policies]
    if len(found) != len(policies):
        raise Broken("a gate that judges generated manifests is missing")
    return found


def _prove(seen: Network, description: Description) -> None:
    """Check that exactly the described connections are open, and none for pods that are not listed. Raises `Broken` if not."""
    world = World(seen, points=[one.cidr for one in description.addresses])
    by_name = {one.name: one for one in seen.pods}
    own, neighbour = by_name["own"], by_name["neighbour"]
    wrong = f"the bundle of {description.name} does not open what was asked for"
    for side, number, pods in _asked(description):
        peer, unlisted = by_name[f"{side}-{number}"], by_name[f"unlisted-{side}-{number}"]
        for port in pods.ports:
            protocol = Protocol(port.protocol)
            for other, wanted in ((peer, True), (unlisted, False)):
                source, target = (other, own) if side == "from" else (own, other)
                if _one_side(world, source, target, own, protocol, port.port) is not wanted:
                    raise Broken(f"{wrong}: {side} {pods.namespace}")
    named = {one.name for one in world.terrain.outside.domains}
    if named != ({one.name for one in description.hosts} if egress_pods(description) is None else set()):
        raise Broken(f"{wrong}: its rules name the hosts {', '.join(sorted(named))}")
    for host in description.hosts if named else ():
        for port in host.ports:
            for source, wanted in ((own, True), (neighbour, False)):
                if decide(world, source, Domain(name=host.name), Protocol(port.protocol), port.port).allowed is not wanted:
                    raise Broken(f"{wrong}: to {host.name}")


def _asked(description: Description) -> Iterator[tuple[str, int, Pods]]:
    """The pods that call and that are called, each with the name of its stand-in."""
    yield from (("from", number, one) for number, one in enumerate(_callers(description)))
    through = egress_pods(description)
    called = (*description.calls, *((through,) if through is not None else ()))
    yield from (("to", number, one) for number, one in enumerate(called))


def _one_side(world: World, source: PodSet, target: PodSet, own: PodSet, protocol: Protocol, port: int) -> bool:
    """What the workload's own policies say; the peer's policies do not count."""
    direction = Direction.EGRESS if source is own else Direction.INGRESS
    return all(one.allows for one in decide(world, source, target, protocol, port).reasons if one.direction is direction)


def _callers(description: Description) -> Iterator[Pods]:
    yield from description.callers
    if description.entry is not None:
        yield description.entry.gateway_pods


def _own(description: Description) -> str:
    labels = {"istio-injection": "enabled"} if description.site.mesh is DescribedMesh.ISTIO else {}
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
    unlisted = {"arcops.dev/stand-in": "unlisted"}
    objects = [_pod("own", description.namespace, dict(description.labels)), _pod("neighbour", description.namespace, unlisted)]
    for side, number, pods in _asked(description):
        objects.append(_pod(f"{side}-{number}", pods.namespace, dict(pods.labels)))
        objects.append(_pod(f"unlisted-{side}-{number}", pods.namespace, unlisted))
    return documents([document("A stand-in.", one) for one in objects])


def _pod(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Value]:
    metadata: dict[str, Value] = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}}
