"""An API server that breaks off, hangs, or answers nonsense: the check is RED, says why, keeps its deadline, and is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tasks.cluster.snapshot
import tasks.kubernetes.listing
from arcops.errors import Refused, Unavailable
from arcops.evidence import Cause
from arcops.finding import Outcome
from arcops.result import Report
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.store import Store
from capabilities.cluster.check import CheckCluster, SnapshotCluster, check_cluster, snapshot_cluster
from tests.models import Bench, bench
from tests.simulators.kubernetes_api import Cluster, serving
from tests.simulators.ready_cluster import at, ready_cluster

pytestmark = pytest.mark.requirement("ARC-C4/silence-is-never-ready")


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
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may be silent for so many seconds; the figure alone is another one than in production."""
    monkeypatch.setattr(tasks.kubernetes.listing, "_TIMEOUT", (1, 0.2))


def checked(here: Bench, kubeconfig: Path, stop: threading.Event | None = None) -> Report:
    """The report of a check, as it was kept and signed."""
    place = replace(
        here.place(now=datetime.now(UTC)),
        settings=replace(here.settings, tier=Tier.RESTRICTED),
        stop=stop or threading.Event(),
    )
    judged = check_cluster(CheckCluster(context="good", kubeconfig=kubeconfig), place)
    with Store(here.settings.store) as store:
        assert here.open(store.path(judged.artifact)) == judged.report
    return judged.report


def unknown(report: Report) -> dict[str, str]:
    """What is UNKNOWN, by the list that it is about, with the sentence."""
    findings = [one for result in report.results for one in result.findings]
    return {one.about: one.text for one in findings if one.outcome is Outcome.UNKNOWN}


class TestMidway:
    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("how", ["reset", "hang", "cut", "garbage"])
    @pytest.mark.parametrize("title", ["leases.coordination.k8s.io", "storageclasses.storage.k8s.io"])
    def test_a_server_that_falls_silent_is_red_and_is_not_asked_again(
        self, here: Bench, cluster: Cluster, kubeconfig: Path, title: str, how: str
    ) -> None:
        cluster.breaks = {at(title): how}
        began = time.monotonic()
        report = checked(here, kubeconfig)
        assert time.monotonic() - began < 120
        assert report.verdict is Verdict.RED
        assert (report.subject.name, report.subject.kind) == ("good", "cluster")
        said = unknown(report)
        assert "not requested" not in said[title]
        assert "not requested, because" in said["deprecated-apis"]
        asked = [one.partition("?")[0] for one in cluster.asked]
        assert asked[-1] == at(title)
        assert asked.count(at(title)) <= 2
        good = {one.rule for result in report.results for one in result.findings if one.outcome is Outcome.PASS}
        assert "cluster/nodes" in good, "what was seen before counts"

    @pytest.mark.parametrize("status", ["500", "503", "504", "429"])
    def test_a_server_that_fails_is_red(self, here: Bench, cluster: Cluster, kubeconfig: Path, status: str) -> None:
        cluster.breaks = {at("storageclasses.storage.k8s.io"): status}
        report = checked(here, kubeconfig)
        assert report.verdict is Verdict.RED
        assert f"the API server answers {status}" in unknown(report)["storageclasses.storage.k8s.io"]

    def test_a_list_that_expires_again_and_again_is_red(self, here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
        cluster.page, cluster.expires = 1, 100
        report = checked(here, kubeconfig)
        assert report.verdict is Verdict.RED
        assert "answers 410" in unknown(report)["nodes"]

    def test_one_that_failed_once_counts_alone(self, here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
        cluster.breaks, cluster.for_good = {at("storageclasses.storage.k8s.io"): "503"}, False
        assert set(unknown(checked(here, kubeconfig))) == {"storageclasses.storage.k8s.io"}

    def test_a_look_that_takes_too_long_ends(self, here: Bench, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks.cluster.snapshot, "MOST_SECONDS", 0.0)
        report = checked(here, kubeconfig)
        assert report.verdict is Verdict.RED
        assert "took longer than 0 s" in unknown(report)["nodes"]

    @pytest.mark.usefixtures("impatient")
    def test_a_snapshot_keeps_what_it_saw_and_names_the_rest(self, here: Bench, cluster: Cluster, kubeconfig: Path) -> None:
        cluster.breaks = {at("storageclasses.storage.k8s.io"): "reset"}
        place = replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED))
        files = {one.name: one for one in snapshot_cluster(SnapshotCluster(context="good", kubeconfig=kubeconfig), place).files}
        assert files["nodes.json"].missing == ""
        assert "does not answer" in files["storageclasses.storage.k8s.io.json"].missing
        states = {one["title"]: one["state"] for one in json.loads(files["cluster.json"].text)["lists"]}
        assert (states["nodes"], states["storageclasses.storage.k8s.io"], states["serviceaccounts"]) == (
            "listed", "refused", "refused",
        )  # fmt: skip


class TestFromTheBeginning:
    def test_no_server_answers(self, here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        gone.write_text(kubeconfig.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1/x"))
        report = checked(here, gone)
        (missing,) = report.missing
        assert (report.verdict, missing.cause) == (Verdict.RED, Cause.UNAVAILABLE)
        assert "does not answer" in missing.reason

    def test_a_server_that_does_not_answer_gives_no_snapshot(self, here: Bench, kubeconfig: Path, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        gone.write_text(kubeconfig.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:1/x"))
        place = replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED))
        with pytest.raises(Unavailable, match="does not answer"):
            snapshot_cluster(SnapshotCluster(context="good", kubeconfig=gone), place)

    def test_a_context_that_is_not_there_is_no_cluster(self, here: Bench, kubeconfig: Path) -> None:
        place = replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED))
        with pytest.raises(Refused, match="no entry with the name"):
            check_cluster(CheckCluster(context="elsewhere", kubeconfig=kubeconfig), place)

    def test_the_current_context_names_the_cluster(self, here: Bench, kubeconfig: Path) -> None:
        place = replace(here.place(now=datetime.now(UTC)), settings=replace(here.settings, tier=Tier.RESTRICTED))
        assert check_cluster(CheckCluster(kubeconfig=kubeconfig), place).report.subject.name == "good"


class TestEnded:
    @pytest.mark.parametrize("how", ["hang", "drip"])
    def test_a_check_that_is_stopped_is_red(self, here: Bench, cluster: Cluster, kubeconfig: Path, how: str) -> None:
        cluster.breaks = {at("pods"): how}
        stop = threading.Event()

        def end() -> None:
            cluster.broke.wait()
            stop.set()

        threading.Thread(target=end, daemon=True).start()
        report = checked(here, kubeconfig, stop)
        (missing,) = report.missing
        assert (report.verdict, missing.cause) == (Verdict.RED, Cause.CANCELLED)

    def test_a_command_that_is_killed_leaves_a_red_artifact(
        self, here: Bench, cluster: Cluster, kubeconfig: Path, tmp_path: Path
    ) -> None:
        cluster.breaks = {at("pods"): "hang"}
        artifact = tmp_path / "cluster.sigstore.json"
        with subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "cluster", "check", "--context", "good", "--kubeconfig", str(kubeconfig),
             "--tier", "restricted", "-o", str(artifact)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **here.environment},
        ) as command:  # fmt: skip
            assert cluster.broke.wait(600)
            command.send_signal(signal.SIGTERM)
            out, err = command.communicate(timeout=600)
        assert command.returncode == 3, out + err
        report = here.open(artifact)
        assert (report.verdict, report.subject.name) == (Verdict.RED, "good")
        assert {one.cause for one in report.missing} == {Cause.CANCELLED}
