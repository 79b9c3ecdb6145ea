"""Same policy and same evidence, same bytes: what was kept is judged again, elsewhere, and the statement comes out the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.evidence import Cause
from arcops.finding import Outcome
from arcops.gate import Example
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.bundle import read_envelope, seal
from artifacts.objects import digest_of, object_path
from artifacts.statement import from_statement
from artifacts.store import Store
from artifacts.vouch import Standing
from artifacts.wire import from_json, to_json
from capabilities.artifact.rejudge import Again, Rejudge, Rejudged, rejudge_artifact
from capabilities.artifact.store import ExportStore, ImportStore, export_store, import_store
from capabilities.model.check import Check, check_model
from capabilities.network.check import CheckNetwork, check_network
from flows.conclude import conclude
from flows.evaluate import seal_and_keep
from flows.plan import AnyGate, all_gates, make_plan
from flows.policies.reading import load_policy, parse_policy
from flows.policies.unread import nothing_seen, plan_or_all
from tests.adapters.typed import Done, typed
from tests.evidence import evidence
from tests.kept import finding, fresh, keep, report, result
from tests.manifests import shop
from tests.models import CLOCK, Bench, bench, good_model
from tests.sketch import request

pytestmark = [pytest.mark.requirement("ARC-C5/same-verdict-byte-for-byte"), pytest.mark.xdist_group("rejudge")]

HOUSE = Path(__file__).resolve().parents[2]
SAME, DIFFERS, REFUSED = Again.SAME, Again.DIFFERS, Again.REFUSED

PROGRAM = """
import hashlib, json, sys
from pathlib import Path
from artifacts.bundle import read_envelope
from artifacts.statement import from_statement, to_statement
from artifacts.store import Store
from flows.rejudge import judge_again
made = {}
with Store(Path(sys.argv[1])) as store:
    for entry in store.entries():
        payload = read_envelope(store.get(entry.artifact)).payload
        made[entry.artifact] = hashlib.sha256(to_statement(judge_again(from_statement(payload), store.get))).hexdigest()
print(json.dumps({"version": list(sys.version_info[:2]), "hash": hash("arcops"), "made": made}))
"""
"""What another interpreter runs: every artifact of a store judged again, and the digests of the statements that come out."""

OTHERS = ("python3.12", "python3.13", "python3.14", "python3.15", "python3")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(keys.policy.read_bytes())
    return replace(fresh(keys, tmp_path), policy=policy)


@pytest.fixture(scope="module")
def everything(keys: Bench, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, dict[str, str]]:
    """A store with an artifact for each example of each gate, and the digest of each one's statement."""
    here = fresh(keys, tmp_path_factory.mktemp("everything"))
    return here, {kept: digest_of(payload(here, kept)) for gate in all_gates() for kept in kept_examples(here, gate)}


def kept_examples(here: Bench, gate: AnyGate) -> list[str]:
    return [keep_example(here, gate, example, f"{gate.id}-{number}") for number, example in enumerate(gate.examples())]


def keep_example(
    here: Bench, gate: AnyGate, example: Example[object], name: str, waivers: Sequence[object] = (), *, as_then: bool = False
) -> str:
    """Judge *example* by its policy, written as a file would be, and keep it; returns the artifact's digest.

    *as_then* reads the policy as an earlier release did.
    """
    settings = to_json(example.policy)
    written = json.dumps({"name": name, "validFor": "P7D", "gates": {gate.id: settings}, "waivers": waivers}).encode()
    policy = parse_policy(written, where=name, as_then=as_then)
    assert policy.gates[gate.id] == example.policy
    asked = replace(request(here.home), named=name, now=CLOCK)
    collected = {body.KIND: evidence(body) for body in example.evidence}
    report = conclude(make_plan(asked, policy, gates=[gate]), collected, runner="direct")
    assert report.verdict is example.verdict
    with Store(here.settings.store) as store:
        return seal_and_keep(report, collected, policy=policy, signer=here.signer, store=store, now=lambda: CLOCK).digest


def payload(here: Bench, artifact: str) -> bytes:
    with Store(here.settings.store) as store:
        return read_envelope(store.get(artifact)).payload


def again(here: Bench, artifact: str, policy: str = "") -> Rejudged:
    return rejudge_artifact(Rejudge(artifact=artifact, policy=policy), here.place())


def judged_by(interpreter: str, here: Bench, **environment: str) -> tuple[list[int], int, dict[str, str]]:
    done = subprocess.run(
        [interpreter, "-c", PROGRAM, str(here.settings.store)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE), **environment},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["version"], said["hash"], {name: f"sha256:{value}" for name, value in said["made"].items()}


def another() -> str:
    """A Python of another version that has what judging needs: ``ARCOPS_OTHER_PYTHON``, or one on the path. Empty if none."""
    for name in filter(None, (os.environ.get("ARCOPS_OTHER_PYTHON", ""), *OTHERS)):
        found = shutil.which(name)
        if found is None:
            continue
        trial = (
            "import sys, flows.rejudge; from flows.plan import all_collectors; all_collectors(); print(sys.version_info[:2])"
        )
        tried = subprocess.run(
            [found, "-c", trial], env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE)}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if tried.returncode == 0 and tried.stdout.strip() != str(sys.version_info[:2]):
            return found
    return ""


