"""Policies add up: one of others that selects a server's pods opens what its profile closes, and then it does not run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from services.operator.observed import Observed, SeenConfigMap
from services.operator.reconcile import Outcome
from services.operator.site import NamespacePolicy
from tests.services.operator.cases import SITE, after, condition, made, written

pytestmark = pytest.mark.requirement("OPER-4/no-policy-of-others-opens-more")
SYSTEM = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
NAMES = {"network": {"outbound": {"allowHost": ["api.example.com", "198.51.100.0/24"], "allowPort": [443]}}}
BOTH_53 = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
OPERATOR = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "arcops-system"}}}


def policy(selector: dict[str, Any] | None = None, kind: str = "NetworkPolicy", **spec: Any) -> dict[str, Any]:
    """A policy that someone wrote."""
    types = [one.capitalize() for one in ("ingress", "egress") if one in spec]
    said = {"podSelector": selector or {}, "policyTypes": types, **spec}
    if kind == "CiliumNetworkPolicy":
        said = {"endpointSelector": selector or {}, **spec}
    return {"kind": kind, "metadata": {"name": "of-others", "namespace": "shop"}, "spec": said}


def beside(one: dict[str, Any], profile: dict[str, Any] | None = None, **spec: Any) -> Outcome:
    """A server beside this policy."""
    if profile is not None:
        spec["permissionProfile"] = {"type": "configmap", "name": "p", "key": "p.json"}
    maps = {"p": SeenConfigMap(resource_version="1", data={"p.json": json.dumps(profile or {})})}
    at = replace(SITE, policies={"shop": NamespacePolicy(open_network=True)})
    return made(written(**spec), Observed(policies=(one,), config_maps=maps), at)


OPENS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "everything": (policy(egress=[{}]), None),
    "names, to one who has none": (policy(egress=[{"to": [SYSTEM], "ports": BOTH_53}]), None),
    "names of anyone": (policy(egress=[{"ports": BOTH_53}]), NAMES),
    "more than names": (policy(egress=[{"to": [SYSTEM], "ports": [*BOTH_53, {"port": 443}]}]), NAMES),
    "a range behind names": (policy(egress=[{"to": [SYSTEM], "ports": [{"port": 53, "endPort": 99}]}]), NAMES),
    "a name of a port": (policy(egress=[{"to": [SYSTEM], "ports": [{"port": "dns"}]}]), NAMES),
    "all ports of it": (policy(egress=[{"to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}]}]), NAMES),
    "another port of it": (policy(egress=[{"to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}], "ports": [{"port": 80}]}]), NAMES),
    "more addresses": (policy(egress=[{"to": [{"ipBlock": {"cidr": "198.51.0.0/16"}}], "ports": [{"port": 443}]}]), NAMES),
    "one of two peers": (policy(egress=[{"to": [SYSTEM, {"podSelector": {}}], "ports": BOTH_53}]), NAMES),
    "the metadata service": (
        policy(egress=[{"to": [{"ipBlock": {"cidr": "169.254.0.0/16"}}]}]),
        {"network": {"outbound": {"insecureAllowAll": True}}},
    ),
    "all, to one who may reach all": (policy(egress=[{}]), {"network": {"outbound": {"insecureAllowAll": True}}}),
    "callers": (policy(ingress=[{}]), None),
    "neighbours, on the server's own port": (policy(ingress=[{"from": [{"podSelector": {}}]}]), None),
    "callers of elsewhere": (policy(ingress=[{"from": [{"namespaceSelector": {}}], "ports": [{"port": 15080}]}]), None),
    "addresses as callers": (
        policy(ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 15080}]}]),
        None,
    ),
    "by our own label": (policy({"matchLabels": {"arcops.dev/mcp-server": "tools"}}, egress=[{}]), None),
    "by a label that may be there": (
        policy({"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]}, egress=[{}]),
        None,
    ),
    "by an expression": (
        policy({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, egress=[{}]),
        None,
    ),
    "without types": ({**policy(), "spec": {"podSelector": {}, "egress": [{}]}}, None),
    "Cilium's world": (policy(kind="CiliumNetworkPolicy", egress=[{"toEntities": ["world"]}]), None),
    "Cilium's names, to one who has none": (
        policy(
            kind="CiliumNetworkPolicy",
            egress=[
                {
                    "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}}],
                    "toPorts": [{"ports": [{"port": "53"}]}],
                }
            ],
        ),
        None,
    ),
    "Cilium's callers": (policy(kind="CiliumNetworkPolicy", ingress=[{"fromEndpoints": [{}]}]), None),
    "Cilium's label": (
        policy(
            {"matchLabels": {"k8s:app.kubernetes.io/managed-by": "arcops"}},
            "CiliumNetworkPolicy",
            egress=[{"toCIDR": ["::/0"]}],
        ),
        None,
    ),
    "several rules of Cilium": (
        {
            **policy(kind="CiliumNetworkPolicy"),
            "spec": None,
            "specs": [{"endpointSelector": {}, "egress": [{"toCIDR": ["::/0"]}]}],
        },
        None,
    ),
}


@pytest.mark.parametrize(("one", "profile"), OPENS.values(), ids=OPENS)
def test_a_policy_that_opens_more_is_named_and_nothing_runs(one: dict[str, Any], profile: dict[str, Any] | None) -> None:
    outcome = beside(one, profile)
    assert condition(outcome)["reason"] == "NotEnforceable"
    assert f"{one['kind']} of-others" in condition(outcome)["message"]
    assert not outcome.objects


STAYS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "what closes everything": (policy(ingress=[], egress=[]), None),
    "pods of others": (policy({"matchLabels": {"app": "web"}}, egress=[{}]), None),
    "what leaves ours out": (
        policy({"matchExpressions": [{"key": "arcops.dev/mcp-server", "operator": "DoesNotExist"}]}, egress=[{}], ingress=[{}]),
        None,
    ),
    "another server": (policy({"matchLabels": {"arcops.dev/mcp-server": "other"}}, egress=[{}]), None),
    "names that it resolves anyway": (policy(egress=[{"to": [SYSTEM], "ports": BOTH_53}]), NAMES),
    "what it may reach anyway": (
        policy(egress=[{"to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}], "ports": [{"port": 443}]}]),
        NAMES,
    ),
    "callers that may call anyway": (
        policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 15080}]}]),
        None,
    ),
    "the operator": (policy(ingress=[{"from": [OPERATOR], "ports": [{"port": 15081}]}]), None),
    "pods, to one who may reach all": (
        policy(egress=[{"to": [{"podSelector": {}}]}]),
        {"network": {"outbound": {"insecureAllowAll": True}}},
    ),
    "egress rules that do not count": ({**policy(ingress=[]), "spec": {**policy(ingress=[])["spec"], "egress": [{}]}}, None),
    "Cilium's rule for no one": (policy(kind="CiliumNetworkPolicy", egress=[{}]), None),
    "Cilium's denial": (policy(kind="CiliumNetworkPolicy", egressDeny=[{"toEntities": ["world"]}]), None),
    "Cilium's names": (
        policy(
            kind="CiliumNetworkPolicy",
            egress=[
                {
                    "toEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}}],
                    "toPorts": [{"ports": [{"port": "53", "protocol": "ANY"}], "rules": {"dns": [{"matchPattern": "*"}]}}],
                }
            ],
        ),
        NAMES,
    ),
}


@pytest.mark.parametrize(("one", "profile"), STAYS.values(), ids=STAYS)
def test_a_policy_that_opens_nothing_more_is_no_matter(one: dict[str, Any], profile: dict[str, Any] | None) -> None:
    outcome = beside(one, profile)
    assert outcome.objects, condition(outcome)["message"]


def test_a_label_of_the_template_is_selected_too() -> None:
    labelled = {"metadata": {"labels": {"app": "web"}}}
    one = policy({"matchLabels": {"app": "web"}}, egress=[{}])
    assert beside(one).objects
    assert condition(beside(one, podTemplateSpec=labelled))["reason"] == "NotEnforceable"


def test_pods_that_run_are_stopped_and_what_cannot_be_seen_makes_none() -> None:
    running = after(made(written()))
    opened = made(written(), replace(running, policies=(policy(egress=[{}]),)))
    assert [one.name.kind for one in opened.deletions] == ["Deployment"]
    unseen = made(written(), Observed(policies=None))
    assert condition(unseen)["reason"] == "Waiting"
    assert not unseen.objects
