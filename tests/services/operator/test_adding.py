"""What others add to an object of ours beyond what is wanted: it is taken away if it could open anything, and else it stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.operator.adding import added, removal
from services.operator.observed import Handshake, Observed
from services.operator.site import NamespacePolicy
from tests.services.operator.cases import SITE, after, condition, made, of_kind, written
from tests.simulators.kube.defaults import put_in
from tests.simulators.kube.patching import merge

pytestmark = pytest.mark.requirement("OPER-2/what-others-add-does-not-open-it")
SHAKEN = Handshake(of=1, protocol_version="2025-11-25", server="tools 1.0", capabilities=frozenset(("tools",)))
RESOURCES = {
    "Deployment": "deployments.apps",
    "Service": "services",
    "NetworkPolicy": "networkpolicies.networking.k8s.io",
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers.autoscaling",
    "CiliumNetworkPolicy": "ciliumnetworkpolicies.cilium.io",
}
POLICY = NamespacePolicy(open_network=True)
OPEN = replace(SITE, otherwise=POLICY)
SPEC: dict[str, Any] = {
    "transport": "streamable-http",
    "permissionProfile": {"type": "builtin", "name": "network"},
    "env": [{"name": "A", "value": "1"}],
    "volumes": [{"name": "v", "configMap": {"name": "c"}}],
    "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True}],
}


def as_applied(spec: dict[str, Any]) -> Observed:
    """All is applied, with what a real API server puts in and leaves out, and ready."""
    seen = after(made(written(**spec), site=OPEN), handshake=SHAKEN)
    for name, one in seen.children.items():
        put_in(RESOURCES[name.kind], one.live, "10.0.0.1")  # type: ignore[arg-type]
    return seen


def changed(kind: str, change: Callable[[dict[str, Any]], object], spec: dict[str, Any] = SPEC) -> Observed:
    """And then someone changes the object of this *kind*."""
    seen = as_applied(spec)
    for name, one in seen.children.items():
        if name.kind == kind:
            value = json.loads(json.dumps(one.live))
            change(value)
            return replace(seen, children={**seen.children, name: replace(one, live=value)})
    raise AssertionError(kind)


def pod(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = value["spec"]["template"]["spec"]
    return found


def mcp(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod(value)["containers"][0]
    return found


def relay(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod(value)["initContainers"][-1]
    return found


OPENS: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a container": ("Deployment", lambda it: pod(it)["containers"].append({"name": "evil", "image": "x"})),
    "an init container": ("Deployment", lambda it: pod(it)["initContainers"].append({"name": "evil", "image": "x"})),
    "a volume": ("Deployment", lambda it: pod(it)["volumes"].append({"name": "host", "hostPath": {"path": "/"}})),
    "a second source of a volume": ("Deployment", lambda it: pod(it)["volumes"][0].update(hostPath={"path": "/"})),
    "a mount": ("Deployment", lambda it: mcp(it)["volumeMounts"].append({"name": "v", "mountPath": "/etc/x"})),
    "a mount of another path of it": ("Deployment", lambda it: mcp(it)["volumeMounts"][0].update(subPath="other")),
    "a mount of the relay's settings": (
        "Deployment",
        lambda it: relay(it)["volumeMounts"].append({"name": "v", "mountPath": "/etc/arcops/keys.json", "subPath": "k"}),
    ),
    "a capability": ("Deployment", lambda it: mcp(it)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"])),
    "an unmasked /proc": ("Deployment", lambda it: mcp(it)["securityContext"].update(procMount="Unmasked")),
    "no AppArmor": ("Deployment", lambda it: mcp(it)["securityContext"].update(appArmorProfile={"type": "Unconfined"})),
    "root": ("Deployment", lambda it: mcp(it)["securityContext"].update(runAsUser=0)),
    "another SELinux type": ("Deployment", lambda it: pod(it)["securityContext"].update(seLinuxOptions={"type": "spc_t"})),
    "a sysctl": ("Deployment", lambda it: pod(it)["securityContext"].update(sysctls=[{"name": "a", "value": "1"}])),
    "a variable": ("Deployment", lambda it: mcp(it)["env"].append({"name": "LD_PRELOAD", "value": "/x"})),
    "a variable of the relay": ("Deployment", lambda it: relay(it).update(env=[{"name": "HTTPS_PROXY", "value": "x"}])),
    "all variables of a Secret": ("Deployment", lambda it: mcp(it).update(envFrom=[{"secretRef": {"name": "x"}}])),
    "a command of the relay": ("Deployment", lambda it: relay(it).update(command=["/bin/sh"])),
    "a port of the node": ("Deployment", lambda it: relay(it)["ports"][0].update(hostPort=80)),
    "a program as a probe of the relay": ("Deployment", lambda it: relay(it)["livenessProbe"].update(exec={"command": ["x"]})),
    "a probe of another host": ("Deployment", lambda it: relay(it)["livenessProbe"]["httpGet"].update(host="192.0.2.1")),
    "a hook": ("Deployment", lambda it: mcp(it)["lifecycle"].update(postStart={"exec": {"command": ["x"]}})),
    "a device": ("Deployment", lambda it: mcp(it)["resources"].update(claims=[{"name": "x"}])),
    "host names": ("Deployment", lambda it: pod(it).update(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["a"]}])),
    "a name server": ("Deployment", lambda it: pod(it).update(dnsConfig={"nameservers": ["192.0.2.1"]})),
    "a node": ("Deployment", lambda it: pod(it).update(nodeName="node-1")),
    "claims of devices": ("Deployment", lambda it: pod(it).update(resourceClaims=[{"name": "x"}])),
    "another network": (
        "Deployment",
        lambda it: it["spec"]["template"]["metadata"]["annotations"].update({"k8s.v1.cni.cncf.io/networks": "open"}),
    ),
    "an identity of a cloud": (
        "Deployment",
        lambda it: it["spec"]["template"]["metadata"]["labels"].update({"azure.workload.identity/use": "true"}),
    ),
    "a range of ports": ("NetworkPolicy", lambda it: it["spec"]["ingress"][0]["ports"][0].update(endPort=65535)),
    "pods that a policy leaves out": (
        "NetworkPolicy",
        lambda it: it["spec"]["podSelector"].update(
            matchExpressions=[{"key": "arcops.dev/mcp-server", "operator": "DoesNotExist"}]
        ),
    ),
    "an address outside": ("Service", lambda it: it["spec"].update(externalIPs=["192.0.2.1"])),
    "pods that are not ready": ("Service", lambda it: it["spec"].update(publishNotReadyAddresses=True)),
    "a port of the Service": ("Service", lambda it: it["spec"]["ports"].append({"name": "own", "port": 9, "targetPort": 9000})),
    "another selector of the Service": ("Service", lambda it: it["spec"]["selector"].update(app="other")),
    "a file for the relay": ("ConfigMap", lambda it: it.update(binaryData={"x": "eA=="})),
}


@pytest.mark.parametrize(("kind", "change"), OPENS.values(), ids=OPENS)
def test_what_could_open_it_is_seen_and_taken_away(kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    seen = changed(kind, change)
    outcome = made(written(**SPEC), seen, site=OPEN)
    (name,) = [one.name for one in outcome.writes]
    assert name.kind == kind
    if kind == "Deployment":
        assert condition(outcome)["status"] == "False", "no server is ready whose pods someone else opened"
    live = dict(seen.children[name].live)
    wanted = of_kind(outcome, kind)
    assert added(live, wanted, ())
    left = merge(live, removal(live, wanted, ()))
    assert not added(left, wanted, ())
    assert not made(written(**SPEC), _with(seen, name, left), site=OPEN).writes, "and nothing else went with it"


def _with(seen: Observed, name: Any, live: dict[str, Any]) -> Observed:
    return replace(seen, children={**seen.children, name: replace(seen.children[name], live=live)})


STAYS: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a restart": (
        "Deployment",
        lambda it: it["spec"]["template"]["metadata"]["annotations"].update({"kubectl.kubernetes.io/restartedAt": "now"}),
    ),
    "a pause": ("Deployment", lambda it: it["spec"].update(paused=True)),
    "a place": ("Deployment", lambda it: pod(it).update(nodeSelector={"a": "b"}, tolerations=[{"operator": "Exists"}])),
    "a user": ("Deployment", lambda it: mcp(it)["securityContext"].update(runAsUser=10001)),
    "an amount": ("Deployment", lambda it: mcp(it)["resources"]["limits"].update({"example.com/gpu": "1"})),
    "a label of the object": ("Deployment", lambda it: it["metadata"]["labels"].update(team="a")),
    "secrets of an account": ("ServiceAccount", lambda it: it.update(imagePullSecrets=[{"name": "pull"}])),
    "two families": ("Service", lambda it: it["spec"].update(ipFamilyPolicy="PreferDualStack")),
}


@pytest.mark.parametrize(("kind", "change"), STAYS.values(), ids=STAYS)
def test_what_closes_places_or_restarts_it_stays(kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    outcome = made(written(**SPEC), changed(kind, change), site=OPEN)
    assert not outcome.writes
    assert condition(outcome)["status"] == "True"


FORMS: dict[str, dict[str, Any]] = {
    "nothing may be reached": {"permissionProfile": {"type": "builtin", "name": "none"}},
    "amounts in another form": {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 1}}},
    "a fraction": {"resources": {"limits": {"cpu": "0.5"}}},
    "an empty text": {"env": [{"name": "A", "value": ""}]},
    "a size in another form": {"volumes": [{"name": "a", "emptyDir": {"sizeLimit": "1024Mi", "medium": ""}}]},
    "what is not given": {
        "podTemplateSpec": {"spec": {"nodeSelector": None, "tolerations": [], "containers": [{"name": "mcp"}]}}
    },
    "several replicas": {"transport": "streamable-http", "replicas": 3},
    "standard streams": {"transport": "stdio", "args": [""]},
    "probes": {"podTemplateSpec": {"spec": {"containers": [{"name": "mcp", "livenessProbe": {"exec": {"command": ["x"]}}}]}}},
    "a claim": {
        "volumes": [{"name": "c", "persistentVolumeClaim": {"claimName": "c", "readOnly": False}}],
        "volumeMounts": [{"name": "c", "mountPath": "/c", "readOnly": True}],
    },
    "a field of the pod": {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
    "two mounts of one volume": {
        "volumes": [{"name": "c", "configMap": {"name": "c"}}],
        "volumeMounts": [
            {"name": "c", "mountPath": "/a", "readOnly": True},
            {"name": "c", "mountPath": "/b", "readOnly": True},
        ],
    },
}


@pytest.mark.parametrize("spec", FORMS.values(), ids=FORMS)
def test_an_api_server_that_writes_it_in_its_own_way_makes_no_difference(spec: dict[str, Any]) -> None:
    outcome = made(written(**spec), as_applied(spec), site=OPEN)
    assert not outcome.writes
    assert condition(outcome)["status"] == "True", condition(outcome)["message"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Deployment", lambda it: pod(it).pop("automountServiceAccountToken")),
        ("Deployment", lambda it: pod(it).pop("enableServiceLinks")),
        ("Deployment", lambda it: mcp(it)["securityContext"].pop("allowPrivilegeEscalation")),
        ("Deployment", lambda it: mcp(it)["resources"]["limits"].pop("memory")),
        ("Deployment", lambda it: mcp(it)["resources"]["limits"].update(memory="257Mi")),
        ("NetworkPolicy", lambda it: it["spec"].pop("egress")),
        ("NetworkPolicy", lambda it: it["spec"].pop("policyTypes")),
        ("ConfigMap", lambda it: it["data"].update({"keys.json": ""})),
    ],
)
def test_what_is_left_out_and_means_something_else_then_is_put_back(
    kind: str, change: Callable[[dict[str, Any]], object]
) -> None:
    assert [one.name.kind for one in made(written(**SPEC), changed(kind, change), site=OPEN).writes] == [kind]


def test_a_ready_pod_of_before_says_nothing_of_the_new_ones() -> None:
    """An update whose pods never get ready: Kubernetes keeps the ready pod of before."""

    def stuck(value: dict[str, Any]) -> None:
        value["status"] |= {"replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "unavailableReplicas": 1}

    outcome = made(written(**SPEC), changed("Deployment", stuck), site=OPEN)
    assert condition(outcome)["reason"] == "Rolling"
    assert "1 of before" in condition(outcome)["message"]
    assert "url" not in outcome.status


@pytest.mark.parametrize(
    "one",
    [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: few"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "exceeded quota: few"},
    ],
)
def test_why_no_pod_gets_ready_is_said_as_kubernetes_says_it(one: dict[str, Any]) -> None:
    def failing(value: dict[str, Any]) -> None:
        value["status"] = {"observedGeneration": 1, "conditions": [{"type": "Available", "status": "False"}, one]}

    outcome = made(written(**SPEC), changed("Deployment", failing), site=OPEN)
    assert condition(outcome)["reason"] == "Rolling"
    assert "exceeded quota: few" in condition(outcome)["message"]
