"""The contract of the doors: what a tool declares, what a place lets a caller name, and how a run elsewhere is answered."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

import jsonschema_rs
import pytest

from arcops.errors import Broken, Refused
from arcops.verdict import Verdict
from artifacts.wire import from_json, to_json
from capabilities.catalogue import all_tools
from capabilities.contract import Scope, Tool, tool
from capabilities.model.check import Check, check_model
from capabilities.model.sbom import MakeSbom, make_model_sbom
from capabilities.policy.policy import DraftWaiver, draft_waiver
from flows.place import Place
from flows.policies.reading import parse_policy
from tests.models import CLOCK, Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-3/every-capability-is-a-tool")

DIGEST = f"sha256:{'5a' * 32}"


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


def test_every_capability_is_found_and_says_what_it_does() -> None:
    tools = all_tools()
    assert {"check_model", "verify_artifact", "explain_rule", "draft_waiver"} <= {one.name for one in tools}
    assert len({one.name for one in tools}) == len(tools)
    assert {one.scope for one in tools} == set(Scope) - {Scope.CONNECT}, "which an ask takes beside its tool's own"
    for one in tools:
        assert one.title, one.name
        assert len(one.doc) > 40, one.name


def test_what_is_no_frozen_dataclass_or_undocumented_is_not_declared() -> None:
    @dataclass
    class Loose:
        """Can be changed under way."""

    def loose(ask: Loose, at: Place) -> Loose:
        """Answer with what was asked."""
        return ask

    def silent(ask: Check, at: Place) -> Check:
        return ask

    loose.__annotations__ = {"ask": Loose, "at": Place, "return": Loose}
    for work, said in ((loose, "not a frozen dataclass"), (silent, "no docstring")):
        with pytest.raises(Broken, match=said):
            tool(title="Bad", scope=Scope.READ)(work)


def test_an_ask_and_its_answer_cross_a_network_as_they_are(here: Bench) -> None:
    ask = Check(target=good_model(here), policy=str(here.policy), summary=True)
    assert from_json(Check, json.dumps(to_json(ask))) == ask
    answer = check_model(ask, here.place())
    assert answer.report.verdict is Verdict.GREEN
    assert json.loads(answer.summary)["dsseEnvelope"]["signatures"]
    assert from_json(check_model.answer, json.dumps(to_json(answer))) == answer


class TestReach:
    def test_a_caller_names_no_file_outside_the_roots(self, here: Bench, tmp_path: Path) -> None:
        model = good_model(here)
        (tmp_path / "served").mkdir()
        at = replace(here.place(), roots=(tmp_path / "served",))
        with pytest.raises(Refused, match="outside the folders") as refused:
            check_model(Check(target=model, policy="pilot"), at)
        assert str(tmp_path) not in str(refused.value)
        for output, said in ((None, "ARCOPS_OUTPUT"), (tmp_path / "served", "outside the folder")):
            settings = replace(at.settings, output=output)
            with pytest.raises(Refused, match=said):
                make_model_sbom(
                    MakeSbom(target=model, version="1", supplier="x", licence="MIT"), replace(at, settings=settings)
                )

    @pytest.mark.parametrize("way", ["link", "dots", "attached"])
    def test_nor_by_a_detour(self, here: Bench, tmp_path: Path, way: str) -> None:
        model = good_model(here)
        served = tmp_path / "served"
        served.mkdir()
        (served / "model.bin").write_bytes(b"x")
        (served / "link").symlink_to(model)
        at = replace(here.place(), roots=(served,))
        ask = {
            "link": Check(target=served / "link", policy="pilot"),
            "dots": Check(target=served / ".." / model.name, policy="pilot"),
            "attached": Check(target=served / "model.bin", policy="pilot", attached=(model / "README.md",)),
        }[way]
        with pytest.raises(Refused, match="outside the folders"):
            check_model(ask, at)
        elsewhere = check_model.deployed
        assert elsewhere is not None
        with pytest.raises(Refused, match="outside the folders"):
            elsewhere.parameters(ask, at)

    def test_no_deployment_is_told_of_a_policy_that_is_not_registered(self, here: Bench, tmp_path: Path) -> None:
        """A worker judges by registered policies alone, because anyone who reaches Prefect can set its parameters."""
        own = tmp_path / "served" / "own.yaml"
        own.parent.mkdir()
        own.write_text(here.policy.read_text().replace("name: bench", "name: own"))
        for at in (replace(here.place(), roots=(own.parent,)), here.place()):
            for one in (found for found in all_tools() if found.deployed is not None):
                asked = {field.name: own.parent for field in fields(one.ask) if field.default is MISSING}
                with pytest.raises(Refused, match="registered"):
                    one.deployed.parameters(one.ask(**asked, policy=str(own)), at)

    def test_below_the_roots_all_is_well(self, here: Bench, tmp_path: Path) -> None:
        model = good_model(here)
        at = replace(here.place(), roots=(tmp_path / "elsewhere", tmp_path))
        assert check_model(Check(target=model, policy="bench"), at).report.verdict is Verdict.GREEN

    def test_a_place_that_serves_no_folder_serves_no_file(self, here: Bench) -> None:
        with pytest.raises(Refused, match="outside the folders"):
            check_model(Check(target=good_model(here), policy="pilot"), replace(here.place(), roots=()))


class TestWaivers:
    def ask(self, here: Bench, **changes: object) -> DraftWaiver:
        return replace(
            DraftWaiver(
                policy=str(here.policy), rule="licence/allowed", digest=DIGEST, subject="tiny*", owner="sam",
                reason='he said "yes": # fine', expires=CLOCK + timedelta(days=365),
            ),
            **changes,  # type: ignore[arg-type]  # the tests name real fields
        )  # fmt: skip

    def test_a_draft_is_what_the_policy_accepts(self, here: Bench) -> None:
        drafted = draft_waiver(self.ask(here, about="líne\n- two"), here.place())
        text = here.policy.read_text() + "waivers:\n" + drafted.yaml
        policy = parse_policy(text.encode(), where="test")
        assert [(one.rule, one.digest, one.subject, one.owner, one.reason, one.about) for one in policy.waivers] == [
            ("licence/allowed", DIGEST, "tiny*", "sam", 'he said "yes": # fine', "líne\n- two")
        ]
        drafted = draft_waiver(self.ask(here, digest="", any_content=True), here.place())
        (open_to_all,) = parse_policy(f"{here.policy.read_text()}waivers:\n{drafted.yaml}".encode(), where="test").waivers
        assert (open_to_all.any_content, open_to_all.digest) == (True, "")

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"rule": "licence/nonsense"}, "which no gate has"),
            ({"rule": "admission/signed"}, "does not ask the gate"),
            ({"owner": " "}, "has no owner"),
            ({"expires": CLOCK}, "time in the future"),
            ({"policy": "nowhere"}, "there is no policy"),
            ({"digest": ""}, "goes by the name 'tiny\\*' alone"),
            ({"any_content": True}, "use one of them"),
            ({"expires": CLOCK + timedelta(days=367)}, "at most 366 days"),
            ({"expires": CLOCK.replace(year=9999)}, "at most 366 days"),
        ],
    )
    def test_what_would_not_hold_is_not_drafted(self, here: Bench, changes: dict[str, object], said: str) -> None:
        with pytest.raises(Refused, match=said):
            draft_waiver(self.ask(here, **changes), here.place())


def test_schemas_can_be_made_of_every_ask_and_answer() -> None:
    from pydantic import TypeAdapter

    for one in all_tools():
        assert isinstance(one, Tool)
        for kind in (one.ask, one.answer):
            jsonschema_rs.validator_for(TypeAdapter(kind).json_schema())
