"""One pass: from a resource to its objects and its status, and a second pass that has nothing to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.operator.observed import Child, Handshake, Observed
from services.operator.reconcile import Outcome, reconcile
from services.operator.resource import Problems, parse
from services.operator.verdicts import Verdicts
from tests.services.operator.cases import (
    DIGEST,
    GREEN,
    NOW,
    SITE,
    VERDICTS,
    after,
    condition,
    made,
    object_name,
    of_kind,
    written,
)

pytestmark = pytest.mark.requirement("OPER-2/one-pass-is-pure")
SHAKEN = Handshake(of=1, protocol_version="2025-11-25", server="tools 1.0", capabilities=frozenset(("tools",)))


def test_a_server_becomes_objects_that_are_owned_and_closed() -> None:
    first = made(written())
    kinds = [one.name.kind for one in first.objects]
    assert kinds == ["NetworkPolicy", "ServiceAccount", "ConfigMap", "Service", "Deployment"], "what limits comes first"
    assert first.writes == first.objects
    for one in first.objects:
        owner = one.value["metadata"]["ownerReferences"][0]  # type: ignore[index, call-overload]
        assert owner["uid"] == "u-1"
        assert owner["controller"] is True
    pod = of_kind(first, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["command"][:2] == ["/arcops/shim", "--socket"]
    assert pod["containers"][0]["command"][-2:] == ["/usr/bin/tools", "serve"]
    assert of_kind(first, "NetworkPolicy")["spec"]["egress"] == [], "no profile is the strictest one"
    assert condition(first)["status"] == "False"
    assert "url" not in first.status


def test_it_is_ready_only_after_the_handshake_and_then_nothing_is_written() -> None:
    first = made(written())
    waiting = made(written(), after(first))
    assert condition(waiting)["reason"] == "Waiting"
    assert "url" not in waiting.status
    wrong = made(written(), after(first, handshake=Handshake(of=1, problem="it speaks no MCP")))
    assert condition(wrong)["reason"] == "HandshakeFailed"
    assert "url" not in wrong.status
    ready = made(written(), after(first, handshake=SHAKEN))
    assert condition(ready)["status"] == "True"
    assert ready.status["url"] == "http://tools.shop.svc:8080/mcp"
    again = made(written(), replace(after(ready, handshake=SHAKEN)))
    assert not again.writes
    assert not again.deletions
    assert not again.status_changed
    assert not again.events


def test_an_object_of_another_is_never_touched() -> None:
    name = object_name("ConfigMap")
    foreign = Child(name=name, uid="x", owner="", resource_version="1", live={})
    outcome = made(written(), Observed(children={name: foreign}))
    assert condition(outcome)["reason"] == "NameTaken"
    assert not outcome.writes
    assert not outcome.deletions


@pytest.mark.parametrize("image", ["mcp/tools:latest", f"mcp/tools@sha256:{'9' * 64}"])
def test_an_image_that_no_gate_let_pass_gets_no_pod(image: str) -> None:
    outcome = made(written(image=image))
    assert condition(outcome)["reason"] == "ImageNotAllowed"
    assert not outcome.objects


def test_what_no_plugin_enforces_is_refused() -> None:
    site = replace(SITE, network=replace(SITE.network, cni="flannel"))
    outcome = made(written(), site=site)
    assert condition(outcome)["reason"] == "NotEnforceable"
    assert "cilium" in condition(outcome)["message"]
    assert not outcome.objects


def test_a_field_that_is_unknown_is_refused_with_its_place() -> None:
    found = parse(written(replcias=3))
    assert isinstance(found, Problems)
    assert "replcias" in str(found)
    assert found.problems[0].at == "spec"


def test_the_pass_takes_no_clock_of_its_own() -> None:
    first, second = made(written()), made(written())
    assert first == second
    assert NOW.year == 2026
    assert VERDICTS.images


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"protocol": {"versions": ["2025-06-18"]}}, "speaks MCP 2025-11-25"),
        ({"capabilities": {"prompts": True}}, "does not offer prompts"),
        ({"capabilities": {"tools": False}}, "offers tools"),
    ],
)
def test_what_the_server_says_must_be_what_is_expected(spec: dict[str, Any], said: str) -> None:
    first = made(written(**spec))
    outcome = made(written(**spec), after(first, handshake=SHAKEN))
    assert condition(outcome)["reason"] == "HandshakeFailed"
    assert said in condition(outcome)["message"]
    assert "url" not in outcome.status


def live(outcome: Outcome, kind: str, change: Callable[[dict[str, Any]], None]) -> Observed:
    """All is applied and ready, and then someone makes this *change* to the object of this *kind*."""
    observed = after(outcome, handshake=SHAKEN)
    children = dict(observed.children)
    for name, one in observed.children.items():
        if name.kind == kind:
            value = json.loads(json.dumps(one.live))
            change(value)
            children[name] = replace(one, live=value)
    return replace(observed, children=children)


class TestOthersChangeIt:
    def test_a_restart_by_its_annotation_stays(self) -> None:
        """toolhive#6344: a restart was reverted within a second."""

        def restart(value: dict[str, Any]) -> None:
            value["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"

        assert not made(written(), live(made(written()), "Deployment", restart)).writes

    def test_defaults_of_the_api_server_are_no_difference(self) -> None:
        """toolhive#6341: the Deployment was written again at each interval."""

        def default(value: dict[str, Any]) -> None:
            value["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
            value["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
            value["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"

        assert not made(written(), live(made(written()), "Deployment", default)).writes

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("NetworkPolicy", lambda value: value["spec"]["egress"].append({})),
            ("NetworkPolicy", lambda value: value["spec"].pop("policyTypes")),
            ("Deployment", lambda value: value["spec"]["template"]["spec"]["containers"][0].update(image="other")),
            ("Deployment", lambda value: value["spec"]["template"]["spec"].update(hostNetwork=True)),
            ("Deployment", lambda value: value["spec"]["template"]["spec"]["initContainers"].clear()),
            ("ConfigMap", lambda value: value["data"].update({"sidecar.json": "{}"})),
            ("Service", lambda value: value["spec"].update(selector={"a": "b"})),
            ("ServiceAccount", lambda value: value.update(automountServiceAccountToken=True)),
            ("Deployment", lambda value: value["metadata"]["annotations"].pop("arcops.dev/applied")),
        ],
    )
    def test_what_is_ours_is_put_back_and_nothing_else_is_written(
        self, kind: str, change: Callable[[dict[str, Any]], None]
    ) -> None:
        assert [one.name.kind for one in made(written(), live(made(written()), kind, change)).writes] == [kind]


class TestChanges:
    def test_what_is_no_longer_wanted_is_removed_exactly_it(self) -> None:
        several = made(written(transport="streamable-http", replicas=2))
        one = made(written(transport="streamable-http", replicas=1), after(several))
        assert [(gone.name.kind, gone.uid) for gone in one.deletions] == [
            ("PodDisruptionBudget", "uid of PodDisruptionBudget shop/tools")
        ]

    def test_another_uid_with_the_same_name_owns_nothing_of_the_first(self) -> None:
        first = made(written(uid="u-1"))
        outcome = made(written(uid="u-2"), after(first))
        assert condition(outcome)["reason"] == "NameTaken"
        assert not outcome.writes
        assert not outcome.deletions

    def test_a_verdict_that_ends_takes_the_pods_away_and_nothing_else(self) -> None:
        first = made(written())
        outcome = made(written(), after(first, handshake=SHAKEN), verdicts=Verdicts())
        assert [gone.name.kind for gone in outcome.deletions] == ["Deployment"], "the policies stay as long as pods may"
        assert "url" not in outcome.status

    def test_a_spec_that_cannot_be_leaves_what_runs(self) -> None:
        first = made(written())
        outcome = made(written(replicas=3), after(first))
        assert condition(outcome)["reason"] == "InvalidSpec"
        assert not outcome.deletions

    def test_it_looks_again_before_the_verdict_ends(self) -> None:
        soon = Verdicts(images={DIGEST: replace(GREEN, valid_until=NOW + timedelta(seconds=30))})
        assert made(written(), verdicts=soon).look_again_seconds <= 30

    def test_the_feature_gate_takes_the_pods_away(self) -> None:
        outcome = made(written(), after(made(written())), replace(SITE, supported=False))
        assert condition(outcome)["reason"] == "FeatureDisabled"
        assert [gone.name.kind for gone in outcome.deletions] == ["Deployment"]

    def test_a_change_for_the_relay_rolls_the_pods_and_new_keys_do_not(self) -> None:
        oidc = {"type": "kubernetes", "kubernetes": {"audience": "x"}}
        issuer = "https://kubernetes.default.svc"
        first = made(written(oidcConfig=oidc), Observed(key_sets={issuer: '{"keys":[]}'}))
        rotated = replace(after(first), key_sets={issuer: '{"keys":[1]}'})
        assert [one.name.kind for one in made(written(oidcConfig=oidc), rotated).writes] == ["ConfigMap"]
        filtered = made(written(oidcConfig=oidc, toolsFilter=["a"]), replace(after(first), key_sets={issuer: '{"keys":[]}'}))
        assert {one.name.kind for one in filtered.writes} == {"ConfigMap", "Deployment"}


def test_a_moment_of_change_is_kept_until_it_changes() -> None:
    first = made(written())
    later = reconcile(parse(written()), after(first), SITE, VERDICTS, NOW + timedelta(hours=1))
    assert condition(later)["lastTransitionTime"] == condition(first)["lastTransitionTime"]
    ready = reconcile(parse(written()), after(first, handshake=SHAKEN), SITE, VERDICTS, NOW + timedelta(hours=1))
    assert condition(ready)["lastTransitionTime"] != condition(first)["lastTransitionTime"]
    assert [one.reason for one in ready.events] == ["Ready"]
