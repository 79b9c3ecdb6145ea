"""A dump of a cluster, from kubectl or a must-gather, taken as a snapshot: what it does not hold was not seen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from arcops.errors import Refused
from arcops.seen.cluster import Cluster, DevicePart, DeviceTaint
from arcops.seen.network import Network
from arcops.seen.release import Fact
from artifacts.wire import canonical_bytes
from tasks.cluster.cluster import read_cluster
from tasks.cluster.snapshot import RESOURCES, _pruned
from tasks.kubernetes.listing import RESOURCES as NETWORK
from tasks.kubernetes.listing import _pruned as of_network
from tasks.network.dump import is_dump
from tasks.network.network import read_manifests
from tasks.release.facts import facts_of
from tests.manifests import shop
from tests.simulators.ready_cluster import named, ready_cluster

pytestmark = pytest.mark.requirement("ARC-C4/each-fault-of-a-cluster-is-found")

Object = dict[str, Any]
PATHS = {one.path: one for one in RESOURCES}


def objects() -> list[Object]:
    """Every object of a ready cluster, as kubectl prints it; in two namespaces and more."""
    made = []
    for path, listed in ready_cluster().objects.items():
        for one in listed:
            resource = PATHS[path]
            made.append({**one, "apiVersion": resource.version, "kind": resource.kind})
            made[-1]["metadata"] = {**one["metadata"], "uid": f"u-{len(made)}"}
    return made


def of(kinds: str, *, namespace: str = "") -> list[Object]:
    """Objects of *kinds*; of those with a namespace, only those of *namespace* if one is said."""
    return [
        one
        for one in objects()
        if one["kind"] in kinds.split() and (not namespace or one["metadata"].get("namespace", namespace) == namespace)
    ]


def written(path: Path, items: list[Object], **said: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items, **said}
    path.write_text(json.dumps(whole) if path.suffix == ".json" else yaml.safe_dump(whole))
    return path


def unseen(found: Cluster) -> dict[str, str]:
    return {one.what: one.why for one in found.unlisted}


def test_a_dump_of_everything_shows_what_it_holds_and_nothing_else(tmp_path: Path) -> None:
    found = read_cluster(written(tmp_path / "all.json", objects()))
    assert {one.name for one in found.nodes} == {"edge-1", "edge-2"}
    assert [one.state for one in found.operators] == ["ready"]
    lacking = unseen(found)
    held = {one.title for path, one in PATHS.items() if ready_cluster().objects.get(path)}
    assert not held & set(lacking)
    assert {one.title for one in RESOURCES} - held | {"version", "deprecated-apis"} == set(lacking)
    assert found.absent == ()
    assert found.served is None


def test_several_files_are_one_dump_and_an_object_that_is_twice_there_is_one(tmp_path: Path) -> None:
    written(tmp_path / "nodes.json", of("Node"))
    written(tmp_path / "more.yaml", of("Node Namespace Pod"))
    found = read_cluster(tmp_path)
    assert len(found.nodes) == 2
    changed = of("Node")
    changed[0]["spec"] = {"unschedulable": True}
    written(tmp_path / "later.json", changed)
    assert "twice" in unseen(read_cluster(tmp_path))["nodes"]
    assert read_cluster(tmp_path).nodes == ()


def test_a_list_of_one_namespace_is_a_part_and_says_which(tmp_path: Path) -> None:
    items = of("Namespace Node") + of("Deployment", namespace="istio-system")
    found = read_cluster(written(tmp_path / "some.json", items))
    assert "only a part: that of istio-system, and not of kube-system, models" in unseen(found)["deployments.apps"]
    assert found.workloads == ()
    assert {"nodes", "namespaces"}.isdisjoint(unseen(found))


def test_a_part_of_every_namespace_is_the_whole(tmp_path: Path) -> None:
    written(tmp_path / "spaces.json", of("Namespace"))
    pod = of("Pod")[0]
    written(tmp_path / "models.json", [pod])
    other = {**pod, "metadata": {"name": "dns", "namespace": "kube-system", "uid": "x"}}
    assert "pods" in unseen(read_cluster(tmp_path))
    written(tmp_path / "system.json", [other])
    found = read_cluster(tmp_path)
    assert "pods" not in unseen(found)
    assert {one.name for one in found.pods} == {"chat-0", "dns"}


def test_heartbeats_are_whole_with_their_own_namespace(tmp_path: Path) -> None:
    found = read_cluster(written(tmp_path / "leases.json", of("Lease")))
    assert len(found.leases) == 2
    assert "leases.coordination.k8s.io" not in unseen(found)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"metadata": {"resourceVersion": "7", "continue": "abc"}}, "page"),
        ({"kind": "NodeList", "metadata": {"resourceVersion": "7", "continue": "abc"}}, "page"),
    ],
)
def test_a_page_is_not_the_whole(tmp_path: Path, said: Object, why: str) -> None:
    found = read_cluster(written(tmp_path / "page.json", of("Node"), **said))
    assert why in unseen(found)["nodes"]


def test_an_empty_list_says_something_only_if_it_says_of_what(tmp_path: Path) -> None:
    version = {"resourceVersion": "7"}
    written(tmp_path / "a.json", [], metadata=version)
    with pytest.raises(Refused, match="kubectl get"):
        read_cluster(tmp_path)
    written(tmp_path / "b.json", [], kind="NodeList", metadata=version)
    written(tmp_path / "c.json", [], kind="ResourceQuotaList", metadata=version)
    found = unseen(read_cluster(tmp_path))
    assert "nodes" not in found
    assert "of which namespace" in found["resourcequotas"]
    assert "holds none" in found["pods"]


def test_single_objects_are_no_list(tmp_path: Path) -> None:
    written(tmp_path / "spaces.json", of("Namespace"))
    for one in of("Node"):
        (tmp_path / f"{one['metadata']['name']}.json").write_text(json.dumps(one))
    found = read_cluster(tmp_path)
    assert "single objects" in unseen(found)["nodes"]
    assert found.nodes == ()


def test_a_node_that_only_a_pod_names_is_missing(tmp_path: Path) -> None:
    items = of("Node Namespace Pod Deployment")
    next(one for one in items if one["kind"] == "Pod")["spec"]["nodeName"] = "edge-3"
    found = read_cluster(written(tmp_path / "some.json", items))
    assert "edge-3" in unseen(found)["nodes"]


def test_pods_that_ended_take_nothing(tmp_path: Path) -> None:
    items = of("Pod Deployment")
    next(one for one in items if one["kind"] == "Pod")["status"] = {"phase": "Succeeded"}
    found = read_cluster(written(tmp_path / "some.json", items))
    assert found.pods == ()
    assert "pods" not in unseen(found)


def test_definitions_say_which_extensions_there_are(tmp_path: Path) -> None:
    crd = named("clusterpolicies.nvidia.com")
    item = {**crd, "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "nvidia.com"}}
    found = read_cluster(written(tmp_path / "some.json", [*of("Node"), item]))
    assert "gatewayclasses.gateway.networking.k8s.io" in found.absent
    assert "clusterpolicies.nvidia.com" in unseen(found), "it is served, and no list of it is here"
    assert "resourceslices.resource.k8s.io" in unseen(found), "no definition says whether it is served"


def test_a_file_that_cannot_be_read_may_hold_anything(tmp_path: Path) -> None:
    written(tmp_path / "nodes.json", of("Node"))
    (tmp_path / "pods.json").write_text('{"kind": "List", "items": [')
    assert "pods.json" in unseen(read_cluster(tmp_path))["nodes"]


def gathered(folder: Path, *, whole: bool = True) -> Path:
    """The ready cluster as a must-gather writes it."""
    top = folder / "quay-io-must-gather"
    for one in objects():
        resource = next(found for found in RESOURCES if found.kind == one["kind"])
        space, group = one["metadata"].get("namespace", ""), resource.group or "core"
        if space:
            path = top / "namespaces" / space / group / f"{resource.plural}.yaml"
            items = yaml.safe_load(path.read_text())["items"] if path.exists() else []
            written(path, [*items, one], kind=f"{one['kind']}List", apiVersion=resource.version)
        else:
            path = top / "cluster-scoped-resources" / group / resource.plural / f"{one['metadata']['name']}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(one))
    if whole:
        (top / "version").write_text("openshift/must-gather\n4.18.0\n")
    pod = top / "namespaces/models/pods/chat-0"
    pod.mkdir(parents=True)
    (pod / "chat-0.yaml").write_text("{kind: Pod, apiVersion: v1, metadata: {name: chat-0, namespace: models}}\n")
    (top / "namespaces/models/models.yaml").write_text("{kind: Namespace, apiVersion: v1, metadata: {name: models}}\n")
    return folder


def test_a_must_gather_is_a_dump_with_a_folder_for_each_namespace(tmp_path: Path) -> None:
    found = read_cluster(gathered(tmp_path))
    assert {one.name for one in found.nodes} == {"edge-1", "edge-2"}
    assert found.namespaces == ("kube-system", "models")
    assert {one.name for one in found.pods} == set(), "they are those of one namespace of two"
    assert "only a part: that of models, and not of kube-system" in unseen(found)["pods"]
    empty = tmp_path / "quay-io-must-gather/namespaces/kube-system/core/pods.yaml"
    written(empty, [], kind="PodList", metadata={"resourceVersion": "7"})
    found = read_cluster(tmp_path)
    assert [one.name for one in found.pods] == ["chat-0"]
    assert "pods" not in unseen(found)


def in_folders(folder: Path, *, spaces: bool = True, empty: bool = True) -> Path:
    """The ready cluster as Sonobuoy writes it: a file for each kind, in a folder for each namespace."""
    top = folder / "resources"
    names = [one["metadata"]["name"] for one in objects() if one["kind"] == "Namespace"]
    for resource in RESOURCES:
        mine = [one for one in objects() if one["kind"] == resource.kind]
        kind = {"kind": f"{resource.kind}List", "apiVersion": resource.version, "metadata": {"resourceVersion": "7"}}
        if resource.kind == "Namespace" and not spaces:
            continue
        if not any(one["metadata"].get("namespace") for one in mine):
            written(top / "cluster" / f"{resource.plural}.json", mine, **kind)
            continue
        for name in sorted({*names, *(one["metadata"]["namespace"] for one in mine)}):
            inside = [one for one in mine if one["metadata"]["namespace"] == name]
            if inside or empty:
                written(top / "ns" / name / f"{resource.plural}.json", inside, **kind)
    return folder


def test_lists_in_folders_of_their_namespaces_are_whole_together(tmp_path: Path) -> None:
    found = read_cluster(in_folders(tmp_path / "whole"))
    assert [one.name for one in found.pods] == ["chat-0"]
    assert "pods" not in unseen(found)
    assert "pods" in unseen(read_cluster(in_folders(tmp_path / "some", empty=False))), (
        "the list of another namespace is missing"
    )
    assert "pods" in unseen(read_cluster(in_folders(tmp_path / "spaces", spaces=False))), "there may be other namespaces"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_devices_their_parts_and_their_taints(tmp_path: Path, version: str) -> None:
    def device(name: str, *taints: str, **attributes: str) -> Object:
        said: Object = {"attributes": {key: {"string": value} for key, value in attributes.items()}}
        said |= {"taints": [{"key": "x", "effect": effect} for effect in taints]} if taints else {}
        return {"name": name, "basic": said} if version == "v1beta1" else {"name": name, **said}

    found = {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": "ResourceSlice",
        "metadata": {"name": "edge-1-gpus"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": "edge-1",
            "pool": {"name": "edge-1", "generation": 2, "resourceSliceCount": 3},
            "devices": [
                device("gpu-0", type="gpu", uuid="GPU-0"),
                device("gpu-0-mig-0", type="mig", uuid="MIG-0", parentUUID="GPU-0"),
                device("gpu-1", "NoSchedule", type="gpu", uuid="GPU-1"),
                device("gpu-2", "None", type="gpu", uuid="GPU-2"),
            ],
        },
    }
    resource = next(one for one in RESOURCES if one.kind == "ResourceSlice")
    [one] = read_cluster(written(tmp_path / "all.json", [*of("Node"), found])).slices
    assert (one.slices, one.tainted) == (3, ("gpu-1",))
    assert one.parts == (DevicePart(name="gpu-0-mig-0", of="gpu-0"),)
    kept = _pruned(found, replace(resource, version=found["apiVersion"]))
    [again] = read_cluster(written(tmp_path / "kept" / "all.json", [*of("Node"), kept])).slices
    assert again == one, "a snapshot keeps what is judged"


def test_a_part_of_a_must_gather_does_not_say_that_it_is_all(tmp_path: Path) -> None:
    found = read_cluster(gathered(tmp_path, whole=False))
    assert "single objects" in unseen(found)["nodes"]
    assert found.nodes == ()


# The network.


def shop_dump(folder: Path, *, change: Callable[[list[Object]], list[Object]] = lambda items: items) -> Path:
    """The shop's manifests as ``kubectl get -A -o json`` would print them, with another namespace."""
    items: list[Object] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}]
    service = {"selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53, "protocol": "UDP"}]}
    for kind in ("Service",):
        items.append({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "kube-system"}, "spec": service})
    for file in sorted(shop(folder / "declared").iterdir()):
        items += yaml.safe_load_all(file.read_text())
    for number, one in enumerate(items):
        one["metadata"]["uid"] = f"u-{number}"
    return written(folder / "dump" / "all.json", change(items)).parent


