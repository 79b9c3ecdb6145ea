"""Trust at every door: revoke the signer, set a clock wrong, name another policy or kind, and nothing is GREEN any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused, Unavailable
from arcops.finding import Finding
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.bundle import seal
from artifacts.index import Filter
from artifacts.objects import digest_of
from artifacts.store import Store
from artifacts.vouch import Standing
from capabilities.artifact.compare import Compare, compare_artifacts
from capabilities.artifact.examine import Examine, examine_artifact
from capabilities.artifact.figures import AskFigures, success_figures
from capabilities.artifact.rejudge import Rejudge, rejudge_artifact
from capabilities.artifact.review import review_artifacts
from capabilities.artifact.verify import NotVerified, Verify, verify_artifact
from capabilities.cluster.admit import Admit, admit_workload
from capabilities.kept import opened
from capabilities.keys.keys import RevokeKey, TrustKey, revoke_key, trust_key
from capabilities.model.check import Check, check_model
from capabilities.network.check import CheckNetwork, check_network
from flows.policies.registered import register
from tests.adapters.test_admit import deployment
from tests.adapters.typed import Done, typed
from tests.kept import fresh
from tests.models import CLOCK, PASSPHRASE, Bench, bench, good_model

pytestmark = pytest.mark.requirement(
    "ARC-D2/admission-needs-a-green-artifact",
    "ARC-D3/artifacts-are-reviewed-in-a-browser",
    "ARC-4/a-missing-signature-is-red",
    "ARC-4/wrong-clocks-are-not-trusted",
)
HOUSE = Path(__file__).resolve().parents[2]
LATER = CLOCK + timedelta(hours=1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench whose store holds a GREEN answer about one model."""
    here = bench(tmp_path_factory.mktemp("keys"))
    assert here.check(good_model(here)).report.verdict is Verdict.GREEN
    return here


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    return fresh(keys, tmp_path)


def green(here: Bench) -> tuple[str, Report]:
    with Store(here.settings.store) as store:
        [artifact] = [one.artifact for one in store.list(Filter(verdict=Verdict.GREEN))]
    return artifact, opened(artifact, here.place())


def model_of(report: Report) -> str:
    return str(report.subject.digests[0])


def admitted(here: Bench, model: str, *, now: datetime = LATER, policy: str = "") -> Verdict:
    ask = Admit(manifest=deployment(model), policy=policy or str(here.admission))
    return admit_workload(ask, here.place(now=now)).report.verdict


def why(here: Bench, model: str, *, now: datetime = LATER) -> str:
    report = admit_workload(Admit(manifest=deployment(model), policy=str(here.admission)), here.place(now=now)).report
    return " ".join(finding.text for result in report.results for finding in result.findings)


def keep(here: Bench, report: Report, **changes: Any) -> str:
    """Put *report* with *changes* into the store, sealed by the bench's key as if it had come out."""
    sealed = seal(replace(report, **changes), here.signer)
    with Store.at(here.settings) as store:
        store.put(sealed, {}, at=store.newest_time() or CLOCK, signer=here.signer)
    return digest_of(sealed)


def as_red(report: Report) -> dict[str, Any]:
    """The changes that make *report* RED and nothing else."""
    first = report.results[0]
    bad = Finding(rule=first.findings[0].rule, outcome=_fail(), text="It is not.", cites=first.findings[0].cites, fix="Stop.")
    worse = replace(first, verdict=Verdict.RED, findings=(*first.findings, bad))
    return {"verdict": Verdict.RED, "results": (worse, *report.results[1:])}


def _fail() -> Any:
    from arcops.finding import Outcome

    return Outcome.FAIL


