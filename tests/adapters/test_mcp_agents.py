"""What an agent is handed: few tools, short answers with a way to the rest, and nothing that signs unless it was allowed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError, StdioServerParameters

from adapters.mcp import offering
from adapters.mcp.allowing import allowed, offers, refuse_unallowed
from adapters.mcp.answers import answered, judges
from adapters.mcp.brief import MOST_BYTES, SCHEMA, brief
from adapters.mcp.schemas import schema, shortened
from adapters.mcp.server import build
from arcops.errors import Refused
from arcops.finding import Outcome
from capabilities.artifact.show import Show, show_artifact
from capabilities.catalogue import all_tools, offered
from capabilities.contract import Scope, Tool
from capabilities.model.check import Check, check_model
from capabilities.work import Work
from tests.adapters.serving import environment
from tests.adapters.typed import typed
from tests.examples import share
from tests.kept import finding, report, result
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-3/every-capability-is-a-tool")

MOST_LISTED = 16 * 1024
PUBLISHING = {one.name for one in all_tools() if one.scope not in (Scope.READ, Scope.CHECK)}
DIGEST = "sha256:" + "a" * 64


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a client of ``arcops mcp`` saw, by the name of the question."""

    artifacts: dict[str, str]
    results: dict[str, Any]

    def size(self, name: str) -> int:
        return len(self.results[name].model_dump_json(by_alias=True, exclude_none=True).encode())


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def models(here: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A good model, and one that lacks everything."""
    bare = tmp_path_factory.mktemp("models") / "bare"
    bare.mkdir()
    (bare / "config.json").write_text("{}")
    (bare / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return {"good": good_model(here, now=datetime.now(UTC).replace(microsecond=0)), "bare": bare}


@pytest.fixture(scope="module")
def seen(here: Bench, models: dict[str, Path]) -> Seen:
    """One process of ``arcops mcp``, as a client starts it that says nothing more, and all that is asked of it here."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "adapters.cli", "mcp"], env=environment(here.environment)
    )

    async def ask() -> Seen:
        async with Client(server) as client:
            results: dict[str, Any] = {"list": await client.list_tools(), "prompts": await client.list_prompts()}
            for name, policy in (("good", "bench"), ("bare", "sovereign")):
                arguments = {"target": str(models[name]), "policy": policy}
                results[name] = await client.call_tool("check_model", arguments)
            artifacts = {name: results[name].structured_content["artifact"] for name in ("good", "bare")}
            results["report"] = await client.read_resource(results["bare"].structured_content["resource"])
            results["shown"] = await client.call_tool("show_artifact", {"artifact": artifacts["bare"]})
            results["verified"] = await client.call_tool("verify_artifact", {"artifact": artifacts["bare"]})
            results["found"] = await client.call_tool("find_tools", {"query": "who can reach a pod"})
            results["every"] = await client.call_tool("find_tools", {})
            asked = {"name": "examine_artifact", "arguments": {"artifact": artifacts["good"]}}
            results["used"] = await client.call_tool("use_tool", asked)
            refused = {"name": "sign_model_files", "arguments": {"target": str(models["bare"])}}
            results["signed"] = await client.call_tool("use_tool", refused)
            results["signed itself"] = await client.call_tool("sign_model_files", refused["arguments"])
            results["wrong arguments"] = await client.call_tool("use_tool", {"name": "explain_rule", "arguments": {"x": 1}})
            return Seen(artifacts=artifacts, results=results)

    return asyncio.run(ask())