def said(found: Network) -> str:
    """The one complaint that names all that was not seen."""
    [one] = [one for one in found.unread if "not all that it holds was seen" in one.text]
    return one.text


def asked_for(text: str) -> set[str]:
    """The kinds that the complaint says to ask for."""
    found = re.search(r"'kubectl get (\S+) -A -o json' prints", text)
    return set(found[1].split(",")) if found else set()


def test_what_a_dump_of_a_network_lacks_was_not_seen(tmp_path: Path) -> None:
    text = said(read_manifests(shop_dump(tmp_path)))
    asked = asked_for(text)
    assert {"networkpolicies.networking.k8s.io", "services", "namespaces", "deployments.apps"}.isdisjoint(asked)
    assert {"pods", "daemonsets.apps", "cronjobs.batch", "ingresses.networking.k8s.io"} <= asked
    assert "customresourcedefinitions.apiextensions.k8s.io" in asked
    assert "this dump holds none of them" in text
    assert "kind(s) of extensions" in text
    assert "judged as manifests, write each without the list" in text


def test_a_dump_without_policies_is_no_cluster_without_policies(tmp_path: Path) -> None:
    def without(items: list[Object]) -> list[Object]:
        return [one for one in items if one["kind"] != "NetworkPolicy"]

    assert "networkpolicies.networking.k8s.io" in asked_for(said(read_manifests(shop_dump(tmp_path, change=without))))


