"""Calls of tools: what is valid, what is not, and what the gate makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcops.endpoint import Load, Route
from arcops.errors import Refused
from arcops.finding import Finding, Outcome
from arcops.seen.inference import Inference
from arcops.seen.inference_tools import PLANNED_TRIALS, ToolProblem, ToolTrial
from gates.breach import Weight
from gates.inference.inference.examples import good
from gates.inference.inference.gate import inference
from gates.inference.inference.policy import InferencePolicy
from tasks.inference.tool_calls import judged
from tests.evidence import judged as judge
from tests.simulators.openai_api import Plan, serving
from tests.tasks.test_inference import looked, small

pytestmark = pytest.mark.requirement("ARC-C3/models-call-tools")

PARIS = ("weather", '{"city": "Paris", "days": 3, "unit": "celsius"}')
ROME = ("weather", '{"city": "Rome", "days": 3, "unit": "celsius"}')


def looked_at(plan: Plan, **more: object) -> Inference:
    with serving(a=replace(plan, first=0.0, gap=0.0)) as api:
        return looked(small(api, each=2, tools=True, **more))


def said(body: Inference, policy: InferencePolicy | None = None) -> Finding:
    found = judge(inference, policy or InferencePolicy(), [body])  # type: ignore[arg-type]  # a gate of its own policy
    (one,) = [one for one in found.findings if one.rule == "inference/tools"]
    return one


def test_valid_calls_pass_streamed_and_not_one_and_two() -> None:
    body = looked_at(Plan(calls=(PARIS, ROME), images=True, embeds=True))
    assert [one.problem for one in body.tools] == [ToolProblem.NONE] * PLANNED_TRIALS
    assert {(one.streamed, one.parallel) for one in body.tools} == {(a, b) for a in (True, False) for b in (True, False)}
    assert len({one.calls for one in body.tools}) == 2  # one for one call, one for two, however they came
    assert body.offers == ("a: images", "a: embeddings")
    assert said(body).outcome is Outcome.PASS
    assert "images, embeddings" in said(body).text


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        ((), ToolProblem.NO_CALL),
        ((PARIS,), ToolProblem.TOO_FEW),
        ((("weather", '{"city": "Paris", "days": 3'), ROME), ToolProblem.NOT_JSON),
        ((("weather", '"Paris"'), ROME), ToolProblem.NOT_JSON),
        ((("weather", '{"city": "Paris", "days": 30, "unit": "celsius"}'), ROME), ToolProblem.OFF_SCHEMA),
        ((("weather", '{"city": "Paris", "days": "3", "unit": "celsius"}'), ROME), ToolProblem.OFF_SCHEMA),
        ((("weather", '{"city": "Paris", "days": 3, "unit": "kelvin"}'), ROME), ToolProblem.OFF_SCHEMA),
        ((("weather", '{"city": "Paris"}'), ROME), ToolProblem.OFF_SCHEMA),
        ((("forecast", PARIS[1]), ROME), ToolProblem.OTHER_TOOL),
    ],
)
def test_each_problem_has_its_name_and_fails(calls: tuple[tuple[str, str], ...], problem: ToolProblem) -> None:
    body = looked_at(Plan(calls=calls))
    assert problem in {one.problem for one in body.tools}
    assert said(body).outcome is Outcome.FAIL
    assert problem.value in said(body).text


@pytest.mark.parametrize("ids", [("", "b"), ("a", "a")])
def test_agents_need_the_ids_of_calls(ids: tuple[str, str]) -> None:
    calls = [(one, *call) for one, call in zip(ids, (PARIS, ROME), strict=True)]
    assert judged(calls, fewest=2)[0] is ToolProblem.NO_ID


def test_a_server_that_refuses_tools_says_why() -> None:
    with serving(a=Plan(first=0.0, gap=0.0)) as api:
        api.may_answer = lambda model: "tools" not in api.seen[-1]
        body = looked(small(api, each=2, tools=True))
    assert {one.problem for one in body.tools} == {ToolProblem.NO_ANSWER}
    assert "the server answered 400" in said(body).text


def trials(*calls: str) -> tuple[ToolTrial, ...]:
    shapes = [(streamed, parallel) for streamed in (True, False) for parallel in (False, True) for _ in range(2)]
    return tuple(
        ToolTrial(model="a", streamed=streamed, parallel=parallel, problem=ToolProblem.NONE, calls=one)
        for (streamed, parallel), one in zip(shapes, calls, strict=False)
    )


def asked(tools: tuple[ToolTrial, ...]) -> Inference:
    body = good("a")
    return replace(body, load=replace(body.load, tools=True), tools=tools)


def test_calls_that_differ_are_as_grave_as_the_policy_says() -> None:
    body = asked(trials("x", "y", *"zzzzzz"))
    assert said(body).outcome is Outcome.FAIL
    assert said(body, InferencePolicy(determinism=Weight.WARN)).outcome is Outcome.WARN
    assert said(asked(trials(*"xxyyxxyy"))).outcome is Outcome.PASS


def test_trials_that_were_not_made_are_unknown() -> None:
    """Mutation: no trial is no bad trial."""
    assert said(asked(())).outcome is Outcome.UNKNOWN
    assert said(asked(trials(*"xxxxxxx"))).outcome is Outcome.UNKNOWN


def test_without_the_question_the_policy_decides() -> None:
    assert said(good("a")).outcome is Outcome.PASS
    assert said(good("a"), InferencePolicy(need_tools=True)).outcome is Outcome.UNKNOWN


def test_tools_need_the_route_for_chats() -> None:
    with pytest.raises(Refused, match="chat"):
        Load(url="http://127.0.0.1:1", models=("a",), tools=True, route=Route.COMPLETIONS)


def test_a_model_for_embeddings_is_told_apart() -> None:
    with serving(a=Plan(refuses=("model",), embeds=True)) as api:
        body = looked(small(api))
    assert body.offers == ("a: embeddings",)
    found = judge(inference, InferencePolicy(), [body])  # type: ignore[arg-type]  # a gate of its own policy
    assert any("it gives embeddings" in one.text for one in found.findings if one.rule == "inference/errors")
