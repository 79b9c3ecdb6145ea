"""What is judged of a dump: it is RED for what it does not hold, by the rules that need that, and answers the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from capabilities.cluster.check import CheckCluster, check_cluster
from capabilities.network.check import CheckNetwork, check_network
from capabilities.network.drift import DiffNetwork, diff_network
from tests.models import Bench, bench
from tests.simulators.ready_cluster import POLICY
from tests.tasks.test_dumps import objects, of, shop_dump, written

pytestmark = pytest.mark.requirement("ARC-C4/each-fault-of-a-cluster-is-found")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def outcomes(report: Report) -> dict[str, set[Outcome]]:
    found: dict[str, set[Outcome]] = {}
    for gate in report.results:
        for one in gate.findings:
            found.setdefault(one.rule, set()).add(one.outcome)
    return found


def test_a_dump_of_a_cluster_answers_what_it_shows(here: Bench, tmp_path: Path) -> None:
    policy = tmp_path / "site.yaml"
    policy.write_text(POLICY)
    items = [one for one in objects() if one["kind"] != "ClusterPolicy"]
    dump = written(tmp_path / "all.json", items)
    report = check_cluster(CheckCluster(saved=dump, policy=str(policy)), here.place()).report
    assert report.verdict is Verdict.RED
    found = outcomes(report)
    for rule in ("nodes", "pressure", "runtime-class", "storage-class", "dns", "quotas", "pull-secret"):
        assert found[f"cluster/{rule}"] == {Outcome.PASS}, rule
    for rule in ("recent", "gpus", "device-plugin", "deprecated"):
        assert Outcome.UNKNOWN in found[f"cluster/{rule}"], rule
    assert not any(Outcome.FAIL in one for one in found.values())


def test_what_a_dump_shows_to_be_wrong_fails(here: Bench, tmp_path: Path) -> None:
    items = of("Node Namespace Pod Deployment")
    items[[one["kind"] for one in items].index("Node")]["status"]["conditions"][-1]["status"] = "False"
    dump = written(tmp_path / "some.json", items)
    found = outcomes(check_cluster(CheckCluster(saved=dump), here.place()).report)
    assert Outcome.FAIL in found["cluster/nodes"]
    assert found["cluster/storage-class"] == {Outcome.UNKNOWN}


def test_a_dump_of_a_network_is_a_saved_cluster(here: Bench, tmp_path: Path) -> None:
    dump = shop_dump(tmp_path)
    report = check_network(CheckNetwork(saved=dump, policy="network-aks-arc"), here.place()).report
    assert report.verdict is Verdict.RED
    assert outcomes(report)["network/read"] == {Outcome.UNKNOWN}


def test_drift_from_a_dump_is_not_seen_where_the_dump_holds_nothing(here: Bench, tmp_path: Path) -> None:
    dump = shop_dump(tmp_path)
    declared = tmp_path / "declared"
    single = tmp_path / "single"
    single.mkdir()
    for number, one in enumerate(json.loads((dump / "all.json").read_text())["items"]):
        (single / f"{number}.json").write_text(json.dumps(one))
    for live in (dump, single):
        report = diff_network(DiffNetwork(declared=declared, live=live), here.place()).report
        assert report.verdict is Verdict.RED
        assert Outcome.UNKNOWN in outcomes(report)["drift/seen"]
