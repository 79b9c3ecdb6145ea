"""Servers in pods that run: what a profile closes is closed, what is mounted is there, and no call is lost meanwhile."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.kube.calling import Caller
from tests.adapters.kube.kubectl import Kubectl
from tests.adapters.kube.pods import logs, running, told
from tests.adapters.kube.world import IMAGE, condition, operator, ready, server, until, verdicts
from tests.simulators.kube.images import web_server
from tests.simulators.kube.serving import Cluster

pytestmark = [pytest.mark.site, pytest.mark.requirement("OPER-2/the-controller-keeps-the-objects")]
WEB = "registry.example.com/web@sha256:" + "d" * 64


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path, {WEB: web_server()}) as one, operator(one, _told()) as made:
        one.operator = made
        yield one


def _told() -> Any:
    return told(known=verdicts("sha256:" + "a" * 64, "sha256:" + "d" * 64))


def _ready(found: Cluster, name: str = "time") -> None:
    try:
        until(lambda: ready(found, name), 40.0)
    except AssertionError:
        raise AssertionError(f"{condition(found, name)}\n{found.all('pods')}\n{logs(found)}") from None


def _sets(found: Cluster) -> list[dict[str, Any]]:
    return found.all("replicasets.apps")


def test_the_profile_none_is_closed_in_the_pod(found: Cluster) -> None:
    found.create("mcpservers", server(), "ome.io")
    _ready(found)
    with Caller(found) as call:
        assert call("echo", text="hello") == "hello"
        assert call("user") == "65532 65532"
        assert call("reaches", host="1.1.1.1", port=53).startswith("no")
        assert call("writes", path="/tmp/x").startswith("no")
        assert call("writes", path="/etc/x").startswith("no")
        assert call("reads", path="/var/run/secrets/kubernetes.io/serviceaccount/token").startswith("no")
    assert len(_sets(found)) == 1, "its pods were rolled while it was created"


def test_what_the_spec_gives_is_in_the_pod(found: Cluster) -> None:
    secret = {"url": base64.b64encode(b"postgres://db").decode()}
    found.create(
        "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "team"}, "data": secret}
    )
    found.create(
        "configmaps",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "conf", "namespace": "team"},
            "data": {"a.txt": "hello"},
        },
    )
    spec = {
        "env": [
            {"name": "DEPARTMENT", "value": "science"},
            {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
        ],
        "volumes": [{"name": "conf", "configMap": {"name": "conf"}}],
        "volumeMounts": [{"name": "conf", "mountPath": "/conf", "readOnly": True}],
    }
    found.create("mcpservers", server(**spec), "ome.io")
    _ready(found)
    with Caller(found) as call:
        assert call("environment", name="DEPARTMENT") == "science"
        assert call("environment", name="DATABASE_URL") == "postgres://db"
        assert call("reads", path="/conf/a.txt") == "hello"
        assert call("writes", path="/conf/a.txt").startswith("no")


def test_what_is_no_server_of_mcp_is_never_ready(found: Cluster) -> None:
    found.create("mcpservers", server("web", image=WEB), "ome.io")
    until(lambda: [one for one in found.all("pods") if one["status"].get("phase") == "Running"], 30.0)
    until(lambda: (condition(found, "web") or {}).get("reason") == "Rolling")
    for _ in range(3):
        found.operator.all_again()
        until(lambda: found.operator.idle)
        assert not ready(found, "web")
        assert "url" not in found.get("mcpservers.ome.io", "team", "web")["status"]


def test_a_restart_by_kubectl_stays_and_rolls_once(found: Cluster) -> None:
    kubectl = Kubectl(found)
    found.create("mcpservers", server(), "ome.io")
    _ready(found)
    kubectl.good("-n", "team", "rollout", "restart", "deployment/time")
    kubectl.good("-n", "team", "rollout", "status", "deployment/time", "--timeout=40s")
    for _ in range(10):
        found.operator.all_again()
        until(lambda: found.operator.idle)
    template = found.get("deployments.apps", "team", "time")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert len(_sets(found)) == 2
    _ready(found)


def test_what_another_one_changes_is_put_back(found: Cluster) -> None:
    kubectl = Kubectl(found)
    found.create("mcpservers", server(), "ome.io")
    _ready(found)
    kubectl.good("-n", "team", "set", "image", "deployment/time", f"mcp={WEB}")
    until(lambda: found.get("deployments.apps", "team", "time")["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE)
    kubectl.good("-n", "team", "label", "service", "time", "app.kubernetes.io/managed-by-", "team=ours")
    until(lambda: "app.kubernetes.io/managed-by" in found.get("services", "team", "time")["metadata"]["labels"])
    assert found.get("services", "team", "time")["metadata"]["labels"]["team"] == "ours"


@pytest.mark.requirement("OPER-2/what-others-add-does-not-open-it")
def test_what_another_one_adds_is_taken_away_unless_it_is_harmless(found: Cluster) -> None:
    kubectl = Kubectl(found)
    found.create("mcpservers", server(), "ome.io")
    _ready(found)
    evil = {"name": "evil", "image": WEB, "securityContext": {"privileged": True}}
    capable = {"name": "mcp", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
    pod = {"containers": [evil, capable], "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a"]}], "nodeSelector": {"a": "b"}}
    patch = json.dumps({"spec": {"template": {"spec": pod}}})
    kubectl.good("-n", "team", "patch", "deployment", "time", "-p", patch)

    def left() -> bool:
        pod = found.get("deployments.apps", "team", "time")["spec"]["template"]["spec"]
        names = [one["name"] for one in pod["containers"]]
        return names == ["mcp"] and "hostAliases" not in pod and "add" not in str(pod["containers"])

    until(left)
    assert found.get("deployments.apps", "team", "time")["spec"]["template"]["spec"]["nodeSelector"] == {"a": "b"}
    patch = json.dumps([{"op": "add", "path": "/spec/ingress/0/ports/0/endPort", "value": 65535}])
    kubectl.good("-n", "team", "patch", "networkpolicy", "time", "--type=json", "-p", patch)
    until(lambda: "endPort" not in str(found.get("networkpolicies.networking.k8s.io", "team", "time")["spec"]))


def test_no_call_is_lost_while_replicas_come_and_go(found: Cluster) -> None:
    kubectl = Kubectl(found)
    found.create("mcpservers", server(replicas=2), "ome.io")
    _ready(found)
    until(lambda: len(_endpoints(found)) == 2)
    address = found.run(found.balanced("team", "time"))
    problems: list[str] = []
    moved: list[str] = []
    counted = [0]
    stop = threading.Event()

    def calls() -> None:
        while not stop.is_set():
            try:
                with Caller(found, address) as call:
                    for _ in range(5):
                        assert call("echo", text="x") == "x"
                        counted[0] += 1
            except Exception as error:
                # A session ends with its pod: its client is told so, and begins another one (MCP, "Session Management").
                (moved if "send initialize again" in str(error) else problems).append(repr(error))

    thread = threading.Thread(target=calls)
    thread.start()
    try:
        until(lambda: counted[0] > 5)
        kubectl.good("-n", "team", "patch", "mcpserver", "time", "--type=merge", "-p", json.dumps({"spec": {"replicas": 3}}))
        until(lambda: len(_endpoints(found)) == 3, 40.0)
        kubectl.good("-n", "team", "patch", "mcpserver", "time", "--type=merge", "-p", json.dumps({"spec": {"replicas": 2}}))
        until(lambda: len(found.all("pods")) == 2, 40.0)
        env = [{"name": "NEW", "value": "1"}]
        kubectl.good("-n", "team", "patch", "mcpserver", "time", "--type=merge", "-p", json.dumps({"spec": {"env": env}}))
        until(lambda: len(_sets(found)) == 2 and len(found.all("pods")) == 2 and len(_endpoints(found)) == 2, 60.0)
    finally:
        stop.set()
        thread.join(30)
    assert not problems
    assert len(moved) <= 6
    assert counted[0] > 20


def _endpoints(found: Cluster) -> list[str]:
    slices = found.all("endpointslices.discovery.k8s.io")
    return [end["addresses"][0] for one in slices for end in one["endpoints"] if end["conditions"]["ready"]]
