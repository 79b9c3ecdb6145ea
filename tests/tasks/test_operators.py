"""Workloads of operators: their pods are pods like all others, with the labels that the operators add."""

from __future__ import annotations

import pytest

from arcops.finding import Outcome
from arcops.seen.network import Network
from gates.network.network.gate import NetworkSafetyPolicy, network
from reach.drift import compare
from reach.question import ask
from reach.roots import roots
from tasks.network.network import network_of
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-B2/reachability-is-exact")

POD = "{metadata: {labels: {app: x}}, spec: {containers: [{name: c, ports: [{containerPort: 8000, name: http}]}]}}"
RAY = f"{{headGroupSpec: {{template: {POD}}}, workerGroupSpecs: [{{groupName: Small, template: {POD}}}]}}"
SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ml}\n"
KINDS = {
    "argoproj.io/v1alpha1 Rollout": (f"{{template: {POD}}}", {"one": {}}),
    "apps.openshift.io/v1 DeploymentConfig": (f"{{template: {POD}}}", {"one": {"deploymentconfig": "one"}}),
    "apps.kruise.io/v1alpha1 CloneSet": (f"{{template: {POD}}}", {"one": {}}),
    "jobset.x-k8s.io/v1alpha2 JobSet": (
        f"{{replicatedJobs: [{{name: driver, template: {{spec: {{template: {POD}}}}}}}]}}",
        {"one-driver": {"jobset.sigs.k8s.io/jobset-name": "one", "jobset.sigs.k8s.io/replicatedjob-name": "driver"}},
    ),
    "leaderworkerset.x-k8s.io/v1 LeaderWorkerSet": (
        f"{{leaderWorkerTemplate: {{leaderTemplate: {POD}, workerTemplate: {POD}}}}}",
        {
            "one-leader": {"leaderworkerset.sigs.k8s.io/worker-index": "0", "leaderworkerset.sigs.k8s.io/name": "one"},
            "one-worker": {"leaderworkerset.sigs.k8s.io/name": "one"},
        },
    ),
    "ray.io/v1 RayCluster": (
        RAY,
        {
            "one-head": {"ray.io/cluster": "one", "ray.io/node-type": "head"},
            "one-small": {"ray.io/cluster": "one", "ray.io/node-type": "worker", "ray.io/group": "Small"},
        },
    ),
    "ray.io/v1 RayJob": (f"{{rayClusterSpec: {RAY}}}", {"one-head": {"ray.io/node-type": "head"}, "one-small": {}}),
    "ray.io/v1 RayService": (f"{{rayClusterConfig: {RAY}}}", {"one-head": {"ray.io/node-type": "head"}, "one-small": {}}),
    "kubeflow.org/v1 PyTorchJob": (
        f"{{pytorchReplicaSpecs: {{Master: {{template: {POD}}}, Worker: {{replicas: 2, template: {POD}}}}}}}",
        {
            "one-master": {"training.kubeflow.org/replica-type": "master"},
            "one-worker": {"training.kubeflow.org/replica-type": "worker", "training.kubeflow.org/job-name": "one"},
        },
    ),
    "batch.volcano.sh/v1alpha1 Job": (
        f"{{tasks: [{{name: ps, template: {POD}}}, {{name: worker, template: {POD}}}]}}",
        {"one-ps": {"volcano.sh/task-spec": "ps"}, "one-worker": {"volcano.sh/job-name": "one"}},
    ),
}


def made(api: str, spec: str, *more: str) -> Network:
    version, _, kind = api.partition(" ")
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: one, namespace: ml}}\nspec: {spec}\n"
    return network_of([("all.yaml", "---\n".join([SPACE, text, *more]).encode())])


@pytest.mark.parametrize("api", KINDS)
def test_each_template_is_a_set_of_pods(api: str) -> None:
    spec, wanted = KINDS[api]
    found = made(api, spec)
    assert not found.unread, found.unread
    assert not found.refused, found.refused
    assert not [one for one in found.others if not one.harmless], "it is understood"
    assert {one.name for one in found.pods} == set(wanted)
    for pods in found.pods:
        labels = {one.key: one.value for one in pods.labels}
        assert labels.items() >= {**wanted[pods.name], "app": "x"}.items()
        assert [one.number for one in pods.ports] == [8000]
    assert ask(found, "ml/one" if len(wanted) > 1 else f"ml/{min(wanted)}", f"ml/{min(wanted)}:http").allowed


