"""The chart by the real Helm: each set of values renders, fits the schemas of Kubernetes, and is closed by our own engine."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from adapters.admission import __main__ as admission
from adapters.cli.main import read
from adapters.kube.api import Denied
from adapters.kube.slots import Slots
from arcops.result import Report
from arcops.verdict import Verdict
from capabilities.network.check import CheckNetwork, check_network
from manifests.operator.rights import KEYS_URL, own_rights, review_rights, rights, rules, secret_rights
from services.operator.settings import read_settings
from services.operator.switching import Health
from tests.adapters.kube.world import client
from tests.deployments.building import HOUSE
from tests.deployments.tools import tool
from tests.models import Bench, bench
from tests.simulators.kube.serving import Cluster, cluster
from tests.simulators.kube.workloads import Workloads

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/a-chart-that-is-closed"), pytest.mark.xdist_group("chart")]

CHART = HOUSE / "deployments" / "helm" / "arcops"
IMAGE = "images.example.org/arcops@sha256:" + "0" * 64
DIGEST = "sha256:" + "1" * 64
OTHERS = [
    {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}},
        "podSelector": {"matchLabels": {"app": "gateway"}},
    }
]
ELSEWHERE = [{"ipBlock": {"cidr": "10.20.0.0/24"}}]
METADATA_NAME = "kubernetes.io/metadata.name"
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: arcops, labels: {kubernetes.io/metadata.name: arcops}}}\n"
POLICY = """
name: chart
validFor: P1D
gates:
  network:
    enforcer: calico
    apiServer: [10.0.0.0/28]
    apiClients: [Deployment arcops/site-operator]
  mesh: {}
  gateway: {}