DOORS: dict[str, Callable[[Bench, str], bool]] = {
    "verify": lambda here, artifact: not verify_artifact(Verify(artifact=artifact), here.place(now=LATER)).expired,
    "verify by a named key": lambda here, artifact: bool(
        verify_artifact(Verify(artifact=artifact, keys=(here.public.read_text(),)), here.place(now=LATER)).signers
    ),
    "open": lambda here, artifact: bool(opened(artifact, here.place(now=LATER))),
    "examine": lambda here, artifact: (
        examine_artifact(Examine(artifact=artifact), here.place(now=LATER)).signature.standing is Standing.VERIFIED
    ),
    "review": lambda here, artifact: any(
        row.listed.artifact == artifact and row.signature.standing is Standing.VERIFIED
        for row in review_artifacts(Filter(), here.place(now=LATER)).artifacts
    ),
    "compare": lambda here, artifact: (
        compare_artifacts(Compare(a=artifact, b=artifact), here.place(now=LATER)).a.signature.standing is Standing.VERIFIED
    ),
    "rejudge": lambda here, artifact: (
        rejudge_artifact(Rejudge(artifact=artifact), here.place(now=LATER)).signature.standing is Standing.VERIFIED
    ),
    "admit": lambda here, artifact: admitted(here, model_of(_report(here, artifact))) is Verdict.GREEN,
}


def opens(door: str, here: Bench, artifact: str) -> bool:
    try:
        return DOORS[door](here, artifact)
    except Refused:
        return False


class TestRevoked:
    """Each door that rests on an artifact: it opens, the signer is revoked, it does not open."""

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize(
        "what", ["the signer", "the artifact", "the signer, by a list that grew old", "nothing, by an old list"]
    )
    def test_at_every_door(self, here: Bench, door: str, what: str) -> None:
        artifact, _ = green(here)
        assert opens(door, here, artifact), "it opens before"
        old = CLOCK - timedelta(days=30)
        match what:
            case "the artifact":
                self.revoke_artifact(here, artifact)
            case "nothing, by an old list":
                revoke_key(RevokeKey(), here.place(now=old))
            case _:
                key = here.signer.public.id
                revoke_key(RevokeKey(key=key, reason="stolen"), here.place(now=old if "old" in what else CLOCK))
        assert not opens(door, here, artifact)

    def revoke_artifact(self, here: Bench, artifact: str) -> None:
        from arcops.seen.signatures import Revoked
        from artifacts.bundle import seal_statement
        from artifacts.revocation import RevocationList, revocation_statement

        entry = Revoked(at=CLOCK, reason="wrong", sha256=artifact.removeprefix("sha256:"))
        folder = here.settings.trust / "revocations"
        folder.mkdir()
        listed = RevocationList(issued_at=CLOCK, revoked=(entry,))
        (folder / "a.json").write_bytes(seal_statement(revocation_statement(listed), here.signer))

    def test_another_key_s_revocation_changes_nothing(self, here: Bench, tmp_path: Path) -> None:
        artifact, _ = green(here)
        other = bench(tmp_path / "other").signer.public.id
        revoke_key(RevokeKey(key=other, reason="lost"), here.place())
        assert all(opens(door, here, artifact) for door in DOORS)

    def test_figures_leave_it_out(self, here: Bench) -> None:
        _, report = green(here)
        admitted(here, model_of(report))

        def measured() -> Any:
            figures = success_figures(AskFigures(), here.place(now=LATER + timedelta(hours=1))).figures
            return next(one for one in figures if one.name == "passed-before-deployment").of

        assert measured() == 1
        revoke_key(RevokeKey(key=here.signer.public.id, reason="stolen"), here.place())
        assert not measured()

    def test_the_command_line_says_so(self, here: Bench, tmp_path: Path) -> None:
        artifact, _ = green(here)
        with Store(here.settings.store) as store:
            (tmp_path / "a.json").write_bytes(store.get(artifact))

        def verify(*more: str) -> Done:
            return typed(
                "verify", tmp_path / "a.json", *more,
                environment={"ARCOPS_HOME": str(here.home), "ARCOPS_PASSPHRASE": PASSPHRASE},
            )  # fmt: skip

        now = datetime.now().astimezone()
        if now < green(here)[1].valid_until:
            assert verify().returncode == 0
        revoke_key(RevokeKey(key=here.signer.public.id, reason="stolen"), here.place(now=now))
        for done in (verify(), verify("--key", str(here.public))):
            assert done.returncode == 3
            assert "NOT VERIFIED" in done.stderr
            assert "revoked" in done.stderr


def _report(here: Bench, artifact: str) -> Report:
    from artifacts.bundle import read_envelope
    from artifacts.statement import from_statement

    with Store(here.settings.store) as store:
        return from_statement(read_envelope(store.get(artifact)).payload)


