"""The deployments on a real site: Prefect's server on SQLite and on PostgreSQL, a worker, runs that end well, badly or not."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from arcops.evidence import Cause
from arcops.verdict import Verdict
from tests.flows.site import HOUSE, IMPATIENT, PATIENT, Site, now, reaching, site
from tests.models import good_model
from tests.postgres import postgres
from tests.simulators.kubernetes_api import serving
from tests.simulators.ready_cluster import ready_cluster
from tests.waiting import until

pytestmark = [
    pytest.mark.requirement("ARC-D1/deployments-run-on-a-site", "ARC-4/no-failed-collector-is-green"),
    pytest.mark.filterwarnings("ignore"),  # Prefect's own warnings are not ours to fix
]

SQLITE, POSTGRESQL = (
    pytest.param(name, marks=[pytest.mark.xdist_group(group), pytest.mark.site])
    for name, group in (("sqlite", "site"), ("postgresql", "postgresql"))
)
ON_SQLITE = pytest.mark.parametrize("here", [SQLITE], indirect=True)
"""What does not depend on the database is shown on one of them: each of these runs takes processes that take seconds."""


@pytest.fixture(scope="module", params=[SQLITE, POSTGRESQL])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On SQLite the site of all tests. The one on PostgreSQL is a site of its own: a server has one database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("plain_site")
    else:
        with postgres() as database, site(tmp_path_factory.mktemp("postgresql"), database) as found:
            yield found


@pytest.fixture(scope="module")
def model(here: Site) -> Path:
    return good_model(here.bench, now=now())


@pytest.fixture(scope="module")
def endless(here: Site) -> Path:
    """A model that takes longer to read than any test waits; its file is sparse, so it costs no disk."""
    folder = here.folder / "endless"
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(1 << 42)
    return folder


def test_a_green_run_shows_its_report_and_exits_well(here: Site, model: Path) -> None:
    done = here.run("readiness/readiness", target=str(model), policy="bench")
    assert done.returncode == 0, done.stdout + done.stderr + here.log()
    assert "GREEN" in done.stdout
    (kept,) = here.kept("tiny")
    assert here.report(kept).verdict is Verdict.GREEN
    shown = here.ask("/artifacts/filter", {"artifacts": {"key": {"like_": "arcops-%-tiny"}}})
    by_key = {one["key"]: one for one in shown}
    assert by_key["arcops-report-tiny"]["description"] == kept.artifact
    assert "GREEN: tiny" in by_key["arcops-report-tiny"]["data"]
    assert by_key["arcops-findings-tiny"]["type"] == "table"
    assert f"https://arcops.example/artifacts/{kept.artifact}" in by_key["arcops-evidence-tiny"]["data"]


@ON_SQLITE
def test_the_server_puts_what_prefect_deploy_puts(here: Site) -> None:
    """``arcops server`` creates deployments by itself; here beside those that ``prefect deploy --all`` made."""
    from flows.prefect import put

    entries = yaml.safe_load((HOUSE / "prefect.yaml").read_text())["deployments"]
    twins = [_unscheduled({**entry, "name": f"{entry['name']}-twin", "version": "1", "triggers": []}) for entry in entries]
    with reaching(here.api):
        asyncio.run(put.create(twins))
    for entry in entries:
        flow = entry["entrypoint"].rpartition(".")[2].replace("_", "-")
        theirs, ours = (here.ask(f"/deployments/name/{flow}/{name}") for name in (entry["name"], f"{entry['name']}-twin"))
        here.remove(f"/deployments/{ours['id']}")
        assert comparable(ours) == comparable(theirs), entry["name"]


def _unscheduled(entry: dict[str, Any]) -> dict[str, Any]:
    """*entry* with its schedules off, as the site has them."""
    return {**entry, "schedules": [{**one, "active": False} for one in entry.get("schedules", ())]}


def comparable(deployment: dict[str, Any]) -> dict[str, Any]:
    """What *deployment* says, without its name, its ids and its times."""
    own = {"id", "created", "updated", "name", "version", "version_id", "version_info", "status", "last_polled", "labels"}
    said = {name: value for name, value in deployment.items() if name not in own}
    said["schedules"] = [{"schedule": one["schedule"], "active": one["active"]} for one in said["schedules"]]
    said["global_concurrency_limit"] = (said["global_concurrency_limit"] or {}).get("limit")
    return {name: value for name, value in said.items() if not name.endswith("_id") or name == "flow_id"}


@ON_SQLITE
def test_a_refused_run_leaves_a_red_artifact_and_exits_badly(here: Site) -> None:
    gone = str(here.folder / "gone")
    done = here.run("supply-chain/supply-chain", target=gone, policy="bench")
    assert done.returncode != 0
    assert "RED" in done.stdout
    (kept,) = here.kept("gone")
    report = here.report(kept)
    assert report.verdict is Verdict.RED
    assert all("does not exist on the machine" in missing.reason for missing in report.missing)
    assert report.missing


@ON_SQLITE
@pytest.mark.requirement("ARC-C1/the-command-leaves-an-artifact")
def test_the_gpus_of_the_worker_s_machine_are_judged_by_its_name(here: Site) -> None:
    name, kind = here.finish(here.begin("gpu-validation/gpu-validation"))
    (kept,) = here.kept(socket.gethostname())
    report = here.report(kept)  # of whatever this machine has: without a GPU it is RED
    assert name == report.verdict.value, here.log()
    assert (kind == "COMPLETED") is (report.verdict is not Verdict.RED)
    assert report.subject.kind == "gpu-node"
    assert {result.gate for result in report.results} == {"gpu-driver", "gpu-health", "gpu-xids"}


@ON_SQLITE
@pytest.mark.requirement("ARC-C3/the-command-leaves-an-artifact", "ARC-C4/the-worker-checks-clusters")
def test_clusters_and_endpoints_are_checked_by_the_worker_and_as_far_as_its_operator_lets_it(here: Site) -> None:
    """The worker of this site is air-gapped and names no endpoint, so both are RED, with the reason, by its own artifact."""
    with serving(ready_cluster(), here.folder, secure=True) as kubeconfig:
        looked = ("cluster", "check", "--context", "good", "--tier", "restricted")
        loaded = ("inference", "check", "http://127.0.0.1:9/v1", "--models", "a")
        own = here.arcops(*looked, "--kubeconfig", str(kubeconfig))
        assert own.returncode == 2
        assert "a worker accepts no kubeconfig" in own.stderr
        for words, name, kind, why in (
            (looked, "good", "cluster", "air-gapped"),
            (loaded, "http://127.0.0.1:9", "inference-endpoint", "ARCOPS_ENDPOINTS"),
        ):
            done = here.arcops(*words)
            assert done.returncode == 3, done.stdout + done.stderr + here.log()
            (kept,) = here.kept(name)
            report = here.report(kept)
            assert (report.verdict, report.subject.kind, report.runner[:8]) == (Verdict.RED, kind, "prefect/")
            assert {why in one.reason for one in report.missing} == {True}


@ON_SQLITE
@pytest.mark.requirement("ARC-C4/the-worker-checks-clusters")
def test_an_old_run_that_carries_a_kubeconfig_is_red_and_says_why(here: Site) -> None:
    """It was scheduled before an upgrade, so nothing held its parameters against the schema of today."""
    deployment = here.ask("/deployments/name/cluster-readiness/cluster-readiness")["id"]
    asked = {"parameters": {"context": "old", "kubeconfig": "/x"}, "enforce_parameter_schema": False}
    here.ask(f"/deployments/{deployment}/create_flow_run", asked)
    until(lambda: here.kept("old"), "the artifact of who accounts for it", log=here.log)
    report = here.report(here.kept("old")[0])
    assert (report.verdict, report.subject.kind) == (Verdict.RED, "cluster")
    assert all("a worker accepts no kubeconfig" in one.reason for one in report.missing), report.missing
    assert report.missing


@ON_SQLITE
@pytest.mark.requirement("ARC-C2/cpus-are-measured")
def test_the_processor_of_the_worker_s_machine_is_measured(here: Site) -> None:
    name, kind = here.finish(here.begin("node-benchmark/node-benchmark", size=1, budget_s=60))
    report = here.report(here.kept(socket.gethostname())[0])
    assert (name, kind) == (report.verdict.value, "FAILED"), here.log()
    said = [finding.text for result in report.results for finding in result.findings]
    assert report.subject.kind == "node"
    assert any("1 thousandths of the full size" in text for text in said), (
        said
    )  # no policy that ships takes so small a run for one
    assert any("checked results are right" in text for text in said), said


def test_a_cancelled_run_leaves_a_red_artifact(here: Site, endless: Path) -> None:
    run = here.begin("readiness/readiness", target=str(endless), policy="bench")
    until(lambda: here.state(run) == "Running", "the run begins", log=here.log)
    before = len(here.kept("endless"))
    assert here.prefect("flow-run", "cancel", run).returncode == 0
    until(lambda: here.state(run) == "Cancelled", "the run is cancelled", log=here.log)
    until(lambda: len(here.kept("endless")) > before, "its artifact", log=here.log)
    report = here.report(here.kept("endless")[0])
    assert report.verdict is Verdict.RED
    assert {missing.cause for missing in report.missing} == {Cause.CANCELLED}


@ON_SQLITE
def test_a_run_that_loses_worker_and_process_leaves_a_red_artifact(here: Site, endless: Path) -> None:
    here.silence(IMPATIENT)
    run = here.begin("readiness/readiness", target=str(endless), policy="bench")
    until(lambda: here.state(run) == "Running", "the run begins", log=here.log)
    before = len(here.kept("endless"))
    here.kill_worker()
    assert here.state(run) == "Running"  # no process was left to say otherwise
    try:
        until(lambda: here.state(run) == "Crashed", "the automation notices", log=here.log)
    finally:
        here.start_worker()
        here.silence(PATIENT)
    until(lambda: len(here.kept("endless")) > before, "its artifact", log=here.log)
    report = here.report(here.kept("endless")[0])
    assert report.verdict is Verdict.RED
    assert all(run in missing.reason for missing in report.missing)


@ON_SQLITE
def test_a_silent_run_is_ended_without_the_automations(here: Site, endless: Path) -> None:
    """What the automations remember may be lost, too: their patience here is longer than this test."""
    from flows.prefect.lost import end_silent

    run = here.begin("supply-chain/supply-chain", target=str(endless), policy="bench")
    until(lambda: here.state(run) == "Running", "the run begins", log=here.log)

    def ended(seconds: int) -> bool:
        with reaching(here.api):
            return run in map(str, asyncio.run(end_silent(silence=timedelta(seconds=seconds))))

    assert not ended(60), "it is alive"
    before = len(here.kept("endless"))
    here.kill_worker()
    try:
        until(lambda: ended(IMPATIENT), "the run is found", log=here.log)
        assert here.state(run) == "Crashed"
    finally:
        here.start_worker()
    until(lambda: len(here.kept("endless")) > before, "its artifact", log=here.log)
    assert here.report(here.kept("endless")[0]).verdict is Verdict.RED


def test_a_run_that_was_refused_a_slot_leaves_a_red_artifact(here: Site, endless: Path) -> None:
    deployment = here.ask("/deployments/name/gpu-validation/gpu-validation")
    assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    name = "supply-chain/supply-chain"
    found = here.ask(f"/deployments/name/{name}")["id"]
    here.change(f"/deployments/{found}", {"concurrency_limit": 1, "concurrency_options": {"collision_strategy": "CANCEL_NEW"}})
    first = here.begin(name, target=str(endless), policy="bench")
    until(lambda: here.state(first) == "Running", "the first run", log=here.log)
    second = here.begin(name, target="/nowhere/second", policy="bench")
    until(lambda: here.state(second) == "Cancelled", "the second run is refused", log=here.log)
    (kept,) = until(lambda: here.kept("second"), "its artifact", log=here.log)
    assert here.report(kept).verdict is Verdict.RED
    here.cancel(first)
    here.change(f"/deployments/{found}", {"concurrency_limit": 4, "concurrency_options": {"collision_strategy": "ENQUEUE"}})


@ON_SQLITE
def test_what_the_automations_missed_is_accounted_for(here: Site) -> None:
    """As after an accounting that was lost itself: the run ended badly and left nothing, and no one is told."""
    from flows.prefect.automations import ACCOUNT

    (account,) = [one["id"] for one in here.ask("/automations/filter", {}) if one["name"] == ACCOUNT]
    here.change(f"/automations/{account}", {"enabled": False})
    asked = {
        "readiness/readiness": {"target": "/nowhere/forgotten"},
        "network-drift/network-drift": {"declared": "/nowhere/declared", "context": "a-lost-site"},
    }
    lost = []
    for deployment, parameters in asked.items():
        flow = here.ask(f"/deployments/name/{deployment}")["flow_id"]
        forgotten = {"flow_id": flow, "tags": ["arcops"], "parameters": parameters, "state": {"type": "CRASHED"}}
        lost.append(here.ask("/flow_runs/", forgotten)["id"])
    for _ in range(2):  # the second time there is nothing left to do
        run = here.begin("account-for-run/account-for-run", after_minutes=0)
        assert here.finish(run) == ("Accounted", "COMPLETED"), here.log()
        found = [*here.kept("forgotten"), *here.kept("a-lost-site")]
        assert len(found) == 2
    for run, kept, kind in zip(lost, found, ("model", "network"), strict=True):
        report = here.report(kept)
        assert (report.verdict, report.subject.kind) == (Verdict.RED, kind)
        assert all(run in missing.reason for missing in report.missing)
    here.change(f"/automations/{account}", {"enabled": True})


@ON_SQLITE
def test_a_changed_model_is_checked_again(here: Site, model: Path) -> None:
    before = len(here.kept("tiny"))
    done = here.arcops("announce", "model", "tiny", str(model), "--policy", str(here.bench.policy))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("announced: the model tiny changed")
    until(lambda: len(here.kept("tiny")) > before, "the check that the event asked for", log=here.log)


@ON_SQLITE
@pytest.mark.requirement("ARC-R2/new-artifacts-reach-subscribers")
def test_prefect_is_told_what_was_kept(here: Site, model: Path) -> None:
    """So an automation of its operator's can wait for a verdict."""
    assert here.arcops("receivers", "add", "prefect").returncode == 0
    checked = here.arcops("check", str(model), "--policy", str(here.bench.policy))
    assert checked.returncode == 0, checked.stderr
    told = here.arcops("receivers", "tell", "prefect")
    assert told.returncode == 0, told.stdout + told.stderr
    wanted = {"filter": {"event": {"name": ["arcops.artifact.kept"]}}}

    def kept() -> dict[str, Any] | None:
        return next((one for one in here.ask("/events/filter", wanted)["events"] if one["payload"]["subject"] == "tiny"), None)

    found = until(kept, "Prefect shows the event", log=here.log)
    assert found is not None
    assert found["resource"]["arcops.verdict"] == "GREEN"
    assert found["payload"]["artifact"].removeprefix("sha256:") in found["resource"]["prefect.resource.id"]


