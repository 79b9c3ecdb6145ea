"""The collectors of benchmarks: baselines that may be believed or not, devices that open or not, the process that measures."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from arcops.collector import Collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Body, Evidence, Missing, SourceKind
from arcops.exercise import Exercise
from arcops.request import Request
from arcops.seen.baseline import Baseline, Baselines
from arcops.seen.benchmark import Benchmark
from arcops.seen.signatures import Revoked
from artifacts.baseline import baseline_statement
from artifacts.bundle import seal, seal_statement
from artifacts.revocation import RevocationList, revocation_statement
from artifacts.wire import from_json, to_json
from flows.runners.behind_walls import MOST_MEMORY
from flows.runners.isolated import look_isolated
from flows.runners.looking import look
from gates.gpu.benchmark.examples import known, run
from tasks.gpu.bench.drills import Device
from tasks.gpu.benchmark import benchmark
from tasks.gpu.benchmark_baseline import baselines
from tests.artifacts.reports import full_report
from tests.devices import Planned
from tests.kept import fresh
from tests.limited import bounded, measuring
from tests.models import CLOCK, Bench, bench
from tests.sketch import Number
from tests.sketch import request as sketch_request

pytestmark = pytest.mark.requirement("ARC-C2/figures-are-judged-by-baseline-and-kind")

BASELINES, BENCHMARK = cast("Collector[Body]", baselines), cast("Collector[Body]", benchmark)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


def asked(here: Bench, *attached: Path, exercise: Exercise | None = None) -> Request:
    return replace(
        sketch_request(here.home),
        kind="gpu-node",
        named="node-1",
        trust=here.settings.trust,
        attached=attached,
        exercise=exercise or Exercise(sustained=0),
    )


def body(found: Evidence[Body] | Missing) -> Body:
    assert isinstance(found, Evidence), found
    return found.body


def baseline() -> Baseline:
    found = known(run()).baseline
    assert found is not None
    return found


def given(here: Bench, *attached: Path) -> Baselines:
    found = body(look(BASELINES, asked(here, *attached), {}))
    assert isinstance(found, Baselines)
    return found


class TestBaselines:
    @pytest.fixture
    def site(self, here: Bench, tmp_path: Path) -> Path:
        path = tmp_path / "site.json"
        path.write_bytes(seal_statement(baseline_statement(baseline()), here.signer))
        return path

    def test_a_signed_one_is_believed_and_says_how_old_it_is(self, here: Bench, site: Path) -> None:
        found = look(BASELINES, asked(here, site), {})
        assert isinstance(found, Evidence)
        assert isinstance(found.body, Baselines)
        assert found.body.baseline == baseline()
        assert [signer.key for signer in found.body.signers] == [here.signer.public.id]
        assert {source.kind for source in found.sources} == {SourceKind.TRUST, SourceKind.DATA}
        assert found.sources[1].dated == baseline().measured_at
        assert found.body.attached_read == {found.body.file}
        assert from_json(Baselines, json.dumps(to_json(found.body))) == found.body

    def test_without_one_there_is_none(self, here: Bench) -> None:
        assert given(here) == Baselines()

    def test_one_by_an_unknown_key_is_not_believed(self, here: Bench, tmp_path: Path) -> None:
        path = tmp_path / "site.json"
        path.write_bytes(seal_statement(baseline_statement(baseline()), bench(tmp_path / "other").signer))
        found = given(here, path)
        assert found.baseline is None
        assert "trusted here signed it" in found.said
        assert found.file  # it was read, so the refusal is ours, and the file was not overlooked

    @pytest.mark.parametrize("what", ["signer", "baseline", "artifact"])
    def test_one_that_was_taken_back_is_not_believed(self, here: Bench, tmp_path: Path, what: str) -> None:
        own = fresh(here, tmp_path)
        site = tmp_path / "taken.json"
        site.write_bytes(seal_statement(baseline_statement(baseline()), own.signer))
        assert given(own, site).baseline == baseline()
        named = {
            "signer": Revoked(at=CLOCK, reason="stolen", key=own.signer.public.id),
            "baseline": Revoked(at=CLOCK, reason="wrong", sha256=hashlib.sha256(site.read_bytes()).hexdigest()),
            "artifact": Revoked(at=CLOCK, reason="wrong", sha256=baseline().artifact.removeprefix("sha256:")),
        }[what]
        lists = own.settings.trust / "revocations"
        lists.mkdir()
        listed = RevocationList(issued_at=CLOCK, revoked=(named,))
        (lists / "a.json").write_bytes(seal_statement(revocation_statement(listed), own.signer))
        found = given(own, site)
        assert found.baseline is None
        assert "revoked" in found.said.lower()

    def test_one_that_was_changed_is_not_believed(self, here: Bench, site: Path) -> None:
        bundle = json.loads(site.read_bytes())
        payload = bundle["dsseEnvelope"]["payload"]
        bundle["dsseEnvelope"]["payload"] = payload[:100] + ("A" if payload[100] != "A" else "B") + payload[101:]
        site.write_text(json.dumps(bundle))
        found = given(here, site)
        assert (found.baseline, bool(found.said)) == (None, True)

    @pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 100, b"[]"], ids=["nothing", "half", "zeros", "a list"])
    def test_what_is_no_baseline_is_not_believed(self, here: Bench, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "site.json"
        path.write_bytes(content)
        found = given(here, path)
        assert (found.baseline, bool(found.said)) == (None, True)

    def test_an_artifact_is_no_baseline_and_the_way_to_one_is_said(self, here: Bench, tmp_path: Path) -> None:
        path = tmp_path / "report.json"
        path.write_bytes(seal(full_report(), here.signer))
        assert "arcops gpu baseline" in given(here, path).said

    def test_a_file_that_is_gone_and_one_too_many_are_said(self, here: Bench, site: Path, tmp_path: Path) -> None:
        assert "does not exist" in given(here, tmp_path / "gone").said
        other = tmp_path / "other.json"
        other.write_bytes(site.read_bytes())
        assert "2 baselines" in given(here, site, other).said

    def test_where_no_key_is_trusted_none_is_believed(self, here: Bench, site: Path, tmp_path: Path) -> None:
        found = body(look(BASELINES, replace(asked(here, site), trust=tmp_path / "nothing"), {}))
        assert isinstance(found, Baselines)
        assert "does not exist or is not a folder" in found.said


class TestBenchmark:
    @pytest.fixture
    def gpus(self, monkeypatch: pytest.MonkeyPatch) -> list[Device]:
        """What opening the GPUs gives."""
        there: list[Device] = []

        def opened(exercise: Exercise) -> Sequence[Device]:
            return there

        monkeypatch.setitem(sys.modules, "tasks.gpu.bench.cuda", types.SimpleNamespace(gpus=opened))
        return there

    def found(self, here: Bench) -> Benchmark:
        found = body(look(BENCHMARK, asked(here), {}))
        assert isinstance(found, Benchmark)
        return found

    def test_devices_are_measured_and_closed(self, here: Bench, gpus: list[Device]) -> None:
        device = Planned({"memory-copy": lambda number: 1000 + number})
        gpus.append(device)
        found = self.found(here)
        assert [len(figure.sessions) for figure in found.figures] == [5]
        assert device.closed
        assert from_json(Benchmark, json.dumps(to_json(found))) == found

    def test_a_device_that_is_lost_is_closed_and_told_of(self, here: Bench, gpus: list[Device]) -> None:
        device = Planned({"memory-copy": lambda number: 1000}, lost_at=2)
        gpus.append(device)
        (figure,) = self.found(here).figures
        assert "fell off the bus" in figure.said
        assert device.closed

    def test_no_gpu_is_blocked(self, here: Bench, gpus: list[Device]) -> None:
        assert self.found(here).said.startswith("BLOCKED: no GPU was found")

    @pytest.mark.parametrize("error", [Refused, Unavailable])
    def test_gpus_that_cannot_be_opened_are_blocked(
        self, here: Bench, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        def opened(exercise: Exercise) -> Sequence[Device]:
            raise error("no NVIDIA driver")

        monkeypatch.setitem(sys.modules, "tasks.gpu.bench.cuda", types.SimpleNamespace(gpus=opened))
        assert self.found(here).said == "BLOCKED: no NVIDIA driver"

    def test_who_asks_for_no_exercise_gets_none(self, here: Bench) -> None:
        for one in (BASELINES, BENCHMARK):
            assert isinstance(look(one, replace(asked(here), exercise=None), {}), Missing)


def test_who_measures_gets_the_memory_that_it_takes_and_no_one_else(tmp_path: Path) -> None:
    values = [
        found.body.value
        for one in (bounded, measuring)
        if isinstance(found := look_isolated(cast("Collector[Body]", one), sketch_request(tmp_path), {}), Evidence)
        and isinstance(found.body, Number)
    ]
    assert values == [MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[0]]