class TestNewest:
    def test_a_red_logged_after_a_green_of_a_fast_clock_counts(self, here: Bench) -> None:
        _, report = green(here)
        fast = timedelta(seconds=90)
        keep(here, report, judged_at=CLOCK + fast, valid_until=report.valid_until + fast)
        assert admitted(here, model_of(report)) is Verdict.GREEN
        keep(here, report, **as_red(report), judged_at=CLOCK + timedelta(seconds=30))
        assert admitted(here, model_of(report)) is Verdict.RED

    def test_a_red_hidden_in_the_future_is_not_passed_over(self, here: Bench) -> None:
        _, report = green(here)
        keep(here, report, **as_red(report), judged_at=LATER + timedelta(days=1), valid_until=LATER + timedelta(days=8))
        assert admitted(here, model_of(report)) is Verdict.RED

    def test_an_old_green_that_is_carried_here_later_hides_no_red(self, here: Bench) -> None:
        _, report = green(here)
        keep(here, report, **as_red(report), judged_at=CLOCK + timedelta(minutes=20))
        assert admitted(here, model_of(report)) is Verdict.RED
        keep(here, report, judged_at=CLOCK + timedelta(minutes=5))
        assert admitted(here, model_of(report)) is Verdict.RED
        keep(here, report, judged_at=CLOCK + timedelta(minutes=30))
        assert admitted(here, model_of(report)) is Verdict.GREEN

    @pytest.mark.parametrize(
        "times",
        [
            {"judged_at": datetime(2040, 1, 1, tzinfo=CLOCK.tzinfo), "valid_until": datetime(2040, 1, 8, tzinfo=CLOCK.tzinfo)},
            {"valid_until": datetime(9999, 1, 1, tzinfo=CLOCK.tzinfo)},
        ],
    )
    def test_impossible_times_clear_nothing_and_do_not_verify(self, here: Bench, times: dict[str, datetime]) -> None:
        _, report = green(here)
        unseen = replace(report.subject, digests=(replace(report.subject.digests[0], value="ab" * 32),))
        said = replace(report, subject=unseen, **times)
        with pytest.raises(NotVerified):
            verify_artifact(Verify(artifact=seal(said, here.signer).decode()), here.place(now=LATER))
        sealed = seal(said, here.signer)
        with Store.at(here.settings) as store:
            store.put(sealed, {}, at=CLOCK, signer=here.signer)
        assert admitted(here, f"sha256:{'ab' * 32}") is Verdict.RED

    def test_a_clock_that_was_set_back_revives_nothing(self, here: Bench) -> None:
        artifact, report = green(here)
        admitted(here, model_of(report), now=CLOCK + timedelta(days=20))
        assert verify_artifact(Verify(artifact=artifact), here.place(now=CLOCK + timedelta(days=20))).expired
        with pytest.raises(NotVerified, match="set the clock"):
            verify_artifact(Verify(artifact=artifact), here.place(now=LATER))
        with pytest.raises(Unavailable, match="set the clock"):
            admitted(here, model_of(report))


