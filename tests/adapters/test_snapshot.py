"""``arcops network snapshot``: a folder that is whole, or says that it is not and can be continued."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused, Stopped, Unavailable
from arcops.tier import Tier
from arcops.verdict import Verdict
from capabilities.network.check import CheckNetwork, check_network
from capabilities.network.continuing import begin, take
from capabilities.network.snapshot import SnapshotNetwork, Snapshotted, snapshot_network
from flows.place import Place
from tasks.kubernetes.listing import TITLES
from tasks.network.index import FRESH, INDEX
from tasks.network.network import read_manifests
from tests.adapters.typed import Done, typed
from tests.clusters import PATHS, cluster_of_the_shop
from tests.models import CLOCK, Bench, bench
from tests.simulators.kubernetes_api import Cluster, serving

pytestmark = pytest.mark.requirement("ARC-B3/snapshots-can-be-continued")

POLICIES, INGRESSES = (PATHS["networking.k8s.io/v1", kind] for kind in ("NetworkPolicy", "Ingress"))


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


@pytest.fixture
def place(here: Bench) -> Place:
    return replace(here.place(), settings=replace(here.settings, tier=Tier.RESTRICTED))


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return tmp_path / "live"


def saved(live: Path, kubeconfig: Path, place: Place, *, context: str = "good", later: timedelta = timedelta()) -> None:
    def ask(have: tuple[str, ...]) -> Snapshotted:
        return snapshot_network(SnapshotNetwork(context=context, kubeconfig=kubeconfig, have=have, seconds=5), place)

    take(live, begin(live, context, CLOCK + later), ask, lambda: CLOCK + later)


def cut_off(live: Path, kubeconfig: Path, place: Place, cluster: Cluster) -> None:
    """A snapshot that ended before Ingresses were listed, because the API server went away."""
    cluster.broken.add(INGRESSES)
    with pytest.raises(Unavailable, match="does not answer"):
        saved(live, kubeconfig, place)
    cluster.broken.clear()
    cluster.asked.clear()


def asked(cluster: Cluster) -> set[str]:
    return {one.partition("?")[0] for one in cluster.asked}


def test_the_command_saves_into_a_folder_of_its_own(here: Bench, kubeconfig: Path, live: Path) -> None:
    def arcops(*more: str) -> Done:
        command = ("network", "snapshot", "-o", live, "--kubeconfig", kubeconfig)
        return typed(*command, *more, environment={**os.environ, **here.environment})

    assert "air-gapped" in arcops().stderr
    done = arcops("--tier", "restricted")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((live / "networkpolicies.networking.k8s.io.json").read_text())["kind"] == "List"
    assert "not an empty folder" in arcops("--tier", "restricted").stderr


def test_a_whole_one_is_judged_as_the_cluster_is(kubeconfig: Path, place: Place, live: Path) -> None:
    saved(live, kubeconfig, place)
    by_folder = check_network(CheckNetwork(saved=live, policy="network-aks-arc"), place)
    by_context = check_network(CheckNetwork(context="good", kubeconfig=kubeconfig, policy="network-aks-arc"), place)
    assert by_folder.report.verdict is Verdict.GREEN
    assert by_folder.report.results == by_context.report.results
    assert by_folder.report.subject.digests == by_context.report.subject.digests


def test_one_that_was_cut_off_is_never_green_and_is_continued(
    cluster: Cluster, kubeconfig: Path, place: Place, live: Path
) -> None:
    cut_off(live, kubeconfig, place, cluster)
    assert (live / "networkpolicies.networking.k8s.io.json").exists()
    with pytest.raises(Refused, match="is not complete"):
        check_network(CheckNetwork(saved=live), place)
    as_manifests = check_network(CheckNetwork(target=live, policy="network-aks-arc"), place)
    assert as_manifests.report.verdict is Verdict.RED
    assert "was interrupted before ingresses" in read_manifests(live).unread[0].text

    saved(live, kubeconfig, place)
    assert POLICIES not in asked(cluster), "what was complete is not asked for again"
    assert INGRESSES in asked(cluster)
    assert check_network(CheckNetwork(saved=live, policy="network-aks-arc"), place).report.verdict is Verdict.GREEN


@pytest.mark.parametrize("title", ["networkpolicies.networking.k8s.io", "pods"])
def test_what_was_changed_meanwhile_is_looked_at_again(
    cluster: Cluster, kubeconfig: Path, place: Place, live: Path, title: str
) -> None:
    cut_off(live, kubeconfig, place, cluster)
    file = live / f"{title}.json"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"shop", b"shut"))
    saved(live, kubeconfig, place)
    assert file.read_bytes() == whole
    assert len({POLICIES, PATHS["v1", "Pod"]} & asked(cluster)) == 1


def test_what_is_too_old_is_looked_at_again(cluster: Cluster, kubeconfig: Path, place: Place, live: Path) -> None:
    cut_off(live, kubeconfig, place, cluster)
    saved(live, kubeconfig, place, later=FRESH + timedelta(seconds=1))
    assert POLICIES in asked(cluster)
    assert not read_manifests(live).unread


def test_what_was_not_seen_is_asked_for_again(cluster: Cluster, kubeconfig: Path, place: Place, live: Path) -> None:
    cluster.forbidden.add(INGRESSES)
    saved(live, kubeconfig, place)
    assert [one.about for one in read_manifests(live).unread] == ["ingresses.networking.k8s.io"]
    cluster.forbidden.clear()
    cluster.asked.clear()
    saved(live, kubeconfig, place)
    assert asked(cluster) == {INGRESSES}
    assert not read_manifests(live).unread


POLICY_FILE, INGRESS_FILE = "networkpolicies.networking.k8s.io.json", "ingresses.networking.k8s.io.json"
NO_INDEX = '{"apiVersion": "arcops.dev/v1", "kind": "NetworkSnapshot"}'


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (POLICY_FILE, None, "was removed"),
        ("pods.json", "{}", "was changed"),
        ("more.yaml", "{}", "not part of the snapshot"),
        (INGRESS_FILE, "{}", "was added"),
        (INDEX, NO_INDEX, "cannot be read"),
    ],
)
def test_a_folder_that_was_meddled_with_is_red(
    kubeconfig: Path, place: Place, live: Path, name: str, text: str | None, says: str
) -> None:
    saved(live, kubeconfig, place)
    (live / name).unlink() if text is None else (live / name).write_text(text)
    assert any(says in one.text for one in read_manifests(live).unread)
    found = check_network(CheckNetwork(target=live, policy="network-aks-arc"), place)
    assert found.report.verdict is Verdict.RED


def test_it_holds_below_another_folder_too(kubeconfig: Path, place: Place, live: Path, tmp_path: Path) -> None:
    saved(tmp_path / "all" / "live", kubeconfig, place)
    assert not read_manifests(tmp_path / "all").unread
    (tmp_path / "all" / "live" / "pods.json").unlink()
    assert [one.at.path for one in read_manifests(tmp_path / "all").unread] == ["live/pods.json"]


def test_two_clusters_are_not_mixed(cluster: Cluster, kubeconfig: Path, place: Place, live: Path, tmp_path: Path) -> None:
    cut_off(live, kubeconfig, place, cluster)
    with pytest.raises(Refused, match="context 'good'"):
        saved(live, kubeconfig, place, context="bad")
    (tmp_path / "other").mkdir()
    with serving(cluster, tmp_path / "other") as other, pytest.raises(Refused, match="answers"):
        saved(live, other, place)


def test_a_folder_with_anything_else_is_left_alone(kubeconfig: Path, place: Place, live: Path) -> None:
    live.mkdir()
    (live / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match="not an empty folder"):
        saved(live, kubeconfig, place)
    assert [one.name for one in live.iterdir()] == ["notes.txt"]


def test_it_stops_when_it_is_told(here: Bench, kubeconfig: Path, place: Place, cluster: Cluster) -> None:
    place.stop.set()
    try:
        with pytest.raises(Stopped, match="continues it"):
            snapshot_network(SnapshotNetwork(context="good", kubeconfig=kubeconfig), place)
    finally:
        place.stop.clear()
    assert not cluster.asked


def test_an_answer_in_parts_is_the_answer(kubeconfig: Path, place: Place) -> None:
    whole = snapshot_network(SnapshotNetwork(context="good", kubeconfig=kubeconfig), place)
    assert (whole.looked, whole.left) == (TITLES, ())
    rest = snapshot_network(SnapshotNetwork(context="good", kubeconfig=kubeconfig, have=TITLES[:9]), place)
    assert (rest.looked, rest.left) == (TITLES[9:], ())
    assert {one.name for one in rest.files} < {one.name for one in whole.files}
