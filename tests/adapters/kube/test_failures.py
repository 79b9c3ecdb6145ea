"""Whatever fails, the operator ends with the same objects, and writes nothing that it may not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.kube.test_operator import CHILDREN
from tests.adapters.kube.world import Told, a_cluster, condition, operator, ready, server, until
from tests.simulators.kube.access import Asked
from tests.simulators.kube.faults import Fault
from tests.simulators.kube.serving import Cluster

pytestmark = pytest.mark.requirement("OPER-2/it-survives-anything")
LEASES = "leases.coordination.k8s.io"


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with a_cluster(tmp_path / "cluster") as one:
        yield one


def _admin(found: Cluster, name: str) -> str:
    """An account that may do everything, so that the log tells two operators apart."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "everything"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "arcops-system", "name": name}],
    }
    if found.get("clusterroles.rbac.authorization.k8s.io", "", "everything") is None:
        rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "everything"}}
        found.create("clusterroles", {**role, "rules": rules}, "rbac.authorization.k8s.io")
    found.create("clusterrolebindings", binding, "rbac.authorization.k8s.io")
    return found.account("arcops-system", name)


def _written(found: Cluster, name: str = "") -> list[tuple[str, str, str, str, str]]:
    """What was written, except leases, by the account *name*."""
    return [one for one in found.api.log if one[2] != LEASES and (not name or one[0].endswith(f":{name}"))]


def _settled(found: Cluster, name: str = "time") -> bool:
    return bool(ready(found, name)) and all(found.get(kind, "team", name) for kind in CHILDREN)


class _Dies:
    """An account whose operator dies after its *last* write: nothing that it asks for is done any more."""

    def __init__(self, name: str, last: int) -> None:
        self.name, self.left, self.dead = name, last, threading.Event()

    def __call__(self, asked: Asked, user: str) -> bool:
        if not user.endswith(f":{self.name}") or asked.resource == "leases":
            return not (user.endswith(f":{self.name}") and self.dead.is_set())
        if self.left <= 0:
            self.dead.set()
            return False
        self.left -= 1
        return True


def _wanted(obj: dict[str, Any]) -> dict[str, Any]:
    """What *obj* says, without what the API server gave to it."""
    return {name: one for name, one in (obj.get("spec") or obj.get("data") or {}).items() if not name.startswith("clusterIP")}


def _release(found: Cluster) -> None:
    """End the lease of one who is dead, without the wait."""
    found.do(lambda: found.api.store.remove(LEASES, "arcops-system", "arcops-operator"))


def test_it_may_die_after_any_write(tmp_path: Path) -> None:
    with a_cluster(tmp_path / "whole") as found:
        found.create("mcpservers", server(), "ome.io")
        with operator(found) as one:
            until(lambda: _settled(found))
            until(lambda: one.idle)
        whole = {kind: found.get(kind, "team", "time") for kind in CHILDREN}
        writes = len(_written(found)) - 1
    assert writes >= len(CHILDREN) + 1
    for last in range(writes):
        with a_cluster(tmp_path / str(last)) as found:
            first, second = _admin(found, "first"), _admin(found, "second")
            dies = _Dies("first", last)
            found.api.faults.on_write = dies
            found.create("mcpservers", server(), "ome.io")
            with operator(found, context=first):
                until(dies.dead.is_set, what=f"its end after write {last}")
                _release(found)
                with operator(found, context=second) as one:
                    until(lambda: _settled(found), what=f"after write {last}: {condition(found)}")
                    until(lambda: one.idle)
            assert len(_written(found, "first")) == last
            for kind, before in whole.items():
                after = found.get(kind, "team", "time")
                assert _wanted(after) == _wanted(before), kind
                assert after["metadata"]["generation"] == before["metadata"]["generation"], f"{kind} after write {last}"


