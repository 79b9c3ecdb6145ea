"""The map: what a reader sees of a network, and that it is safe to open."""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from arcops.seen.network import (
    Block,
    Direction,
    Label,
    NamespaceSeen,
    Network,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PolicyTier,
    Protocol,
    Selector,
    ServicePort,
    ServiceSeen,
)
from reach.drawing import STYLE_DIGEST, draw
from reach.picture import MOST_GROUPS, MOST_LINKS, Gathered, picture
from reach.world import World
from tasks.network.network import read_manifests
from tests.examples import share
from tests.manifests import POLICIES, changed, shop
from tests.reach.networks import AT, networks

pytestmark = pytest.mark.requirement("ARC-B2/people-ask-and-see-a-map")


def lines(network: Network) -> set[tuple[str, str, str]]:
    found = picture(network)
    return {(found.groups[one.source].title, found.groups[one.target].title, one.ports) for one in found.links}


def many(count: int, *, namespaces: int, alike: bool) -> Network:
    """So many workloads without a policy; not *alike*, each has a port of its own."""
    names = [f"space-{one}" for one in range(namespaces)]
    return Network(
        root="0" * 64,
        files=(),
        namespaces=tuple(NamespaceSeen(name=one, labels=(), declared=True, at=AT) for one in names),
        pods=tuple(
            PodSet(
                kind="Deployment",
                namespace=names[number % namespaces],
                name=f"w{number}",
                at=AT,
                labels=() if alike else (Label(key="app", value=f"w{number}"),),
            )
            for number in range(count)
        ),
    )


def test_it_shows_the_allowed_calls_and_their_ports(tmp_path: Path) -> None:
    assert lines(read_manifests(shop(tmp_path / "shop"))) == {("web (Deployment)", "db (StatefulSet)", "TCP 5432")}


def test_a_rule_more_is_a_line_more(tmp_path: Path) -> None:
    more = "      ports: [{port: 5432}]\n    - to: [{ipBlock: {cidr: 192.0.2.0/24}}]\n      ports: [{port: 443}]\n"
    network = read_manifests(shop(tmp_path / "shop", policies=changed(POLICIES, "      ports: [{port: 5432}]\n", more)))
    assert lines(network) == {
        ("web (Deployment)", "db (StatefulSet)", "TCP 5432"),
        ("web (Deployment)", "192.0.2.0-192.0.2.255", "TCP 443"),
    }


@share(0.2, large=True)
@given(network=networks())
def test_every_line_is_a_connection_and_every_connection_is_on_a_line(network: Network) -> None:
    world, found = World(network), picture(network)
    titles = {one.members: number for number, one in enumerate(found.groups)}
    assert found.gathered is Gathered.WORKLOAD
    drawn = {(one.source, one.target) for one in found.links}
    open_pairs = set()
    group = {title: number for members, number in titles.items() for title in members}
    classes = len(world.first_of_class)
    ends = [(int(world.class_of[number]), group[pods.title]) for number, pods in enumerate(network.pods)]
    ends += [(classes + number, group[str(span)]) for number, span in enumerate(world.terrain.outside.ends)]
    for port_class in world.port_classes:
        table = world.pairs(port_class)
        open_pairs |= {(one, other) for row, one in ends for column, other in ends if table[row, column]}
    assert drawn == open_pairs


@pytest.mark.parametrize(
    ("network", "gathered", "rows"),
    [
        (many(5, namespaces=2, alike=True), Gathered.WORKLOAD, 5),
        (many(200, namespaces=4, alike=True), Gathered.ALIKE, 4),
        (many(200, namespaces=100, alike=True), Gathered.ALIKE_ANYWHERE, 1),
    ],
)
def test_it_gathers_no_more_than_it_must(network: Network, gathered: Gathered, rows: int) -> None:
    found = picture(network)
    assert (found.gathered, sum(not one.outside for one in found.groups)) == (gathered, rows)
    assert sorted(title for one in found.groups if not one.outside for title in one.members) == sorted(
        one.title for one in network.pods
    )
    assert len(found.groups) <= MOST_GROUPS + 2
    assert len(found.links) <= MOST_LINKS


def test_the_same_manifests_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    network = read_manifests(shop(tmp_path / "shop"))
    turned = replace(network, pods=network.pods[::-1], policies=network.policies[::-1])
    assert draw(picture(network), name="shop") == draw(picture(turned), name="shop")