def test_a_dump_of_one_namespace_says_so(tmp_path: Path) -> None:
    def one_namespace(items: list[Object]) -> list[Object]:
        return [one for one in items if one["metadata"].get("namespace", "shop") == "shop"]

    found = said(read_manifests(shop_dump(tmp_path, change=one_namespace)))
    assert "networkpolicies.networking.k8s.io" in asked_for(found)
    assert "only a part: that of shop, and not of" in found


def test_manifests_are_no_dump(tmp_path: Path) -> None:
    folder = shop(tmp_path / "declared")
    assert not read_manifests(folder).unread
    assert not is_dump(folder)
    assert is_dump(shop_dump(tmp_path / "other"))
    assert not read_manifests(tmp_path / "other" / "dump", live=False).unread, "what is declared has no lists"


def test_a_pod_that_ended_is_none_in_a_dump_and_one_in_manifests(tmp_path: Path) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "done", "namespace": "shop"},
        "spec": {"containers": [{"name": "a"}]},
        "status": {"phase": "Succeeded"},
    }
    found = read_manifests(shop_dump(tmp_path, change=lambda items: [*items, pod]))
    assert "done" not in {one.name for one in found.pods}
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    assert [one.name for one in read_manifests(tmp_path / "pod.json").pods] == ["done"]