def test_of_two_only_one_writes_and_the_other_goes_on(found: Cluster) -> None:
    first, second = _admin(found, "first"), _admin(found, "second")
    found.create("mcpservers", server("one"), "ome.io")
    with operator(found, context=first, duration=2.0) as old:
        until(lambda: _settled(found, "one"))
        with operator(found, context=second, duration=2.0) as new:
            until(lambda: new.synchronised)
            found.create("mcpservers", server("two"), "ome.io")
            until(lambda: _settled(found, "two"))
            assert not _written(found, "second")
            dies = _Dies("first", 0)
            dies.dead.set()
            found.api.faults.on_write = dies
            begun = time.monotonic()
            found.create("mcpservers", server("three"), "ome.io")
            until(lambda: _settled(found, "three"))
            assert time.monotonic() - begun < 3 * 2.0
            assert not old.lease.leads
        count = len(_written(found, "first"))
    assert len(_written(found, "first")) == count


def test_who_ends_in_peace_gives_the_lease_back(found: Cluster) -> None:
    with operator(found) as one:
        until(lambda: one.lease.leads)
    begun = time.monotonic()
    with operator(found) as one:
        until(lambda: one.lease.leads)
        assert time.monotonic() - begun < 3.0  # and not the ten seconds of a lease


def test_an_old_leader_writes_nothing_after_its_lease(found: Cluster) -> None:
    skipped = [0.0]
    account = _admin(found, "old")

    def stops(asked: Asked, user: str) -> bool:
        if user.endswith(":old") and asked.resource == "networkpolicies":
            skipped[0] = 60.0  # as if the whole process had slept for a minute in the middle of its pass
        return not (asked.resource == "leases" and skipped[0])

    found.api.faults.on_write = stops
    found.create("mcpservers", server(), "ome.io")
    with operator(found, context=account, clock=lambda: time.monotonic() + skipped[0]) as one:
        until(lambda: skipped[0])
        until(lambda: one.queue.idle)
        until(lambda: not one.lease.leads)
        found.create("mcpservers", server("later"), "ome.io")
        until(lambda: len(one._servers["MCPServer"]) == 2)
    assert [(verb, resource) for _, verb, resource, _, _ in _written(found, "old")] == [
        ("patch", "networkpolicies.networking.k8s.io")
    ]


def test_clocks_that_differ_decide_nothing(found: Cluster) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "arcops-operator", "namespace": "arcops-system"},
        "spec": {"holderIdentity": "other", "leaseDurationSeconds": 2, "renewTime": "2001-01-01T00:00:00.000000Z"},
    }
    found.create("leases", lease, "coordination.k8s.io")
    begun = time.monotonic()
    with operator(found, duration=2.0) as one:
        until(lambda: one.lease.leads)
    assert time.monotonic() - begun >= 2.0  # its holder had its whole time, though it seems to be of another century


def test_history_that_the_server_forgot_is_listed_again(found: Cluster) -> None:
    with operator(found) as one:
        until(lambda: one.idle)
        lists = {watch.kind.plural: watch.lists for watch in one.watches}

        def behind() -> None:
            found.api.store.cut()
            found.api.store.forget()

        found.do(behind)
        found.create("mcpservers", server(), "ome.io")
        found.do(behind)
        until(lambda: _settled(found))
        until(lambda: any(watch.lists > lists[watch.kind.plural] for watch in one.watches))


def test_a_stream_that_is_cut_goes_on_from_its_place(found: Cluster) -> None:
    with operator(found) as one:
        until(lambda: one.idle)
        for number in range(3):
            found.do(found.api.store.cut)
            found.create("mcpservers", server(f"s{number}"), "ome.io")
            until(lambda name=f"s{number}": _settled(found, name))
        assert all(watch.lists == 1 for watch in one.watches)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("status", [0, 409, 429, 500, 503])
def test_an_answer_that_fails_is_tried_again(found: Cluster, status: int, late: bool) -> None:
    for kind in ("deployments.apps", "services", "mcpservers.ome.io/status"):
        found.api.faults.add(Fault(verb="patch", resource=kind, status=status, late=late, times=2))
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: _settled(found))
        until(lambda: one.idle)
        assert len(found.api.faults.made) == 3
        generation = found.get("deployments.apps", "team", "time")["metadata"]["generation"]
    assert generation == 1


