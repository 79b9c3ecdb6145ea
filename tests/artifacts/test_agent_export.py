"""The export of an agent as a statement: without a time, so the same agent is the same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from artifacts.agent_export import (
    AGENT_EXPORT,
    AgentExport,
    AgentModel,
    AgentOffer,
    AgentPrompt,
    AgentServer,
    AgentValue,
    agent_digest,
)

pytestmark = pytest.mark.requirement("HOST-029/agents-are-reproducible")


def agent() -> AgentExport:
    return AgentExport(
        name="helper",
        model=AgentModel(provider="local", name="tiny", version="1.0", digest=f"sha256:{'1' * 64}"),
        prompts=(AgentPrompt(name="system", text="Answer in one sentence.\n"),),
        servers=(
            AgentServer(
                name="time",
                package="pypi:mcp-server-time==2026.10.10",
                lock=f"sha256:{'2' * 64}",
                launch=f"sha256:{'3' * 64}",
                tools=("now",),
                offers=(AgentOffer(kind="tool", name="now", digest=f"sha256:{'4' * 64}"),),
            ),
        ),
        settings=(AgentValue(name="temperature", value="0"),),
        secrets=("TOKEN",),
    )


def test_the_same_agent_is_the_same_statement_and_any_other_is_not() -> None:
    assert AGENT_EXPORT.statement(agent()) == AGENT_EXPORT.statement(agent())
    one = agent()
    for other in (
        replace(one, name="other"),
        replace(one, secrets=()),
        replace(one, prompts=(replace(one.prompts[0], text="Answer in one sentence."),)),
        replace(one, servers=(replace(one.servers[0], tools=()),)),
        replace(one, settings=(AgentValue(name="temperature", value="0.0"),)),
    ):
        assert agent_digest(other) != agent_digest(one)