def test_a_must_gather_of_a_network_is_read_for_what_a_snapshot_lists(tmp_path: Path) -> None:
    top = tmp_path / "gather"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    spaces = top / "cluster-scoped-resources/core/namespaces/shop.yaml"
    spaces.parent.mkdir(parents=True)
    spaces.write_text(yaml.safe_dump(space))
    written(top / "namespaces/shop/shop.yaml", [])
    (top / "namespaces/shop/shop.yaml").write_text(yaml.safe_dump(space))
    (top / "version").write_text("openshift/must-gather\n4.18.0\n")
    service = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    written(top / "namespaces/shop/core/services.yaml", [service], kind="ServiceList")
    written(top / "namespaces/shop/core/secrets.yaml", [{"metadata": {"name": "key", "namespace": "shop"}}], kind="SecretList")
    written(
        top / "namespaces/shop/example.io/things.yaml",
        [{"metadata": {"name": "x"}}],
        kind="ThingList",
        apiVersion="example.io/v1",
    )
    found = read_manifests(tmp_path)
    assert [one.path for one in found.files] == [
        "gather/cluster-scoped-resources/core/namespaces/shop.yaml",
        "gather/namespaces/shop/core/services.yaml",
    ]
    assert {"services", "namespaces"}.isdisjoint(asked_for(said(found)))
    assert "networkpolicies.networking.k8s.io" in asked_for(said(found))


