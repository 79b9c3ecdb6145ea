"""A model on a site with six parts is GREEN by one command; each part is then broken, expired, revoked, swapped with another
site's, judged by another policy, and removed, in turn: RED each time, with the part named.

The files, the cluster and the endpoint are judged for real (the cluster is a saved one, the endpoint a simulated server). What
a GPU node says is written here, as no machine here has one: two artifacts of a node ``gpu-01``, with evidence of the same GPU.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arcops.finding import Outcome
from arcops.result import Report
from arcops.tier import Tier
from arcops.verdict import Verdict
from artifacts.bundle import seal
from artifacts.private_key import Algorithm, load_signer
from artifacts.statement import from_statement
from artifacts.store import Store
from artifacts.vouch import vouch
from artifacts.wire import to_json
from capabilities.cluster.check import SnapshotCluster, snapshot_cluster
from capabilities.keys.keys import NewKey, RevokeKey, TrustKey, new_key, revoke_key, trust_key
from capabilities.release.check import CheckedRelease, CheckRelease, check_release
from flows.place import Place
from flows.subjects.release.planning import described_here, release_policy, steps
from gates.gpu.benchmark import examples as benchmark
from gates.gpu.healthy import healthy
from tasks.signing.grounds import grounds
from tests.flows.release.test_release import bad
from tests.kept import checkpoint, emptied, finding, keep, report, result
from tests.manifests import shop
from tests.models import PASSPHRASE, Bench, bench, good_model
from tests.simulators.kubernetes_api import serving as api_of
from tests.simulators.openai_api import Plan, serving
from tests.simulators.ready_cluster import POLICY as CLUSTER_POLICY
from tests.simulators.ready_cluster import beating, ready_cluster

pytestmark = [pytest.mark.requirement("ARC-R1/one-signed-release-verdict"), pytest.mark.xdist_group("matrix")]

SITE = "edge-07"
NOW = datetime.now(UTC).replace(microsecond=0)
"""A cluster's heartbeats are those of the real clock."""
PARTS = ("chain", "network", "cluster", "gpus.gpu-01", "speed.gpu-01", "endpoint")
POLICIES = {
    "network": "name: net\nvalidFor: P2D\ngates: {network: {enforcer: cilium}}\n",
    "site": CLUSTER_POLICY,
    "well": "name: well\nvalidFor: P2D\ngates: {gpu-health: {}}\n",
    "quick": "name: quick\nvalidFor: P2D\ngates: {benchmark: {}}\n",
    "answers": (
        "name: answers\nvalidFor: P2D\ngates:\n  integrity: {}\n"
        "  inference: {determinism: warn, uncounted: warn, withoutHealth: pass, mostLoad: 0, leastHeadroom: 0}\n"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """The site after its first check: the artifacts of its parts, by name."""

    here: Bench
    described: Path
    policy: Path
    reports: dict[str, Report]
    evidence: dict[str, dict[str, bytes]]


def place(here: Bench, now: datetime = NOW) -> Place:
    at = here.place(now=now)
    return replace(at, settings=replace(at.settings, site=SITE, tier=Tier.RESTRICTED))


def opened(here: Bench, artifact: str) -> tuple[Report, dict[str, bytes]]:
    with Store.at(here.settings) as store:
        said = from_statement(vouch(store.get(artifact), grounds(here.settings.trust), NOW).statement)
        return said, {one.digest: store.get(one.digest) for one in said.evidence}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("site")
    here = bench(folder)
    good_model(here, now=NOW)
    shop(folder / "manifests")
    for name, text in POLICIES.items():
        (folder / f"{name}.yaml").write_text(text)
    digests = {name: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" for name, text in POLICIES.items()}
    digests["bench"] = f"sha256:{hashlib.sha256(here.policy.read_bytes()).hexdigest()}"
    flows = {
        "readiness": ("bench", "model"),
        "network-safety": ("network", ""),
        "cluster-readiness": ("site", ""),
        "gpu-validation": ("well", "gpu"),
        "gpu-benchmark": ("quick", "gpu"),
        "inference-validation": ("answers", "model"),
    }
    rules = "".join(
        f"      - {{flow: {flow}, policies: ['{digests[name]}'], signers: [{{key: '*'}}], says: [{says}]}}\n"
        for flow, (name, says) in flows.items()
    )
    policy = folder / "release.policy.yaml"
    policy.write_text(f"name: ours\nvalidFor: P7D\ngates:\n  release:\n    parts:\n{rules}")
    with ExitStack() as held:
        cluster = ready_cluster()
        kubeconfig = held.enter_context(api_of(cluster, folder))
        with beating(cluster):
            ask = SnapshotCluster(context="good", kubeconfig=kubeconfig)
            saved = snapshot_cluster(ask, replace(place(here, NOW), own=True))
        (folder / "cluster").mkdir()
        for one in saved.files:
            (folder / "cluster" / one.name).write_text(one.text)
        api = held.enter_context(serving(a=Plan(first=0.01, gap=0.001)))
        described = folder / "release.yaml"
        described.write_text(
            f"name: tiny-at-{SITE}\nsite: {SITE}\nparts:\n"
            "  chain: {flow: readiness, target: tiny, policy: ./policy.yaml}\n"
            "  network: {flow: network-safety, target: ./manifests, policy: ./network.yaml}\n"
            "  cluster: {flow: cluster-readiness, saved: ./cluster, policy: ./site.yaml}\n"
            "  gpus: {flow: gpu-validation, nodes: [gpu-01], policy: ./well.yaml}\n"
            "  speed: {flow: gpu-benchmark, nodes: [gpu-01], policy: ./quick.yaml}\n"
            f"  endpoint: {{flow: inference-validation, url: '{api.url}', models: [a], each: 8, rates: [20000],\n"
            "             concurrencies: [2], tokens: 4, of: ./tiny, policy: ./answers.yaml}\n"
        )
        at_node(here, described, policy, digests)
        checkpoint(here)
        checked = check_release(CheckRelease(description=described, policy=str(policy)), place(here))
    unwell = [one.text for each in checked.report.results for one in each.findings if one.outcome is not Outcome.PASS]
    assert checked.report.verdict is Verdict.GREEN, unwell
    found = {one.part: opened(here, one.artifact) for one in checked.parts}
    assert tuple(found) == PARTS
    return Made(
        here=here,
        described=described,
        policy=policy,
        reports={part: said for part, (said, _) in found.items()},
        evidence={part: bodies for part, (_, bodies) in found.items()},
    )


def at_node(here: Bench, described: Path, policy: Path, digests: dict[str, str]) -> None:
    """What the node ``gpu-01`` left: its health, and its benchmark as the release asks for it."""
    at = place(here)
    planned = steps(described_here(described, at), at, release_policy(at.policy(str(policy))), own_key="")
    gpus, _ = healthy()
    body = benchmark.run(benchmark.figure("copy", 1000))
    model = gpus.devices[0].identity.name
    body = replace(body, machines=tuple(replace(one, device="0", model=str(model)) for one in body.machines))
    for part, kind, name, gate, seen in (
        ("gpus.gpu-01", "gpus", "well", "gpu-health", gpus),
        ("speed.gpu-01", "benchmark", "quick", "benchmark", body),
    ):
        step = next(one for one in planned if one.described.part == part)
        evidence = {kind: to_json(seen)}
        said = report("gpu-01", result(gate, finding(f"{gate}/all")), kind="gpu-node", site=SITE, at=NOW, evidence=evidence)
        runner = step.planned.runner if step.planned.ask else "direct"
        said = replace(said, policy_name=name, policy_digest=digests[name], valid_until=NOW + timedelta(days=2), runner=runner)
        keep(here, said, evidence=evidence)


@pytest.fixture
def store(made: Made, tmp_path: Path) -> Bench:
    """The site with an empty store."""
    return emptied(made.here, tmp_path)


def put(here: Bench, made: Made, part: str, said: Report, *, signer: object = None) -> None:
    bodies = made.evidence[part]
    sealed = seal(said, signer or here.signer)  # type: ignore[arg-type]  # a signer
    with Store.at(here.settings) as kept:
        kept.put(sealed, bodies, at=max(said.judged_at, kept.newest_time() or said.judged_at), signer=here.signer)


def judged(here: Bench, made: Made, now: datetime = NOW + timedelta(minutes=20)) -> CheckedRelease:
    ask = CheckRelease(description=made.described, policy=str(made.policy), kept_only=True)
    return check_release(ask, place(here, now))


def all_but(here: Bench, made: Made, part: str) -> None:
    for other, said in made.reports.items():
        if other != part:
            put(here, made, other, said)


def named(found: CheckedRelease) -> set[str]:
    return {part for _, part in bad(found) if part}


def test_all_six_are_green_and_nothing_runs(store: Bench, made: Made) -> None:
    all_but(store, made, "")
    found = judged(store, made)
    assert found.report.verdict is Verdict.GREEN, bad(found)
    assert not any(one.runs for one in found.parts)


@pytest.mark.parametrize("part", PARTS)
class TestEachPart:
    def test_removed(self, store: Bench, made: Made, part: str) -> None:
        all_but(store, made, part)
        found = judged(store, made)
        assert found.report.verdict is Verdict.RED
        assert named(found) == {part}

    def test_broken(self, store: Bench, made: Made, part: str) -> None:
        all_but(store, made, "")
        said = made.reports[part]
        worse = tuple(
            replace(one, verdict=Verdict.RED, findings=tuple(replace(each, outcome=Outcome.FAIL) for each in one.findings))
            for one in said.results
        )
        put(store, made, part, replace(said, verdict=Verdict.RED, results=worse, judged_at=NOW + timedelta(minutes=10)))
        found = judged(store, made)
        assert found.report.verdict is Verdict.RED
        assert named(found) == {part}

    def test_expired(self, store: Bench, made: Made, part: str) -> None:
        all_but(store, made, part)
        put(store, made, part, replace(made.reports[part], valid_until=NOW + timedelta(minutes=15)))
        found = judged(store, made)
        assert found.report.verdict is Verdict.RED
        assert ("release/valid", part) in bad(found)
        assert named(found) == {part}

    def test_revoked(self, store: Bench, made: Made, part: str, tmp_path: Path) -> None:
        """Its signer counted, and does not any more."""
        at = place(store)
        other = new_key(NewKey(path=tmp_path / "other.key", algorithm=Algorithm.ED25519), at)
        trust_key(TrustKey(public=other.public.read_text()), at)
        signer = load_signer(str(other.private), lambda what: PASSPHRASE)
        all_but(store, made, part)
        put(store, made, part, made.reports[part], signer=signer)
        assert judged(store, made).report.verdict is Verdict.GREEN
        revoke_key(RevokeKey(key=signer.public.id, reason="lost"), at)
        found = judged(store, made)
        assert found.report.verdict is Verdict.RED
        assert named(found) == {part}

    def test_swapped_with_another_sites(self, store: Bench, made: Made, part: str) -> None:
        all_but(store, made, part)
        put(store, made, part, replace(made.reports[part], site="edge-08"))
        found = judged(store, made)
        assert found.report.verdict is Verdict.RED
        assert named(found) == {part}

    def test_by_another_policy(self, store: Bench, made: Made, part: str) -> None:
        all_but(store, made, part)
        put(store, made, part, replace(made.reports[part], policy_digest=f"sha256:{'0' * 64}"))
        found = judged(store, made)
        assert found.report.verdict is Verdict.RED
        assert named(found) == {part}
