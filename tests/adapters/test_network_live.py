"""``arcops network check`` and ``diff`` on a live cluster: by listing alone, by the operator's word, and signed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.seen.declared import Declared
from arcops.seen.network import Network
from arcops.tier import Tier
from arcops.verdict import Verdict
from capabilities.network.check import CheckNetwork, check_network
from capabilities.network.drift import Differing, DiffNetwork, diff_network
from flows.place import Place
from reach.drift import Way
from tests.adapters.typed import Done, typed
from tests.clusters import OTHERWISE, PATHS, cluster_of_the_shop
from tests.kept import emptied
from tests.manifests import shop
from tests.models import Bench, bench
from tests.simulators.kubernetes_api import Cluster, serving

pytestmark = pytest.mark.requirement("ARC-B2/clusters-are-read-by-listing", "ARC-B3/drift-is-a-signed-gate")

POLICIES = PATHS["networking.k8s.io/v1", "NetworkPolicy"]
GREEN, RED, AMBER = 0, 3, 4


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    """A store of its own: some tests look by the clock of tests, others by the real one."""
    return emptied(keys, tmp_path / "bench")


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    return tmp_path / "declared"


@pytest.fixture
def cluster(declared: Path) -> Cluster:
    return cluster_of_the_shop(declared)


@pytest.fixture
def kubeconfig(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    with serving(cluster, tmp_path) as path:
        yield path


@pytest.fixture
def place(here: Bench) -> Place:
    return replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED))


def diff(declared: Path, kubeconfig: Path, place: Place) -> Differing:
    return diff_network(DiffNetwork(declared=declared, context="good", kubeconfig=kubeconfig), place)


def policy(cluster: Cluster, name: str) -> dict[str, dict[str, object]]:
    found = next(one for one in cluster.objects[POLICIES] if one["metadata"]["name"] == name)
    assert isinstance(found, dict)
    return found


def arcops(here: Bench, *arguments: str | Path) -> Done:
    return typed("network", *arguments, environment={**os.environ, **here.environment, "COLUMNS": "200"})


def test_a_live_cluster_is_judged_under_the_name_of_its_context(here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
    artifact = tmp_path / "network.sigstore.json"
    more = ("--kubeconfig", kubeconfig, "--tier", "restricted", "--policy", "network-aks-arc", "-o", artifact)
    done = arcops(here, "check", "--context", "good", *more)
    assert done.returncode == GREEN, done.stdout + done.stderr
    report = here.open(artifact)
    assert (report.verdict, report.subject.kind, report.subject.name) == (Verdict.GREEN, "network", "good")
    assert report.tier is Tier.RESTRICTED


def test_what_a_role_refuses_is_unknown_and_red(cluster: Cluster, kubeconfig: Path, place: Place) -> None:
    cluster.forbidden.add(PATHS["cilium.io/v2", "CiliumNetworkPolicy"])
    found = check_network(CheckNetwork(context="good", kubeconfig=kubeconfig, policy="network-aks-arc"), place)
    assert found.report.verdict is Verdict.RED
    unknown = [one for result in found.report.results for one in result.findings if one.outcome is Outcome.UNKNOWN]
    assert [(one.rule, one.about) for one in unknown] == [("network/read", "ciliumnetworkpolicies.cilium.io")]
    assert "403 Forbidden" in unknown[0].text


def test_an_api_server_without_policies_is_no_cluster_without_policies(
    cluster: Cluster, kubeconfig: Path, place: Place
) -> None:
    """Every API server serves NetworkPolicy. If that is not found, another server answers, and nothing was seen."""
    del cluster.objects[POLICIES]
    found = check_network(CheckNetwork(context="good", kubeconfig=kubeconfig, policy="network-aks-arc"), place)
    texts = [one.text for result in found.report.results for one in result.findings if one.rule == "network/read"]
    assert any("404" in one for one in texts), texts


def test_a_cluster_that_gives_no_answer_leaves_a_red_artifact(kubeconfig: Path, place: Place, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.write_text(kubeconfig.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1/x"))
    found = check_network(CheckNetwork(context="good", kubeconfig=gone), place)
    assert found.report.verdict is Verdict.RED
    assert ["does not answer" in one.reason for one in found.report.missing] == [True]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (CheckNetwork(), "no network is named"),
        (CheckNetwork(target=Path("/"), context="good"), "both"),
        (CheckNetwork(kubeconfig=Path("/dev/null")), "no network is named"),
    ],
)
def test_it_is_one_of_the_two_and_never_a_guess(place: Place, ask: CheckNetwork, says: str) -> None:
    with pytest.raises(Refused, match=says):
        check_network(ask, place)


def test_no_socket_is_opened_where_the_tier_allows_none(
    here: Bench, cluster: Cluster, declared: Path, kubeconfig: Path
) -> None:
    with pytest.raises(Refused, match="air-gapped"):
        check_network(CheckNetwork(context="good", kubeconfig=kubeconfig), here.place())
    with pytest.raises(Refused, match="air-gapped"):
        diff(declared, kubeconfig, here.place())
    assert not cluster.asked


def test_a_cluster_as_declared_is_green_and_signed(
    here: Bench, declared: Path, kubeconfig: Path, place: Place, cluster: Cluster
) -> None:
    found = diff(declared, kubeconfig, place)
    assert found.report.verdict is Verdict.GREEN, found.report.results
    assert (found.drift.reach, found.drift.objects, found.doubts) == ((), (), ())
    assert {one.kind for one in found.report.evidence} == {Declared.KIND, Network.KIND}
    assert (found.report.subject.name, found.report.subject.kind) == ("good", "network")
    assert {one.partition("?")[0] for one in cluster.asked} <= {*PATHS.values(), *OTHERWISE}, "listing, and nothing else"


def test_more_than_declared_is_red_and_says_what(cluster: Cluster, declared: Path, kubeconfig: Path, place: Place) -> None:
    policy(cluster, "db")["spec"]["ingress"] = [{}]
    policy(cluster, "web")["spec"]["egress"] = [{}]
    found = diff(declared, kubeconfig, place)
    assert found.report.verdict is Verdict.RED
    gained = {(one.source, one.target) for one in found.drift.reach if one.way is Way.GAINED}
    assert ("Deployment shop/web", "StatefulSet shop/db") in gained
    named = {one.about for result in found.report.results for one in result.findings if one.outcome is Outcome.FAIL}
    assert any(one.startswith("Deployment shop/web to StatefulSet shop/db: ") for one in named)


def test_less_than_declared_is_amber(here: Bench, cluster: Cluster, declared: Path, kubeconfig: Path, tmp_path: Path) -> None:
    cluster.objects[POLICIES] = [one for one in cluster.objects[POLICIES] if one["metadata"]["name"] != "db"]
    artifact = tmp_path / "drift.sigstore.json"
    more = ("--context", "good", "--kubeconfig", kubeconfig, "--tier", "restricted", "-o", artifact)
    done = arcops(here, "diff", declared, *more)
    assert done.returncode == AMBER, done.stdout + done.stderr
    assert "- Deployment shop/web to StatefulSet shop/db: TCP 5432" in done.stdout
    assert f"artifact {artifact}" in done.stdout
    assert here.open(artifact).verdict is Verdict.AMBER


def test_what_changes_only_the_text_is_green_and_noted(
    cluster: Cluster, declared: Path, kubeconfig: Path, place: Place
) -> None:
    again = json.loads(json.dumps(policy(cluster, "db")))
    again["metadata"]["name"] = "db-by-hand"
    cluster.objects[POLICIES].append(again)
    found = diff(declared, kubeconfig, place)
    assert found.report.verdict is Verdict.GREEN
    notes = [one for result in found.report.results for one in result.findings if one.rule == "drift/text"]
    assert [(one.outcome, one.about) for one in notes] == [(Outcome.PASS, "NetworkPolicy shop/db-by-hand")]


def test_what_the_cluster_hides_is_unknown(cluster: Cluster, declared: Path, kubeconfig: Path, place: Place) -> None:
    cluster.forbidden.add(PATHS["security.istio.io/v1", "AuthorizationPolicy"])
    found = diff(declared, kubeconfig, place)
    assert found.report.verdict is Verdict.RED
    unknown = [one.rule for result in found.report.results for one in result.findings if one.outcome is Outcome.UNKNOWN]
    assert unknown == ["drift/seen"]
    assert "403" in found.doubts[0]


def test_what_cannot_be_read_of_the_declared_is_unknown(declared: Path, kubeconfig: Path, place: Place) -> None:
    (declared / "more.yaml").write_text("kind: [\n")
    found = diff(declared, kubeconfig, place)
    assert found.report.verdict is Verdict.RED
    unknown = [one.rule for result in found.report.results for one in result.findings if one.outcome is Outcome.UNKNOWN]
    assert unknown == ["drift/declared"]


def test_a_stray_namespace_is_drift_until_it_is_taken_as_found(
    cluster: Cluster, declared: Path, kubeconfig: Path, place: Place, tmp_path: Path
) -> None:
    metadata = {"name": "stray", "namespace": "elsewhere", "labels": {"app": "stray"}}
    cluster.objects["/api/v1/namespaces"].append({"metadata": {"name": "elsewhere"}, "spec": {}})
    cluster.objects["/api/v1/pods"].append({"metadata": metadata, "spec": {"containers": []}})
    assert diff(declared, kubeconfig, place).report.verdict is Verdict.RED
    own = tmp_path / "own.yaml"
    own.write_text("name: own\nvalidFor: P1D\ngates:\n  drift: {asFound: ['*']}\n")
    ask = DiffNetwork(declared=declared, context="good", kubeconfig=kubeconfig, policy=str(own))
    found = diff_network(ask, place)
    assert found.report.verdict is Verdict.GREEN
    assert "elsewhere" in found.drift.as_found


def test_sarif_and_json_are_those_of_the_report(here: Bench, tmp_path: Path) -> None:
    folders = shop(tmp_path / "declared"), shop(tmp_path / "live")
    done = arcops(here, "diff", *folders, "--format", "json")
    assert done.returncode == GREEN, done.stdout + done.stderr
    assert json.loads(done.stdout)["predicate"]["verdict"] == "GREEN"
    done = arcops(here, "diff", *folders, "--format", "sarif")
    assert json.loads(done.stdout)["version"] == "2.1.0"