"""


def least() -> dict[str, Any]:
    return {
        "images": {"server": IMAGE, "worker": IMAGE},
        "publicUrl": "https://arcops.example.org",
        "site": "edge-07",
        "identity": {"issuer": "https://login.example.org", "audience": "arcops"},
    }


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            made[name] = merged(made[name], value) if isinstance(value, dict) and isinstance(made.get(name), dict) else value
    return copy.deepcopy(made)


MANY = {"store": {"accessMode": "ReadWriteMany"}, "postgresql": {"host": "db.example.org", "to": ELSEWHERE}}
MATRIX: dict[str, dict[str, Any]] = {
    "least": {},
    "no worker": {"worker": {"enabled": False}},
    "trial": {"postgresql": {"bundled": True}, "images": {"postgresql": IMAGE}},
    "many": merged(MANY, {"front": {"replicas": 3, "from": OTHERS}, "worker": {"replicas": 4, "modelsClaim": "models"}}),
    "scaled": merged(
        MANY,
        {
            "front": {"autoscaling": {"enabled": True, "callsPerPod": 6}, "from": OTHERS},
            "redis": {"enabled": True, "host": "cache.example.org", "to": ELSEWHERE},
            "secrets": {"redis": "arcops-redis"},
            "monitoring": {"serviceMonitors": True},
            "network": {
                "monitoring": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
                "egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/28"}}], "ports": [443]}],
            },
            "identity": {"keysConfigMap": "issuer-keys"},
            "identityOfPods": {"labels": {"azure.workload.identity/use": "true"}, "annotations": {"a.example/b": "c"}},
        },
    ),
    "other peers": {
        "front": {
            "from": [
                {"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.2.0/24"]}},
                {"ipBlock": {"cidr": "fd00:1::/48"}},
                {"namespaceSelector": {"matchExpressions": [{"key": METADATA_NAME, "operator": "In", "values": ["a", "b"]}]}},
                {"podSelector": {"matchLabels": {"app": "gateway"}}},
            ],
            "switchers": [{"kind": "Group", "name": "ops"}],
            "env": {"ARCOPS_LOGIN_CLIENT": "pages"},
        },
        "images": {"pullSecrets": [{"name": "a"}]},
        "network": {
            "dns": {"namespace": "dns", "labels": {"app": "resolver"}},
            "egress": [{"to": [{"ipBlock": {"cidr": "fd00:2::/64"}}], "ports": [443, 8443]}],
        },
    },
    "webhook of two families": {
        "webhook": {"enabled": True, "caBundle": "cGVt", "signer": DIGEST, "policy": DIGEST},
        "network": {"controlPlane": ["10.0.0.0/28", "fd00:1::/64"], "controlPlanePort": 443},
        "worker": {"enabled": False},
    },
    "two colours": merged(MANY, {"front": {"live": "green", "slots": {"blue": {}, "green": {"image": IMAGE}}}}),
    "webhook": {
        "webhook": {"enabled": True, "caBundle": "cGVt", "signer": DIGEST, "policy": DIGEST},
        "network": {"controlPlane": ["10.0.0.0/28"]},
        "store": {"existingClaim": "evidence"},
    },
    "operator": {
        "operator": {
            "enabled": True,
            "settings": {
                "network": {"cni": "calico", "apiServer": ["10.0.0.1"]},
                "kubernetes": "1.34",
                "policies": {"shop": {"rotateSecrets": True}, "team": {"openNetwork": True}},
            },
            "imageSigners": [DIGEST],
            "discovery": {"tls": "operator-tls"},
        },
        "images": {"operator": IMAGE, "relay": IMAGE},
        "network": {
            "controlPlane": ["10.0.0.0/28"],
            "monitoring": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        },
    },
}


def helm(*words: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("helm"), *words, "--values", "-"], input=json.dumps(values), capture_output=True, text=True, check=False
    )


@cache
def rendered(name: str) -> str:
    done = helm(
        "template",
        "site",
        str(CHART),
        "--namespace",
        "arcops",
        "--kube-version",
        "1.34.0",
        values=merged(least(), MATRIX[name]),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> list[Any]:
    return [found for found in yaml.safe_load_all(text) if found]


def pods(text: str) -> Iterator[tuple[str, Any]]:
    for found in objects(text):
        if template := found.get("spec", {}).get("template"):
            yield found["metadata"]["name"], template["spec"]


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    made = bench(tmp_path / "bench")
    (made.home / "chart.yaml").write_text(POLICY)
    return made


def judged(text: str, here: Bench, folder: Path) -> Report:
    target = folder / "manifests"
    target.mkdir()
    (target / "all.yaml").write_text(f"{NAMESPACE}---\n{text}")
    return check_network(CheckNetwork(target=target, policy=str(here.home / "chart.yaml")), here.place()).report


@pytest.mark.parametrize("name", MATRIX)
def test_it_is_lint_clean(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), values=merged(least(), MATRIX[name]))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", MATRIX)
def test_every_object_is_valid_by_the_schema_of_kubernetes(name: str) -> None:
    for found in objects(rendered(name)):
        if found["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # a definition of others
        kubernetes_validate.validate(found, "1.34", strict=True)
        of_others = found["kind"].startswith(("ClusterRole", "Validating")) or found["metadata"]["name"].endswith("-secrets")
        assert found["metadata"].get("namespace") == "arcops" or of_others


@pytest.mark.parametrize("name", MATRIX)
def test_the_network_is_green_by_our_own_engine(name: str, here: Bench, tmp_path: Path) -> None:
    assert judged(rendered(name), here, tmp_path).verdict is Verdict.GREEN


@pytest.mark.parametrize("name", MATRIX)
def test_every_pod_is_as_restricted_as_kubernetes_knows(name: str) -> None:
    for owner, pod in pods(rendered(name)):
        assert pod["securityContext"]["runAsNonRoot"] is True, owner
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False, owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert not [one for one in pod["volumes"] if "hostPath" in one]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert "@sha256:" in container["image"]
            assert {"readinessProbe", "livenessProbe"} <= container.keys(), owner
            assert container["resources"]["limits"]["memory"]
            mounted = {one["name"] for one in container["volumeMounts"]}
            assert mounted == {one["name"] for one in [*pod["volumes"], *([{"name": "data"}] if "postgresql" in owner else [])]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"images": {"server": "images.example.org/arcops:latest"}}, "does not match pattern"),
        ({"images": {"worker": ""}}, "images/worker"),
        ({"publicUrl": "http://arcops.example.org"}, "publicUrl"),
        ({"front": {"replicas": 2}}, "ReadWriteMany"),
        ({"front": {"autoscaling": {"enabled": True}}}, "ReadWriteMany"),
        (merged(MANY, {"front": {"autoscaling": {"enabled": True, "max": 101}}}), "maximum"),
        ({"front": {"live": "green"}}, "front.slots does not have"),
        ({"tier": "air-gapped", "postgresql": {"host": "db.example.org", "to": ELSEWHERE}}, "tier"),
        ({"postgresql": {"host": "db.example.org"}}, "postgresql/to"),
        ({"redis": {"enabled": True}}, "redis/host"),
        ({"webhook": {"enabled": True}}, "caBundle"),
        ({"operator": {"enabled": True}}, "operator"),
        ({"monitoring": {"serviceMonitors": True}}, "network/monitoring"),
        ({"front": {"form": []}}, "additional properties"),
        ({"identity": {"issuer": ""}}, "identity/issuer"),
        ({"network": {"wholeNamespace": False}}, "additional properties"),
        ({"network": {"controlPlane": ["10.0.0.0/8"]}}, "network/controlPlane/0"),
        *(
            (value, "anyOf" if "namespaceSelector" in str(value) else "cidr")
            for wide in (
                {"namespaceSelector": {}},
                {"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {"matchLabels": {"app": "a"}}},
                {"namespaceSelector": {"matchExpressions": [{"key": METADATA_NAME, "operator": "Exists"}]}},
                {"namespaceSelector": {"matchExpressions": [{"key": METADATA_NAME, "operator": "NotIn", "values": ["a"]}]}},
                {"ipBlock": {"cidr": "0.0.0.0/0"}},
                {"ipBlock": {"cidr": "10.0.0.0/15"}},
                {"ipBlock": {"cidr": "fd00::/8"}},
                {"ipBlock": {"cidr": "::/0"}},
            )
            for value in (
                {"front": {"from": [wide]}},
                {"network": {"monitoring": [wide]}},
                {"network": {"egress": [{"to": [wide], "ports": [443]}]}},
            )
        ),
    ],
)
def test_values_that_would_not_work_are_refused(values: dict[str, Any], said: str) -> None:
    done = helm("template", "site", str(CHART), values=merged(least(), values))
    assert done.returncode != 0
    assert said in done.stderr, done.stderr


def test_the_operator_is_the_one_that_its_own_manifests_install() -> None:
    """Its rights and arguments are those of `arcops operator manifests`, and the program reads its settings."""
    found = objects(rendered("operator"))
    [settings] = [one["data"]["operator.yaml"] for one in found if one["kind"] == "ConfigMap"]
    site = read_settings(settings.encode(), "operator.yaml")
    assert (site.sidecar_image, site.operator_namespace) == (IMAGE, "arcops"), "its lease is where its Role counts"
    [role, secrets] = sorted(
        (one for one in found if one["kind"] == "ClusterRole"), key=lambda one: len(one["metadata"]["name"])
    )
    assert secrets["rules"] == rules(secret_rights())
    bound = {
        one["metadata"]["namespace"] for one in found if one["kind"] == "RoleBinding" and "secrets" in one["metadata"]["name"]
    }
    assert bound == set(site.rotating) == {"shop"}
    assert role["rules"] == rules((*rights(site.network), *review_rights()), addresses=(KEYS_URL,))
    [own] = [one for one in found if one["kind"] == "Role" and one["metadata"]["name"] == "site-operator"]
    assert own["rules"] == rules(own_rights())


@pytest.mark.parametrize("name", MATRIX)
def test_our_programs_take_the_arguments_that_the_chart_gives_them(name: str) -> None:
    """Each is read by the program's own command line, which ends the test for an option that it does not have."""
    read_by_us = 0
    for owner, pod in pods(rendered(name)):
        for container in pod["containers"]:
            given = [*container.get("command", ()), *container.get("args", ())]
            if "adapters.admission" in given:
                assert admission.command_line().parse_args(container["args"])
            elif owner.endswith("-operator") or "-front" in owner:
                assert read([*container["args"]]) is not None
            else:
                continue  # Prefect's worker and PostgreSQL are programs of others
            read_by_us += 1
    assert read_by_us >= 1


