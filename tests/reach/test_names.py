"""Host names in rules are ends of their own: in drift, in pictures and in exposures, and never an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.seen.network import Direction
from arcops.verdict import Verdict
from reach.addresses import Domain
from reach.drift import Way, compare
from reach.exposure import exposures
from reach.picture import picture
from reach.question import ask
from tasks.network.network import read_manifests
from tests.manifests import shop

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

HOSTS = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: hosts, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
    - toFQDNs: [{matchName: pay.example}]
      toPorts: [{ports: [{port: "443", protocol: TCP}]}]
"""


def test_a_name_more_is_reach_that_no_one_declared(tmp_path: Path) -> None:
    declared, live = read_manifests(shop(tmp_path / "declared")), read_manifests(shop(tmp_path / "live", HOSTS))
    found = compare(declared, live)
    assert [(one.way, one.source, one.target, one.ports) for one in found.reach] == [
        (Way.GAINED, "Deployment shop/web", "pay.example", "TCP 443")
    ]
    assert found.verdict(certain=True) is Verdict.RED
    other = read_manifests(shop(tmp_path / "other", HOSTS.replace("pay.example", "play.example")))
    assert {(one.way, one.target) for one in compare(live, other).reach} == {
        (Way.LOST, "pay.example"),
        (Way.GAINED, "play.example"),
    }


def test_it_stands_in_the_picture_and_among_the_exposures(tmp_path: Path) -> None:
    network = read_manifests(shop(tmp_path / "shop", HOSTS))
    found = picture(network)
    lines = {(found.groups[one.source].title, found.groups[one.target].title, one.ports) for one in found.links}
    assert ("web (Deployment)", "pay.example", "TCP 443") in lines
    said = [(one.pods.name, one.direction, one.ports) for one in exposures(network) if isinstance(one.who, Domain)]
    assert said == [("web", Direction.EGRESS, "TCP 443")]


def test_it_can_be_asked_about_by_the_name_that_a_rule_gives(tmp_path: Path) -> None:
    network = read_manifests(shop(tmp_path / "shop", HOSTS))
    answer = ask(network, "shop/web", "pay.example:443")
    assert (answer.allowed, answer.doubts) == (True, ())
    assert answer.connections[0].reasons[0].policy == "CiliumNetworkPolicy shop/hosts"
    assert not ask(network, "shop/db", "pay.example:443").allowed
    with pytest.raises(Refused, match="no Service"):
        ask(network, "shop/web", "play.example:443")
    with pytest.raises(Refused, match="must be a number"):
        ask(network, "shop/web", "pay.example:https")