def test_what_tells_a_cluster_from_others_is_the_uid_of_its_namespace_kube_system(tmp_path: Path) -> None:
    system = next(one for one in objects() if one["kind"] == "Namespace" and one["metadata"]["name"] == "kube-system")
    uid = system["metadata"]["uid"]
    assert read_cluster(written(tmp_path / "all.json", objects())).identity == uid
    named = read_cluster(tmp_path / "all.json").namespaces
    assert "kube-system" in named
    assert uid not in named
    namespaces = next(one for one in RESOURCES if one.kind == "Namespace")
    assert _pruned(system, namespaces)["metadata"]["uid"] == uid
    for one in of("Namespace"):
        if one is not system and one["metadata"]["name"] != "kube-system":
            assert "uid" not in _pruned(one, namespaces)["metadata"]
    listed = next(one for one in NETWORK if one.kind == "Namespace")
    assert of_network(system, listed)["metadata"]["uid"] == uid
    network = read_manifests(written(tmp_path / "network.json", [system]))
    assert network.cluster == uid
    for body in (read_cluster(tmp_path / "all.json"), network):
        read = facts_of(body.KIND)
        assert read is not None
        assert list(read(canonical_bytes(body))) == [Fact(key="cluster", value=uid)]


def test_rules_that_taint_devices_are_read_if_they_keep_claims_away(tmp_path: Path) -> None:
    def rule(name: str, effect: str, **selector: str) -> Object:
        said = {"deviceSelector": selector, "taint": {"key": "broken", "effect": effect}}
        made = {"apiVersion": "resource.k8s.io/v1beta2", "kind": "DeviceTaintRule"}
        return {**made, "metadata": {"name": name, "uid": name}, "spec": said}

    rules = [rule("a", "NoExecute", driver="gpu.nvidia.com", pool="edge-1", device="gpu-0"), rule("b", "None")]
    found = read_cluster(written(tmp_path / "all.json", [*objects(), *rules]))
    assert found.taint_rules == (DeviceTaint(name="a", driver="gpu.nvidia.com", pool="edge-1", device="gpu-0"),)
    resource = next(one for one in RESOURCES if one.kind == "DeviceTaintRule")
    assert _pruned(rules[0], resource)["spec"] == {**rules[0]["spec"], "taint": {"effect": "NoExecute"}}