def test_calls_go_to_the_live_colour_alone_and_each_scales_from_1_to_100() -> None:
    found = objects(rendered("two colours"))
    services = {one["metadata"]["name"]: one for one in found if one["kind"] == "Service"}
    selected = {name: one["spec"]["selector"]["arcops.dev/slot"] for name, one in services.items()}
    assert selected == {"site-front": "green", "site-front-blue": "blue", "site-front-green": "green"}
    fronts = [one for one in found if one["kind"] == "Deployment" and "front" in one["metadata"]["name"]]
    assert {one["spec"]["template"]["metadata"]["labels"]["arcops.dev/slot"] for one in fronts} == {"blue", "green"}
    [scaler] = [one for one in objects(rendered("scaled")) if one["kind"] == "HorizontalPodAutoscaler"]
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 100)
    assert {one["type"] for one in scaler["spec"]["metrics"]} == {"Resource", "Pods"}
    [monitor] = [one for one in objects(rendered("scaled")) if one["kind"] == "ServiceMonitor"]
    assert monitor["spec"]["selector"]["matchExpressions"] == [{"key": "arcops.dev/slot", "operator": "DoesNotExist"}]
    [deployment] = [
        one
        for one in objects(rendered("scaled"))
        if one["metadata"]["name"] == "site-front-blue" and one["kind"] == "Deployment"
    ]
    assert "replicas" not in deployment["spec"], "the scaler decides"


