"""GPUs that pods can really be given, and nodes that say that something is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.seen.cluster import (
    Amount,
    Cluster,
    ClusterWorkload,
    Condition,
    Device,
    DeviceClaim,
    DevicePart,
    DeviceSlice,
    DeviceTaint,
    Endpoints,
    NodeSeen,
    PodSeen,
    Taint,
    Unlisted,
)
from arcops.verdict import Verdict
from gates.cluster.cluster.examples import SITE as EXAMPLE
from gates.cluster.cluster.examples import ready_cluster
from gates.cluster.cluster.gate import ClusterPolicy, cluster
from gates.cluster.cluster.gpus import WantedMig
from tests.evidence import judged

pytestmark = pytest.mark.requirement("ARC-C4/each-fault-of-a-cluster-is-found")

GPU = "nvidia.com/gpu"
SITE = replace(EXAMPLE, most_age=timedelta(days=10_000))
PLUGIN = "nvidia-device-plugin-daemonset"


def judge(body: Cluster, policy: ClusterPolicy = SITE) -> dict[str, set[Outcome]]:
    result = judged(cluster, policy, [replace(body, root="0" * 64)])
    found: dict[str, set[Outcome]] = {}
    for one in result.findings:
        if one.outcome is not Outcome.PASS:
            found.setdefault(one.rule.removeprefix("cluster/"), set()).add(one.outcome)
    assert (result.verdict is Verdict.GREEN) is (not found)
    return found


def each(change: Callable[[NodeSeen], NodeSeen]) -> Cluster:
    good = ready_cluster()
    return replace(good, nodes=tuple(change(node) for node in good.nodes))


def first(change: Callable[[NodeSeen], NodeSeen]) -> Cluster:
    good = ready_cluster()
    return replace(good, nodes=(change(good.nodes[0]), *good.nodes[1:]))


def amount(number: int | str, resource: str = GPU) -> tuple[Amount, ...]:
    return (Amount(resource=resource, quantity=str(number)),)


def with_condition(kind: str, status: str) -> Cluster:
    return first(lambda node: replace(node, conditions=(*node.conditions, Condition(kind=kind, status=status))))


def tainted(*taints: str, all_of_them: bool = True) -> Cluster:
    found = tuple(Taint(key=key, value=value, effect=effect) for key, value, effect in (one.split(":") for one in taints))
    return (each if all_of_them else first)(lambda node: replace(node, taints=found))


def pods(*taken: tuple[str, int]) -> Cluster:
    good = ready_cluster()
    more = tuple(
        PodSeen(namespace="other", name=f"p{number}", node=node, asks=amount(count))
        for number, (node, count) in enumerate(taken)
    )
    return replace(good, pods=(*good.pods, *more))


def test_the_example_is_green() -> None:
    assert judge(ready_cluster()) == {}


@pytest.mark.parametrize(("capacity", "well"), [(8, False), (7, True), (0, True)])
def test_a_gpu_that_the_device_plugin_holds_to_be_unhealthy(capacity: int, well: bool) -> None:
    body = each(lambda node: replace(node, allocatable=amount(7), capacity=amount(capacity)))
    assert judge(body) == ({} if well else {"gpus": {Outcome.FAIL}})


def test_any_device_of_the_vendor_counts() -> None:
    mig = "nvidia.com/mig-1g.10gb"
    body = each(lambda node: replace(node, capacity=(*amount(1), *amount(2, mig)), allocatable=(*amount(1), *amount(1, mig))))
    assert judge(body) == {"gpus": {Outcome.FAIL}}
    gone = each(lambda node: replace(node, capacity=(*amount(1), *amount(2, mig)), allocatable=amount(1)))
    assert judge(gone) == {"gpus": {Outcome.FAIL}}


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("GPUUnhealthy", "True", Outcome.FAIL),
        ("GPUUnhealthy", "False", None),
        ("KernelDeadlock", "True", Outcome.FAIL),
        ("ReadonlyFilesystem", "True", Outcome.FAIL),
        ("XidCriticalError", "True", Outcome.FAIL),
        ("XidCriticalError", "Unknown", Outcome.UNKNOWN),
        ("AcceleratedHardwareReady", "True", None),
        ("AcceleratedHardwareReady", "False", Outcome.FAIL),
        ("ContainerRuntimeUnhealthy", "True", Outcome.FAIL),
        ("ContainerRuntimeUnhealthy", "False", None),
        ("GpuNotReady", "True", Outcome.FAIL),
        ("NodeHealthy", "False", Outcome.FAIL),
        ("EtcdIsVoter", "True", None),
        ("EtcdIsVoter", "False", Outcome.FAIL),
        ("FrequentKubeletRestart", "True", Outcome.FAIL),
        ("VMEventScheduled", "True", Outcome.FAIL),
        ("VMEventScheduled", "False", None),
        ("NetworkingReady", "False", Outcome.FAIL),
        ("AgentConnected", "True", None),
        ("AgentDisconnected", "True", Outcome.FAIL),
        ("GPUNotHealthy", "True", Outcome.FAIL),
        ("GPUNotHealthy", "False", None),
        ("DriverNotAvailable", "True", Outcome.FAIL),
        ("FabricNotRegistered", "True", Outcome.FAIL),
        ("StorageNotReady", "True", Outcome.FAIL),
        # The name does not say what these mean.
        ("KernelHasNoDeadlock", "False", Outcome.UNKNOWN),
        ("NoDiskErrors", "False", Outcome.UNKNOWN),
        ("ErrorFree", "False", Outcome.UNKNOWN),
        ("MaintenanceSucceeded", "True", Outcome.UNKNOWN),
        ("Provisioned", "True", Outcome.UNKNOWN),
        ("Provisioned", "False", Outcome.UNKNOWN),
    ],
)
def test_what_a_node_reports_of_itself_counts(kind: str, status: str, outcome: Outcome | None) -> None:
    assert judge(with_condition(kind, status)) == ({} if outcome is None else {"pressure": {outcome}})


@pytest.mark.parametrize(("said", "well"), [("Provisioned=True", True), ("Provisioned=False", False), ("Other=True", False)])
def test_the_policy_may_say_what_a_condition_means(said: str, well: bool) -> None:
    found = judge(with_condition("Provisioned", "True"), replace(SITE, conditions=(said,)))
    assert found == ({} if well else {"pressure": {Outcome.UNKNOWN}})


@pytest.mark.parametrize("said", ["Provisioned", "Provisioned=Yes", "=True"])
def test_a_condition_that_says_nothing_is_refused(said: str) -> None:
    with pytest.raises(Refused, match="Kind=True or Kind=False"):
        replace(SITE, conditions=(said,))


def test_shares_of_a_gpu_are_no_gpus() -> None:
    """Time-slicing offers one GPU several times; so it is not what a policy that asks for GPUs means, unless it says so."""
    body = each(lambda node: replace(node, allocatable=amount(4), capacity=amount(4), gpu_count=1, gpu_replicas=4))
    asks = replace(SITE, gpus=2)
    assert judge(body, asks) == {"gpus": {Outcome.FAIL}}
    assert judge(body, replace(asks, shared=True)) == {}
    one = each(lambda node: replace(node, allocatable=amount(1), capacity=amount(1), gpu_count=1, gpu_replicas=1))
    assert judge(one, asks) == {}
    named = each(lambda node: replace(node, gpu_product="NVIDIA-A10-SHARED", gpu_replicas=0))
    assert judge(named, asks) == {"gpus": {Outcome.FAIL}}
    renamed = each(
        lambda node: replace(node, allocatable=amount(4, f"{GPU}.shared"), capacity=amount(4, f"{GPU}.shared"), gpu_replicas=4)
    )
    other = replace(asks, gpu_resource=f"{GPU}.shared", mig=WantedMig.ANY)
    assert judge(renamed, other) == {}


@pytest.mark.parametrize(
    ("count", "replicas", "offered", "strategy", "well"),
    [
        (8, 0, 8, "none", True),
        (8, 1, 7, "none", False),
        (8, 0, 0, "none", True),
        (2, 4, 8, "none", True),
        (8, 0, 7, "mixed", True),
    ],
)
def test_a_gpu_that_the_driver_sees_and_the_plugin_does_not(
    count: int, replicas: int, offered: int, strategy: str, well: bool
) -> None:
    body = first(
        lambda node: replace(
            node,
            allocatable=amount(offered),
            capacity=amount(offered),
            gpu_count=count,
            gpu_replicas=replicas,
            mig_strategy=strategy,
        )
    )
    found = judge(body, replace(SITE, gpus=1, shared=True, mig=WantedMig.ANY))
    assert found == ({} if well else {"gpus": {Outcome.FAIL}})


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_taints_keep_pods_off(effect: str) -> None:
    taint = f"nvidia.com/gpu:present:{effect}"
    assert judge(tainted(taint)) == {"gpus": {Outcome.FAIL}, "nodes": {Outcome.FAIL}}
    assert judge(tainted(taint), replace(SITE, nodes=1, gpus=0)) == {"nodes": {Outcome.FAIL}}
    assert judge(tainted(taint, all_of_them=False), replace(SITE, gpus=1)) == {}
    assert judge(tainted(taint, all_of_them=False)) == {"gpus": {Outcome.FAIL}}
    assert judge(tainted(f"nvidia.com/gpu:present:{effect}", f"b:c:{effect}"), replace(SITE, tolerates=("b",))) != {}


@pytest.mark.parametrize("tolerates", ["nvidia.com/gpu", "nvidia.com/gpu=present"])
def test_taints_that_the_workload_tolerates_do_not(tolerates: str) -> None:
    assert judge(tainted("nvidia.com/gpu:present:NoSchedule"), replace(SITE, tolerates=(tolerates,))) == {}
    assert judge(tainted("other:present:PreferNoSchedule")) == {}
    assert judge(tainted("nvidia.com/gpu:absent:NoSchedule"), replace(SITE, tolerates=("nvidia.com/gpu=present",))) != {}


@pytest.mark.parametrize(
    ("taken", "least", "well"),
    [
        ([("edge-1", 1), ("edge-2", 1)], 1, False),
        ([("edge-1", 1)], 1, True),
        ([("edge-1", 1)], 2, False),
        ([("", 1), ("edge-1", 1)], 1, False),
        ([("", 1)], 1, True),
        ([("elsewhere", 5)], 2, True),
    ],
)
def test_gpus_that_pods_hold_are_not_there(taken: list[tuple[str, int]], least: int, well: bool) -> None:
    assert judge(pods(*taken), replace(SITE, gpus=least)) == ({} if well else {"gpus": {Outcome.FAIL}})


def test_one_pod_must_find_its_gpus_on_one_node() -> None:
    policy = replace(SITE, asks=(Amount(resource="cpu", quantity="4"), *amount(2)))
    assert judge(ready_cluster(), policy) == {"gpus": {Outcome.FAIL}}
    assert judge(each(lambda node: replace(node, allocatable=amount(2))), policy) == {}


def mps(wanted: int, available: int, *, plugin: int = 2) -> Cluster:
    good = ready_cluster()
    other = ClusterWorkload(
        kind="DaemonSet",
        namespace="gpu-operator",
        name="nvidia-device-plugin-mps-control-daemon",
        component="",
        wanted=wanted,
        available=available,
    )
    workloads = tuple(replace(one, wanted=plugin, available=plugin) if one.name == PLUGIN else one for one in good.workloads)
    return replace(good, workloads=(*workloads, other))


@pytest.mark.parametrize(("wanted", "available", "plugin", "well"), [(0, 0, 2, True), (1, 0, 2, False), (0, 0, 0, False)])
def test_a_default_gpu_operator_is_green(wanted: int, available: int, plugin: int, well: bool) -> None:
    assert judge(mps(wanted, available, plugin=plugin)) == ({} if well else {"device-plugin": {Outcome.FAIL}})


@pytest.mark.parametrize(
    ("os", "well"), [("Bottlerocket OS 1.26.1 (aws-k8s-1.34-nvidia)", True), ("Ubuntu 24.04.1 LTS", False), ("", False)]
)
def test_a_device_plugin_of_the_host_needs_no_daemon_set(os: str, well: bool) -> None:
    body = each(lambda node: replace(node, os=os))
    body = replace(body, workloads=tuple(one for one in body.workloads if one.name != PLUGIN))
    assert judge(body) == ({} if well else {"device-plugin": {Outcome.FAIL}})
    one_only = replace(body, nodes=(body.nodes[0], replace(body.nodes[1], os="Ubuntu 24.04.1 LTS")))
    assert judge(one_only) == {"device-plugin": {Outcome.FAIL}}


@pytest.mark.parametrize("service", ["openshift-dns/dns-default", "kube-system/rke2-coredns-rke2-coredns"])
def test_the_dns_of_distributions_is_known(service: str) -> None:
    namespace, _, name = service.partition("/")
    good = ready_cluster()

    def serving(ready: int) -> Cluster:
        others = tuple(one for one in good.endpoints if one.service != "kube-dns")
        return replace(good, endpoints=(*others, Endpoints(namespace=namespace, service=name, ready=ready)))

    assert judge(serving(2)) == {}
    assert judge(serving(0)) == {"dns": {Outcome.FAIL}}
    assert judge(serving(2), replace(SITE, dns="kube-system/kube-dns")) == {"dns": {Outcome.FAIL}}


def by_claims(*taken: str, generation: int = 2, stale: int = 0, plugin: bool = False) -> Cluster:
    """Two nodes with two GPUs each, which only a driver of Dynamic Resource Allocation offers."""
    good = each(lambda node: replace(node, allocatable=()))
    slices = tuple(
        DeviceSlice(
            node=node,
            generation=old or generation,
            devices=tuple(
                Device(driver="gpu.nvidia.com", pool=node, name=f"gpu-{number}") for number in range(8 if old else 2)
            ),
        )
        for node in ("edge-1", "edge-2")
        for old in {0, stale}
    )
    held = tuple(Device(driver="gpu.nvidia.com", pool=one.partition("/")[0], name=one.partition("/")[2]) for one in taken)
    workloads = tuple(one for one in good.workloads if plugin or one.name != PLUGIN)
    claims = (DeviceClaim(namespace="other", name="c", devices=held),)
    return replace(good, slices=slices, claims=claims, workloads=workloads)


DRA = replace(SITE, gpus=4, mig=WantedMig.ANY, asks=(Amount(resource="cpu", quantity="4"),))


def test_gpus_by_dynamic_resource_allocation_alone() -> None:
    assert judge(by_claims(), DRA) == {}
    assert judge(by_claims(), replace(DRA, gpus=5)) == {"gpus": {Outcome.FAIL}}
    assert judge(by_claims("edge-1/gpu-0"), DRA) == {"gpus": {Outcome.FAIL}}
    assert judge(by_claims("edge-1/gpu-0", "edge-1/gpu-0", "gone/gpu-0"), replace(DRA, gpus=3)) == {}
    assert judge(by_claims(stale=1), replace(DRA, gpus=5)) == {"gpus": {Outcome.FAIL}}, "an older generation does not count"
    assert judge(by_claims(), replace(DRA, device_driver="gpu.other")) == {
        "gpus": {Outcome.FAIL},
        "device-plugin": {Outcome.FAIL},
    }


def test_parts_of_a_device_are_no_devices() -> None:
    """A driver offers a GPU and its MIG parts; a claim of a part holds the GPU."""

    def parted(*held: str) -> Cluster:
        body = by_claims(*held)
        mig = Device(driver="gpu.nvidia.com", pool="edge-1", name="gpu-0-mig-0")
        slices = tuple(
            replace(one, devices=(*one.devices, mig), parts=(DevicePart(name=mig.name, of="gpu-0"),))
            if one.node == "edge-1"
            else one
            for one in body.slices
        )
        return replace(body, slices=slices)

    assert judge(parted(), DRA) == {}
    assert judge(parted(), replace(DRA, gpus=5)) == {"gpus": {Outcome.FAIL}}
    assert judge(parted("edge-1/gpu-0-mig-0"), DRA) == {"gpus": {Outcome.FAIL}}
    assert judge(parted("edge-1/gpu-0-mig-0"), replace(DRA, gpus=3)) == {}


def test_tainted_devices_and_pools_that_are_not_whole_are_not_offered() -> None:
    body = by_claims()
    assert judge(replace(body, slices=tuple(replace(one, slices=1) for one in body.slices)), DRA) == {}
    tainted_one = (replace(body.slices[0], tainted=("gpu-1",)), *body.slices[1:])
    assert judge(replace(body, slices=tainted_one), DRA) == {"gpus": {Outcome.FAIL}}
    half = (replace(body.slices[0], slices=2), *body.slices[1:])
    assert judge(replace(body, slices=half), DRA) == {"gpus": {Outcome.FAIL}}
    assert judge(replace(body, slices=half), replace(DRA, gpus=2)) == {}


def test_a_node_that_takes_no_pods_offers_no_devices() -> None:
    body = by_claims()
    off = replace(body, nodes=(replace(body.nodes[0], schedulable=False), body.nodes[1]))
    assert judge(off, replace(DRA, gpus=3))["gpus"] == {Outcome.FAIL}


@pytest.mark.parametrize("title", ["resourceslices.resource.k8s.io", "resourceclaims.resource.k8s.io"])
def test_devices_that_could_not_be_listed_are_unknown(title: str) -> None:
    body = replace(by_claims(), unlisted=(Unlisted(what=title, why="403"),))
    assert judge(body, DRA)["gpus"] == {Outcome.UNKNOWN}


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (DeviceTaint(name="all"), 0),
        (DeviceTaint(name="a", driver="gpu.nvidia.com"), 0),
        (DeviceTaint(name="b", driver="gpu.other"), 4),
        (DeviceTaint(name="c", driver="gpu.nvidia.com", pool="edge-1"), 2),
        (DeviceTaint(name="d", pool="edge-1", device="gpu-1"), 3),
        (DeviceTaint(name="e", pool="edge-9"), 4),
    ],
)
def test_devices_that_a_rule_taints_are_not_offered(rule: DeviceTaint, left: int) -> None:
    """Mutation: only taints in the slices of the driver count, and an administrator's rule stands elsewhere."""
    body = replace(by_claims(), taint_rules=(rule,))
    assert ("gpus" in judge(body, DRA)) is (left < 4)
    if left:
        assert judge(body, replace(DRA, gpus=left)) == {}
        assert "gpus" in judge(body, replace(DRA, gpus=left + 1))


def test_rules_about_devices_that_were_not_seen_are_unknown() -> None:
    unseen = (Unlisted(what="devicetaintrules.resource.k8s.io", why="the API server answers 403 Forbidden"),)
    assert judge(replace(by_claims(), unlisted=unseen), DRA) == {"gpus": {Outcome.UNKNOWN}}
    assert judge(by_claims(), DRA) == {}
