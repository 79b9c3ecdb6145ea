"""The proof of a server's policies: each smallest change of one that opens or closes a connection is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from arcops.errors import Broken
from arcops.seen.network import Direction, PodSet
from manifests.objects import KubeObject, text_of
from manifests.server.objects import server_objects
from manifests.server.plan import ServerPlan
from reach.decision import decide
from reach.world import World
from services.operator import proof
from services.operator.observed import Observed, SeenConfigMap
from services.operator.planning import Planned, plan
from services.operator.proof import prove
from services.operator.site import NamespacePolicy
from tests.services.operator.cases import NOW, VERDICTS, resource, written
from tests.services.operator.test_profiles import BY_NAMES, CALICO, CILIUM, ISTIO, outbound, site

pytestmark = pytest.mark.requirement("OPER-4/permission-profiles-are-enforced")

PODS = {"namespace": "db", "labels": {"app": "pg"}}
PROFILES: dict[str, tuple[Any, Any]] = {
    "nothing": (CALICO, {}),
    "addresses and pods": (CALICO, outbound("198.51.100.0/24", allowPods=[PODS])),
    "everything": (site("calico", NamespacePolicy(open_network=True)), {"network": {"outbound": {"insecureAllowAll": True}}}),
    "everything on a port": (
        site("calico", NamespacePolicy(open_network=True)),
        {"network": {"outbound": {"insecureAllowAll": True, "allowPort": [443]}}},
    ),
    "the API server": (site("calico", NamespacePolicy(api_server=True)), outbound("kubernetes.default.svc")),
    "names by Cilium": (CILIUM, outbound("api.example.com", "*.example.org", ports=(443, 8443))),
    "names by a cluster's policy": (BY_NAMES, outbound("api.example.com")),
    "names by a gateway": (ISTIO, outbound("api.example.com")),
}


def planned(name: str) -> tuple[ServerPlan, tuple[KubeObject, ...]]:
    """The plan of a server with this profile, and its objects."""
    at, text = PROFILES[name]
    reference = {"type": "configmap", "name": "p", "key": "p.json"}
    seen = Observed(config_maps={"p": SeenConfigMap(resource_version="1", data={"p.json": json.dumps(text)})})
    found = plan(resource(written(permissionProfile=reference)), seen, at, VERDICTS, NOW)
    assert isinstance(found, Planned), found
    return found.plan, server_objects(found.plan)


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_made_is_proven(name: str) -> None:
    made, objects = planned(name)
    assert prove(made, objects) > 100


@pytest.mark.parametrize("name", PROFILES)
def test_each_answer_is_that_of_one_question_asked_with_its_reasons(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of the engine, by which policies are proven, and its answer to one question come to the same."""
    worlds: list[tuple[World, PodSet]] = []
    whole = proof._allowed

    def seen(world: World, own: PodSet, direction: Direction) -> list[list[bool]]:
        worlds.append((world, own))
        return whole(world, own, direction)

    monkeypatch.setattr(proof, "_allowed", seen)
    proof._proven.cache_clear()
    prove(*planned(name))
    world, own = worlds[0]
    for direction in Direction:
        answers = whole(world, own, direction)
        for place, end in proof._ends(world, own):
            if direction is Direction.INGRESS and not isinstance(end, PodSet):
                continue
            source, target = (own, end) if direction is Direction.EGRESS else (end, own)
            for piece, answer in zip(world.terrain.ports.pieces, answers, strict=True):
                reasons = decide(world, source, target, piece.protocol, piece.first).reasons
                allows = all(one.allows for one in reasons if one.direction is direction)
                assert answer[place] is allows, (direction, str(end), piece)


