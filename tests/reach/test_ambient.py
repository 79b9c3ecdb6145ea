"""In an ambient mesh, packets between its pods arrive on 15008: policies see that port, and no other."""

from __future__ import annotations

import pytest

from arcops.seen.network import Network, Protocol
from reach.decision import decide
from reach.question import Answer, ask
from reach.world import World
from tasks.network.network import network_of
from tests.manifests import POLICIES, SHOP, changed

pytestmark = pytest.mark.requirement("ARC-B2/the-mesh-is-part-of-the-answer")

AMBIENT = changed(SHOP, "metadata: {name: shop}\n", "metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}\n")
OTHERS = """---
apiVersion: v1
kind: Namespace
metadata: {name: plain}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: plain, labels: {app: web}}
spec: {containers: []}
---
apiVersion: v1
kind: Namespace
metadata: {name: cars, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: cars, labels: {app: web}}
spec: {containers: []}
"""
TUNNEL = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: tunnel, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}], ports: [{port: 15008}]}]
  egress: [{to: [{podSelector: {}}], ports: [{port: 15008}]}]
"""
FROM_OUTSIDE = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: others, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {}}], ports: [{port: PORT}]}]
"""


def network(*more: str, manifests: str = AMBIENT) -> Network:
    return network_of([("all.yaml", "---\n".join([manifests, POLICIES, *more]).encode())])


def asked(*more: str, source: str = "shop/web", target: str = "db:5432", manifests: str = AMBIENT) -> Answer:
    return ask(network(*more, manifests=manifests), source, target)


def ambient_doubts(found: Answer) -> list[str]:
    return [one for one in found.doubts if "ambient" in one or "waypoint" in one]


def test_a_policy_for_the_port_of_the_application_blocks_the_mesh() -> None:
    assert asked(manifests=SHOP).allowed
    found = asked()
    assert not found.allowed
    assert "15008" in found.connections[0].reasons[0].text
    assert not ambient_doubts(found)


def test_the_port_of_the_tunnel_alone_opens_every_port() -> None:
    assert asked(TUNNEL).allowed
    assert asked(TUNNEL, target="db:22").allowed
    assert not asked(TUNNEL, target="db:22", manifests=SHOP).allowed
    assert not asked(TUNNEL, target="db:22/udp").allowed, "only TCP goes by the tunnel"


def test_the_all_pairs_answer_is_the_same() -> None:
    for made in (network(OTHERS), network(OTHERS, TUNNEL), network(OTHERS, TUNNEL, manifests=SHOP)):
        world = World(made)
        for protocol, port in ((Protocol.TCP, 5432), (Protocol.TCP, 15008), (Protocol.TCP, 22), (Protocol.UDP, 53)):
            table = world.pairs(int(world.port_class_of[world.terrain.ports.position(protocol, port)]))
            for source in made.pods:
                for target in made.pods:
                    where = (int(world.class_of[world.position(source)]), int(world.class_of[world.position(target)]))
                    assert table[where] == decide(world, source, target, protocol, port).allowed


@pytest.mark.parametrize(("port", "is_open"), [("5432", True), ("15008", False)])
def test_pods_outside_of_the_mesh_use_the_port_itself(port: str, is_open: bool) -> None:
    found = asked(OTHERS, FROM_OUTSIDE.replace("PORT", port), source="plain/client", target="shop/db:5432")
    assert found.allowed is is_open
    assert not ambient_doubts(found)


@pytest.mark.parametrize("port", ["5432", "15008"])
def test_between_a_sidecar_and_the_ambient_mesh_it_is_not_certain(port: str) -> None:
    found = asked(OTHERS, FROM_OUTSIDE.replace("PORT", port), source="cars/client", target="shop/db:5432")
    assert found.allowed
    assert ambient_doubts(found)


def test_if_neither_port_is_open_the_no_is_certain() -> None:
    found = asked(OTHERS, source="cars/client", target="shop/db:5432")
    assert not found.allowed
    assert not ambient_doubts(found)


def test_through_a_waypoint_it_is_not_certain() -> None:
    way = changed(AMBIENT, "istio.io/dataplane-mode: ambient", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: way")
    assert ambient_doubts(asked(TUNNEL, manifests=way))
    assert not ambient_doubts(asked(TUNNEL))
