"""One pass: from a resource to its objects and its status, and a second pass that has nothing to write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.operator.observed import Child, Handshake, Observed
from services.operator.resource import Problems, parse
from tests.services.operator.cases import NOW, SITE, VERDICTS, after, condition, made, object_name, of_kind, written

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