@pytest.mark.site
class TestTwoInterpreters:
    def test_every_gate_gives_the_same_bytes_in_other_surroundings(self, everything: tuple[Bench, dict[str, str]]) -> None:
        here, signed = everything
        first = judged_by(sys.executable, here, PYTHONHASHSEED="1", TZ="Pacific/Chatham", LC_ALL="C")
        second = judged_by(sys.executable, here, PYTHONHASHSEED="2", TZ="UTC", LC_ALL="C.UTF-8", PYTHONOPTIMIZE="1")
        assert first[1] != second[1], "the two processes order sets alike, so they show nothing"
        assert first[2] == second[2] == signed
        assert {from_statement(payload(here, one)).results[0].gate for one in signed} == {gate.id for gate in all_gates()}

    def test_another_version_of_python_gives_the_same_bytes(self, everything: tuple[Bench, dict[str, str]]) -> None:
        other = another()
        if not other:
            pytest.skip("there is no other version of Python here with what ArcOps needs (ARCOPS_OTHER_PYTHON)")
        here, signed = everything
        version, _, made = judged_by(other, here, PYTHONHASHSEED="3", TZ="America/St_Johns", LC_ALL="C")
        assert version != list(sys.version_info[:2])
        assert made == signed


class TestRejudging:
    def test_real_checks_come_out_the_same_a_year_later_beyond_an_air_gap(self, here: Bench, tmp_path: Path) -> None:
        model = good_model(here)
        kept = [
            check_model(Check(target=model, policy=str(here.policy)), here.place()).artifact,
            check_model(Check(target=model, policy="sovereign"), here.place()).artifact,
            check_network(CheckNetwork(target=shop(tmp_path / "shop")), here.place()).artifact,
        ]
        shutil.rmtree(model)
        here.policy.unlink()
        for one in kept:
            found = again(here, one)
            assert (found.again, found.now, found.made) == (SAME, found.verdict, found.signed), found.said
            assert found.signature.standing is Standing.VERIFIED
            assert from_json(Rejudged, json.dumps(to_json(found))) == found

        keys = (here.public.read_text(),)
        export_store(ExportStore(mirror=tmp_path / "mirror.tar", keys=keys), here.place())
        there = replace(here, settings=replace(here.settings, store=tmp_path / "auditor"))
        import_store(ImportStore(mirror=tmp_path / "mirror.tar", keys=keys), there.place())
        later = there.place(now=CLOCK + timedelta(days=365))
        assert {rejudge_artifact(Rejudge(artifact=one), later).again for one in kept} == {SAME}

    def test_a_run_that_was_stopped_and_a_policy_that_could_not_be_read_come_out_the_same(self, here: Bench) -> None:
        here.stop.set()
        stopped = here.check(good_model(here)).artifact
        here.stop.clear()
        plan = plan_or_all(
            replace(request(here.home), named="x"), "/nowhere/policy.yaml", lambda policy: all_gates(), load_policy
        )
        lost = nothing_seen(plan, Cause.REFUSED, "the run was refused")
        with Store(here.settings.store) as store:
            sealed = seal_and_keep(
                conclude(plan, lost, runner="prefect"),
                lost,
                policy=plan.policy,
                signer=here.signer,
                store=store,
                now=lambda: CLOCK,
            )
        for one in (stopped, sealed.digest):
            found = again(here, one)
            assert (found.again, found.now) == (SAME, Verdict.RED), found.said

    def test_a_verdict_that_the_evidence_does_not_bear_out_differs_and_shows_where(self, here: Bench) -> None:
        (number, example) = next(
            (number, one) for number, one in enumerate(gate("weights").examples()) if one.verdict is Verdict.RED
        )
        honest = keep_example(here, gate("weights"), example, f"weights-{number}")
        report = from_statement(payload(here, honest))
        lenient = tuple(
            replace(
                one, verdict=Verdict.GREEN,
                findings=tuple(replace(said, outcome=Outcome.PASS, fix="") for said in one.findings if said.cites),
            )
            for one in report.results
        )  # fmt: skip
        forged = keep_sealed(here, honest, replace(report, verdict=Verdict.GREEN, results=lenient))
        found = again(here, forged)
        assert (found.again, found.verdict, found.now) == (DIFFERS, Verdict.GREEN, Verdict.RED)
        assert {"predicate.verdict"} <= {field.path for field in found.fields}
        assert found.made != found.signed

    @pytest.mark.parametrize("earlier", [True, False], ids=["by a name alone, for ever", "by content"])
    def test_a_waiver_counts_by_the_clock_of_then(self, here: Bench, earlier: bool) -> None:
        example = next(one for one in gate("weights").examples() if one.verdict is Verdict.RED)
        red = from_statement(payload(here, keep_example(here, gate("weights"), example, "m")))
        waivers = [
            {
                "rule": one.rule, "owner": "me", "reason": "soon", "about": one.about,
                **(
                    {"subject": "*", "expires": "9998-11-22T00:00:00Z"} if earlier
                    else {"anyContent": True, "expires": "2026-11-22T00:00:00Z"}
                ),
            }
            for one in red.results[0].findings
            if one.outcome is Outcome.FAIL
        ]  # fmt: skip
        kept = keep_example(here, gate("weights"), replace(example, verdict=Verdict.AMBER), "m", waivers, as_then=earlier)
        later = rejudge_artifact(Rejudge(artifact=kept), here.place(now=CLOCK + timedelta(days=100)))
        assert (later.again, later.now) == (SAME, Verdict.AMBER)