@ON_SQLITE
def test_what_expires_is_checked_again_once(here: Site, model: Path) -> None:
    short = here.bench.settings.policies / "short.yaml"
    short.write_text("name: short\nvalidFor: PT1H\ngates: {integrity: {}}\n")
    assert here.finish(here.begin("readiness/readiness", target=str(model), policy="short"))[1] == "COMPLETED", here.log()
    ours = [one for one in here.kept("tiny") if one.policy == "short"]
    assert here.finish(here.begin("recheck-expiring/recheck-expiring", hours=2))[1] == "COMPLETED", here.log()
    until(lambda: len([one for one in here.kept("tiny") if one.policy == "short"]) > len(ours), "again", log=here.log)


@ON_SQLITE
@pytest.mark.requirement("ARC-R1/one-signed-release-verdict")
def test_a_release_runs_its_parts_by_their_own_deployments_and_is_judged(here: Site, model: Path) -> None:
    policies = here.bench.settings.policies
    quick = "name: quick\nvalidFor: P1D\ngates: {integrity: {}}\n"
    (policies / "quick.yaml").write_text(quick)
    digest = f"sha256:{hashlib.sha256(quick.encode()).hexdigest()}"
    flows = ("readiness", "supply-chain")
    rules = ", ".join(f"{{flow: {flow}, policies: ['{digest}'], signers: [{{key: own}}]}}" for flow in flows)
    (policies / "ours.yaml").write_text(f"name: ours\nvalidFor: P7D\ngates: {{release: {{parts: [{rules}]}}}}\n")
    parts = "".join(f"  {flow}: {{flow: {flow}, target: {model}, policy: quick}}\n" for flow in flows)
    described = here.folder / "release.yaml"
    described.write_text(f"name: tiny-at-lab\nsite: lab\nparts:\n{parts}")
    run = here.begin("release-readiness/release-readiness", description=str(described), policy="ours")
    assert here.finish(run) == ("GREEN", "COMPLETED"), here.log()
    (kept,) = here.kept("tiny-at-lab")
    announced = here.arcops("announce", "release", "tiny-at-lab", str(described), "--policy", str(policies / "ours.yaml"))
    assert announced.returncode == 0, announced.stderr
    until(lambda: len(here.kept("tiny-at-lab")) > 1, "the event begins a run", log=here.log)
    report = here.report(kept)
    assert (report.subject.kind, report.site, report.verdict) == ("release", "lab", Verdict.GREEN)
    assert run in report.runner
    before = len(here.kept("tiny"))
    described.write_text(described.read_text().replace("site: lab", "site: elsewhere"))
    assert here.finish(here.begin("release-readiness/release-readiness", description=str(described), policy="ours"))[0] == "RED"
    (refused,) = here.kept("release.yaml")
    assert all("ARCOPS_SITE=elsewhere" in one.reason for one in here.report(refused).missing)
    assert len(here.kept("tiny")) == before, "nothing ran for another site"