@pytest.mark.parametrize("api", KINDS)
def test_pods_that_no_policy_closes_fail(api: str) -> None:
    result = judged(network, NetworkSafetyPolicy(enforcer="calico", api_server=("10.96.0.1",)), [made(api, KINDS[api][0])])
    assert any(one.rule == "network/isolated" and one.outcome is Outcome.FAIL for one in result.findings)


HEAD = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: head, namespace: ml}
spec:
  podSelector: {matchLabels: {ray.io/cluster: one, ray.io/node-type: head}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {ray.io/node-type: worker}}}], ports: [{port: 6379}]}]
"""


def test_policies_select_by_the_labels_of_the_operator() -> None:
    found = made("ray.io/v1 RayCluster", RAY, HEAD)
    assert ask(found, "ml/one-small", "ml/one-head:6379").allowed
    assert not ask(found, "ml/one-small", "ml/one-head:8265").allowed
    assert ask(found, "ml/one-head", "ml/one-small:8265").allowed
    assert not ask(found, "192.0.2.1", "ml/one-head:6379").allowed


def test_a_rollout_of_a_deployment_has_no_pods_of_its_own() -> None:
    found = made("argoproj.io/v1alpha1 Rollout", "{workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}}")
    assert found.pods == ()
    assert not found.refused


def test_labels_that_only_a_running_pod_has_make_it_uncertain() -> None:
    policy = HEAD.replace("ray.io/node-type: worker", "jobset.sigs.k8s.io/job-index: '0'")
    found = ask(
        made("jobset.x-k8s.io/v1alpha2 JobSet", KINDS["jobset.x-k8s.io/v1alpha2 JobSet"][0], policy), "ml/one", "ml/one:80"
    )
    assert any("jobset.sigs.k8s.io/job-index" in one for one in found.doubts)


def test_without_a_template_of_its_own_a_leader_has_that_of_the_workers() -> None:
    found = made("leaderworkerset.x-k8s.io/v1 LeaderWorkerSet", f"{{leaderWorkerTemplate: {{workerTemplate: {POD}}}}}")
    assert [one.name for one in found.pods] == ["one-leader", "one-worker"]


LIVE = """apiVersion: v1
kind: Pod
metadata:
  name: NAME
  namespace: ml
  labels: {app: x, LABELS}
  ownerReferences: [{apiVersion: x/v1, kind: OWNER, name: OWNED, controller: true, uid: u}]
spec: {containers: [{name: c, ports: [{containerPort: 8000, name: http}]}]}
"""
JOB_SET = (
    "jobset.sigs.k8s.io/jobset-name: one, jobset.sigs.k8s.io/replicatedjob-name: driver, jobset.sigs.k8s.io/job-index: '0'"
)
LWS = "leaderworkerset.sigs.k8s.io/name: one"


@pytest.mark.parametrize(
    ("api", "pods"),
    [
        ("argoproj.io/v1alpha1 Rollout", [("one-5d-a", "ReplicaSet", "one-5d", "rollouts-pod-template-hash: 5d")]),
        (
            "apps.openshift.io/v1 DeploymentConfig",
            [("one-1-a", "ReplicationController", "one-1", "deploymentconfig: one")],
        ),
        ("jobset.x-k8s.io/v1alpha2 JobSet", [("one-driver-0-0-a", "Job", "one-driver-0", JOB_SET)]),
        (
            "leaderworkerset.x-k8s.io/v1 LeaderWorkerSet",
            [
                ("one-0", "StatefulSet", "one", f"{LWS}, leaderworkerset.sigs.k8s.io/worker-index: '0'"),
                ("one-0-1", "StatefulSet", "one-0", LWS),
            ],
        ),
    ],
)
def test_what_runs_is_what_was_declared(api: str, pods: list[tuple[str, str, str, str]]) -> None:
    """The pods of a cluster are compared with the workload that finally makes them."""
    texts = [
        LIVE.replace("NAME", name).replace("OWNER", kind).replace("OWNED", owner).replace("LABELS", labels)
        for name, kind, owner, labels in pods
    ]
    declared = made(api, KINDS[api][0])
    live = network_of([("live.yaml", "---\n".join([SPACE, *texts]).encode())])
    assert set(roots(declared)) == set(roots(live)) == {f"{api.rpartition(' ')[2]} ml/one"}
    assert not compare(declared, live).reach
