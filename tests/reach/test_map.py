"""The map: what a reader sees of a network, and that it is safe to open."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from arcops.seen.network import Label, NamespaceSeen, Network, PodSet
from reach.drawing import draw
from reach.picture import MOST_GROUPS, MOST_LINKS, Gathered, picture
from reach.world import World
from tasks.network import read_manifests
from tests.manifests import POLICIES, changed, shop
from tests.reach.networks import AT, networks

pytestmark = pytest.mark.requirement("ARC-B2")


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


def test_it_shows_who_may_call_whom_and_on_which_ports(tmp_path: Path) -> None:
    assert lines(read_manifests(shop(tmp_path / "shop"))) == {("web (Deployment)", "db (StatefulSet)", "TCP 5432")}


def test_a_rule_more_is_a_line_more(tmp_path: Path) -> None:
    more = "      ports: [{port: 5432}]\n    - to: [{ipBlock: {cidr: 192.0.2.0/24}}]\n      ports: [{port: 443}]\n"
    network = read_manifests(shop(tmp_path / "shop", policies=changed(POLICIES, "      ports: [{port: 5432}]\n", more)))
    assert lines(network) == {
        ("web (Deployment)", "db (StatefulSet)", "TCP 5432"),
        ("web (Deployment)", "192.0.2.0-192.0.2.255", "TCP 443"),
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
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