def test_a_schedule_makes_runs(here: Site, model: Path) -> None:
    before = len(here.kept("tiny"))
    found = here.ask("/deployments/name/readiness/readiness")["id"]
    # Prefect forgets a moment that passed before it looked at the schedule; so there is a next one soon.
    soon = {"interval": 30, "anchor_date": (now() + timedelta(seconds=5)).isoformat(), "timezone": "UTC"}
    given = {"target": str(model), "policy": "bench"}
    (made,) = here.ask(f"/deployments/{found}/schedules", [{"schedule": soon, "parameters": given}])
    try:
        until(lambda: len(here.kept("tiny")) > before, "a scheduled run", log=here.log)
    finally:
        here.remove(f"/deployments/{found}/schedules/{made['id']}")


@ON_SQLITE
class TestFollowed:
    """A run followed from outside, as the MCP tools follow it."""

    @pytest.fixture(autouse=True)
    def reached(self, here: Site) -> Iterator[None]:
        with reaching(here.api):
            yield

    def test_to_its_artifact(self, here: Site, model: Path) -> None:
        from flows.prefect.deployed import follow, start

        async def run() -> tuple[str, str]:
            begun = await start("readiness/readiness", {"target": str(model), "policy": "bench"}, key="once")
            again = await start("readiness/readiness", {"target": str(model), "policy": "bench"}, key="once")
            assert again.id == begun.id
            ended = await follow(begun.id, progress=lambda done, total: None, stop=threading.Event())
            return ended.state, ended.artifact

        state, artifact = asyncio.run(run())
        assert state == "GREEN"
        assert artifact in {one.artifact for one in here.kept("tiny")}

    def test_and_stopped(self, here: Site, endless: Path) -> None:
        from flows.prefect.deployed import follow, look_up, start

        stop = threading.Event()

        async def run() -> tuple[str, str]:
            begun = await start("readiness/readiness", {"target": str(endless), "policy": "bench"})

            def progress(done: int, total: int) -> None:
                if here.state(begun.id) == "Running":
                    stop.set()

            await follow(begun.id, progress=progress, stop=stop)
            while not (found := await look_up(begun.id)).artifact:
                await asyncio.sleep(0.2)
            return found.state, found.artifact

        state, artifact = asyncio.run(asyncio.wait_for(run(), 900))
        assert state in ("Cancelled", "Crashed")
        (kept,) = [one for one in here.kept("endless") if one.artifact == artifact]
        assert here.report(kept).verdict is Verdict.RED

    def test_what_prefect_refuses_is_refused(self) -> None:
        from arcops.errors import Refused, Unavailable
        from flows.prefect.deployed import look_up, start

        with pytest.raises(Unavailable, match="no deployment"):
            asyncio.run(start("readiness/none", {}))
        with pytest.raises(Refused, match="refused"):
            asyncio.run(start("readiness/readiness", {"target": 7}))
        with pytest.raises(Refused, match="is not the id of a run"):
            asyncio.run(look_up("x"))


def test_an_api_that_is_down_is_unavailable() -> None:
    from arcops.errors import Unavailable
    from flows.prefect.deployed import start

    with reaching("http://127.0.0.1:9/api", retries=0), pytest.raises(Unavailable, match="does not answer"):
        asyncio.run(start("readiness/readiness", {}))