class TestWhatIsListed:
    def test_it_is_a_dozen_tools_in_16_kb(self, seen: Seen) -> None:
        tools = seen.results["list"].tools
        assert 10 <= len(tools) <= 14
        assert seen.size("list") <= MOST_LISTED
        assert {"check_model", "verify_artifact", "explain_rule", "find_tools", "use_tool"} <= {one.name for one in tools}

    def test_none_of_it_signs_imports_or_trusts(self, seen: Seen) -> None:
        shown = {one.name for one in seen.results["list"].tools}
        named = {one["name"] for one in seen.results["every"].structured_content["tools"]}
        assert not (shown | named) & PUBLISHING
        assert "draft_a_waiver" not in {one.name for one in seen.results["prompts"].prompts}, "its tool is not offered"

    def test_every_schema_is_strict_and_sound(self, seen: Seen) -> None:
        for one in seen.results["list"].tools:
            jsonschema_rs.meta.validate(one.input_schema)
            assert one.input_schema["additionalProperties"] is False
            assert "title" not in one.input_schema
            if one.output_schema is not None:
                jsonschema_rs.meta.validate(one.output_schema)

    @pytest.mark.parametrize("allow", [(), tuple(one.value for one in Scope)], ids=["default", "everything"])
    def test_whatever_is_allowed_the_usual_list_is_short(self, allow: tuple[str, ...]) -> None:
        scopes = allowed(allow)
        tools = tuple(one for one in all_tools() if offers(one, scopes))
        listed = [*map(offering.as_tool, offering.chosen(tools, ())), *offering.finding(tools)]
        assert sum(len(one.model_dump_json(by_alias=True, exclude_none=True)) + 1 for one in listed) <= MOST_LISTED - 200


class TestToolsets:
    def test_a_toolset_or_a_tool_is_named(self) -> None:
        tools = all_tools()
        network = {one.name for one in offering.chosen(tools, ("network",))}
        assert network == {one.name for one in tools if one.work.__module__.startswith("capabilities.network.")}
        both = {one.name for one in offering.chosen(tools, ("network", "explain_rule"))}
        assert both == network | {"explain_rule"}
        assert {one.name for one in offering.chosen(tools, ("check",))} == {
            one.name for one in tools if one.name.startswith("check_")
        }
        assert offering.chosen(tools, ("all",)) == tools

    def test_a_name_that_means_nothing_is_refused_and_one_that_is_not_offered_is_left_out(self) -> None:
        with pytest.raises(Refused, match=r"'netwrok'; do you mean 'network'\?"):
            offering.chosen(all_tools(), ("netwrok",))
        few = tuple(one for one in all_tools() if one.scope is Scope.AUDIT)
        assert offering.chosen(few, ("keys",), all_tools()) == ()

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            (("--tools", "check,nonsense"), "no toolset or tool 'nonsense'"),
            (("--allow", "everything"), "no scope 'everything'"),
        ],
        ids=["tools", "allow"],
    )
    def test_the_command_refuses_such_names(self, here: Bench, option: tuple[str, str], said: str) -> None:
        for http in ((), ("--http", "--port", "0")):
            done = typed("mcp", *http, *option, environment=here.environment)
            assert done.returncode == 2
            assert said in done.stderr

    def test_every_tool_is_in_a_toolset_of_its_own_subject(self) -> None:
        for one in all_tools():
            assert one in offering.toolsets(all_tools())[offering.toolset(one)]
            assert offering.toolset(one) not in (offering.ALL, offering.USUAL)


