"""What a run may name on its worker's machine: what lies below the roots, and a new file below the output folder.

Prefect's own parts are played here, so that each case takes no server; `tests/flows/test_deployments.py` shows one on a site.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import open_sealed
from artifacts.index import Filter
from artifacts.objects import object_path
from artifacts.store import Store
from flows.plan import Plan
from flows.prefect import flow
from flows.prefect.flow import evaluate, here
from flows.runners import direct
from flows.runners.looking import Found
from flows.subjects.evaluation import Evaluation
from flows.subjects.gpu import NODE_BENCHMARK
from flows.subjects.model import READINESS
from flows.subjects.network import NETWORK_DRIFT
from tests.manifests import shop
from tests.models import Bench as Home
from tests.models import bench, good_model

pytestmark = pytest.mark.requirement("ARC-D1/runs-are-bounded")

TELLING = "tellingword"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A worker's machine that serves the folder ``served`` and writes to ``output``."""
    found = bench(tmp_path)
    for name in ("served", "output", "outside"):
        (tmp_path / name).mkdir()
    good_model(found).rename(tmp_path / "served" / "tiny")
    (tmp_path / "outside" / "secret.yaml").write_text(f"name: {TELLING}\nvalidFor: P1D\ngates: {{integrity: {{}}}}\n")
    (tmp_path / "outside" / "secret.sig").write_text(TELLING)
    own = {"ARCOPS_ROOTS": str(tmp_path / "served"), "ARCOPS_OUTPUT": str(tmp_path / "output")}
    for name, value in {**found.environment, **own}.items():
        monkeypatch.setenv(name, value)

    async def collected(plan: Plan) -> Mapping[str, Found]:
        return direct.collect(plan, stop=threading.Event())

    async def shown(*given: object, **named: object) -> None:
        return None

    monkeypatch.setattr(flow, "collect", collected)
    monkeypatch.setattr(flow, "show", shown)
    deployed(monkeypatch, yes=True)
    return found


def deployed(monkeypatch: pytest.MonkeyPatch, *, yes: bool) -> None:
    """Play a run of a deployment, or a flow that a person calls in a program of his own."""
    run = SimpleNamespace(id=uuid4(), labels={}, deployment_id=uuid4() if yes else None)
    monkeypatch.setattr(flow.FlowRunContext, "get", staticmethod(lambda: SimpleNamespace(flow_run=run)))


def ran(home: Home, what: Evaluation = READINESS, *, policy: str = "pilot", output: str = "", **parameters: object) -> Report:
    """The artifact of a run with these parameters."""
    asyncio.run(evaluate(what, {**parameters, "policy": policy, "output": output}))
    with Store(home.settings.store) as store:
        newest = store.list(Filter(limit=1))[0]
        data = b"".join(one.read_bytes() for one in home.settings.store.rglob("*") if one.is_file())
    assert TELLING.encode() not in data
    assert str(home.home.parent).encode() not in data, "no folder of the worker's machine is named"
    return open_sealed(object_path(home.settings.store, newest.artifact).read_bytes(), [home.signer.public]).report


def refused(report: Report) -> str:
    """The one reason why nothing was seen."""
    [reason] = {one.reason for one in report.missing}
    assert not report.evidence
    assert "refused" in reason
    return reason


def test_what_lies_below_the_roots_is_judged(home: Home) -> None:
    for target in ("tiny", str(home.home.parent / "served" / "tiny")):
        report = ran(home, target=target)
        assert report.evidence
        assert report.subject.name == "tiny"


NAMED: dict[str, Any] = {
    "a target": {"target": "{outside}/secret.yaml"},
    "a target by dots": {"target": "../outside/secret.yaml"},
    "a target by a link": {"target": "out/secret.yaml"},
    "an attached file": {"target": "tiny", "attached": ("{outside}/secret.sig",)},
    "an attached link": {"target": "tiny", "attached": ("link.sig",)},
    "what was declared": {"what": NETWORK_DRIFT, "live": "shop", "declared": "out", "policy": "network-drift"},
    "a baseline": {"what": NODE_BENCHMARK, "baseline": "{outside}/secret.sig", "policy": "cpu-bench"},
}


@pytest.mark.parametrize("name", NAMED)
def test_what_lies_outside_is_refused(home: Home, tmp_path: Path, name: str) -> None:
    served, outside = tmp_path / "served", tmp_path / "outside"
    shop(served / "shop")
    (served / "out").symlink_to(outside)
    (served / "link.sig").symlink_to(outside / "secret.sig")
    asked = {key: value.format(outside=outside) if isinstance(value, str) else value for key, value in NAMED[name].items()}
    if "attached" in asked:
        asked["attached"] = tuple(one.format(outside=outside) for one in asked["attached"])
    assert "ARCOPS_ROOTS" in refused(ran(home, asked.pop("what", READINESS), **asked))