def test_a_server_that_says_when_to_come_back_is_left_alone(found: Cluster) -> None:
    found.api.faults.add(Fault(verb="patch", resource="deployments.apps", status=429, retry_after=1))
    found.create("mcpservers", server(), "ome.io")
    begun = time.monotonic()
    with operator(found):
        until(lambda: _settled(found))
    assert time.monotonic() - begun >= 1.0


def test_lists_and_watches_that_fail_are_tried_again(found: Cluster) -> None:
    for verb in ("list", "watch"):
        for status in (0, 429, 500):
            found.api.faults.add(Fault(verb=verb, status=status, times=4))
    found.create("mcpservers", server(), "ome.io")
    with operator(found):
        until(lambda: _settled(found))


def _quota(hard: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": "team"},
        "spec": {"hard": hard},
    }


def test_a_quota_that_is_full_is_said_and_tried_again(found: Cluster) -> None:
    found.create("resourcequotas", _quota({"count/deployments.apps": "0"}))
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        said = until(lambda: (condition(found) or {}).get("reason") == "WriteDenied" and condition(found))
        assert "exceeded quota: few" in said["message"]
        assert said["status"] == "False"
        assert "url" not in found.get("mcpservers.ome.io", "team", "time")["status"]
        found.do(lambda: found.api.store.remove("resourcequotas", "team", "few"))
        until(lambda: _settled(found))
        until(lambda: one.idle)


def test_an_admission_policy_that_denies_is_said(found: Cluster) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-deployments"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
                ]
            },
            "validations": [{"expression": "object.metadata.name != 'time'", "message": "not this one"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-deployments"},
        "spec": {"policyName": "no-deployments", "validationActions": ["Deny"]},
    }
    found.create("validatingadmissionpolicies", policy, "admissionregistration.k8s.io")
    found.create("validatingadmissionpolicybindings", binding, "admissionregistration.k8s.io")
    for name in ("time", "other"):
        found.create("mcpservers", server(name), "ome.io")
    with operator(found):
        until(lambda: "not this one" in (condition(found) or {}).get("message", ""))
        until(lambda: _settled(found, "other"))


def test_a_webhook_that_does_not_answer_is_said(found: Cluster) -> None:
    webhook = {
        "name": "gate.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}],
        "failurePolicy": "Fail",
    }
    config = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gate"},
        "webhooks": [webhook],
    }
    found.create("validatingwebhookconfigurations", config, "admissionregistration.k8s.io")
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: one.failed > 1)
        assert found.get("deployments.apps", "team", "time") is None
        found.do(lambda: found.api.store.remove("validatingwebhookconfigurations.admissionregistration.k8s.io", "", "gate"))
        until(lambda: _settled(found))


def test_a_namespace_that_ends_takes_all_with_it(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    found.api.upkeep.holds = True
    with operator(found) as one:
        until(lambda: _settled(found))
        kind = found.api.kinds["", "namespaces"]
        found.do(lambda: found.api.writing.delete(kind, "", "team"))
        found.do(lambda: found.api.store.remove("services", "team", "time"))
        until(lambda: "is being terminated" in (condition(found) or {}).get("message", ""))
        found.api.upkeep.holds = False
        found.do(lambda: found.api.upkeep.empty("team"))
        until(lambda: found.get("namespaces", "", "team") is None)
        until(lambda: one.idle)
        assert not [place for place in found.do(lambda: list(found.api.store.of("services"))) if place[0] == "team"]


def test_a_namespace_of_later_is_served_too(found: Cluster) -> None:
    with operator(found) as one:
        until(lambda: one.idle)
        found.namespace("new")
        found.create("mcpservers", server(namespace="new"), "ome.io")
        until(lambda: ready(found, namespace="new"))


def test_a_child_that_is_deleted_is_back_in_two_seconds(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: _settled(found))
        until(lambda: one.idle)
        for kind in CHILDREN:
            uid = found.get(kind, "team", "time")["metadata"]["uid"]
            found.do(lambda gone=kind: found.api.store.remove(gone, "team", "time"))
            begun = time.monotonic()
            back = until(lambda again=kind: found.get(again, "team", "time"), 2.0)
            assert back["metadata"]["uid"] != uid
            assert time.monotonic() - begun < 2.0


def test_an_object_of_others_is_never_taken(found: Cluster) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "time", "namespace": "team"},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 1}]},
    }
    found.create("services", theirs)
    before = found.get("services", "team", "time")
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: (condition(found) or {}).get("reason") == "NameTaken")
        until(lambda: one.idle)
        assert found.get("services", "team", "time") == before
        assert found.get("deployments.apps", "team", "time") is None


