"""Tools of the fixture that speak while they work: log lines, progress, questions to the client, changes of what is offered.

Questions within a call, log levels of a session and broken streams belong to 2025-11-25 alone; the later revision asks with
`input_required` (`tests/conformance/asking.py`).
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import Any

import anyio
import mcp_types as types
from mcp import MCPError
from mcp.server.subscriptions import InMemorySubscriptionBus, PromptsListChanged, ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.shared.message import ServerMessageMetadata

from tests.conformance.offered import Answer, Context, needs, registry, said, texts

TALKING, offered = registry()
WATCHED = "test://watched-resource"
_STEP_SECONDS = 0.05
_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


@dataclass(slots=True, kw_only=True)
class Sessions:
    """What the clients of 2025-11-25 have set, by the id of their session; and what is told to those who listen."""

    levels: dict[str, str] = field(default_factory=dict)
    watched: dict[str, set[str]] = field(default_factory=dict)
    bus: InMemorySubscriptionBus = field(default_factory=InMemorySubscriptionBus)

    async def set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        self.levels[_session(ctx)] = params.level
        return types.EmptyResult()

    async def watch(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self.watched.setdefault(_session(ctx), set()).add(str(params.uri))
        return types.EmptyResult()

    async def unwatch(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self.watched.get(_session(ctx), set()).discard(str(params.uri))
        return types.EmptyResult()


SESSIONS = Sessions()


def _session(ctx: Context) -> str:
    return str(ctx.request.headers.get("mcp-session-id", "")) if ctx.request is not None else ""


async def _log(ctx: Context, level: types.LoggingLevel, text: str) -> None:
    """One log line, if the client of this request wants it."""
    if _LEVELS.index(level) < _LEVELS.index(SESSIONS.levels.get(_session(ctx), "debug")):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)  # the revision 2025-11-25 has it
        await ctx.session.send_log_message(level, text, logger="everything", related_request_id=ctx.request_id)


@offered()
async def test_tool_with_logging(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Logs three lines while it works."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(ctx, "info", line)
        await anyio.sleep(_STEP_SECONDS)
    return said("logged")


@offered()
async def test_logging_tool(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Logs one line, if the request asks for log lines."""
    await _log(ctx, "info", "a line that no one may see who did not ask")
    return said("logged")


@offered()
async def test_tool_with_progress(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Reports 0, 50 and 100 of 100."""
    for done in (0, 50, 100):
        await ctx.session.report_progress(done, 100)
        await anyio.sleep(_STEP_SECONDS)
    return said("done")


@offered(texts(prompt="what to ask the model"))
async def test_sampling(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks the client's model."""
    needs(ctx, "sampling", types.ClientCapabilities(sampling=types.SamplingCapability()))
    asked = types.TextContent(type="text", text=str((params.arguments or {}).get("prompt", "")))
    request = types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[types.SamplingMessage(role="user", content=asked)], max_tokens=100)
    )
    answer = await ctx.session.send_request(
        request, types.CreateMessageResult, metadata=ServerMessageMetadata(related_request_id=ctx.request_id)
    )
    return said(f"LLM response: {answer.content.text if isinstance(answer.content, types.TextContent) else ''}")


async def _elicited(ctx: Context, message: str, properties: dict[str, Any], required: list[str]) -> types.ElicitResult:
    needs(ctx, "elicitation", types.ClientCapabilities(elicitation=types.ElicitationCapability()))
    schema = {"type": "object", "properties": properties, "required": required}
    return await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)


@offered(texts(message="what to show the user"))
async def test_elicitation(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks the user for a name and an address."""
    properties = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    message = str((params.arguments or {}).get("message", ""))
    answer = await _elicited(ctx, message, properties, ["username", "email"])
    return said(f"User response: action={answer.action}, content={json.dumps(answer.content)}")


@offered()
async def test_elicitation_sep1034_defaults(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks with a default for each kind of value."""
    properties = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    answer = await _elicited(ctx, "Is this right?", properties, [])
    return said(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}")


@offered()
async def test_elicitation_sep1330_enums(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Asks with each way of choosing from a list."""
    plain = {"type": "string", "enum": ["option1", "option2", "option3"]}
    titled = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)]
    properties = {
        "untitledSingle": plain,
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": plain},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    answer = await _elicited(ctx, "Choose", properties, [])
    return said(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}")


@offered()
async def test_reconnection(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Closes its stream before it has answered; the client asks for the answer when it comes back."""
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
        await anyio.sleep(2 * _STEP_SECONDS)
    return said("Reconnection test completed successfully.")


@offered()
async def test_missing_capability(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Cannot be served to a client without sampling."""
    needs(ctx, "sampling", types.ClientCapabilities(sampling=types.SamplingCapability()))
    return said("the client has it")


@offered()
async def test_trigger_tool_change(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Tells those who listen that the list of tools may have changed."""
    await SESSIONS.bus.publish(ToolsListChanged())
    return said("told")


@offered()
async def test_trigger_prompt_change(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Tells those who listen that the list of prompts may have changed."""
    await SESSIONS.bus.publish(PromptsListChanged())
    return said("told")


@offered()
async def test_trigger_resource_change(ctx: Context, params: types.CallToolRequestParams) -> Answer:
    """Tells those who watch it that the watched resource has changed."""
    await SESSIONS.bus.publish(ResourceUpdated(uri=WATCHED))
    if WATCHED in SESSIONS.watched.get(_session(ctx), set()):
        await ctx.session.send_resource_updated(WATCHED)
    return said("told")


def unknown(name: str) -> MCPError:
    return MCPError(types.INVALID_PARAMS, f"there is no {name[:100]!r}")
