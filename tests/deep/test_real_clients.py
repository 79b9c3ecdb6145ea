"""Real MCP clients, offline and without a login, list exactly what was applied (`make test-clients`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from amend.client.families import KNOWN
from capabilities.client.applying import ApplyClientConfig, apply_client_config
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from tests.services.config.folders import Machine, machine

CLIENTS = os.environ.get("ARCOPS_CLIENTS", "")
LISTING = tuple(one.id for one in KNOWN.all() if one.lists)
DRAFT = """\
version: 1.0.0
profile: dev
clients: [{client}]
servers:
  - {{name: time, package: "pypi:mcp-server-time==2026.10.10"}}
  - {{name: far, transport: http, url: "https://mcp.example.com/mcp"}}
"""

pytestmark = [
    pytest.mark.requirement("CONF-APPLY/the-applier-changes-owned-keys-only", "CONF-4-5/configurations-are-complete"),
    pytest.mark.skipif(not CLIENTS, reason="the real clients are not here; run 'make test-clients'"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = machine(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.setenv("PATH", f"{CLIENTS}:{os.environ['PATH']}")
    return made


@pytest.mark.parametrize("client", LISTING)
def test_it_lists_what_was_applied(here: Machine, client: str) -> None:
    assert shutil.which(next(one for one in KNOWN.all() if one.id == client).lists[0])
    publish_client_config(PublishClientConfig(draft=DRAFT.format(client=client), changelog="First."), here.at)
    done = apply_client_config(ApplyClientConfig(client=client, profile="dev"), here.at)
    assert (done.status, done.listed, done.missing) == ("applied", "seen", ())


def test_a_list_that_lacks_an_entry_is_noticed(here: Machine) -> None:
    """An entry that the client drops without a word: the applier must say so."""
    from amend.client.families.claude_code import CLAUDE_CODE
    from services.config.listing import not_shown

    text = "time: uvx mcp-server-time - failed\n"
    entries = {"time": {"command": "uvx"}, "far": {"url": "https://mcp.example.com/mcp"}}
    assert not_shown(text, CLAUDE_CODE, entries) == ("far",)
    assert not_shown(text + "far: https://other.example.com (HTTP) - failed\n", CLAUDE_CODE, entries) == ("far",)


def test_the_settings_around_ours_stay_for_the_client(here: Machine) -> None:
    state = {"numStartups": 3, "mcpServers": {"mine": {"type": "stdio", "command": "my-server"}}}
    (here.home / ".claude.json").write_text(json.dumps(state))
    publish_client_config(PublishClientConfig(draft=DRAFT.format(client="claude-code"), changelog="First."), here.at)
    done = apply_client_config(ApplyClientConfig(client="claude-code", profile="dev"), here.at)
    assert done.listed == "seen"
    now = json.loads((here.home / ".claude.json").read_text())
    assert now["mcpServers"]["mine"] == state["mcpServers"]["mine"]  # type: ignore[index]
    assert set(now["mcpServers"]) == {"mine", "time", "far"}


def test_the_names_that_it_keeps_are_not_loaded(here: Machine) -> None:
    """What Claude Code keeps for itself; if this fails, its list has changed, and so must ours."""
    from amend.client.families.claude_code import KEPT

    servers = {name: {"type": "stdio", "command": "/bin/false"} for name in (*KEPT, "ordinary")}
    (here.home / ".claude.json").write_text(json.dumps({"mcpServers": servers}))
    said = subprocess.run([f"{CLIENTS}/claude", "mcp", "list"], capture_output=True, text=True, timeout=120, check=True).stdout
    assert {name for name in servers if f"[{name}] mcpServers.{name}" in said} == KEPT
    assert {name for name in servers if f"\n{name}: " in said} == {"ordinary"}