def gate(name: str) -> AnyGate:
    return next(one for one in all_gates() if one.id == name)


def keep_sealed(here: Bench, honest: str, report: Report) -> str:
    """*report*, signed by the same key, kept with the evidence of the artifact *honest*."""
    sealed = seal(report, here.signer)
    with Store(here.settings.store) as store:
        (entry,) = [one for one in store.entries() if one.artifact == honest]
        return store.put(sealed, {one: store.get(one) for one in entry.evidence}, at=CLOCK).artifact


def gone(path: Path) -> None:
    path.unlink()


def changed(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")


class TestRefused:
    @pytest.mark.parametrize("damage", [gone, changed])
    def test_evidence_that_is_gone_or_changed_is_never_the_same(self, here: Bench, damage: Callable[[Path], None]) -> None:
        kept = here.check(good_model(here)).artifact
        for record in from_statement(payload(here, kept)).evidence:
            path = object_path(here.settings.store, record.digest)
            whole = path.read_bytes()
            damage(path)
            found = again(here, kept)
            assert (found.again, found.now, found.made) == (REFUSED, None, "")
            assert record.digest in found.said
            path.unlink(missing_ok=True)
            path.write_bytes(whole)
        assert again(here, kept).again is SAME

    @pytest.mark.parametrize("damage", [gone, changed])
    def test_a_policy_that_is_gone_or_changed_is_never_the_same(self, here: Bench, damage: Callable[[Path], None]) -> None:
        kept = here.check(good_model(here)).artifact
        digest = from_statement(payload(here, kept)).policy_digest
        damage(object_path(here.settings.store, digest))
        found = again(here, kept)
        assert found.again is REFUSED
        assert digest in found.said
        assert again(here, kept, str(here.policy)).again is SAME, "the caller has it"
        here.policy.write_bytes(here.policy.read_bytes() + b"\n")
        assert again(here, kept, str(here.policy)).again is REFUSED, "and it is another one now"

    def test_a_shipped_policy_is_found_by_its_digest(self, here: Bench, tmp_path: Path) -> None:
        kept = check_network(CheckNetwork(target=shop(tmp_path / "shop")), here.place()).artifact
        object_path(here.settings.store, from_statement(payload(here, kept)).policy_digest).unlink()
        assert again(here, kept).again is SAME

    def test_evidence_of_another_form_is_refused(self, here: Bench) -> None:
        kept = here.check(good_model(here)).artifact
        report = from_statement(payload(here, kept))
        strange = b'{"files":7}'
        records = tuple(replace(one, digest=digest_of(strange)) if one.kind == "tree" else one for one in report.evidence)
        tree = next(one.digest for one in report.evidence if one.kind == "tree")
        results = tuple(
            replace(
                one,
                findings=tuple(
                    replace(said, cites=tuple(digest_of(strange) if cited == tree else cited for cited in said.cites))
                    for said in one.findings
                ),
            )
            for one in report.results
        )
        sealed = seal(replace(report, evidence=records, results=results), here.signer)
        with Store(here.settings.store) as store:
            artifact = store.put(sealed, {digest_of(strange): strange}, at=CLOCK).artifact
        found = again(here, artifact)
        assert found.again is REFUSED
        assert "'tree'" in found.said

    def test_gates_and_kinds_that_this_version_does_not_know_are_named(self, here: Bench) -> None:
        bodies: dict[str, object] = {"stars": {}}
        kept = keep(here, report("m", result("astrology", finding("astrology/stars")), evidence=bodies), evidence=bodies)
        found = again(here, kept)
        assert found.again is REFUSED
        for word in ("no gate 'astrology'", "evidence 'stars'", "policy 'sovereign'"):
            assert word in found.said

    def test_what_is_no_report_is_refused(self, here: Bench) -> None:
        with pytest.raises(Refused):
            again(here, "not an artifact")


def test_the_command_says_it_and_exits_by_it(here: Bench) -> None:
    kept = here.check(good_model(here)).artifact

    def rejudged(*words: str) -> Done:
        return typed("rejudge", *words, environment={**os.environ, **here.environment})

    done = rejudged(kept)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAME" in done.stdout
    tree = next(one.digest for one in from_statement(payload(here, kept)).evidence if one.kind == "tree")
    gone(object_path(here.settings.store, tree))
    done = rejudged(kept, "--format", "json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["again"] == "refused"
