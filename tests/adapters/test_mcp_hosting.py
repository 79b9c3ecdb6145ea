"""Hosted servers are found in the catalog, deployed and managed by an agent, through the MCP endpoint alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from tests.adapters.hosted_world import Named
from tests.adapters.test_host_catalog import NAME, site
from tests.adapters.test_host_deploy import Site
from tests.adapters.test_host_deploy import site as deployed
from tests.adapters.test_host_mirror import GREEN, POLICY, Mirror

__all__ = ["deployed", "site"]

pytestmark = pytest.mark.requirement("HOST-META/managed-through-mcp")


@dataclass(frozen=True)
class Agent:
    client: Client

    async def asked(self, tool: str, **given: Any) -> Any:
        found = await self.client.call_tool(tool, given)
        assert not found.is_error, found.content
        return found.structured_content

    async def refused(self, tool: str, **given: Any) -> str:
        found = await self.client.call_tool(tool, given)
        assert found.is_error
        return json.dumps([one.model_dump(mode="json") for one in found.content])


@asynccontextmanager
async def managing(environment: Mapping[str, str]) -> AsyncIterator[Agent]:
    """An agent whose user lets it manage hosted servers."""
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "adapters.cli", "mcp", "--allow", "trust,publish,connect"],
        env={"PATH": os.environ["PATH"], **environment},
    )
    async with Client(started) as client:
        yield Agent(client)


def test_an_agent_finds_deploys_and_manages_a_server(site: Named, tmp_path: Path) -> None:
    """What a person has to decide, that a version is approved, is decided by a person; everything else by tools."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    for line in (
        ("keys", "new"),
        ("keys", "trust", tmp_path / "home" / "keys" / "arcops.pub"),
        ("policy", "register", tmp_path / "policy.yaml"),
        ("host", "mirror", "use", Mirror(tmp_path).write()),  # there is no index here: its files come so
    ):
        done = site.arcops(*line)
        assert done.returncode == GREEN, done.stderr

    async def work() -> None:
        async with managing(site.environment) as agent:
            asked, refused = agent.asked, agent.refused
            (entry,) = (await asked("host_catalog_search", words="zones", every=True))["entries"]
            assert entry["name"] == NAME
            assert "is proposed, so it is not hosted" in await refused("host_deploy", name="made", catalog=NAME)
            assert "a person decides and rates" in await refused("host_catalog_approve", name=NAME)
            assert site.arcops("host", "catalog", "approve", NAME).returncode == GREEN
            assert (await asked("host_deploy", name="made", catalog=NAME))["package"] == "pypi:made-server==1.0"
            assert "no one has allowed" in (await asked("host_describe", name="made"))["missing"]
            assert (await asked("host_gate", name="made"))["verdict"] == "GREEN"
            shown = await asked("host_status", name="made")
            assert (shown["verdict"], shown["missing"]) == ("GREEN", "")
            assert [one["name"] for one in (await asked("host_find"))["servers"]] == ["made"]
            await asked("host_stop", name="made")
            assert (await asked("host_status", name="made"))["enabled"] is False
            await asked("host_remove", name="made")
            assert (await asked("host_find"))["servers"] == []

    asyncio.run(work())


def test_an_agent_updates_and_rolls_back(deployed: Site) -> None:
    """Each new version is judged and tried before it counts, as by the command."""
    deployed.deployed("--no-key")

    async def work() -> None:
        async with managing(deployed.environment) as agent:
            assert (await agent.asked("host_status", name="echo"))["version"] == 1
            await agent.asked("host_update", name="echo", environment=["MODE=fast"])
            assert (await agent.asked("host_status", name="echo"))["version"] == 2
            assert "goes on" in await agent.refused("host_update", name="echo", command="nothing.py")
            await agent.asked("host_rollback", name="echo")
            history = await agent.asked("host_history", name="echo")
            assert history["current"] == (await agent.asked("host_status", name="echo"))["version"] > 2
            now = next(one for one in history["versions"] if one["version"] == history["current"])
            assert "MODE" not in json.dumps(now)

    asyncio.run(work())