class TestWhatIsAnswered:
    @pytest.mark.parametrize("name", ["good", "bare"])
    def test_a_check_answers_in_2_kb_with_a_way_to_the_rest(self, seen: Seen, name: str) -> None:
        result = seen.results[name]
        assert seen.size(name) <= MOST_BYTES
        values = result.structured_content
        assert jsonschema_rs.validator_for(SCHEMA).is_valid(values)
        assert values["verdict"] == {"good": "GREEN", "bare": "RED"}[name]
        assert values["resource"] == f"arcops://reports/{values['artifact']}"
        assert result.content[0].text.startswith(f"{values['verdict']} model ")

    def test_what_is_not_green_stands_in_both_the_worst_first(self, seen: Seen) -> None:
        values, text = seen.results["bare"].structured_content, seen.results["bare"].content[0].text
        worst = values["notGreen"][0]
        assert worst["outcome"] == "FAIL"
        assert worst["rule"] in text
        assert worst["text"] in text
        assert worst["fix"]
        whole = json.loads(seen.results["report"].contents[0].text)
        bad = {one["rule"] for gate in whole["results"] for one in gate["findings"] if one["outcome"] != "PASS"}
        assert {one["rule"] for one in values["notGreen"]} == bad
        assert values["counts"]["UNKNOWN"] == sum(
            one["outcome"] == "UNKNOWN" for gate in whole["results"] for one in gate["findings"]
        )

    def test_showing_has_more_room(self, seen: Seen) -> None:
        shown = seen.results["shown"].structured_content
        assert all(one["text"] and one["fix"] for one in shown["notGreen"][:2])
        assert all("text" in one for one in shown["notGreen"])
        assert shown["artifact"] == seen.artifacts["bare"]

    def test_verifying_says_who_signed(self, seen: Seen, here: Bench) -> None:
        verified = seen.results["verified"].structured_content
        assert verified["also"]["signers"] == [here.signer.public.id]
        assert verified["also"]["expired"] is False
        assert verified["verdict"] == "RED"

    def test_an_answer_about_no_report_is_never_green(self) -> None:
        assert brief(None, DIGEST, {"problem": "gone"}).values["verdict"] == "UNKNOWN"

    @given(
        st.lists(
            st.tuples(st.sampled_from(Outcome), st.text(max_size=400), st.text(max_size=400), st.integers(0, 60)),
            min_size=1,
            max_size=80,
        ),
        st.text(min_size=1, max_size=300),
    )
    def test_no_report_is_answered_in_more_than_the_bound(self, said: list[tuple[Outcome, str, str, int]], name: str) -> None:
        findings = [
            finding(f"gate/rule-{number}", outcome, text, fix="" if outcome is Outcome.PASS else fix)
            for outcome, text, fix, number in said
        ]
        about = report(name, result("gate", *findings))
        answer = answered(check_model, Check(target=Path("x")), check_model.answer(report=about, artifact=DIGEST))
        values: Any = answer.structured_content
        assert len(answer.model_dump_json(by_alias=True, exclude_none=True).encode()) <= MOST_BYTES
        assert jsonschema_rs.validator_for(SCHEMA).is_valid(values)
        bad = {one.rule for one in findings if one.outcome is not Outcome.PASS}
        assert len(values.get("notGreen", ())) + values.get("notShown", 0) == len(bad), "what finds no room is counted"
        assert sum(values["counts"].values()) == len(findings)

    def test_long_lists_besides_the_report_say_how_much_is_left(self) -> None:
        values = brief(None, "", {"doubts": [str(one) for one in range(50)]}).values
        assert values["also"]["doubts"][-1] == "… 30 more of 50"


class TestFindingAndUsing:
    def test_the_best_match_comes_with_its_schema(self, seen: Seen) -> None:
        best = seen.results["found"].structured_content["tools"][0]
        assert best["name"] == "reach_network"
        assert best["inputSchema"]["required"] == ["target", "source", "to"]
        assert best["readOnly"] is True
        assert seen.size("every") < 24 * 1024

    def test_what_was_found_answers_as_itself(self, seen: Seen) -> None:
        used = seen.results["used"]
        assert not used.is_error
        assert used.structured_content["verdict"] == "GREEN"
        assert seen.results["wrong arguments"].is_error

    @pytest.mark.parametrize("way", ["signed", "signed itself"])
    def test_what_is_not_allowed_is_refused_with_the_way_to_allow_it(
        self, seen: Seen, models: dict[str, Path], way: str
    ) -> None:
        result = seen.results[way]
        assert result.is_error
        assert "arcops mcp --allow publish" in result.content[0].text
        assert not list(models["bare"].glob("*.sig*"))

    @pytest.mark.parametrize(
        "arguments", [None, {}, {"name": 5}, {"name": "x", "arguments": []}, {"name": "x", "more": 1}, {"name": "use_tool"}]
    )
    def test_what_names_no_tool_is_refused(self, arguments: dict[str, Any] | None) -> None:
        with pytest.raises(Refused, match="use_tool"):
            offering.unwrapped(arguments)

    def test_a_query_is_a_text(self) -> None:
        for arguments in ({"query": 5}, {"outsider": "x"}):
            with pytest.raises(Refused, match="query"):
                offering.found(all_tools(), arguments)
        assert offering.found(all_tools(), {"query": "zzzz"})["tools"] == []

    def test_the_way_in_claims_no_more_than_what_it_can_call(self) -> None:
        _, use = offering.finding(all_tools())
        _, looking = offering.finding([one for one in all_tools() if one.reads_only and not one.may_connect])
        hints: Callable[[Any], Any] = lambda tool: (  # noqa: E731  # a name for four words
            tool.annotations.read_only_hint, tool.annotations.destructive_hint, tool.annotations.open_world_hint,
        )  # fmt: skip
        assert hints(use) == (False, True, True)
        assert hints(looking) == (True, False, False)