@pytest.mark.requirement("BASE-8/blue-green-with-rollback")
def test_what_the_chart_renders_is_what_a_switch_takes(tmp_path: Path) -> None:
    """`arcops front switch` on the very objects: their names, labels and the update of the Service fit."""
    with cluster(tmp_path) as there:
        there.namespace("arcops")
        there.do(lambda: Workloads(there.api, instant=True))
        for one in objects(rendered("two colours")):
            if one["kind"] in ("Service", "Deployment") and "front" in one["metadata"]["name"]:
                for port in one["spec"].get("ports", ()):
                    port["targetPort"] = 8420  # the simulator knows no names of ports
                there.create(f"{one['kind'].lower()}s", one, "apps" if one["kind"] == "Deployment" else "")
        slots = Slots(client(there), "arcops", "site-front")
        standing = slots.standing()
        assert (standing.live, standing.switch) == ("green", None)
        assert [slots.pods(one, live=False).health for one in ("blue", "green")] == [Health.GOOD, Health.GOOD]
        slots.send(standing, "blue", None)
        assert slots.standing().live == "blue"
        for slot in ("blue", "green"):
            assert there.get("services", "arcops", f"site-front-{slot}")


def front_service(text: str) -> dict[str, Any]:
    """The Service that callers are sent to, among the objects in *text*."""
    [found] = [one for one in objects(text) if (one["kind"], one["metadata"]["name"]) == ("Service", "site-front")]
    return dict(found)