def test_it_runs_nothing_and_takes_no_word_for_markup() -> None:
    bad = "</text><script>alert(1)</script>\x00\x0b&"
    network = many(1, namespaces=1, alike=True)
    network = replace(network, pods=tuple(replace(one, name=bad) for one in network.pods))
    svg = draw(picture(network), name=bad, doubts=(bad,))
    tags = {one.tag.rpartition("}")[2] for one in ElementTree.fromstring(svg).iter()}  # noqa: S314  # our own bytes
    assert tags == {"svg", "title", "desc", "style", "rect", "text", "path"}
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_what_is_not_certain_is_said_on_the_picture() -> None:
    svg = draw(picture(many(1, namespaces=1, alike=True)), name="shop", doubts=("a.yaml:1: no YAML", "b"))
    assert "Not certain (1 more): a.yaml:1: no YAML" in svg
    assert "Not certain" not in draw(picture(many(1, namespaces=1, alike=True)), name="shop")


def test_it_has_colours_for_the_dark() -> None:
    assert "@media (prefers-color-scheme:dark)" in draw(picture(many(1, namespaces=1, alike=True)), name="shop")


WAYS = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {hostnames: [shop.example], parentRefs: [{name: edge, namespace: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: web, port: {name: http}}}}
---
apiVersion: v1
kind: Service
metadata: {name: way, namespace: shop}
spec: {type: LoadBalancer, selector: {app: db}, ports: [{port: 443, targetPort: postgres}]}
"""


def test_services_and_ways_in_stand_where_they_lead(tmp_path: Path) -> None:
    found = picture(read_manifests(shop(tmp_path / "shop", WAYS)))
    titles = [one.title for one in found.groups]
    rows = {title: rows for title, rows in zip(titles, found.served.rows, strict=True) if rows}
    assert rows == {
        "db (StatefulSet)": ("Service way 443 to TCP 5432", "Service db 5432 to TCP 5432"),
        "web (Deployment)": ("Service web 80 to TCP 8080",),
    }
    leads = {(one.title, one.detail): [(titles[number], row) for number, row in one.leads] for one in found.served.entrances}
    assert leads == {
        ("HTTPRoute shop/web", "at Gateway edge/edge, for shop.example"): [("web (Deployment)", "Service web 80 to TCP 8080")],
        ("Ingress shop/web", "for every host name"): [("web (Deployment)", "Service web 80 to TCP 8080")],
        ("Service shop/way", "by LoadBalancer"): [("db (StatefulSet)", "Service way 443 to TCP 5432")],
    }
    svg = draw(found, name="shop")
    assert "HTTPRoute shop/web (at Gateway edge/edge, for shop.example) leads to shop web (Deployment)" in svg
    assert "3 ways in" in svg


def served_by(services: int, *, namespaces: int = 1) -> Network:
    """Workloads, each with a LoadBalancer of its own."""
    network = many(services, namespaces=namespaces, alike=False)
    port = ServicePort(name="", protocol=Protocol.TCP, port=80, target=8080)
    return replace(
        network,
        services=tuple(
            ServiceSeen(
                namespace=pods.namespace,
                name=pods.name,
                at=AT,
                kind="LoadBalancer",
                selector=Selector(labels=pods.labels),
                ports=(port,),
            )
            for pods in network.pods
        ),
    )


@pytest.mark.parametrize(
    ("network", "titles"),
    [
        (served_by(2), ["Service space-0/w0", "Service space-0/w1"]),
        (served_by(31), ["31 ways in by Service"]),
        (served_by(40, namespaces=40), ["40 ways in by Service"]),
    ],
)
def test_many_ways_in_are_gathered(network: Network, titles: list[str]) -> None:
    found = picture(network).served
    assert [one.title for one in found.entrances] == titles
    drawn = {lead for one in found.entrances for lead in one.leads}
    assert all(row in found.rows[number] for number, row in drawn)


def test_what_is_too_large_is_bounded_and_says_so() -> None:
    """Hundreds of namespaces, each with a policy that opens one address of its own: nothing of it is alike."""
    network = many(300, namespaces=300, alike=False)
    policies = tuple(
        PolicySeen(
            kind="NetworkPolicy",
            namespace=one.name,
            name="own",
            at=AT,
            tier=PolicyTier.NAMESPACE,
            pods=Selector(),
            directions=(Direction.EGRESS, Direction.INGRESS),
            egress=(PolicyRule(at=AT, field="", peers=(Peer(at=AT, block=Block(cidr=f"10.0.{number % 200}.{number}/32")),)),),
        )
        for number, one in enumerate(network.namespaces[:250])
    )
    found = picture(replace(network, policies=policies))
    assert found.gathered is Gathered.REST
    assert len(found.links) <= MOST_LINKS
    assert sorted(title for one in found.groups if not one.outside for title in one.members) == sorted(
        one.title for one in network.pods
    )
    assert found.groups[[one.outside for one in found.groups].index(True) - 1].title.endswith(" namespaces")
    svg = draw(found, name="large")
    assert "the last one all others" in svg
    assert len(svg) < 300_000


def test_the_style_that_pages_let_through_is_the_one_that_is_drawn() -> None:
    svg = draw(picture(many(1, namespaces=1, alike=True)), name="shop")
    style = svg.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() == STYLE_DIGEST
