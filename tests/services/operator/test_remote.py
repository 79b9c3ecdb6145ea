"""Remote servers: asked only if that is allowed, and behind a relay as soon as callers are to be held to anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.operator.observed import Handshake, Observed
from services.operator.site import NamespacePolicy
from tests.services.operator.cases import SITE, after, condition, made, of_kind, written

pytestmark = pytest.mark.requirement("OPER-3/remote-servers")
KEYS = {"https://kubernetes.default.svc": '{"keys":[]}'}
OIDC = {"type": "kubernetes", "kubernetes": {"audience": "crm"}}
SHAKEN = Handshake(of=1, protocol_version="2025-11-25", server="crm 1", capabilities=frozenset(("tools",)))


def remote(url: str = "https://mcp.example", **spec: Any) -> dict[str, Any]:
    """A remote server."""
    value = written(type="Remote", url=url, transport="streamable-http", **spec)
    del value["spec"]["image"]
    return value


def test_without_any_limit_on_callers_its_own_address_is_given_after_the_handshake() -> None:
    assert "url" not in made(remote()).status
    ready = made(remote(), Observed(handshake=SHAKEN))
    assert ready.status["url"] == "https://mcp.example"
    assert not ready.objects
    assert "url" not in made(remote(), Observed(handshake=replace(SHAKEN, of=0))).status, "an answer of another generation"


@pytest.mark.parametrize("limit", [{"oidcConfig": OIDC}, {"toolsFilter": ["read"]}])
def test_with_one_a_relay_stands_before_it_and_reaches_only_that_host(limit: dict[str, Any]) -> None:
    first = made(remote(**limit), Observed(key_sets=KEYS))
    pod = of_kind(first, "Deployment")["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["containers"]] == ["arcops-relay"]
    assert "initContainers" not in pod
    named = [one.get("toFQDNs") for one in of_kind(first, "CiliumNetworkPolicy")["spec"]["egress"]]
    assert [{"matchName": "mcp.example"}] in named
    ready = made(remote(**limit), replace(after(first, handshake=SHAKEN), key_sets=KEYS))
    assert ready.status["url"] == "http://tools.shop.svc:8080/mcp", "callers get the relay's address, never the server's own"


def test_a_relay_whose_egress_cannot_be_narrow_is_said_to_reach_more() -> None:
    calico = replace(SITE, network=replace(SITE.network, cni="calico"))
    outcome = made(remote(oidcConfig=OIDC), Observed(key_sets=KEYS), calico)
    assert "the relay may reach every address on TCP 443" in " ".join(outcome.status["enforcement"])  # type: ignore[arg-type]
    unknown = replace(SITE, network=replace(SITE.network, cni="flannel"))
    assert not made(remote(oidcConfig=OIDC), Observed(key_sets=KEYS), unknown).objects


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example",
        "https://169.254.169.254",
        "https://127.0.0.1:8080",
        "https://10.96.0.1",
        "https://168.63.129.16",
        "https://[::ffff:10.96.0.1]",
        "https://[64:ff9b::a60:1]",
        "https://user:word@mcp.example",
        "https://[::1]/",
        "https://localhost/",
        "https://a_b.example/",
        "https://mcp.example:99999/",
    ],
)
def test_the_operator_is_not_sent_to_where_no_one_should_go(url: str) -> None:
    outcome = made(remote(url), Observed(handshake=SHAKEN))
    assert condition(outcome)["status"] == "False"
    assert "url" not in outcome.status


def test_a_stricter_namespace_is_not_left() -> None:
    strict = replace(SITE, policies={"shop": NamespacePolicy(hosts=("*.example.org",))})
    assert condition(made(remote(), Observed(handshake=SHAKEN), strict))["reason"] == "NotAllowedHere"


def test_files_of_a_pod_are_refused_because_there_are_no_volumes() -> None:
    inline = {"issuer": "https://login.example", "audience": "x", "thvCABundlePath": "/ca.pem"}
    outcome = made(remote(oidcConfig={"type": "inline", "inline": inline}))
    assert "no volumes" in condition(outcome)["message"]
