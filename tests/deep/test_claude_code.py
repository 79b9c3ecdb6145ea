"""A second real agent, offline: Claude Code lists our tools and calls them, because a model told it to. The model is a stub.

``ARCOPS_CLAUDE`` names the program (`npm install @anthropic-ai/claude-code` brings it); without it, what is on PATH is taken.
It needs no login: the key that it is given is a word, and its only server is the stub.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capabilities.catalogue import all_tools
from capabilities.contract import Scope
from tests.adapters.serving import environment
from tests.deep.messages_stub import MessagesStub, serving
from tests.models import Bench, bench, good_model

CLAUDE = os.environ.get("ARCOPS_CLAUDE") or shutil.which("claude")
_SECONDS = 300
_OURS = "mcp__arcops__"

pytestmark = [
    pytest.mark.requirement("ARC-3/every-capability-is-a-tool"),
    pytest.mark.skipif(
        not CLAUDE, reason="Claude Code is not installed: npm install @anthropic-ai/claude-code, and set ARCOPS_CLAUDE to it"
    ),
]


def run(here: Bench, folder: Path, tool: str, arguments: dict[str, Any]) -> MessagesStub:
    """What the stub was asked, if the model calls *tool*."""
    ours = {"command": sys.executable, "args": ["-m", "adapters.cli", "mcp"], "env": environment(here.environment)}
    servers = folder / "servers.json"
    servers.write_text(json.dumps({"mcpServers": {"arcops": ours}}))
    with serving(MessagesStub(name=f"{_OURS}{tool}", arguments=arguments)) as stub:
        told = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ANTHROPIC_BASE_URL": stub.url,
            "ANTHROPIC_API_KEY": "a-word",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "MCP_TIMEOUT": "120000",
            "MCP_CONNECTION_NONBLOCKING": "false",  # else it asks its model before our server has answered
            "ENABLE_TOOL_SEARCH": "false",
        }
        words = ["--mcp-config", str(servers), "--strict-mcp-config", "--allowedTools", "mcp__arcops"]
        done = subprocess.run(
            [str(CLAUDE), "-p", "Is this model ready?", *words, "--output-format", "json"],
            env=told, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    assert stub.told, (done.stdout[-2000:], done.stderr[-2000:])
    return stub


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("agents"))


def test_it_lists_the_usual_tools_and_its_model_reads_the_verdict(here: Bench, tmp_path: Path) -> None:
    model = good_model(here)
    (model / "config.json").write_text("{}")  # the signature holds no longer
    stub = run(here, tmp_path, "check_model", {"target": str(model), "policy": "bench"})
    usual = {one.name for one in all_tools() if one.usual and one.scope in (Scope.READ, Scope.CHECK)}
    found = {one.removeprefix(_OURS) for one in stub.offered() if one.startswith(_OURS)}
    assert found == usual | {"find_tools", "use_tool"}
    said = json.dumps(stub.told[-1])
    assert r"\"verdict\":\"RED\"" in said
    assert r"\"rule\":\"signatures/" in said


def test_what_was_not_allowed_is_an_error_that_its_model_reads(here: Bench, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    asked = {"name": "sign_model_files", "arguments": {"target": str(model)}}
    stub = run(here, tmp_path, "use_tool", asked)
    assert stub.told[-1]["is_error"] is True
    assert "--allow publish" in json.dumps(stub.told[-1])
    assert [one.name for one in model.iterdir()] == ["config.json"]