class TestAllowing:
    @contextmanager
    def server(self, here: Bench, *allow: str) -> Iterator[Any]:
        scopes = allowed(allow)
        place = replace(here.place(), own=False, settings=replace(here.settings, remote_trust=Scope.TRUST in scopes))
        work = Work(long=1)
        tools = [one for one in offered(place, trusting=True) if offers(one, scopes)]
        try:
            yield build(tools, place, work, allow=lambda ctx, tool, ask: refuse_unallowed(tool, ask, scopes), listed=("all",))
        finally:
            work.close()

    @pytest.mark.parametrize("scope", [one.value for one in Scope])
    def test_each_scope_is_allowed_by_its_own_name_alone(self, here: Bench, scope: str) -> None:
        scopes = allowed((scope,))
        assert scopes == {Scope.READ, Scope.CHECK, Scope(scope)}
        for one in all_tools():
            if one.scope not in scopes:
                assert not offers(one, scopes), one.name

    def test_signing_comes_with_publish(self, here: Bench, models: dict[str, Path]) -> None:
        async def ask(server: Any) -> Any:
            async with Client(server) as client:
                names = {one.name for one in (await client.list_tools()).tools}
                return names, await client.call_tool("use_tool", {"name": "make_baseline", "arguments": {"artifact": "x"}})

        with self.server(here, "publish") as server:
            names, result = asyncio.run(ask(server))
        assert {"sign_model_files", "export_store"} <= names
        assert not names & {"trust_key", "new_key", "import_store", "draft_waiver", "check_inference"}
        assert "--allow" not in result.content[0].text, "it was asked, and refused the artifact"

    def test_a_connection_is_allowed_by_its_name(self, here: Bench) -> None:
        async def ask(server: Any) -> Any:
            async with Client(server) as client:
                with pytest.raises(MCPError, match="check_inference"):
                    await client.call_tool("check_inference", {"url": "http://127.0.0.1:9", "models": ["a"]})
                return await client.call_tool("check_network", {"context": "edge"})

        with self.server(here) as server:
            result = asyncio.run(ask(server))
        assert "--allow connect" in result.content[0].text


def _values(described: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of many kinds for the members of *described*, good ones and bad ones, and members that it does not have."""
    anything = st.one_of(
        st.none(), st.booleans(), st.integers(-2, 5), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2),
        st.sampled_from(["GREEN", "chat", "ed25519", "model", "2026-11-21T12:00:00Z"]),
    )  # fmt: skip
    return st.dictionaries(st.sampled_from([*described.get("properties", {}), "outsider"]), anything, max_size=6)


@pytest.mark.parametrize("tool", all_tools(), ids=lambda one: one.name)
@share(0.2)
@given(data=st.data())
def test_a_shortened_schema_takes_what_the_whole_one_takes(tool: Tool[Any, Any], data: st.DataObject) -> None:
    whole = schema(tool.ask, "validation")
    value = data.draw(_values(whole))
    required = {name: "x" for name in whole.get("required", ()) if data.draw(st.booleans())}
    both = [jsonschema_rs.validator_for(one, validate_formats=True) for one in (whole, shortened(whole))]
    assert both[0].is_valid({**required, **value}) == both[1].is_valid({**required, **value})


def test_what_judges_is_known_by_its_answer() -> None:
    assert judges(check_model)
    assert judges(show_artifact)
    others = {"announce_change", "check_client_service", "host_feedback_give", "report_client_state", "validate_client_draft"}
    assert {one.name for one in all_tools() if one.scope is Scope.CHECK and not judges(one)} == others
    assert isinstance(Show(artifact="x"), show_artifact.ask)
