"""A real agent, offline: Codex lists our tools and calls them, because a model told it to. The model is a stub on this machine.

``ARCOPS_CODEX`` names the program (`npm install @openai/codex` brings it); without it, what is on PATH is taken.
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
from tests.deep.model_stub import ModelStub, serving
from tests.models import Bench, bench, good_model

CODEX = os.environ.get("ARCOPS_CODEX") or shutil.which("codex")
_SECONDS = 300

pytestmark = [
    pytest.mark.requirement("ARC-3/every-capability-is-a-tool"),
    pytest.mark.skipif(not CODEX, reason="Codex is not installed: npm install @openai/codex, and set ARCOPS_CODEX to it"),
]


def _toml(value: object) -> str:
    """*value* as TOML: a text and a list are written as in JSON, a table inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def _configured(home: Path, here: Bench, url: str) -> None:
    provider = {"name": "stub", "base_url": url, "wire_api": "responses", "requires_openai_auth": False}
    arcops = {
        "command": sys.executable,
        "args": ["-m", "adapters.cli", "mcp"],
        "env": environment(here.environment),
        "required": True,
        "startup_timeout_sec": 120,
        "default_tools_approval_mode": "approve",
    }
    home.mkdir()
    (home / "config.toml").write_text(
        f'model = "stub"\nmodel_provider = "stub"\nmodel_providers = {{ stub = {_toml(provider)} }}\n'
        f"mcp_servers = {{ arcops = {_toml(arcops)} }}\n"
    )


def run(here: Bench, folder: Path, tool: str, arguments: dict[str, Any]) -> tuple[ModelStub, dict[str, Any]]:
    """What the stub was asked, and the tool call as the agent reports it, if the model calls *tool*."""
    call = {"name": tool, "namespace": "mcp__arcops", "arguments": json.dumps(arguments)}
    with serving(ModelStub(call=call)) as stub:
        home = folder / "codex"
        _configured(home, here, stub.url)
        done = subprocess.run(
            [str(CODEX), "exec", "--json", "--skip-git-repo-check", "Is this model ready?"],
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "CODEX_HOME": str(home)},
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    calls = [one["item"] for one in events if one.get("item", {}).get("type") == "mcp_tool_call"]
    assert calls, (done.stdout, done.stderr)
    return stub, calls[-1]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("agents"))


def test_it_lists_the_usual_tools_and_its_model_reads_the_verdict(here: Bench, tmp_path: Path) -> None:
    model = good_model(here)
    (model / "config.json").write_text("{}")  # the signature holds no longer
    stub, called = run(here, tmp_path, "check_model", {"target": str(model), "policy": "bench"})
    usual = {one.name for one in all_tools() if one.usual and one.scope in (Scope.READ, Scope.CHECK)}
    assert set(stub.offered("mcp__arcops")) == usual | {"find_tools", "use_tool"}
    assert called["status"] == "completed"
    (told,) = stub.told[-1:]
    assert '"verdict":"RED"' in told
    assert '"rule":"signatures/' in told
    assert len(told) < 2500


def test_what_was_not_allowed_is_an_error_that_its_model_reads(here: Bench, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    before = sorted(one.name for one in model.iterdir())
    asked = {"name": "sign_model_files", "arguments": {"target": str(model)}}
    stub, called = run(here, tmp_path, "use_tool", asked)
    assert called["status"] == "failed"
    assert "--allow publish" in stub.told[-1]
    assert sorted(one.name for one in model.iterdir()) == before
