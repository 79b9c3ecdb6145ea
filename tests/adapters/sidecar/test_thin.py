"""The whole way: a real client of MCP, the sidecar, the shim, a server over standard streams; and Cedar in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from services.operator.sidecar import CedarPolicies
from tests.adapters.sidecar.world import stdio_pod, until

POLICIES = (
    'permit (principal, action, resource == Tool::"time/echo");',
    'permit (principal, action == Action::"read", resource);',
    'forbid (principal, action, resource) when { context.arguments has text && context.arguments.text == "secret" };',
)


def text(result: Any) -> str:
    return str(result.content[0].text)


@pytest.mark.requirement("OPER-3/standard-streams-are-bridged", "OPER-6/cedar-decides-each-call")
def test_a_real_client_calls_what_a_policy_permits(tmp_path: Path) -> None:
    policies = CedarPolicies(policies=POLICIES, actions={"count": "read"})
    with stdio_pod(tmp_path, authz=policies, tools=("echo", "count", "big")) as pod:

        async def talk() -> None:
            async with Client(pod.url) as client:
                listed = await client.list_tools()
                assert [one.name for one in listed.tools] == ["echo", "count", "big"]
                assert text(await client.call_tool("echo", {"text": "hello"})) == "hello"
                assert text(await client.call_tool("count", {})) == "1"
                with pytest.raises(Exception, match="no policy of this server permits big"):
                    await client.call_tool("big", {"size": 1})
                with pytest.raises(Exception, match="a policy of this server forbids echo in this call"):
                    await client.call_tool("echo", {"text": "secret"})
                with pytest.raises(Exception, match="time shows no tool 'die'"):
                    await client.call_tool("die", {})

        asyncio.run(talk())
        assert pod.asked("/handshake")[1]["protocolVersions"][-1] == "2025-11-25"
        wanted = {("echo", "done", ""), ("big", "denied", "policy"), ("die", "denied", "filter")}
        until(lambda: {(one["tool"], one["outcome"], one["reason"]) for one in pod.recorded()} >= wanted)