@pytest.mark.parametrize("policy", ["{outside}/secret.yaml", "out.yaml", "../outside/secret.yaml"])
def test_nor_is_a_policy_read_from_outside(home: Home, tmp_path: Path, policy: str) -> None:
    (tmp_path / "served" / "out.yaml").symlink_to(tmp_path / "outside" / "secret.yaml")
    report = ran(home, target="tiny", policy=policy.format(outside=tmp_path / "outside"))
    assert "is registered here" in refused(report)
    assert report.policy_name.endswith("(could not be read)")


def test_a_run_that_names_nothing_is_refused_for_that(home: Home, tmp_path: Path) -> None:
    shop(tmp_path / "served" / "shop")
    assert "no network is named" in refused(ran(home, NETWORK_DRIFT, policy="network-drift", declared="shop"))
    report = ran(home, NETWORK_DRIFT, live="shop", policy="network-drift", declared="shop")
    assert {one.kind for one in report.evidence} == {"declared", "network"}


def test_a_swap_after_the_run_was_admitted_is_not_followed(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, outside = tmp_path / "served" / "tiny", tmp_path / "outside" / "tiny"
    outside.mkdir()
    (outside / TELLING).write_text(TELLING)
    collect = flow.collect

    async def later(plan: Plan) -> Mapping[str, Found]:
        tiny.rename(tmp_path / "was")
        tiny.symlink_to(outside)
        return await collect(plan)

    monkeypatch.setattr(flow, "collect", later)
    report = ran(home, target="tiny")
    assert tiny.is_symlink(), "the swap was made"
    assert report.verdict.value == "RED"


class TestWithoutRoots:
    def test_a_run_of_a_deployment_may_name_nothing(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ARCOPS_ROOTS")
        target = str(home.home.parent / "served" / "tiny")
        assert "ARCOPS_ROOTS" in refused(ran(home, target=target))
        monkeypatch.setenv("ARCOPS_ROOTS", "/")
        assert ran(home, target=target).evidence

    def test_a_person_s_own_program_may_name_everything(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ARCOPS_ROOTS")
        deployed(monkeypatch, yes=False)
        assert here().roots is None
        assert ran(home, target=str(home.home.parent / "served" / "tiny")).evidence


class TestOutput:
    def test_it_is_a_new_file_below_the_output_folder(self, home: Home, tmp_path: Path) -> None:
        for named in ("a.json", str(tmp_path / "output" / "b.json")):
            ran(home, target="tiny", output=named)
        for name in ("a.json", "b.json"):
            sealed = open_sealed((tmp_path / "output" / name).read_bytes(), [home.signer.public])
            assert sealed.report.subject.name == "tiny"

    @pytest.mark.parametrize("named", ["{outside}/new", "../outside/new", "out/new", "link", "there", "folder", "no/such"])
    def test_nothing_is_written_over_or_outside_or_through_a_link(self, home: Home, tmp_path: Path, named: str) -> None:
        output, outside = tmp_path / "output", tmp_path / "outside"
        (output / "out").symlink_to(outside)
        (output / "link").symlink_to(outside / "new")
        (output / "there").write_text("was")
        (output / "folder").mkdir()
        report = ran(home, target="tiny", output=named.format(outside=outside))
        assert refused(report)
        assert not (outside / "new").exists()
        assert (output / "there").read_text() == "was"
        assert sorted(one.name for one in output.iterdir()) == ["folder", "link", "out", "there"]

    def test_without_an_output_folder_it_is_refused(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ARCOPS_OUTPUT")
        assert "ARCOPS_OUTPUT" in refused(ran(home, target="tiny", output="a.json"))

    def test_a_link_that_was_put_there_meanwhile_is_not_written_through(
        self, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "output" / "deep"
        folder.mkdir()
        keep = flow.keep

        def later(*given: Any, **more: Any) -> Any:
            folder.rename(tmp_path / "was")
            folder.symlink_to(tmp_path / "outside")
            return keep(*given, **more)

        monkeypatch.setattr(flow, "keep", later)
        with pytest.raises(Refused):
            ran(home, target="tiny", output="deep/new")
        assert not (tmp_path / "outside" / "new").exists()


def test_a_run_that_is_made_again_does_not_write_its_output_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.prefect import recheck

    told: list[Mapping[str, object]] = []

    async def begun(deployment: object, *, parameters: Mapping[str, object], **more: object) -> None:
        told.append(parameters)

    class Client:
        async def read_flow_run(self, run: object) -> SimpleNamespace:
            return SimpleNamespace(deployment_id=uuid4(), parameters={"target": "tiny", "output": "a.json"})

    monkeypatch.setattr(recheck, "arun_deployment", begun)
    assert asyncio.run(recheck._again(Client(), uuid4(), "sha256:x"))  # type: ignore[arg-type]  # all of a client that is asked
    assert told == [{"target": "tiny"}]
