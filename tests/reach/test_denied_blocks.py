"""A rule by address that denies makes no answer between pods doubtful: it cannot open anything."""

from __future__ import annotations

import pytest

from reach.question import ask
from tasks.network.network import network_of
from tests.manifests import SHOP

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

RULE = """---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{}]
  %s: [{fromCIDR: [10.0.0.0/8], toPorts: [{ports: [{port: "5432", protocol: TCP}]}]}]
"""


@pytest.mark.parametrize(("side", "doubtful"), [("ingressDeny", False), ("ingress", True)])
def test_only_a_rule_that_allows_could_open_it(side: str, doubtful: bool) -> None:
    text = RULE % side
    text = text.replace("  ingress: [{}]\n", "") if doubtful else text
    found = ask(network_of([("all.yaml", (SHOP + text).encode())]), "shop/web", "db:5432")
    assert not found.allowed
    assert any("10.0.0.0/8" in one for one in found.doubts) is doubtful