def at_the_cluster(there: Cluster, *words: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Helm, which asks the API server of *there*."""
    reached = ("--kubeconfig", str(there.kubeconfig), "--kube-context", "admin", "--namespace", "arcops")
    return helm(*words, *reached, values=merged(least(), values))


@pytest.mark.requirement("BASE-8/blue-green-with-rollback")
def test_an_upgrade_leaves_callers_at_the_slot_to_which_they_were_switched(tmp_path: Path) -> None:
    """Values of before the switch do not undo it, and a slot with callers is not taken away."""
    two = merged(MATRIX["two colours"], {"store": {"existingClaim": "evidence"}})  # the simulator has no claims
    with cluster(tmp_path) as there:
        there.namespace("arcops")
        asked = ("template", "site", str(CHART), "--dry-run=server", "--is-upgrade", "--disable-openapi-validation")

        def live(values: dict[str, Any]) -> str:
            done = at_the_cluster(there, *asked, values=values)
            assert done.returncode == 0, done.stderr
            [front] = [
                one for one in objects(done.stdout) if (one["kind"], one["metadata"]["name"]) == ("Service", "site-front")
            ]
            return str(front["spec"]["selector"]["arcops.dev/slot"])

        assert live(two) == "green", "nothing is there yet"
        there.create("services", front_service(rendered("two colours")))
        slots = Slots(client(there), "arcops", "site-front")
        slots.send(slots.standing(), "blue", None)
        assert live(two) == "blue"
        assert live(merged(two, {"front": {"live": "blue"}})) == "blue"
        less = merged(two, {"front": {"live": "green", "slots": {"blue": None, "green": {"image": IMAGE}}}})
        done = at_the_cluster(there, *asked, values=less)
        assert done.returncode != 0
        assert 'callers are at the slot "blue", which front.slots does not have' in done.stderr


@pytest.mark.requirement("BASE-8/blue-green-with-rollback")
def test_the_role_of_who_switches_has_the_rights_that_a_switch_uses_and_no_other(tmp_path: Path) -> None:
    said = merged(MATRIX["two colours"], {"front": {"switchers": [{"kind": "ServiceAccount", "name": "deployer"}]}})
    done = helm("template", "site", str(CHART), "--namespace", "arcops", values=merged(least(), said))
    assert done.returncode == 0, done.stderr
    found = [one for one in objects(done.stdout) if "front" in one["metadata"]["name"]]
    with cluster(tmp_path) as there:
        there.namespace("arcops")
        for one in found:
            if one["kind"] in ("Role", "RoleBinding"):
                there.create(f"{one['kind'].lower()}s", one, "rbac.authorization.k8s.io")
            if one["kind"] in ("Service", "Deployment"):
                there.create(f"{one['kind'].lower()}s", one, "apps" if one["kind"] == "Deployment" else "")
        account = client(there, there.account("arcops", "deployer"))
        slots = Slots(account, "arcops", "site-front")
        slots.pods("blue", live=False)
        slots.pods("green", live=True)
        slots.send(slots.standing(), "blue", None)
        slots.send(slots.standing(), "green", None, "blue: worse")
        assert not there.api.access.denied
        [role] = [one for one in found if one["kind"] == "Role"]
        table = {
            (verb, group, resource)
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        assert {right[1:] for right in there.api.access.used if right[0].endswith(":deployer")} == table
        assert [rule["resourceNames"] for rule in role["rules"]] == [["site-front"], ["site-front-blue", "site-front-green"]]
        with pytest.raises(Denied, match="site-worker"):
            Slots(account, "arcops", "site-worker").standing()
        assert there.api.access.denied, "no other Service"


def without(kind: str, name: str) -> Callable[[str], str]:
    return lambda text: yaml.safe_dump_all(
        one for one in objects(text) if (one["kind"], one["metadata"]["name"]) != (kind, name)
    )


def opened(name: str, way: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        found = objects(text)
        for one in found:
            if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", name):
                one["spec"].setdefault(way, []).append({})
        return yaml.safe_dump_all(found)

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("NetworkPolicy", "site-closed"),
        opened("site-closed", "ingress"),
        opened("site-closed", "egress"),
        opened("site-front", "egress"),
        opened("site-worker", "egress"),
        opened("site-postgresql", "ingress"),
        lambda text: text.replace("podSelector: {}", "podSelector: {matchLabels: {a: b}}"),
        lambda text: text.replace("policyTypes", "policyType", 1),
    ],
    ids=[
        "no policy",
        "anyone may come",
        "anywhere may be called",
        "front calls out",
        "worker calls out",
        "database is open",
        "closes nothing",
        "misspelt",
    ],
)
def test_a_wider_network_is_not_green(change: Callable[[str], str], here: Bench, tmp_path: Path) -> None:
    """The smallest change to what the chart renders must turn the verdict."""
    changed = change(rendered("trial"))
    assert changed != rendered("trial")
    assert judged(changed, here, tmp_path).verdict is not Verdict.GREEN