OPENED: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "egress to everything": ("NetworkPolicy", lambda spec: spec["egress"].append({})),
    "egress is not limited": ("NetworkPolicy", lambda spec: spec.update(policyTypes=["Ingress"])),
    "ingress is not limited": ("NetworkPolicy", lambda spec: spec.update(policyTypes=["Egress"], ingress=[])),
    "ingress to every port": ("NetworkPolicy", lambda spec: spec["ingress"][0].pop("ports")),
    "ingress to the server's own port": (
        "NetworkPolicy",
        lambda spec: spec["ingress"][0]["ports"].append({"port": 8080, "protocol": "TCP"}),
    ),
    "callers of every namespace": (
        "NetworkPolicy",
        lambda spec: spec["ingress"][0].update({"from": [{"namespaceSelector": {}}]}),
    ),
    "everyone asks for the handshake": ("NetworkPolicy", lambda spec: spec["ingress"][1].pop("from")),
    "no one may call": ("NetworkPolicy", lambda spec: spec["ingress"].pop(0)),
    "other pods": ("NetworkPolicy", lambda spec: spec.update(podSelector={"matchLabels": {"a": "b"}})),
    "the metadata service": (
        "NetworkPolicy",
        lambda spec: spec["egress"].append({"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"port": 80}]}),
    ),
    "one more port": (
        "NetworkPolicy",
        lambda spec: spec["egress"].append(
            {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": [{"port": 80, "protocol": "TCP"}]}
        ),
    ),
}


@pytest.mark.parametrize(("kind", "change"), OPENED.values(), ids=OPENED)
def test_a_policy_that_opens_or_closes_more_is_broken(kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    made, objects = planned("addresses and pods")
    with pytest.raises(Broken, match="the policy of tools"):
        prove(made, changed(objects, kind, change))


NAMED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another name": lambda spec: spec["egress"][1]["toFQDNs"][0].update(matchPattern="*.example.net"),
    "another port": lambda spec: spec["egress"][1]["toPorts"][0]["ports"].append({"port": "22", "protocol": "TCP"}),
    "one port less": lambda spec: spec["egress"][1]["toPorts"][0]["ports"].pop(),
    "the world": lambda spec: spec["egress"].append({"toEntities": ["world"]}),
    "other pods of the cluster": lambda spec: spec["egress"].append({"toEndpoints": [{}]}),
    "every pod of the namespace": lambda spec: spec.update(endpointSelector={}),
}


@pytest.mark.parametrize("change", NAMED.values(), ids=NAMED)
def test_rules_by_name_are_proven_too(change: Callable[[dict[str, Any]], object]) -> None:
    made, objects = planned("names by Cilium")
    with pytest.raises((Broken, KeyError)):  # a name that no rule has any more cannot be asked for
        prove(made, changed(objects, "CiliumNetworkPolicy", change))


def _named(name: str, **spec: Any) -> tuple[ServerPlan, tuple[KubeObject, ...]]:
    found = plan(resource(written(name=name, **spec)), Observed(), CALICO, VERDICTS, NOW)
    assert isinstance(found, Planned), found
    return found.plan, server_objects(found.plan)


def test_servers_of_one_profile_share_their_proof() -> None:
    prove(*_named("first"))
    before = proof._proven.cache_info().misses
    for name in ("second", "third", "another", proof._NAME):
        prove(*_named(name))
    assert proof._proven.cache_info().misses <= before + 1  # the stand-in's own name is never shared


@pytest.mark.parametrize("label", ["first", "second-other", proof._NAME])
def test_a_shared_proof_says_nothing_of_a_policy_that_selects_another_server(label: str) -> None:
    prove(*_named("first"))
    made, objects = _named("second")
    prove(made, objects)

    def other(spec: dict[str, Any]) -> None:
        spec["podSelector"]["matchLabels"]["arcops.dev/mcp-server"] = label

    with pytest.raises(Broken, match="the policy of second"):
        prove(made, changed(objects, "NetworkPolicy", other))


@pytest.mark.parametrize(("kind", "change"), OPENED.values(), ids=OPENED)
def test_a_shared_proof_is_of_what_is_applied(kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    prove(*planned("addresses and pods"))
    made, _ = planned("addresses and pods")
    other = replace(made, name="other", owner=replace(made.owner, name="other"))
    with pytest.raises(Broken, match="the policy of other"):
        prove(other, changed(server_objects(other), kind, change))


def changed(objects: tuple[KubeObject, ...], kind: str, change: Callable[[dict[str, Any]], object]) -> tuple[KubeObject, ...]:
    """*objects*, with this *change* to the spec of the one of this *kind*."""

    def one(found: KubeObject) -> KubeObject:
        if found.name.kind != kind:
            return found
        value: dict[str, Any] = found.value
        change(value["spec"])
        return replace(found, text=text_of(value))

    return tuple(map(one, objects))
