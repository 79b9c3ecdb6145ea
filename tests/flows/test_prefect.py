"""The same plan by Prefect, against a real server: equal artifacts except for the runner, and states that people can read."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.evidence import Body, Missing, Seen, Sighting
from arcops.request import Request
from arcops.seen.tree import Tree
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.wire import to_json
from capabilities.network.drift import DiffNetwork, diff_network
from flows.conclude import conclude
from flows.policies.registered import registered_policy
from flows.runners import direct
from flows.runners.looking import Found
from tests.clusters import cluster_of_the_shop, operators_file
from tests.flows.running import Runs, running
from tests.flows.site import Site, reaching
from tests.manifests import POLICIES, shop
from tests.models import CLOCK, Bench, bench, good_model
from tests.simulators.kubernetes_api import serving
from tests.simulators.openai_api import Plan
from tests.simulators.openai_api import serving as api
from tests.simulators.ready_cluster import beating, ready_cluster

pytestmark = [
    pytest.mark.requirement(
        "ARC-0/every-runner-gives-the-same-artifact", "ARC-0/evidence-says-what-was-seen", "ARC-4/no-failed-collector-is-green"
    ),
    pytest.mark.filterwarnings("ignore"),  # Prefect's own warnings are not ours to fix
    pytest.mark.xdist_group("site"),
    pytest.mark.site,
]


@pytest.fixture(scope="module")
def server(plain_site: Site) -> str:
    """The API of the site of all tests. These runs are of no deployment, so its worker and its automations leave them alone."""
    return plain_site.api


@pytest.fixture(scope="module")
def runs(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with running(server, tmp_path_factory.mktemp("runs")) as found:
        yield found


def run_flow(
    bench: Bench, runs: Runs, flow: str, more: Mapping[str, str] | None = None, /, **parameters: object
) -> dict[str, str]:
    """Run *flow* in a process of its own, as a worker would, and tell its final state and where its artifact is."""
    folder = bench.home / "out"
    folder.mkdir(exist_ok=True)
    output = folder / f"{flow}-{len(list(folder.iterdir()))}.sigstore.json"
    own = {**bench.environment, "ARCOPS_OUTPUT": str(folder), **(more or {})}
    said = runs.state(flow, {**parameters, "output": str(output)}, own, bench.home / "log")
    return {**said, "output": str(output)}


def test_both_runners_make_the_same_artifact(tmp_path: Path, server: str) -> None:
    here = bench(tmp_path)
    model = good_model(here)
    plan = here.plan(model)
    by_hand = conclude(plan, direct.collect(plan, stop=here.stop), runner="x")

    with reaching(server):
        from flows.prefect.api import flow
        from flows.runners import engine

        collected = asyncio.run(flow(engine.collect, name="collect", validate_parameters=False)(plan))
    by_prefect = conclude(plan, collected, runner="x")
    assert to_json(by_prefect) == to_json(by_hand)
    assert by_hand.judged_at == CLOCK


@pytest.mark.parametrize("flow", ["supply_chain", "readiness"])
def test_a_flow_ends_in_a_state_named_by_the_verdict(tmp_path: Path, runs: Runs, flow: str) -> None:
    here = bench(tmp_path)
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))  # the flow's own clock judges it
    well = run_flow(here, runs, flow, target=str(model), policy="bench")
    assert (well["name"], well["type"]) == ("GREEN", "COMPLETED"), well["message"]
    assert here.open(Path(well["output"])).verdict is Verdict[well["name"]]

    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    ill = run_flow(here, runs, flow, target=str(model), policy="bench")
    assert (ill["name"], ill["type"]) == ("RED", "FAILED")
    assert "signatures RED" in ill["message"]
    report = here.open(Path(ill["output"]))
    assert report.verdict is Verdict.RED
    assert re.fullmatch(r"prefect/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[0-9a-f]{32}", report.runner), (
        "whose run made it is signed"
    )


def test_a_worker_takes_no_policy_by_path(tmp_path: Path, runs: Runs) -> None:
    """Prefect does not know who sets a parameter, so a file that the worker could read is not a policy for it."""
    here = bench(tmp_path)
    own = tmp_path / "own.yaml"
    own.write_text("name: own\nvalidFor: P1D\ngates: {integrity: {}}\n")
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    refused = run_flow(here, runs, "readiness", target=str(model), policy=str(own))
    report = here.open(Path(refused["output"]))
    assert report.verdict is Verdict.RED
    assert all("is registered here" in one.reason for one in report.missing)
    (here.settings.policies / "own.yaml").write_bytes(own.read_bytes())
    digest = registered_policy("own", here.settings.policies).digest
    assert run_flow(here, runs, "readiness", target=str(model), policy=digest)["name"] == "GREEN"


@pytest.mark.requirement("ARC-B3/drift-is-a-signed-gate")
def test_drift_by_the_flow_is_what_the_tool_finds(tmp_path: Path, runs: Runs) -> None:
    here = bench(tmp_path)
    folders = shop(tmp_path / "declared"), shop(tmp_path / "live", policies=POLICIES.replace("port: postgres", "port: 22"))
    by_hand = diff_network(DiffNetwork(declared=folders[0], live=folders[1]), here.place()).report
    asked = {"declared": str(folders[0]), "live": str(folders[1])}
    by_flow = run_flow(here, runs, "network_drift", **asked)
    assert (by_flow["name"], by_flow["type"]) == ("AMBER", "COMPLETED"), by_flow["message"]
    report = here.open(Path(by_flow["output"]))
    assert report.results == by_hand.results
    assert (report.subject, report.runner[:8]) == (by_hand.subject, "prefect/")

    neither = run_flow(here, runs, "network_drift", declared=str(folders[0]))
    assert (neither["name"], neither["type"]) == ("RED", "FAILED")
    missing = here.open(Path(neither["output"])).missing
    assert {one.kind for one in missing} == {"declared", "network"}
    assert all("no network is named" in one.reason for one in missing)


@pytest.mark.requirement("ARC-B3/drift-is-a-signed-gate")
def test_a_flow_looks_at_the_cluster_that_it_is_told(tmp_path: Path, runs: Runs) -> None:
    here = bench(tmp_path)
    cluster = cluster_of_the_shop(tmp_path / "declared")
    with serving(cluster, tmp_path, secure=True) as kubeconfig:
        asked = {"declared": str(tmp_path / "declared"), "context": "edge"}
        named = {"ARCOPS_CLUSTERS": str(operators_file(tmp_path, kubeconfig, name="edge"))}
        refused = run_flow(here, runs, "network_drift", named, **asked)
        unnamed = run_flow(here, runs, "network_drift", {"ARCOPS_TIER": "restricted", "KUBECONFIG": str(kubeconfig)}, **asked)
        assert not cluster.asked, "the bench is air-gapped, and then its operator named no cluster"
        said = [one.reason for one in here.open(Path(unnamed["output"])).missing if one.kind == "network"]
        done = run_flow(here, runs, "network_drift", {"ARCOPS_TIER": "restricted", **named}, **asked)
    assert (refused["name"], unnamed["name"], done["name"]) == ("RED", "RED", "GREEN"), done["message"]
    assert ["operator named no clusters" in one for one in said] == [True]
    report = here.open(Path(done["output"]))
    assert (report.subject.name, report.subject.kind) == ("edge", "network")


@pytest.mark.requirement("ARC-C4/the-worker-checks-clusters")
def test_readiness_of_a_cluster_by_the_flow(tmp_path: Path, runs: Runs) -> None:
    here = bench(tmp_path)
    cluster = ready_cluster()
    with serving(cluster, tmp_path, secure=True) as kubeconfig:
        asked = {"context": "good"}
        named = {"ARCOPS_TIER": "restricted", "ARCOPS_CLUSTERS": str(operators_file(tmp_path, kubeconfig))}
        refused = run_flow(here, runs, "cluster_readiness", **asked)
        assert not cluster.asked, "the bench is air-gapped"
        assert here.open(Path(refused["output"])).subject.name == "good"
        cluster.breaks = {"/api/v1/pods": "reset"}
        silent = run_flow(here, runs, "cluster_readiness", named, **asked)
        cluster.breaks = {}
        cluster.broke.clear()
        with beating(cluster):
            done = run_flow(here, runs, "cluster_readiness", named, **asked)
    assert (refused["name"], silent["name"], done["name"]) == ("RED", "RED", "GREEN"), done["message"]
    report = here.open(Path(done["output"]))
    assert (report.subject.name, report.subject.kind, report.runner[:8]) == ("good", "cluster", "prefect/")


@pytest.mark.requirement("ARC-3/callers-are-bounded")
def test_an_endpoint_by_the_flow_is_loaded_only_where_the_worker_s_operator_named_it(tmp_path: Path, runs: Runs) -> None:
    here = bench(tmp_path)
    slow = here.settings.policies / "slow.yaml"
    # The targets are wide: this tests who may contact what, and this machine is busy.
    aims = "mostTtft: 20000, mostItl: 20000, mostTpot: 20000, leastRequests: 2, mostLate: 20000"
    aims += ", determinism: warn, withoutHealth: pass, mostLoad: 0, leastHeadroom: 0"
    slow.write_text(f"name: slow\nvalidFor: P1D\ngates: {{inference: {{{aims}}}}}\n")
    with api(a=Plan()) as endpoint:
        asked: dict[str, object] = {
            "url": f"{endpoint.url}/v1", "models": ["a"], "policy": "slow",
            "concurrencies": [1], "rates": [], "each": 2, "tokens": 4,
        }  # fmt: skip
        named = {"ARCOPS_ENDPOINTS": endpoint.url}
        refused = run_flow(here, runs, "inference_validation", **asked)
        assert not endpoint.seen, "it was not named"
        unnamed = here.open(Path(refused["output"])).missing
        files = run_flow(here, runs, "inference_validation", named, **{**asked, "policy": "bench"})
        assert not endpoint.seen, "the policy judges files, and none are named"
        done = run_flow(here, runs, "inference_validation", named, **asked)
    assert (refused["name"], files["name"]) == ("RED", "RED")
    report = here.open(Path(done["output"]))
    assert done["name"] == report.verdict.value
    assert report.verdict is not Verdict.RED, done["message"]
    assert (report.subject.name, report.subject.kind) == (endpoint.url, "inference-endpoint")
    assert {"ARCOPS_ENDPOINTS" in one.reason for one in unnamed} == {True}


def test_a_run_names_no_secret_but_the_one_that_was_put_there_for_it() -> None:
    from arcops.subjects.inference import LoadedEndpoint
    from flows.subjects.inference import refuse_other_keys

    def asked(key: str) -> LoadedEndpoint:
        return LoadedEndpoint(url="http://127.0.0.1:1", models=("a",), key=key)

    for good in ("", "env:ARCOPS_ENDPOINT_KEY", "env:ARCOPS_ENDPOINT_KEY_2"):
        refuse_other_keys(asked(good))
    for bad in (
        "env:ARCOPS_PASSPHRASE",
        "env:HOME",
        "file:/etc/passwd",
        "env:ARCOPS_ENDPOINT_KEYx",
        "env:ARCOPS_ENDPOINT_KEY\n",
    ):
        with pytest.raises(Refused):
            refuse_other_keys(asked(bad))


@pytest.mark.parametrize(
    ("flow", "parameters", "name", "kind"),
    [
        ("cluster-readiness", {"context": "edge", "kubeconfig": "/x"}, "edge", "cluster"),
        ("cluster-readiness", {"saved": "/srv/saved"}, "saved", "cluster"),
        ("inference-validation", {"url": "http://127.0.0.1:1/v1", "models": ["a"]}, "http://127.0.0.1:1", "inference-endpoint"),
        ("inference-validation", {"url": "http://127.0.0.1:1", "models": ["a"], "of": "/srv/tiny"}, "tiny", "model"),
    ],
)
def test_a_lost_run_is_accounted_for_by_the_name_of_what_it_was_to_look_at(
    tmp_path: Path, flow: str, parameters: dict[str, object], name: str, kind: str
) -> None:
    from flows.prefect.flow import refused
    from flows.subjects.evaluation import evaluation

    request = refused(evaluation(flow), parameters, replace(bench(tmp_path).place(), worker=True, own=False))
    assert (request.name, request.kind) == (name, kind)


def test_a_run_looks_only_at_what_the_worker_s_operator_named(tmp_path: Path) -> None:
    from arcops.subjects.cluster import NamedCluster
    from flows.subjects.meaning import meant
    from tasks.kubernetes.listing import open_to

    here = bench(tmp_path)
    own = {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "kubeconfig")}
    cluster = cluster_of_the_shop(tmp_path / "declared")
    with serving(cluster, tmp_path, secure=True) as kubeconfig:
        named = str(operators_file(tmp_path, kubeconfig, name="edge"))
        for clusters, roots, context, says in (
            ("", (), "good", "operator named no clusters"),
            (named, (), "good", "named are: edge"),
            (named, (tmp_path,), "edge", "callers may name files in"),
        ):
            settings = replace(here.settings, clusters=clusters, roots=roots, tier=Tier.RESTRICTED)
            at = replace(here.place(), settings=settings, worker=True, own=False)
            asked = meant(NamedCluster(context=context), at).cluster
            assert asked is not None
            with pytest.raises(Refused, match=says):
                open_to(asked, settings.tier, environment=own)
    assert not cluster.asked


def test_a_kubeconfig_in_the_parameters_of_an_old_run_is_refused_and_not_ignored(tmp_path: Path, runs: Runs) -> None:
    """The run itself fails without contacting any server; what accounts for it says why, and its check is not started again."""
    from flows.subjects.evaluation import evaluation

    cluster = cluster_of_the_shop(tmp_path / "declared")
    with serving(cluster, tmp_path, secure=True) as kubeconfig:
        named = {"ARCOPS_TIER": "restricted", "ARCOPS_CLUSTERS": str(operators_file(tmp_path, kubeconfig))}
        for flow in ("network_safety", "network_drift", "cluster_readiness"):
            with pytest.raises(AssertionError, match="kubeconfig"):
                run_flow(bench(tmp_path / flow), runs, flow, named, context="good", kubeconfig=str(kubeconfig))
    assert not cluster.asked
    what = evaluation("cluster-readiness")
    with pytest.raises(Refused, match="ARCOPS_CLUSTERS"):
        what.read({"context": "good", "kubeconfig": "/x"})
    assert what.read({"context": "good", "kubeconfig": ""})


def test_a_cancelled_flow_still_has_an_answer_for_everything(tmp_path: Path, server: str) -> None:
    from flows.runners import engine

    here = bench(tmp_path)
    plan = here.plan(good_model(here))
    asked = threading.Event()

    def waits(request: Request, seen: Seen) -> Sighting[Body]:
        asked.set()
        while True:
            request.progress(0, 0)
            time.sleep(0.01)  # as one that reads, and not one that takes a core

    slow = tuple(replace(one, look=waits) if one.body is Tree else one for one in plan.collectors)

    async def cancelled() -> Mapping[str, Found]:
        running = asyncio.create_task(engine.collect(replace(plan, collectors=slow)))
        await asyncio.to_thread(asked.wait, 60)
        running.cancel()
        return await running

    with reaching(server):
        collected = asyncio.run(cancelled())
    assert asked.is_set()
    assert set(collected) == {one.body.KIND for one in slow}
    assert all(isinstance(found, Missing) for found in collected.values())
    assert conclude(plan, collected, runner="x").verdict is Verdict.RED
