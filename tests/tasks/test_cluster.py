"""A cluster is read by listing alone, through the real client; what it does not show is never taken for absent."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from arcops.errors import Refused, Unavailable
from arcops.seen.network import Network
from arcops.tier import Tier
from capabilities.network.snapshot import SnapshotNetwork, Snapshotted, snapshot_network
from reach.drift import compare
from tasks.kubernetes.listing import RESOURCES, TITLES, ApiResource, _pruned
from tasks.kubernetes.manifests.objects import Objects
from tasks.kubernetes.mesh import NAME, NAMESPACE, PATH
from tasks.network.index import Looked, SnapshotIndex
from tasks.network.network import network_of, read_manifests
from tests.clusters import cluster_of_the_shop
from tests.definitions import DEFINITION
from tests.models import Bench, bench
from tests.simulators.kubernetes_api import Cluster, serving

pytestmark = pytest.mark.requirement("ARC-B2/clusters-are-read-by-listing")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return cluster_of_the_shop(tmp_path / "declared")


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    with serving(cluster, tmp_path) as path:
        yield path


def saved(here: Bench, kubeconfig: Path, context: str = "", tier: Tier = Tier.RESTRICTED) -> Snapshotted:
    place = replace(here.place(), settings=replace(here.settings, tier=tier))
    return snapshot_network(SnapshotNetwork(context=context, kubeconfig=kubeconfig), place)


def network(found: Snapshotted) -> Network:
    return network_of([(one.name, one.text.encode()) for one in found.files])


def test_a_cluster_as_declared_has_no_drift(here: Bench, cluster: Cluster, kubeconfig: Path, tmp_path: Path) -> None:
    found = saved(here, kubeconfig)
    live = network(found)
    assert (live.unread, live.refused) == ((), ())
    drift = compare(read_manifests(tmp_path / "declared"), live, ["kube-*"])
    assert (drift.objects, drift.reach, drift.layers) == ((), (), ())
    assert drift.as_found == ("kube-node-lease", "kube-public", "kube-system")
    assert len(live.policies) == 4, "more than one page"
    assert sum(one.startswith("/apis/networking.k8s.io/v1/networkpolicies") for one in cluster.asked) == 2


def test_nothing_that_could_be_secret_is_kept(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    text = "".join(one.text for one in saved(here, kubeconfig).files)
    assert "postgres" in text
    assert "hunter2" not in text
    assert "managedFields" not in text
    assert not any("secrets" in one or "configmaps" in one for one in cluster.asked)


def test_what_a_role_does_not_allow_is_not_seen_and_never_green(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    cluster.forbidden.add("/apis/networking.k8s.io/v1/networkpolicies")
    found = saved(here, kubeconfig)
    assert [one.missing for one in found.files if one.missing] == [
        "networkpolicies.networking.k8s.io: the API server answers 403 Forbidden"
    ]
    assert [(one.about, "403" in one.text) for one in network(found).unread] == [("networkpolicies.networking.k8s.io", True)]


def test_a_list_that_expires_on_the_way_is_begun_again(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    cluster.expires = 1
    assert len(network(saved(here, kubeconfig)).policies) == 4
    cluster.expires = 100
    assert any("410" in one.missing for one in saved(here, kubeconfig).files)


def test_policies_of_a_kind_that_is_not_understood_are_seen(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    cluster.objects["/apis/cilium.io/v2/ciliumnetworkpolicies"] = [{"metadata": {"name": "x", "namespace": "shop"}, "spec": {}}]
    found = network(saved(here, kubeconfig))
    assert [(one.about, one.field) for one in found.refused] == [("CiliumNetworkPolicy shop/x", "spec.endpointSelector")]


def test_a_version_that_the_cluster_serves_instead_is_seen(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    everybody = {"namespaces": {}}
    spec = {"tier": "Admin", "priority": 1, "subject": everybody, "egress": [{"action": "Deny", "to": [everybody]}]}
    item = {"metadata": {"name": "shut"}, "spec": spec}
    cluster.objects["/apis/policy.networking.k8s.io/v1beta1/clusternetworkpolicies"] = [item]
    found = network(saved(here, kubeconfig))
    assert "ClusterNetworkPolicy shut" in {one.title for one in found.policies}
    assert not found.unread


MESH = """\
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
rootNamespace: istio-config
defaultConfig: {tracing: {zipkin: {address: "tracing.internal:9411"}}}
"""


def test_the_mesh_s_own_settings_are_read_and_nothing_else_of_them(
    here: Bench, cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    cluster.objects["/api/v1/namespaces"].append({"metadata": {"name": NAMESPACE}, "spec": {}})
    cluster.documents[PATH] = {"metadata": {"name": NAME}, "data": {"mesh": MESH, "meshNetworks": "networks: {}"}}
    found = saved(here, kubeconfig)
    (config,) = network(found).mesh.configs
    assert (config.outbound, config.root_namespace) == ("REGISTRY_ONLY", "istio-config")
    text = "".join(one.text for one in found.files)
    assert "tracing.internal" not in text
    assert "meshNetworks" not in text
    assert [one for one in cluster.asked if "configmaps" in one] == [PATH]


@pytest.mark.parametrize(
    ("mesh", "why"), [("outboundTrafficPolicy: [", "cannot be read"), ("- a\n", "is not one mapping"), (None, "403 Forbidden")]
)
def test_settings_that_cannot_be_read_are_not_seen(
    here: Bench, cluster: Cluster, kubeconfig: Path, mesh: str | None, why: str
) -> None:
    cluster.objects["/api/v1/namespaces"].append({"metadata": {"name": NAMESPACE}, "spec": {}})
    cluster.documents[PATH] = {"metadata": {"name": NAME}, "data": {"mesh": mesh}}
    if mesh is None:
        cluster.forbidden.add(PATH)
    unread = network(saved(here, kubeconfig)).unread
    assert [(one.about, why in one.text) for one in unread] == [("configmaps.istio-system.istio", True)], unread


def test_a_cluster_that_lists_no_namespace_was_not_seen(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    cluster.objects["/api/v1/namespaces"] = []
    assert [one.about for one in network(saved(here, kubeconfig)).unread] == ["namespaces"]


def test_definitions_are_saved_where_something_is_checked_by_them(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    other = DEFINITION.replace("gateway.networking.k8s.io", "velero.io")
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.objects[path] = [yaml.safe_load(one) for one in (DEFINITION, other)]
    spec = {"hostnames": ["shop.test"]}
    cluster.objects["/apis/gateway.networking.k8s.io/v1/httproutes"] = [
        {"metadata": {"name": "x", "namespace": "shop"}, "spec": spec}
    ]
    found = saved(here, kubeconfig)
    assert not any("velero.io" in one.text for one in found.files)
    assert [one.text for one in network(found).refused] == ["host names end in .example"]


def test_a_wrong_token_sees_nothing(here: Bench, kubeconfig: Path) -> None:
    found = saved(here, kubeconfig, "bad")
    assert len(found.files) == len(TITLES)
    assert all("401" in one.missing for one in found.files)


def test_no_connection_is_opened_where_none_is_allowed(here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
    with pytest.raises(Refused, match="air-gapped"):
        saved(here, kubeconfig, tier=Tier.AIR_GAPPED)
    assert not cluster.asked


def test_no_such_context_and_no_such_server(here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no entry with the name"):
        saved(here, kubeconfig, "elsewhere")
    gone = tmp_path / "gone"
    gone.write_text(kubeconfig.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1/x"))
    with pytest.raises(Unavailable, match="does not answer"):
        saved(here, gone)


def test_the_roles_that_ship_allow_what_is_read_and_nothing_else() -> None:
    house = Path(__file__).resolve().parents[2]
    text = (house / "deployments" / "kubernetes" / "network-reader.yaml").read_text()
    everywhere, mesh = yaml.safe_load_all(text)
    allowed = {(group, plural) for rule in everywhere["rules"] for group in rule["apiGroups"] for plural in rule["resources"]}
    assert allowed == {(one.group, one.plural) for one in RESOURCES}
    assert {verb for rule in everywhere["rules"] for verb in rule["verbs"]} == {"list"}
    assert (mesh["kind"], mesh["metadata"]["namespace"]) == ("Role", NAMESPACE)
    assert mesh["rules"] == [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [NAME], "verbs": ["get"]}]


def test_annotations_that_decide_are_kept_and_no_others() -> None:
    def kept(kind: str, annotations: dict[str, str]) -> dict[str, object]:
        resource = next(one for one in RESOURCES if one.kind == kind and one.group != "serving.knative.dev")
        pod = {"metadata": {"annotations": annotations}, "spec": {"containers": []}}
        item = {"metadata": {"name": "a", "annotations": annotations}, "spec": {"template": pod, "containers": []}}
        found = _pruned(item, resource)
        metadata = found["spec"]["template"]["metadata"] if kind == "Deployment" else found["metadata"]
        given: dict[str, object] = metadata.get("annotations", {})
        return given

    pod = {"k8s.v1.cni.cncf.io/networks": "rdma", "traffic.sidecar.istio.io/excludeInboundPorts": "80", "x/token": "s3cret"}
    for kind in ("Pod", "Deployment"):
        assert kept(kind, pod) == {name: value for name, value in pod.items() if name != "x/token"}
    assert kept("AuthorizationPolicy", {"istio.io/dry-run": "true", "x/token": "s3cret"}) == {"istio.io/dry-run": "true"}
    assert kept("Service", {"tailscale.com/expose": "true", "x/token": "s3cret"}) == {"tailscale.com/expose": "true"}
    way = {"nginx.ingress.kubernetes.io/server-snippet": "auth s3cret", "nginx.ingress.kubernetes.io/ssl-redirect": "false"}
    assert kept("Ingress", {**way, "x/token": "s3cret"}) == {
        "nginx.ingress.kubernetes.io/server-snippet": "",
        "nginx.ingress.kubernetes.io/ssl-redirect": "false",
    }


_PLAIN = {"password": "s3cret"}
_FREE = {
    "WasmPlugin": {"url": "oci://a", "pluginConfig": _PLAIN, "vmConfig": {"env": [{"name": "A", "value": "s3cret"}]}},
    "EnvoyFilter": {
        "workloadSelector": {"labels": {"app": "web"}},
        "configPatches": [
            {"match": {"context": "GATEWAY"}, "patch": {"operation": "MERGE", "value": {"inlineCode": "x = 's3cret'"}}}
        ],
    },
    "CiliumEnvoyConfig": {"services": [{"name": "a"}], "resources": [{"secret": {"inlineString": "s3cret"}}]},
    "CiliumClusterwideEnvoyConfig": {"resources": [{"secret": {"inlineString": "s3cret"}}]},
    "HTTPRoute": {
        "hostnames": ["a.example"],
        "rules": [
            {
                "matches": [{"headers": [{"name": "x-v", "value": "2"}]}],
                "filters": [{"requestHeaderModifier": {"set": [{"name": "x", "value": "s3cret"}]}}],
                "backendRefs": [
                    {"name": "a", "filters": [{"responseHeaderModifier": {"add": [{"name": "x", "value": "s3cret"}]}}]}
                ],
            }
        ],
    },
    "GRPCRoute": {"rules": [{"filters": [{"requestHeaderModifier": {"set": [{"name": "x", "value": "s3cret"}]}}]}]},
    "VirtualService": {
        "hosts": ["a.example"],
        "http": [
            {
                "match": [{"headers": {"x": {"exact": "s3cret"}}, "withoutHeaders": {"y": {"prefix": "s3cret"}}}],
                "headers": {"request": {"set": {"authorization": "s3cret"}}},
                "route": [{"destination": {"host": "db"}, "headers": {"request": {"add": {"x": "s3cret"}}}}],
            }
        ],
    },
}


@pytest.mark.parametrize("resource", [one for one in RESOURCES if one.bare or one.kind in _FREE], ids=lambda one: one.title)
def test_text_of_any_kind_is_not_kept(resource: ApiResource) -> None:
    said = {"name": "a", "namespace": "b", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "s3cret"}}
    spec = {"template": {"env": _PLAIN}, "plugins": [_PLAIN]} if resource.bare else _FREE[resource.kind]
    item = {"metadata": said, "spec": spec, "status": {"x": "s3cret"}}
    before = deepcopy(item)
    found = _pruned(item, resource)
    assert "s3cret" not in str(found)
    assert item == before, "the answer of the cluster is not changed"
    assert (found["kind"], found["metadata"]) == (resource.kind, {"name": "a", "namespace": "b"})
    assert ("spec" in found) is not resource.bare


def test_kinds_that_are_only_known_to_exist_keep_nothing_else() -> None:
    """What the engine reads of a kind, it must keep; what it does not read, it must not."""
    groups = {one.group for one in RESOURCES if one.bare}
    assert {"serving.knative.dev", "traefik.io", "apisix.apache.org", "gateway.envoyproxy.io", "k8s.nginx.org"} < groups
    for resource in RESOURCES:
        if resource.group in groups:
            assert resource.bare
            objects = Objects()
            text = f"apiVersion: {resource.version}\nkind: {resource.kind}\nmetadata: {{name: a}}\n"
            objects.read("a.yaml", text.encode())
            [other] = objects.others
            assert (other.group, other.kind, other.harmless) == (resource.group, resource.kind, False)
            assert not objects.unread


def test_what_is_read_of_a_route_is_kept() -> None:
    by_kind = {one.kind: one for one in RESOURCES}
    kept = _pruned({"metadata": {"name": "a"}, "spec": _FREE["HTTPRoute"]}, by_kind["HTTPRoute"])["spec"]
    assert kept["rules"][0]["matches"] == [{"headers": [{"name": "x-v", "value": "2"}]}]
    assert kept["rules"][0]["filters"] == [{"requestHeaderModifier": {"set": [{"name": "x", "value": "-"}]}}]
    kept = _pruned({"metadata": {"name": "a"}, "spec": _FREE["EnvoyFilter"]}, by_kind["EnvoyFilter"])["spec"]
    assert kept["configPatches"] == [{"match": {"context": "GATEWAY"}, "patch": {"operation": "MERGE"}}]
    kept = _pruned({"metadata": {"name": "a"}, "spec": _FREE["VirtualService"]}, by_kind["VirtualService"])["spec"]
    assert kept["http"][0]["route"][0]["destination"] == {"host": "db"}
    assert kept["http"][0]["match"] == [{"headers": {"x": {"exact": "-"}}, "withoutHeaders": {"y": {"prefix": "-"}}}]


def test_a_snapshot_of_an_earlier_version_did_not_see_what_is_listed_today() -> None:
    looked = tuple(Looked(title=one, at=datetime(2026, 11, 1, tzinfo=UTC)) for one in TITLES[:-2])
    found = SnapshotIndex(context="a", server="b", looked=looked)
    assert not list(found.complaints({}, TITLES[:-2]))
    ((name, why),) = found.complaints({}, TITLES)
    assert name == "snapshot.json"
    assert TITLES[-1] in why
    assert "take it again" in why
