"""A podTemplateSpec may close the pods more and place them; each setting that would open them is refused, by its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.operator.site import Site
from tests.services.operator.cases import IMAGE, SITE, condition, made, of_kind, written

pytestmark = pytest.mark.requirement("OPER-8/a-template-only-tightens")
MCP = {"name": "mcp"}


def template(pod: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A podTemplateSpec."""
    return {"metadata": metadata, "spec": pod or {}}


def mcp(**more: Any) -> dict[str, Any]:
    """A podTemplateSpec with these settings of the server's container."""
    return template({"containers": [{**MCP, **more}]})


REFUSED: dict[str, dict[str, Any]] = {
    "hostNetwork": template({"hostNetwork": True}),
    "hostPID": template({"hostPID": True}),
    "hostIPC": template({"hostIPC": True}),
    "hostUsers": template({"hostUsers": True}),
    "shareProcessNamespace": template({"shareProcessNamespace": True}),
    "automountServiceAccountToken": template({"automountServiceAccountToken": True}),
    "serviceAccountName": template({"serviceAccountName": "admin"}),
    "volumes": template({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    "initContainers": template({"initContainers": [{"name": "x", "image": "x"}]}),
    "ephemeralContainers": template({"ephemeralContainers": [{"name": "x", "image": "x"}]}),
    "containers[other]": template({"containers": [{"name": "other", "image": "x"}]}),
    "containers[mcp].image": mcp(image="another"),
    "nodeName": template({"nodeName": "node-1"}),
    "hostAliases": template({"hostAliases": [{"ip": "10.96.0.1", "hostnames": ["api.example.com"]}]}),
    "dnsConfig": template({"dnsConfig": {"nameservers": ["203.0.113.1"]}}),
    "dnsPolicy": template({"dnsPolicy": "Default"}),
    "restartPolicy": template({"restartPolicy": "Never"}),
    "terminationGracePeriodSeconds": template({"terminationGracePeriodSeconds": 0}),
    "sysctls": template({"securityContext": {"sysctls": [{"name": "x", "value": "1"}]}}),
    "seLinuxOptions": template({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}),
    "runAsNonRoot": template({"securityContext": {"runAsNonRoot": False}}),
    "runAsUser": template({"securityContext": {"runAsUser": 0}}),
    "fsGroup": template({"securityContext": {"fsGroup": 0}}),
    "supplementalGroups": template({"securityContext": {"supplementalGroups": [0]}}),
    "seccompProfile": template({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
    "appArmorProfile": template({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}),
    "privileged": mcp(securityContext={"privileged": True}),
    "allowPrivilegeEscalation": mcp(securityContext={"allowPrivilegeEscalation": True}),
    "readOnlyRootFilesystem": mcp(securityContext={"readOnlyRootFilesystem": False}),
    "capabilities": mcp(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}),
    "procMount": mcp(securityContext={"procMount": "Unmasked"}),
    "container seccompProfile": mcp(securityContext={"seccompProfile": {"type": "Unconfined"}}),
    "container runAsUser": mcp(securityContext={"runAsUser": 0}),
    "windowsOptions": mcp(securityContext={"windowsOptions": {"hostProcess": True}}),
    "volumeDevices": mcp(volumeDevices=[{"name": "v", "devicePath": "/dev/sda"}]),
    "volumeMounts": mcp(volumeMounts=[{"name": "arcops-config", "mountPath": "/x"}]),
    "env": mcp(env=[{"name": "LD_PRELOAD", "value": "/x.so"}]),
    "ports": mcp(ports=[{"containerPort": 80, "hostPort": 80}]),
    "lifecycle": mcp(lifecycle={"postStart": {"httpGet": {"host": "10.96.0.1", "port": 443}}}),
    "livenessProbe": mcp(livenessProbe={"httpGet": {"host": "169.254.169.254", "port": 80}}),
    "unheardOf": template({"unheardOf": 1}),
    "labels[arcops.dev/mcp-server]": template(labels={"arcops.dev/mcp-server": "another"}),
    "labels[app.kubernetes.io/name]": template(labels={"app.kubernetes.io/name": "another"}),
    "labels[azure.workload.identity/use]": template(labels={"azure.workload.identity/use": "true"}),
    "annotations[k8s.v1.cni.cncf.io/networks]": template(annotations={"k8s.v1.cni.cncf.io/networks": "open"}),
    "annotations[sidecar.istio.io/inject]": template(annotations={"sidecar.istio.io/inject": "false"}),
    "metadata.name": template(name="x"),
    "containers[mcp].resources": mcp(resources={"claims": [{"name": "gpu"}]}),
    "both handlers of a livenessProbe": mcp(
        livenessProbe={"httpGet": {"port": 80}, "tcpSocket": {"host": "192.0.2.1", "port": 1}}
    ),
    "no handler of a readinessProbe": mcp(readinessProbe={"periodSeconds": 5}),
    "an unknown handler of a startupProbe": mcp(startupProbe={"ftpGet": {"port": 21}, "tcpSocket": {"port": 1}}),
    "restartPolicyRules": mcp(restartPolicyRules=[{"action": "Restart"}]),
    "envFrom": mcp(envFrom=[{"secretRef": {"name": "all"}}]),
    "container restartPolicy": mcp(restartPolicy="Always"),
    "pod windowsOptions": template({"securityContext": {"windowsOptions": {"runAsUserName": "ContainerAdministrator"}}}),
    "seLinuxChangePolicy": template({"securityContext": {"seLinuxChangePolicy": "Recursive"}}),
    "a node's priorityClassName": template({"priorityClassName": "system-node-critical"}),
    "resourceClaims": template({"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]}),
    "setHostnameAsFQDN": template({"setHostnameAsFQDN": True}),
    "hostname": template({"hostname": "api"}),
    "subdomain": template({"subdomain": "api"}),
    "overhead": template({"overhead": {"cpu": "0"}}),
    "readinessGates": template({"readinessGates": [{"conditionType": "x"}]}),
    "activeDeadlineSeconds": template({"activeDeadlineSeconds": 1}),
    "os": template({"os": {"name": "windows"}}),
    "tolerations": template({"tolerations": "every one"}),
    "affinity": template({"affinity": {"nodeAffinity": []}}),
    "topologySpreadConstraints": template({"topologySpreadConstraints": [{"maxSkew": 1}]}),
    "imagePullSecrets": template({"imagePullSecrets": ["pull"]}),
    "containers": template({"containers": "mcp"}),
    "podTemplateSpec.spec": {"spec": "x"},
    "metadata.labels": {"metadata": {"labels": {"a": 1}}},
    "metadata.annotations": {"metadata": {"annotations": ["a"]}},
    "annotations[io.cilium/x]": template(annotations={"io.cilium/x": "1"}),
    "annotations[container.apparmor.security.beta.kubernetes.io/mcp]": template(
        annotations={"container.apparmor.security.beta.kubernetes.io/mcp": "unconfined"}
    ),
    "podTemplateSpec.kind": {"kind": "Pod"},
}


@pytest.mark.parametrize(("name", "given"), REFUSED.items(), ids=REFUSED)
def test_what_would_open_the_pod_is_refused_by_its_name(name: str, given: dict[str, Any]) -> None:
    outcome = made(written(podTemplateSpec=given))
    assert condition(outcome)["reason"] == "UnsafePod"
    assert name.split()[-1] in condition(outcome)["message"]
    assert not outcome.objects


def test_what_closes_or_places_it_reaches_the_pod() -> None:
    given = template(
        {
            "securityContext": {"runAsUser": 10001, "fsGroup": 10001, "runAsNonRoot": True},
            "priorityClassName": "low",
            "runtimeClassName": "gvisor",
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
            "imagePullSecrets": [{"name": "pull"}],
            "terminationGracePeriodSeconds": 90,
            "nodeSelector": {"tier": "edge"},
            "containers": [
                {
                    **MCP,
                    "image": IMAGE,
                    "command": ["/bin/own"],
                    "workingDir": "/srv",
                    "securityContext": {"runAsUser": 10002, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
        labels={"team": "blue"},
        annotations={"prometheus.io/scrape": "true"},
    )
    deployment = of_kind(made(written(podTemplateSpec=given)), "Deployment")["spec"]["template"]
    pod = deployment["spec"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, "what is not said stays closed"
    assert (pod["priorityClassName"], pod["runtimeClassName"], pod["nodeSelector"]) == ("low", "gvisor", {"tier": "edge"})
    assert pod["terminationGracePeriodSeconds"] == 90
    server = pod["containers"][0]
    assert server["command"][-1] == "/bin/own"
    assert server["securityContext"]["runAsUser"] == 10002
    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    assert server["workingDir"] == "/srv"
    assert deployment["metadata"]["labels"]["team"] == "blue"
    assert deployment["metadata"]["annotations"]["prometheus.io/scrape"] == "true"


def test_a_site_may_allow_the_prefix_of_a_label() -> None:
    given = template(labels={"billing.example/owner": "blue"})
    assert condition(made(written(podTemplateSpec=given)))["reason"] == "UnsafePod"
    allowing = Site(**{**{name: getattr(SITE, name) for name in SITE.__slots__}, "allowed_prefixes": ("billing.example/",)})
    assert made(written(podTemplateSpec=given), site=allowing).objects


def test_what_is_null_leaves_ours_in_its_place() -> None:
    """An API server takes null for not given, and has a default of its own then: a token, escalation."""
    given = mcp(
        securityContext={"allowPrivilegeEscalation": None, "runAsNonRoot": None, "seccompProfile": None}, resources=None
    )
    given["spec"] |= {"automountServiceAccountToken": None, "securityContext": {"runAsUser": None}, "hostNetwork": None}
    outcome = made(written(podTemplateSpec=given))
    assert of_kind(outcome, "Deployment") == of_kind(made(written()), "Deployment")


def test_a_profile_of_the_pod_counts_for_the_server() -> None:
    named = {"type": "Localhost", "localhostProfile": "mcp.json"}
    given = template({"securityContext": {"seccompProfile": named, "appArmorProfile": {**named, "localhostProfile": "mcp"}}})
    pod = of_kind(made(written(podTemplateSpec=given)), "Deployment")["spec"]["template"]["spec"]
    security = pod["containers"][0]["securityContext"]
    assert (security["seccompProfile"], security["appArmorProfile"]["localhostProfile"]) == (named, "mcp")
    assert pod["initContainers"][0]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("at", ["pod", "container"])
def test_no_profile_takes_the_place_of_the_one_that_limits_what_is_read(at: str) -> None:
    other = {"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}}}
    given = template(other) if at == "pod" else mcp(**other)
    outcome = made(written(podTemplateSpec=given), site=replace(SITE, read_profile="mcp-reads"))
    assert condition(outcome)["reason"] == "UnsafePod"
    assert "mcp-reads" in condition(outcome)["message"]
    other["securityContext"]["appArmorProfile"] = {"type": "Localhost", "localhostProfile": "mcp-reads"}
    assert made(written(podTemplateSpec=given), site=replace(SITE, read_profile="mcp-reads")).objects


def test_what_is_given_twice_is_refused() -> None:
    outcome = made(written(podTemplateSpec=template({"nodeSelector": {"a": "b"}}), nodeSelector={"a": "c"}))
    assert condition(outcome)["reason"] == "UnsafePod"
    twice = template({"containers": [{**MCP, "workingDir": "/a"}, {**MCP, "workingDir": "/b"}]})
    assert condition(made(written(podTemplateSpec=twice)))["reason"] == "UnsafePod"
