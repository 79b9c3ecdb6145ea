"""Comparing, examining, reviewing and measuring: what changed shows; what has no valid signature never counts."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.cli.commands import Command, declared
from arcops.errors import Refused
from arcops.finding import Finding, Outcome
from arcops.verdict import Verdict
from artifacts.index import Filter
from artifacts.objects import object_path
from artifacts.private_key import create
from artifacts.store import Store
from artifacts.vouch import Standing
from artifacts.wire import from_json, to_json
from capabilities.artifact.compare import Compare, Compared, compare_artifacts
from capabilities.artifact.examine import Examine, Examined, examine_artifact
from capabilities.artifact.figures import AskFigures, SuccessFigure, success_figures, worded
from capabilities.artifact.review import review_artifacts
from capabilities.artifact.standing import Ledgered
from capabilities.catalogue import all_tools
from capabilities.kept import NotThere
from capabilities.keys.keys import RevokeKey, revoke_key
from tests.adapters.typed import Done, typed
from tests.kept import checkpoint, finding, fresh, keep, report, result
from tests.models import CLOCK, Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D3/artifacts-can-be-compared")

GREEN, USAGE, RED = 0, 2, 3
PASS, WARN, FAIL, UNKNOWN = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN
GOOD = result("signatures", finding("signatures/signed"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    return fresh(keys, tmp_path)


def compared(here: Bench, a: str, b: str) -> Compared:
    return compare_artifacts(Compare(a=a, b=b), here.place())


def examined(here: Bench, artifact: str, *, now: datetime = CLOCK) -> Examined:
    return examine_artifact(Examine(artifact=artifact), here.place(now=now))


def test_every_capability_has_a_command() -> None:
    named = [found.name for one in declared() if isinstance(one, Command) and (found := one.capability()) is not None]
    assert sorted(named) == sorted(one.name for one in all_tools())


class TestCompare:
    def test_a_real_model_that_went_red_shows_what_did_it(self, here: Bench) -> None:
        model = good_model(here)
        before = here.check(model)
        (model / "config.json").write_text('{"model_type": "other"}')
        after = here.check(model, now=CLOCK + timedelta(hours=1))
        found = compared(here, before.artifact, after.artifact)

        assert (found.a.report.verdict, found.b.report.verdict) == (Verdict.GREEN, Verdict.RED)
        assert found.same_policy
        assert not found.same_subject
        assert {gate.gate: (gate.a, gate.b) for gate in found.gates}["signatures"] == (Verdict.GREEN, Verdict.RED)
        tree = next(one for one in found.evidence if one.kind == "tree")
        assert "files[config.json].sha256" in {field.path for field in tree.fields}
        assert not any("model.safetensors" in field.path for field in tree.fields)
        assert any("config.json" in one.text for one in (*found.appeared, *(pair.b for pair in found.changed)))
        assert from_json(Compared, json.dumps(to_json(found))) == found

    def test_the_same_judgement_twice_differs_in_nothing(self, here: Bench) -> None:
        model = good_model(here)
        first, second = here.check(model), here.check(model, now=CLOCK + timedelta(minutes=1))
        found = compared(here, first.artifact, second.artifact)
        assert found.same_subject
        changes = (found.appeared, found.went, found.changed, found.missing_appeared, found.missing_went)
        assert not any(changes)
        assert found.unchanged == sum(len(one.findings) for one in first.report.results)

    def test_findings_are_told_apart_as_added_gone_and_changed(self, here: Bench) -> None:
        a = keep(here, report("m", result("g", finding("g/one"), finding("g/two", FAIL), finding("g/three", about="x"))))
        b = keep(
            here,
            report("m", result("g", finding("g/one"), finding("g/two", WARN), finding("g/four", FAIL)), policy="other"),
        )
        found = compared(here, a, b)
        assert [one.rule for one in found.appeared] == ["g/four"]
        assert [one.rule for one in found.went] == ["g/three"]
        assert [(one.a.outcome, one.b.outcome) for one in found.changed] == [(FAIL, WARN)]
        assert found.unchanged == 1
        assert not found.same_policy

    @pytest.mark.parametrize(
        ("a", "b", "path", "shown"),
        [
            ({"n": 1}, {"n": True}, "n", ("1", "true")),
            ({"n": 1}, {"n": "1"}, "n", ("1", "1")),
            ({"n": 0}, {"n": False}, "n", ("0", "false")),
            ({"n": ""}, {}, "n", ("", "")),
            ({"files": [{"path": "a", "x": 1}]}, {"files": [{"path": "b", "x": 0}, {"path": "a", "x": 2}]},
             "files[a].x", ("1", "2")),
            ({"files": [{"path": 'a].x', "x": 1}]}, {"files": [{"path": 'a].x', "x": 2}]}, 'files["a].x"].x', ("1", "2")),
            ({"t": "y " * 200}, {"t": "y " * 201}, "t", ("y " * 150 + "… (400 characters)", "y " * 150 + "… (402 characters)")),
            ({"t": "/y" * 400}, {"t": "/y" * 401}, "t", ("/y" * 400, "/y" * 401)),
        ],
    )  # fmt: skip
    def test_evidence_differs_to_the_field_and_the_type(
        self, here: Bench, a: object, b: object, path: str, shown: tuple[str, str]
    ) -> None:
        kept = [
            keep(here, report("m", GOOD, evidence={"tree": body}), evidence={"tree": body})
            for body in (a, b)
        ]  # fmt: skip
        fields = {field.path: (field.a, field.b) for field in compared(here, *kept).evidence[0].fields}
        assert fields[path] == shown

    def test_evidence_that_is_not_here_is_said_to_be_gone(self, here: Bench) -> None:
        a = keep(here, report("m", GOOD, evidence={"tree": {"n": 1}}))
        b = keep(here, report("m", GOOD, evidence={"tree": {"n": 2}}), evidence={"tree": {"n": 2}})
        (changed,) = compared(here, a, b).evidence
        assert "not in this store" in changed.note
        assert not changed.fields

    def test_the_unverified_side_is_named(self, here: Bench, tmp_path: Path) -> None:
        a, b = keep(here, report("m", GOOD)), keep(here, report("m", GOOD), signer=create())
        found = compared(here, a, b)
        assert (found.a.signature.standing, found.b.signature.standing) == (Standing.VERIFIED, Standing.UNTRUSTED)
        done = run(here, "compare", a, b)
        assert done.returncode == RED
        assert "NOT VERIFIED" in done.stderr
        assert b in done.stderr

    @pytest.mark.parametrize("other", ["sha256:" + "0" * 64, "{}", "sha256:short"])
    def test_what_is_no_artifact_is_refused(self, here: Bench, other: str) -> None:
        with pytest.raises(Refused):
            compared(here, keep(here, report("m", GOOD)), other)

    def test_a_file_can_be_compared_with_what_was_kept(self, here: Bench, tmp_path: Path) -> None:
        a, b = keep(here, report("m", GOOD)), keep(here, report("m", GOOD, site="south"))
        file = tmp_path / "b.json"
        with Store(here.settings.store) as store:
            file.write_bytes(store.get(b))
        done = run(here, "compare", a, str(file), "--format", "json")
        assert done.returncode == GREEN, done.stderr
        assert json.loads(done.stdout)["b"]["report"]["site"] == "south"


class TestExamine:
    def test_a_good_artifact_is_verified_and_proven(self, here: Bench) -> None:
        model = good_model(here)
        first = here.check(model).artifact
        second = here.check(model, now=CLOCK + timedelta(hours=1)).artifact
        south = replace(here, settings=replace(here.settings, site="south"))
        elsewhere = south.check(model, now=CLOCK + timedelta(hours=1)).artifact
        checkpoint(here)
        found = examined(here, second)
        assert found.signature.standing is Standing.VERIFIED
        assert found.signature.signers == (here.signer.public.id,)
        assert found.ledger.state is Ledgered.PROVEN
        assert found.ledger.size == 3
        assert not found.expired
        assert found.previous is not None
        assert found.previous.artifact == first
        assert [(one.artifact, one.site) for one in found.elsewhere] == [(elsewhere, "south")]
        assert from_json(Examined, json.dumps(to_json(found))) == found

    def test_one_flipped_byte_shows(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD))
        path = object_path(here.settings.store, kept)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
        found = examined(here, kept)
        assert found.signature.standing is Standing.CHANGED
        assert found.report is None
        assert run(here, "store", "examine", kept).returncode == RED

    def test_an_outsider_s_artifact_is_not_verified(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD), signer=create())
        assert examined(here, kept).signature.standing is Standing.UNTRUSTED
        done = run(here, "store", "examine", kept)
        assert done.returncode == RED
        assert "NOT VERIFIED" in done.stdout

    def test_a_revoked_key_s_artifact_is_revoked(self, here: Bench, tmp_path: Path) -> None:
        other = bench(tmp_path / "other")
        (here.settings.trust / "keys" / "other.pub").write_bytes(other.public.read_bytes())
        kept = keep(here, report("m", GOOD), signer=other.signer)
        assert examined(here, kept).signature.standing is Standing.VERIFIED
        revoke_key(RevokeKey(key=other.signer.public.id, reason="laptop stolen"), here.place())
        found = examined(here, kept)
        assert found.signature.standing is Standing.REVOKED
        assert "laptop stolen" in found.signature.revoked[0]

    def test_a_broken_revocation_list_leaves_nothing_verified(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD))
        revoke_key(RevokeKey(key="", reason=""), here.place())
        (listed,) = (here.settings.trust / "revocations").iterdir()
        assert examined(here, kept).signature.standing is Standing.VERIFIED
        listed.write_bytes(listed.read_bytes().replace(b'"payload": "', b'"payload": "AAAA', 1))
        found = examined(here, kept).signature
        assert found.standing is Standing.UNCHECKED
        assert found.caveats

    def test_without_trust_nothing_is_verified_and_a_server_tells_no_paths(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD))
        for key in (here.settings.trust / "keys").iterdir():
            key.unlink()
        assert examined(here, kept).signature.standing is Standing.UNCHECKED
        served = examine_artifact(Examine(artifact=kept), replace(here.place(), roots=()))
        assert str(here.home) not in json.dumps(to_json(served))

    @pytest.mark.parametrize(
        ("do", "state"),
        [
            ("nothing", Ledgered.UNPROVEN),
            ("older", Ledgered.NOT_YET),
            ("edit", Ledgered.BROKEN),
            ("garble", Ledgered.BROKEN),
            ("outsider", Ledgered.UNPROVEN),
        ],
    )
    def test_the_ledger_is_asked_each_time(self, here: Bench, tmp_path: Path, do: str, state: Ledgered) -> None:
        first = keep(here, report("first", GOOD))
        if do == "older":
            checkpoint(here)
        kept = keep(here, report("m", GOOD))
        match do:
            case "edit":
                checkpoint(here)
                assert examined(here, kept).ledger.state is Ledgered.PROVEN
                log = here.settings.store / "log"
                log.write_bytes(log.read_bytes().replace(first[7:].encode(), b"0" * 64, 1))
            case "garble":
                log = here.settings.store / "log"
                log.write_bytes(log.read_bytes().replace(b'{"', b"{x"))
            case "outsider":
                with Store(here.settings.store) as store:
                    store.checkpoint(create())
        assert examined(here, kept).ledger.state is state

    def test_evidence_and_nothing_are_not_there(self, here: Bench) -> None:
        body = {"n": 1}
        said = report("m", GOOD, evidence={"tree": body})
        keep(here, said, evidence={"tree": body})
        for digest in (said.evidence[0].digest, "sha256:" + "0" * 64):
            with pytest.raises(NotThere):
                examined(here, digest)

    def test_what_ran_out_says_so(self, here: Bench) -> None:
        kept = keep(here, report("m", GOOD))
        assert examined(here, kept, now=CLOCK + timedelta(days=8)).expired


class TestReview:
    def test_each_row_says_whether_anybody_vouches_for_it(self, here: Bench) -> None:
        good, strange = keep(here, report("good", GOOD)), keep(here, report("strange", GOOD), signer=create())
        changed = keep(here, report("changed", GOOD))
        object_path(here.settings.store, changed).unlink()
        found = review_artifacts(Filter(limit=2), here.place())
        assert found.total == 3
        assert len(found.artifacts) == 2
        states = {one.listed.artifact: one.signature.standing for one in review_artifacts(Filter(), here.place()).artifacts}
        assert states == {good: Standing.VERIFIED, strange: Standing.UNTRUSTED, changed: Standing.CHANGED}
        lines = run(here, "store", "review").stdout.splitlines()
        assert [("NOT VERIFIED" in line, line.split()[-1] != "") for line in lines[:3]] == [
            (True, True),
            (True, True),
            (False, True),
        ]

    def test_an_index_that_lies_is_made_again(self, here: Bench) -> None:
        kept = keep(here, report("m", result("g", finding("g/one", FAIL))))
        database = sqlite3.connect(here.settings.store / "index.sqlite")
        with database:
            database.execute("UPDATE entry SET verdict = 'GREEN'")
        database.close()
        (row,) = review_artifacts(Filter(artifact=kept), here.place()).artifacts
        assert (row.listed.verdict, row.signature.standing) == (Verdict.RED, Standing.VERIFIED)


@pytest.mark.requirement("ARC-D4/figures-come-from-the-store")
class TestFigures:
    def figures(
        self, here: Bench, *production: str, now: datetime = CLOCK + timedelta(hours=5), days: int = 90
    ) -> dict[str, SuccessFigure]:
        ask = AskFigures(days=days, production=production)
        return {one.name: one for one in success_figures(ask, here.place(now=now)).figures}

    def test_an_empty_store_measures_nothing_and_never_says_zero(self, here: Bench) -> None:
        for figure in self.figures(here).values():
            assert figure.value is None
            assert figure.said.startswith("No ")
            assert worded(figure) == "not measured"
            assert len(figure.definition) > 80
        assert "not measured" in run(here, "store", "figures").stdout

    def admission(self, *models: str, outcome: Outcome = PASS, nameless: str = "") -> object:
        named = (
            finding("admission/named", FAIL, "It names no model.", about=nameless) if nameless else finding("admission/named")
        )
        return result("admission", named, *(finding("admission/cleared", outcome, about=model) for model in models))

    def test_the_first_asking_decides_whether_a_model_had_passed(self, here: Bench) -> None:
        one, two, three = ("sha256:" + digit * 64 for digit in "123")
        for hour, judged in enumerate(
            [
                self.admission(one, outcome=FAIL),
                self.admission(one, two),
                self.admission(three, outcome=WARN),
                self.admission(nameless="Pod shop/x"),
            ]
        ):
            keep(here, report("manifest", judged, kind="workload", at=CLOCK + timedelta(hours=hour)))
        figure = self.figures(here)["passed-before-deployment"]
        assert (figure.value, figure.of) == (1, 4)
        assert worded(figure) == "1 of 4"
        assert len(figure.artifacts) == 4

    def test_real_admission_checks_are_measured(self, here: Bench) -> None:
        from capabilities.cluster.admit import Admit, admit_workload

        digest = str(here.check(good_model(here)).report.subject.digests[0])
        for models in (digest, "sha256:" + "0" * 64):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "annotations": {"arcops.dev/models": models}}}
            admit_workload(
                Admit(manifest=json.dumps(pod), policy=str(here.admission)), here.place(now=CLOCK + timedelta(hours=1))
            )
        figure = self.figures(here)["passed-before-deployment"]
        assert (figure.value, figure.of) == (1, 2)

    def test_time_to_first_inference_is_from_the_first_artifact_to_the_first_answer(self, here: Bench) -> None:
        answers = result("inference", finding("inference/answers"))
        silent = result("inference", finding("inference/answers", FAIL))
        for name, minutes in (("a", 10), ("b", 30), ("c", 20)):
            keep(here, report(name, GOOD))
            keep(here, report(name, silent, at=CLOCK + timedelta(minutes=5)))
            keep(here, report(name, answers, at=CLOCK + timedelta(minutes=minutes)))
            keep(here, report(name, answers, at=CLOCK + timedelta(minutes=minutes + 100)))
        keep(here, report("alone", answers, at=CLOCK))
        figure = self.figures(here)["time-to-first-inference"]
        assert (figure.value, figure.of, worded(figure)) == (20 * 60, 3, "20 min")
        assert "1 more had no earlier artifact" in figure.said

    def test_wildcard_egress_counts_production_by_the_newest_look(self, here: Bench) -> None:
        def look(*findings: Finding, name: str = "cluster", hours: int = 0) -> None:
            judged = result("network", *findings, finding("network/ports"))
            keep(here, report(name, judged, kind="manifests", site="north", at=CLOCK + timedelta(hours=hours)))

        closed = finding("network/egress", text="Every rule names its peers.")
        bad = [finding("network/egress", FAIL, about=f"NetworkPolicy {space}/open") for space in ("shop", "shop-db", "dev")]
        look(*bad, finding("network/isolated", FAIL, about="Deployment ops/agent egress"))
        assert self.figures(here)["wildcard-egress"].value == 4
        assert self.figures(here, "shop*")["wildcard-egress"].value == 2
        look(bad[2], finding("network/isolated", FAIL, about="Pod shop/x ingress"), hours=1)
        assert self.figures(here, "shop*")["wildcard-egress"].value == 0
        look(closed, finding("network/isolated", WARN, about="Namespace shop egress"), hours=2)
        assert self.figures(here)["wildcard-egress"].value == 0
        look(finding("network/egress", FAIL, about="something else"), hours=3)
        assert self.figures(here, "shop")["wildcard-egress"].value == 1
        look(closed, finding("network/egress", UNKNOWN), hours=4)
        assert "may be more" in self.figures(here)["wildcard-egress"].said
        look(name="another")
        assert self.figures(here)["wildcard-egress"].said.count("2 check(s) could not see everything") == 1

    def test_gpu_readiness_is_reproduced_where_every_node_is_green(self, here: Bench) -> None:
        ready, broken = result("gpu-health", finding("gpu-health/ecc")), result("gpu-health", finding("gpu-health/ecc", FAIL))
        keep(here, report("n1", ready, kind="gpu-node", site="north", policy="gpu"))
        assert self.figures(here)["gpu-reproduced"].value is None
        keep(here, report("s1", broken, kind="gpu-node", site="south", policy="gpu"))
        keep(here, report("s2", ready, kind="gpu-node", site="south", policy="gpu"))
        keep(here, report("w1", ready, kind="gpu-node", site="west", policy="another"))
        figure = self.figures(here)["gpu-reproduced"]
        assert (figure.value, figure.of) == (1, 2)
        keep(here, report("s1", ready, kind="gpu-node", site="south", policy="gpu", at=CLOCK + timedelta(hours=1)))
        assert self.figures(here)["gpu-reproduced"].value == 2

    def test_what_no_signer_vouches_for_is_not_measured(self, here: Bench) -> None:
        said = report("manifest", self.admission("sha256:" + "1" * 64), kind="workload")
        keep(here, said, signer=create())
        found = success_figures(AskFigures(), here.place())
        assert found.unvouched == 1
        assert all(one.value is None for one in found.figures)

    def test_what_was_judged_before_the_period_is_not_measured(self, here: Bench) -> None:
        keep(here, report("manifest", self.admission("sha256:" + "1" * 64), kind="workload"))
        later = CLOCK + timedelta(days=40)
        assert self.figures(here, now=later)["passed-before-deployment"].value == 1
        assert self.figures(here, now=later, days=30)["passed-before-deployment"].value is None
        with pytest.raises(Refused):
            self.figures(here, days=0)


def run(here: Bench, *arguments: str) -> Done:
    return typed(*arguments, environment={**os.environ, **here.environment})


def test_a_person_reads_what_changed(here: Bench) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    a = keep(here, report("m", result("g", finding("g/one")), at=now, evidence={"tree": {"n": 1}}), evidence={"tree": {"n": 1}})
    b = keep(
        here,
        report("m", result("g", finding("g/one", FAIL, "It is\x1b[31m bad.")), at=now, evidence={"tree": {"n": 2}}),
        evidence={"tree": {"n": 2}},
    )
    done = run(here, "compare", a, b)
    assert done.returncode == GREEN, done.stderr
    assert "gate g: GREEN → RED" in done.stdout
    assert "n: 1 → 2" in done.stdout
    assert "\x1b" not in done.stdout
    assert run(here, "store", "examine", a).returncode == GREEN
    assert run(here, "store", "examine", b).returncode == RED
    assert run(here, "store", "examine", "nonsense").returncode == USAGE
    assert run(here, "compare", a, "").returncode == USAGE
