"""What somebody attached is read by something, or the answer is RED and says which file was not."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.evidence import Body
from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from flows.plan import make_plan
from gates.attachments import READ
from tasks.attachments import look
from tests.models import Bench, bench, good_model
from tests.sketch import NUMBER, policy, request

pytestmark = pytest.mark.requirement("ARC-4/no-failed-collector-is-green")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    here = bench(tmp_path_factory.mktemp("bench"))
    return here, good_model(here)


def unread(report: Report) -> list[tuple[Outcome, str]]:
    found = [finding for result in report.results for finding in result.findings if finding.rule == READ.id]
    return [(finding.outcome, finding.about) for finding in found if finding.outcome is not Outcome.PASS]


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"to be read by people"),
        ("model.sig.bak", b"{}"),
        ("bill.json", b'{"bomformat": "almost"}'),
        ("statement.json", b'{"payloadtype": "almost"}'),
        ("empty-object.json", b"{}"),
        ("weird\x1b[2Jname", b"x"),
    ],
)
def test_a_file_that_nothing_recognises_is_red_and_named(
    good: tuple[Bench, Path], tmp_path: Path, name: str, data: bytes
) -> None:
    here, model = good
    report = here.check(model, attached=(written(tmp_path, name, data),)).report
    assert report.verdict is Verdict.RED
    [(outcome, about)] = unread(report)
    assert outcome is Outcome.FAIL
    assert about.isprintable()
    assert about[:5] == name[:5]
    assert [result.gate for result in report.results if result.verdict is not Verdict.GREEN] == ["attachments"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.sig", b"no such thing"),
        ("x.sigstore.json", b"{}"),
        ("x.bundle", b'{"payloadType": 1}'),
        ("x.att", b"no such thing"),
        ("x.intoto.jsonl", b"{}\n"),
        ("x.dsse.json", b'{"payloadType": 1}'),
        ("x.vex.json", b"{}"),
        ("bom.json", b"{}"),
        ("x.spdx", b"no such thing"),
        ("x.asc", b"no such thing"),
    ],
)
def test_a_promising_name_over_nonsense_is_red(good: tuple[Bench, Path], tmp_path: Path, name: str, data: bytes) -> None:
    here, model = good
    assert here.check(model, attached=(written(tmp_path, name, data),)).report.verdict is Verdict.RED


def test_every_body_that_may_hold_attached_files_is_asked() -> None:
    import arcops.seen as room

    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
    readers = {body for body in Body.__subclasses__() if "attached_read" in vars(body)}
    assert {found.__name__ for found in readers} == {body.__name__ for body in look.wants}


def moved(model: Path, folder: Path, *names: str) -> tuple[Path, Path, list[Path]]:
    """A copy of the model, and these of its files beside it instead of inside."""
    copy, beside = folder / model.name, folder / "beside"
    shutil.copytree(model, copy)
    beside.mkdir()
    return copy, beside, [(copy / name).rename(beside / name) for name in names]


def test_a_signature_that_lies_elsewhere_counts_when_it_is_attached(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good
    copy, _, attached = moved(model, tmp_path, "model.sig")
    assert here.check(copy).report.verdict is Verdict.RED
    report = here.check(copy, attached=tuple(attached)).report
    assert report.verdict is Verdict.GREEN
    assert not unread(report)


def test_one_unrecognised_file_among_good_ones_is_the_one_that_is_named(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good
    copy, beside, attached = moved(model, tmp_path, "model.sig")
    report = here.check(copy, attached=(*attached, written(beside, "read.me", b"hello"))).report
    assert unread(report) == [(Outcome.FAIL, "read.me")]


def test_the_same_file_twice_counts_once(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good
    copy, beside, [signature] = moved(model, tmp_path, "model.sig")
    once = here.check(copy, attached=(signature,)).report
    assert here.check(copy, attached=(signature, signature)).report.results == once.results
    again = beside / "again.sig"
    shutil.copy(signature, again)
    assert here.check(copy, attached=(signature, again)).report.verdict is Verdict.GREEN


def test_a_file_of_the_model_may_be_attached_and_must_still_be_evidence(good: tuple[Bench, Path]) -> None:
    here, model = good
    assert here.check(model, attached=(model / "model.sig",)).report.verdict is Verdict.GREEN
    weights = here.check(model, attached=(model / "model.safetensors",)).report
    assert unread(weights) == [(Outcome.FAIL, "model.safetensors")]


def test_an_sbom_means_nothing_to_a_policy_that_asks_for_none(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good
    lean = tmp_path / "lean.yaml"
    lean.write_text("name: lean\nvalidFor: P1D\ngates:\n  integrity: {}\n")
    sbom = model / "model.cdx.json"
    assert here.check(model, policy=str(lean)).report.verdict is Verdict.GREEN
    report = here.check(model, policy=str(lean), attached=(sbom,)).report
    assert unread(report) == [(Outcome.FAIL, "model.cdx.json")]
    kinds = {record.kind for record in report.evidence} | {gone.kind for gone in report.missing}
    assert "sboms" not in kinds, "to ask what was read makes no collector read"
    lean.write_text("name: lean\nvalidFor: P1D\ngates:\n  integrity: {}\n  sbom: {}\n")
    assert not unread(here.check(model, policy=str(lean), attached=(sbom,)).report)


def test_a_policy_may_let_it_pass_with_a_warning(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good
    lenient = tmp_path / "lenient.yaml"
    lenient.write_text(here.policy.read_text() + "  attachments: {allowUnread: true}\n")
    notes = written(tmp_path, "notes.txt", b"x")
    assert here.check(model, policy=str(lenient), attached=(notes,)).report.verdict is Verdict.AMBER
    assert here.check(model, policy=str(lenient)).report.verdict is Verdict.GREEN


def test_a_file_larger_than_anybody_reads_is_known_without_reading_it(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good
    huge = tmp_path / "huge.txt"
    with huge.open("wb") as file:
        file.truncate(8 * 2**40)
    assert unread(here.check(model, attached=(huge,)).report) == [(Outcome.UNKNOWN, "huge.txt")]


@pytest.mark.parametrize("gate", ["signatures", "integrity"])
def test_a_signature_longer_than_any_is_red_by_its_size_alone(good: tuple[Bench, Path], tmp_path: Path, gate: str) -> None:
    here, model = good
    copy, _, [signature] = moved(model, tmp_path, "model.sig")
    with (copy / "model.sig").open("wb") as file:
        file.truncate(8 * 2**40)
    policy = tmp_path / "one.yaml"
    settings = {"integrity": "{}", "signatures": '{signers: [{key: "*"}], requireRevocations: false}'}
    policy.write_text(f"name: one\nvalidFor: P1D\ngates:\n  {gate}: {settings[gate]}\n")
    report = here.check(copy, policy=str(policy)).report
    assert report.verdict is Verdict.RED
    said = [finding.text for result in report.results for finding in result.findings if finding.outcome is not Outcome.PASS]
    assert any("model.sig" in text and str(8 * 2**40) in text for text in said), said
    if gate == "signatures":
        assert here.check(copy, policy=str(policy), attached=(signature,)).report.verdict is Verdict.RED


def test_no_choice_of_gates_leaves_an_attached_file_without_an_answer(tmp_path: Path) -> None:
    from dataclasses import replace

    plain = request(tmp_path)
    attached = replace(plain, attached=(tmp_path / "notes.txt",))
    assert [gate.id for gate in make_plan(plain, policy(), gates=[NUMBER]).gates] == ["number"]
    assert [gate.id for gate in make_plan(attached, policy(), gates=[NUMBER]).gates] == ["attachments", "number"]


def test_who_follows_is_asked_last(good: tuple[Bench, Path], tmp_path: Path) -> None:
    here, model = good

    def kinds() -> Iterator[str]:
        plan = here.plan(model)
        yield from (found.body.KIND for found in make_plan(attach(plan.request), plan.policy).collectors)

    def attach(one):  # type: ignore[no-untyped-def]  # the request, whatever its fields
        from dataclasses import replace

        return replace(one, attached=(tmp_path / "x",))

    assert list(kinds())[-1] == "attachments"
