"""Tools and a prompt of the fixture that need an answer of the client first (`input_required`, revision 2026-07-28).

Nothing is kept between the rounds: what the next one must know travels in ``requestState``, sealed by `RequestStateBoundary`.
"""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types

from tests.conformance.offered import Answer, Context, needs, registry, said

ASKING, offered = registry()
PROMPT = "test_input_required_result_prompt"


def _form(message: str, name: str, kind: str = "string") -> types.ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(text: str, most: int) -> types.CreateMessageRequest:
    asked = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[asked], max_tokens=most))


def _wanted(state: str | None = None, **requests: Any) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests=requests, request_state=state)


def _filled(params: Any, key: str, name: str) -> Any:
    """What the client gave for *name* under *key*; nothing if that is missing or of another shape."""
    given = (params.input_responses or {}).get(key)
    if not isinstance(given, types.ElicitResult) or given.action != "accept" or not given.content:
        return None
    return given.content.get(name)


@offered()
async def test_input_required_result_elicitation(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Greets the caller who gives a name."""
    name = _filled(params, "user_name", "name")
    if name is None:
        return _wanted(user_name=_form("What is your name?", "name"))
    return said(f"Hello, {name}!")


@offered()
async def test_input_required_result_sampling(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers what the client's model says."""
    given = (params.input_responses or {}).get("capital_question")
    if not isinstance(given, types.CreateMessageResult) or not isinstance(given.content, types.TextContent):
        return _wanted(capital_question=_sampling("What is the capital of France?", 100))
    return said(given.content.text)


@offered()
async def test_input_required_result_list_roots(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers the client's roots."""
    given = (params.input_responses or {}).get("client_roots")
    if not isinstance(given, types.ListRootsResult):
        return _wanted(client_roots=types.ListRootsRequest())
    return said(*(f"root {root.uri}" for root in given.roots))


@offered()
async def test_input_required_result_request_state(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Answers only who brings its state back."""
    if params.request_state != "asked" or _filled(params, "confirm", "ok") is None:
        return _wanted("asked", confirm=_form("Please confirm", "ok", "boolean"))
    return said("state-ok")


@offered()
async def test_input_required_result_tampered_state(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """As the one before; a state that was changed on the way never comes here."""
    return await test_input_required_result_request_state(ctx, params)


@offered()
async def test_input_required_result_multiple_inputs(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks three things of three kinds at once."""
    keys = {"user_name", "greeting", "client_roots"}
    if params.request_state != "asked" or not keys <= set(params.input_responses or {}):
        return _wanted(
            "asked",
            user_name=_form("What is your name?", "name"),
            greeting=_sampling("Generate a greeting", 50),
            client_roots=types.ListRootsRequest(),
        )
    return said(f"all three are here, {_filled(params, 'user_name', 'name')}")


@offered()
async def test_input_required_result_multi_round(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks twice, and answers both."""
    known = json.loads(params.request_state) if params.request_state else {}
    if (name := _filled(params, "step1", "name")) is not None:
        known["name"] = name
    if "name" not in known:
        return _wanted(json.dumps(known), step1=_form("Step 1: What is your name?", "name"))
    colour = _filled(params, "step2", "color")
    if colour is None:
        return _wanted(json.dumps(known), step2=_form("Step 2: What is your favorite color?", "color"))
    return said(f"{known['name']} likes {colour}")


@offered()
async def test_input_required_result_capabilities(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks only what the client says it can answer."""
    able = ctx.session.client_capabilities or types.ClientCapabilities()
    requests: dict[str, Any] = {}
    if able.elicitation is not None:
        requests["name"] = _form("What is your name?", "name")
    if able.sampling is not None:
        requests["greeting"] = _sampling("Generate a greeting", 50)
    if able.roots is not None:
        requests["roots"] = types.ListRootsRequest()
    if not requests or params.input_responses:
        return said("nothing more to ask")
    return _wanted(**requests)


@offered()
async def test_streaming_elicitation(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks for a name on the stream that carries its answer, and never by a request of its own."""
    needs(ctx, "elicitation", types.ClientCapabilities(elicitation=types.ElicitationCapability()))
    await ctx.session.report_progress(0, 1)
    return await test_input_required_result_elicitation(ctx, params)


async def asking_prompt(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    """A prompt that needs to know its context first."""
    context = _filled(params, "user_context", "context")
    if context is None:
        return _wanted(user_context=_form("What context should the prompt use?", "context"))
    text = types.TextContent(type="text", text=f"Within this context: {context}")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])


def name_for_task(params: types.CallToolRequestParams) -> str | types.InputRequiredResult:
    """The name that `test_tool_with_task` works with, or the question for it."""
    name = _filled(params, "user_name", "name")
    return _wanted(user_name=_form("What is your name?", "name")) if name is None else str(name)