def test_a_resource_that_came_back_does_not_take_the_objects_of_the_old_one(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: _settled(found))
        until(lambda: one.idle)
        found.api.upkeep.collects = False
        kind = found.api.kinds["ome.io", "mcpservers"]
        old = found.get("mcpservers.ome.io", "team", "time")["metadata"]["uid"]
        found.do(lambda: found.api.writing.delete(kind, "team", "time"))
        found.create("mcpservers", server(), "ome.io")
        until(lambda: (condition(found) or {}).get("reason") == "NameTaken")
        assert found.get("services", "team", "time")["metadata"]["ownerReferences"][0]["uid"] == old
        found.api.upkeep.collects = True
        found.do(lambda: found.api.upkeep._collect(old))
        found.do(lambda: found.api.store.put("mcpservers.ome.io", _touched(found), []))
        until(lambda: _settled(found))
        new = found.get("mcpservers.ome.io", "team", "time")["metadata"]["uid"]
        assert found.get("services", "team", "time")["metadata"]["ownerReferences"][0]["uid"] == new


def _touched(found: Cluster) -> dict[str, Any]:
    obj = found.api.store.get("mcpservers.ome.io", "team", "time").obj
    return {**obj, "metadata": {**obj["metadata"], "annotations": {"touched": "yes"}}}


def test_it_waits_for_the_definitions(tmp_path: Path) -> None:
    from manifests.crds.definitions import ServerKind, definition
    from tests.simulators.kube.serving import cluster
    from tests.simulators.kube.workloads import Workloads

    with cluster(tmp_path) as found:
        for name in ("arcops-system", "team"):
            found.namespace(name)
        found.do(lambda: Workloads(found.api, instant=True))
        with operator(found) as one:
            until(lambda: one.lease.leads and len(one.problems()) == 2)
            for kind in ServerKind:
                found.create("customresourcedefinitions", definition(kind).value, "apiextensions.k8s.io")
            found.create("mcpservers", server(), "ome.io")
            until(lambda: _settled(found))
            assert not one.problems()


def test_one_kind_that_is_forbidden_does_not_stop_the_others(found: Cluster) -> None:
    """Without the right to see autoscalers the rest goes on, and the operator says what it lacks."""
    found.api.faults.add(Fault(verb="list", resource="horizontalpodautoscalers.autoscaling", status=403, times=1000))
    found.create("mcpservers", server(), "ome.io")
    with operator(found) as one:
        until(lambda: _settled(found))
        assert [text for text in one.problems() if "horizontalpodautoscalers" in text]
        found.api.faults.waiting.clear()
        until(lambda: not one.problems(), 40.0)


def test_what_was_deleted_while_no_operator_ran_is_gone(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    with operator(found):
        until(lambda: _settled(found))
    kind = found.api.kinds["ome.io", "mcpservers"]
    assert not found.get("mcpservers.ome.io", "team", "time")["metadata"].get("finalizers")
    found.do(lambda: found.api.writing.delete(kind, "team", "time"))
    until(lambda: not any(found.get(child, "team", "time") for child in CHILDREN))


def test_the_same_event_is_told_once(found: Cluster) -> None:
    answers = iter(range(1000))
    told = Told(shaken=lambda resource, addresses: f"try {next(answers) % 2}")
    found.create("mcpservers", server(), "ome.io")
    with operator(found, told) as one:
        until(lambda: (condition(found) or {}).get("reason") == "HandshakeFailed")
        for _ in range(6):
            one.handshakes.forget_all()
            one.all_again()
            until(lambda: one.idle)
        events = [one for one in found.all("events.events.k8s.io") if one["reason"] == "HandshakeFailed"]
        assert 1 <= len(events) <= 2
        assert all(one["regarding"]["name"] == "time" for one in events)
