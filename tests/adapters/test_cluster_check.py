"""``arcops cluster`` from the outside, through the real client, against a Kubernetes API over a real socket."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.result import Report
from arcops.tier import Tier
from arcops.verdict import Verdict
from capabilities.cluster.check import CheckCluster, SnapshotCluster, check_cluster, snapshot_cluster
from gates.cluster.cluster.gate import cluster as cluster_gate
from tasks.cluster.cluster import read_cluster
from tasks.cluster.objects import READERS
from tasks.cluster.snapshot import RESOURCES
from tests.adapters.typed import Done, typed
from tests.kept import emptied
from tests.models import Bench, bench
from tests.simulators.kubernetes_api import Cluster, serving
from tests.simulators.ready_cluster import DEPRECATED, METRICS, POLICY, at, beating, lease, named, ready_cluster, slice_of

pytestmark = pytest.mark.requirement("ARC-C4/each-fault-of-a-cluster-is-found")

Change = Callable[[Cluster], object]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def cluster() -> Cluster:
    return ready_cluster()


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    with serving(cluster, tmp_path) as path:
        yield path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(POLICY)
    return path


def checked(here: Bench, kubeconfig: Path, policy: Path | str, context: str = "good") -> Report:
    place = replace(here.place(now=datetime.now(UTC)), settings=replace(here.settings, tier=Tier.RESTRICTED))
    return check_cluster(CheckCluster(context=context, kubeconfig=kubeconfig, policy=str(policy)), place).report


def bad(report: Report) -> dict[str, set[Outcome]]:
    """Rules that are not answered well, each with its outcomes."""
    found: dict[str, set[Outcome]] = {}
    for gate in report.results:
        for one in gate.findings:
            if one.outcome is not Outcome.PASS:
                found.setdefault(one.rule.removeprefix("cluster/"), set()).add(one.outcome)
    return found


def test_a_ready_cluster_is_green_and_named_by_its_context(here: Bench, kubeconfig: Path, policy: Path) -> None:
    report = checked(here, kubeconfig, policy)
    assert report.verdict is Verdict.GREEN, bad(report)
    assert (report.subject.kind, report.subject.name) == ("cluster", "good")
    assert checked(here, kubeconfig, "cluster").verdict is Verdict.GREEN


def first(cluster: Cluster, title: str) -> Any:
    return cluster.objects[at(title)][0]


def put(title: str, *path: str, value: object) -> Change:
    """Set one field of the first object of a list."""

    def change(cluster: Cluster) -> None:
        place = first(cluster, title)
        for name in path[:-1]:
            place = place[name] if not isinstance(place, list) else place[int(name)]
        place[int(path[-1]) if isinstance(place, list) else path[-1]] = value

    return change


def empty(title: str) -> Change:
    return lambda cluster: cluster.objects[at(title)].clear()


def clock(seconds: int) -> Change:
    def change(cluster: Cluster) -> None:
        cluster.objects[at("leases.coordination.k8s.io")][0] = lease("edge-1", off=timedelta(seconds=seconds))

    return change


def without_istiod(cluster: Cluster) -> None:
    cluster.objects[at("endpointslices.discovery.k8s.io")] = [slice_of("kube-system", "kube-dns")]


def down(title: str, name: str) -> Change:
    """No pod of the workload of this name is available."""

    def change(cluster: Cluster) -> None:
        (one,) = [one for one in cluster.objects[at(title)] if one["metadata"]["name"] == name]
        one["status"]["availableReplicas" if title == "deployments.apps" else "numberAvailable"] = 0

    return change


def no_network(cluster: Cluster) -> None:
    first(cluster, "nodes")["status"]["conditions"].append({"type": "NetworkUnavailable", "status": "True"})


def problem(kind: str) -> Change:
    return lambda cluster: first(cluster, "nodes")["status"]["conditions"].append({"type": kind, "status": "True"})


def holding(name: str) -> Change:
    """The pod of the model holds a GPU."""

    def change(cluster: Cluster) -> None:
        first(cluster, "pods")["spec"]["nodeName"] = "edge-1"
        first(cluster, "pods")["spec"]["containers"][0]["resources"] = {name: {"nvidia.com/gpu": "1", "cpu": "4"}}

    return change


def mutating(cluster: Cluster) -> None:
    called = {"service": {"namespace": "gone", "name": "gone"}}
    cluster.objects[at(WEBHOOKS.replace("validating", "mutating"))] = [
        {**named("hook"), "webhooks": [{"name": "x.example", "failurePolicy": "Fail", "clientConfig": called}]}
    ]


UNLIKE = "NVIDIA-A100-SXM4-80GB-MIG-INVALID"
NO_GPUS = {"hard": {"requests.nvidia.com/gpu": "2"}, "used": {"requests.nvidia.com/gpu": "2"}}
GATEWAYS = "gatewayclasses.gateway.networking.k8s.io"
WEBHOOKS = "validatingwebhookconfigurations.admissionregistration.k8s.io"
SLICES = "endpointslices.discovery.k8s.io"
WAITING = {"waiting": {"reason": "ImagePullBackOff"}}

MUTATIONS: list[tuple[str, str, Change]] = [
    ("nodes", "a node is not ready", put("nodes", "status", "conditions", "3", "status", value="False")),
    ("nodes", "a node is not heard of", put("nodes", "status", "conditions", "3", "status", value="Unknown")),
    ("pressure", "a disk is full", put("nodes", "status", "conditions", "1", "status", value="True")),
    ("kernel", "an old kernel", put("nodes", "status", "nodeInfo", "kernelVersion", value="5.14.9")),
    ("kubelet", "a kubelet ahead of its server", put("nodes", "status", "nodeInfo", "kubeletVersion", value="v1.35.0")),
    ("kubelet", "an old kubelet", put("nodes", "status", "nodeInfo", "kubeletVersion", value="v1.32.9")),
    ("clocks", "a clock ahead", clock(20)),
    ("clocks", "a clock behind", clock(-40)),
    ("clocks", "no heartbeat", empty("leases.coordination.k8s.io")),
    ("gpus", "a GPU fewer", put("nodes", "status", "allocatable", "nvidia.com/gpu", value="0")),
    ("gpus", "a GPU that is not healthy", put("nodes", "status", "capacity", value={"nvidia.com/gpu": "2"})),
    ("gpus", "a GPU that a pod holds", holding("limits")),
    ("pressure", "a problem that a watcher found", problem("GPUUnhealthy")),
    ("device-plugin", "a plugin short of a node", put("daemonsets.apps", "status", "numberAvailable", value=1)),
    ("device-plugin", "a plugin that is not there", empty("daemonsets.apps")),
    ("device-plugin", "an operator at work", put("clusterpolicies.nvidia.com", "status", "state", value="notReady")),
    ("mig", "another strategy", put("nodes", "metadata", "labels", "nvidia.com/mig.strategy", value="mixed")),
    ("mig", "a change under way", put("nodes", "metadata", "labels", "nvidia.com/mig.config.state", value="pending")),
    ("mig", "parts that are unlike", put("nodes", "metadata", "labels", "nvidia.com/gpu.product", value=UNLIKE)),
    ("mig", "a change that failed", put("nodes", "metadata", "labels", "nvidia.com/mig.config.state", value="failed")),
    ("device-plugin", "a status of an older version", put("daemonsets.apps", "metadata", "generation", value=4)),
    ("gateway-class", "no such class", empty(GATEWAYS)),
    ("gateway-class", "refused by its controller", put(GATEWAYS, "status", "conditions", "0", "status", value="False")),
    ("cert-manager", "a webhook that is down", down("deployments.apps", "cert-manager-webhook")),
    ("pressure", "no network yet", no_network),
    ("limit-ranges", "a bound that is not a number", put("limitranges", "spec", "limits", "0", "max", "cpu", value="plenty")),
    ("quotas", "GPUs that are used up", put("resourcequotas", "status", value=NO_GPUS)),
    ("pull-secret", "no account", empty("serviceaccounts")),
    ("webhooks", "a mutating one that no pod answers", mutating),
    ("mig", "no word of a strategy", put("nodes", "metadata", "labels", value={})),
    ("quotas", "an amount that must be said", put("resourcequotas", "status", "hard", "limits.ephemeral-storage", value="1Ti")),
    ("runtime-class", "no runtime class", empty("runtimeclasses.node.k8s.io")),
    ("storage-class", "no default", put("storageclasses.storage.k8s.io", "metadata", "annotations", value={})),
    ("free-storage", "too little", put("csistoragecapacities.storage.k8s.io", "capacity", value="99Gi")),
    ("free-storage", "too small volumes", put("csistoragecapacities.storage.k8s.io", "maximumVolumeSize", value="99Gi")),
    ("free-storage", "no driver says it", put("csidrivers.storage.k8s.io", "spec", "storageCapacity", value=False)),
    (
        "gateway-class",
        "not accepted",
        put(GATEWAYS, "status", "conditions", "0", "status", value="Unknown"),
    ),
    ("gateway-class", "accepted before it changed", put(GATEWAYS, "metadata", "generation", value=2)),
    ("mesh", "no control plane", put("deployments.apps", "status", "availableReplicas", value=0)),
    ("dns", "no DNS", put(SLICES, "endpoints", value=[])),
    ("dns", "DNS that is not ready", put(SLICES, "endpoints", "0", "conditions", "ready", value=False)),
    ("cert-manager", "no injector", lambda cluster: cluster.objects[at("deployments.apps")].pop()),
    ("webhooks", "no pod answers", without_istiod),
    ("webhooks", "by URL", put(WEBHOOKS, "webhooks", "0", "clientConfig", value={"url": "https://hooks.site.example"})),
    ("deprecated", "goes in the next release", lambda cluster: cluster.texts.update({"/metrics": METRICS + DEPRECATED})),
    ("quotas", "a quota too small", put("resourcequotas", "status", "used", "requests.cpu", value="28001m")),
    ("quotas", "no pod more", put("resourcequotas", "status", "used", "pods", value="50")),
    ("quotas", "no namespace", lambda cluster: cluster.objects[at("namespaces")].pop()),
    ("limit-ranges", "a limit too low", put("limitranges", "spec", "limits", "0", "max", "cpu", value="3")),
    ("limit-ranges", "a least too high", put("limitranges", "spec", "limits", "0", "min", "cpu", value="5")),
    ("pull-secret", "no pull secret", put("serviceaccounts", "imagePullSecrets", value=[])),
    ("pulls", "an image that is not had", put("pods", "status", "containerStatuses", "0", "state", value=WAITING)),
    ("mirror", "an image from elsewhere", put("pods", "spec", "containers", "0", "image", value="nginx:1")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, _, change in MUTATIONS], ids=[one for _, one, _ in MUTATIONS]
)
def test_one_thing_wrong_is_red_by_its_rule_alone(
    here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path, rule: str, change: Change
) -> None:
    change(cluster)
    report = checked(here, kubeconfig, policy)
    assert report.verdict is Verdict.RED
    # GPUs of a node that is not ready are given to no pod, and without a default class its free space is not known.
    felt = {"nodes": {"gpus"}, "storage-class": {"free-storage"}}.get(rule, set())
    assert set(bad(report)) == {rule} | felt


def test_every_rule_has_a_change_that_turns_it_red() -> None:
    """``recent`` is shown with a saved cluster, below."""
    assert {rule for rule, _, _ in MUTATIONS} | {"recent"} == {one.id.removeprefix("cluster/") for one in cluster_gate.rules}


@pytest.mark.parametrize("title", sorted({*(one.title for one in RESOURCES), "/metrics", "/version"}))
def test_what_a_role_does_not_allow_is_unknown_and_never_green(
    here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path, title: str
) -> None:
    cluster.forbidden.add(title if title.startswith("/") else at(title))
    if "mirrorsets" in title:
        first(cluster, "pods")["spec"]["containers"][0]["image"] = "quay.io/chat:1"
    report = checked(here, kubeconfig, policy)
    assert report.verdict is Verdict.RED
    assert {outcome for outcomes in bad(report).values() for outcome in outcomes} == {Outcome.UNKNOWN}


def test_a_list_that_every_api_server_has_is_never_absent(
    here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path
) -> None:
    del cluster.objects[at(WEBHOOKS)]
    assert bad(checked(here, kubeconfig, policy)) == {"webhooks": {Outcome.UNKNOWN}}


def test_what_is_not_required_is_said_so(here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    bare.write_text("name: bare\nvalidFor: P1D\ngates: {cluster: {gpus: 0}}\n")
    texts = {one.rule: one.text for gate in checked(here, kubeconfig, bare).results for one in gate.findings}
    silent = {rule.removeprefix("cluster/") for rule, text in texts.items() if text.startswith("The policy ")}
    assert silent >= {"gpus", "device-plugin", "kernel", "mig", "runtime-class", "free-storage", "gateway-class", "mesh"}
    assert silent >= {"cert-manager", "quotas", "limit-ranges", "pull-secret", "mirror"}


def test_a_mirror_set_lets_foreign_names_pass(here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path) -> None:
    first(cluster, "pods")["spec"]["containers"][0]["image"] = "quay.io/models/chat:1"
    mirrors = [{"source": "quay.io/models", "mirrors": ["registry.site.example/models"]}]
    cluster.objects[at("imagedigestmirrorsets.config.openshift.io")] = [
        {"metadata": {"name": "site"}, "spec": {"imageDigestMirrors": mirrors}}
    ]
    assert checked(here, kubeconfig, policy).verdict is Verdict.GREEN


@pytest.mark.parametrize(("product", "well"), [("A100-SXM4-40GB", True), ("A100-SXM4-40GB-MIG-1g.5gb", False)])
def test_whole_gpus_are_told_from_parts(
    here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path, product: str, well: bool
) -> None:
    for one in cluster.objects[at("nodes")]:
        one["metadata"]["labels"] = {"nvidia.com/gpu.product": product}
    policy.write_text(POLICY.replace("mig: single", "mig: none"))
    assert bad(checked(here, kubeconfig, policy)) == ({} if well else {"mig": {Outcome.UNKNOWN}})


AMBIENT = ("ztunnel", "istio-cni-node")


@pytest.mark.parametrize("wrong", ["", *AMBIENT])
@pytest.mark.parametrize("how", ["down", "gone", "stale"])
def test_an_ambient_mesh_needs_its_parts_on_every_node(
    here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path, wrong: str, how: str
) -> None:
    policy.write_text(POLICY.replace("mesh: istio", "mesh: istio-ambient"))
    sets = cluster.objects[at("daemonsets.apps")]
    for name in AMBIENT:
        status = {"desiredNumberScheduled": 2, "numberAvailable": 2, "observedGeneration": 1}
        if name == wrong:
            status = {**status, "numberAvailable": 1} if how == "down" else status
            status = {**status, "observedGeneration": 0} if how == "stale" else status
        if not (name == wrong and how == "gone"):
            sets.append({**named(name, "istio-system", generation=1), "status": status})
    assert bad(checked(here, kubeconfig, policy)) == ({"mesh": {Outcome.FAIL}} if wrong else {})


def test_a_wrong_token_sees_nothing(here: Bench, kubeconfig: Path, policy: Path) -> None:
    report = checked(here, kubeconfig, policy, "bad")
    assert report.verdict is Verdict.RED
    assert len(bad(report)) == len(cluster_gate.rules)


def test_no_connection_is_opened_where_none_is_allowed(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    with pytest.raises(Refused, match="air-gapped"):
        check_cluster(CheckCluster(kubeconfig=kubeconfig), here.place())
    assert not cluster.asked


def arcops(here: Bench, *arguments: str | Path) -> Done:
    return typed("cluster", *arguments, environment={**os.environ, **here.environment, "COLUMNS": "200"})


def saved(here: Bench, kubeconfig: Path, folder: Path) -> Path:
    done = arcops(here, "snapshot", "-o", folder, "--context", "good", "--kubeconfig", kubeconfig, "--tier", "restricted")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_saved_cluster_is_judged_without_a_connection(
    here: Bench, cluster: Cluster, kubeconfig: Path, policy: Path, tmp_path: Path
) -> None:
    with beating(cluster):
        folder = saved(here, kubeconfig, tmp_path / "site")
    asked = len(cluster.asked)
    artifact = tmp_path / "cluster.sigstore.json"
    done = arcops(here, "check", folder, "--policy", policy, "-o", artifact)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(cluster.asked) == asked
    report = here.open(artifact)
    assert (report.verdict, report.subject.kind, report.subject.name) == (Verdict.GREEN, "cluster", "site")
    with beating(cluster):
        live = arcops(
            here, "check", "--context", "good", "--kubeconfig", kubeconfig, "--tier", "restricted", "--policy", policy
        )
    assert live.returncode == 0, live.stdout + live.stderr


def test_nothing_that_could_be_secret_is_asked_for_or_kept(
    here: Bench, cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    folder = saved(here, kubeconfig, tmp_path / "site")
    text = "".join(one.read_text() for one in folder.iterdir())
    assert "registry.site.example/chat" in text
    for word in ("hunter2", "aHVudGVyMg", "managedFields"):
        assert word not in text
    assert not any("secrets" in one or "configmaps" in one for one in cluster.asked)


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("nodes.json", lambda path: path.unlink(), "nodes"),
        ("nodes.json", lambda path: path.write_text("{"), "nodes"),
        ("nodes.json", lambda path: path.write_text("{}"), "nodes"),
        ("pods.json", lambda path: path.write_text(path.read_text().replace('"spec": {', '"spec": [], "x": {', 1)), "pulls"),
        ("cluster.json", lambda path: path.write_text(path.read_text().replace('"title": "pods"', '"title": "x"')), "pulls"),
    ],
    ids=["gone", "cut", "no list", "another form", "not in the index"],
)
def test_a_damaged_snapshot_is_unknown(
    here: Bench, kubeconfig: Path, policy: Path, tmp_path: Path, name: str, change: Callable[[Path], object], rule: str
) -> None:
    folder = saved(here, kubeconfig, tmp_path / "site")
    change(folder / name)
    report = check_cluster(CheckCluster(saved=folder, policy=str(policy)), here.place(now=datetime.now(UTC))).report
    assert report.verdict is Verdict.RED
    assert bad(report)[rule] == {Outcome.UNKNOWN}


def test_an_old_look_and_one_from_the_future_are_red(here: Bench, kubeconfig: Path, policy: Path, tmp_path: Path) -> None:
    folder = saved(here, kubeconfig, tmp_path / "site")
    own = emptied(here, tmp_path / "bench")
    for off in (timedelta(hours=-2), timedelta(hours=2)):
        report = check_cluster(CheckCluster(saved=folder, policy=str(policy)), own.place(now=datetime.now(UTC) + off)).report
        assert bad(report) == {"recent": {Outcome.FAIL}}


def test_a_folder_without_an_index_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not a snapshot"):
        read_cluster(tmp_path)


def test_every_list_is_read_and_the_role_that_ships_allows_those_and_nothing_else() -> None:
    assert {one.title for one in RESOURCES} | {"deprecated-apis"} == set(READERS)
    house = Path(__file__).resolve().parents[2]
    role = yaml.safe_load((house / "deployments" / "kubernetes" / "cluster-reader.yaml").read_text())
    kubernetes_validate.validate(role, "1.34", strict=True)
    *lists, paths = role["rules"]
    allowed = {(group, plural) for rule in lists for group in rule["apiGroups"] for plural in rule["resources"]}
    assert allowed == {(one.group, one.plural) for one in RESOURCES}
    assert {verb for rule in lists for verb in rule["verbs"]} == {"list"}
    assert paths == {"nonResourceURLs": ["/metrics", "/version"], "verbs": ["get"]}


def test_a_snapshot_is_the_tool_of_every_door(here: Bench, kubeconfig: Path) -> None:
    place = replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED))
    found = snapshot_cluster(SnapshotCluster(kubeconfig=kubeconfig), place)
    assert found.name.startswith("127.0.0.1:")
    index = json.loads(next(one.text for one in found.files if one.name == "cluster.json"))
    assert {one["title"] for one in index["lists"]} == {*(one.title for one in RESOURCES), "version", "deprecated-apis"}