class TestPolicy:
    def test_a_caller_s_own_policy_of_a_trusted_name_clears_nothing(self, here: Bench, tmp_path: Path) -> None:
        _, report = green(here)
        weak = tmp_path / "weak.yaml"
        weak.write_text("name: bench\nvalidFor: P7D\ngates:\n  integrity: {}\n")
        keep(here, report, **as_red(report), judged_at=CLOCK + timedelta(minutes=1))
        tiny = here.home.parent / "tiny"
        if not tiny.exists():
            good_model(here)
        judged = check_model(Check(target=tiny, policy=str(weak)), here.place(now=CLOCK + timedelta(minutes=2)))
        assert judged.report.verdict is Verdict.GREEN
        assert admitted(here, model_of(judged.report)) is Verdict.RED

    def test_the_shipped_admission_policy_names_the_shipped_policy_and_one_key(self) -> None:
        from arcops.policy import Policy
        from flows.policies.reading import load_policy
        from gates.cluster.admission.gate import OWN, AdmissionPolicy

        shipped: Policy = load_policy("admission")
        settings = shipped.gates["admission"]
        assert isinstance(settings, AdmissionPolicy)
        assert settings.policies == (load_policy("sovereign").digest,), "put the digest of policies/sovereign.yaml there"
        assert [rule.key for rule in settings.signers] == [OWN]

    def test_verify_pins_the_policy(self, here: Bench) -> None:
        artifact, report = green(here)
        for named in (report.policy_digest, str(here.policy)):
            assert verify_artifact(Verify(artifact=artifact, policy=named), here.place(now=LATER)).report == report
        for other in ("sovereign", f"sha256:{'0' * 64}"):
            with pytest.raises(NotVerified, match="was judged by policy 'bench'"):
                verify_artifact(Verify(artifact=artifact, policy=other), here.place(now=LATER))

    def test_another_trusted_key_clears_nothing_that_the_policy_does_not_name(self, here: Bench, tmp_path: Path) -> None:
        _, report = green(here)
        publisher = bench(tmp_path / "publisher")
        trust_key(TrustKey(public=publisher.public.read_text()), here.place())
        unseen = replace(report.subject, digests=(replace(report.subject.digests[0], value="ab" * 32),))
        with Store.at(here.settings) as store:
            store.put(seal(replace(report, subject=unseen), publisher.signer), {}, at=CLOCK, signer=here.signer)
        assert admitted(here, f"sha256:{'ab' * 32}") is Verdict.RED
        assert "do not count" in why(here, f"sha256:{'ab' * 32}")

    def test_a_remote_caller_is_decided_by_a_registered_policy_wherever_the_manifest_lies(
        self, here: Bench, tmp_path: Path
    ) -> None:
        _, report = green(here)
        register(here.admission.read_bytes(), here.settings.policies)
        remote = replace(here.place(now=LATER), own=False, roots=(tmp_path / "served",))
        ask = Admit(manifest=deployment(model_of(report)), policy="bench-admission")
        assert admit_workload(ask, remote).report.verdict is Verdict.GREEN
        with pytest.raises(Refused, match="registered"):
            admit_workload(replace(ask, policy=str(here.admission)), remote)


class TestKind:
    def test_a_folder_of_manifests_is_no_model(self, here: Bench, tmp_path: Path) -> None:
        folder = tmp_path / "manifests"
        folder.mkdir()
        pod = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
        (folder / "a.yaml").write_text(json.dumps(pod))
        model = check_model(Check(target=folder, policy=str(here.policy)), here.place()).report
        manifests = check_network(CheckNetwork(target=folder), here.place()).report
        assert model_of(model) != model_of(manifests), "one folder has one digest as a model and another one as manifests"

    def test_the_kind_counts_even_if_the_digest_is_the_same(self, here: Bench) -> None:
        _, report = green(here)
        digest = replace(report.subject.digests[0], value="ab" * 32)
        keep(here, report, subject=replace(report.subject, kind="manifests", digests=(digest,)))
        assert admitted(here, f"sha256:{'ab' * 32}") is Verdict.RED
        keep(here, report, subject=replace(report.subject, digests=(digest,)))
        assert admitted(here, f"sha256:{'ab' * 32}") is Verdict.GREEN


class TestWorkloads:
    @pytest.mark.parametrize(
        ("version", "kind", "outcome"),
        [
            ("v1", "Service", Verdict.GREEN),
            ("v1", "ConfigMap", Verdict.GREEN),
            ("networking.k8s.io/v1", "NetworkPolicy", Verdict.GREEN),
            ("serving.kserve.io/v1beta1", "InferenceService", Verdict.RED),
            ("serving.knative.dev/v1", "Service", Verdict.RED),
            ("ray.io/v1", "RayCluster", Verdict.RED),
            ("argoproj.io/v1alpha1", "Workflow", Verdict.RED),
            ("example.org/v1", "Pod", Verdict.RED),
            ("example.org/v1", "ThingList", Verdict.RED),
            ("", "Deployment", Verdict.RED),
        ],
    )
    def test_a_kind_that_is_not_known_is_not_let_in_beside_a_cleared_pod(
        self, here: Bench, version: str, kind: str, outcome: Verdict
    ) -> None:
        _, report = green(here)
        beside = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "items": []}
        items = [json.loads(deployment(model_of(report))), beside]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        ask = Admit(manifest=text, policy=str(here.admission))
        assert admit_workload(ask, here.place(now=LATER)).report.verdict is outcome
