"""The official inspector against the real ``arcops mcp``: both transports, both eras, real tools on a real model."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capabilities.catalogue import all_tools
from tests.adapters.serving import environment
from tests.conformance.kit import Kit
from tests.conformance.suite import Outcome, Scenario
from tests.models import Bench

ERAS = ("legacy", "modern")
_IS_ERROR = 5
"""What the inspector ends with if a tool answered an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """The real server as the inspector reaches it: at a URL, or as a command that it starts."""

    kit: Kit
    era: str
    where: tuple[str, ...]
    more: tuple[str, ...]

    def ask(self, method: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """The exit code, and the result that was printed."""
        options = ("--cli", "--quiet", "--format", "json", "--protocol-era", self.era, "--method", method)
        done = self.kit.run("mcp-inspector", *options, *arguments, *self.more, *self.where)
        printed = done.stdout.strip()
        return done.returncode, json.loads(printed)["result"] if printed else {}

    def call(self, tool: str, arguments: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        return self.ask("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))


def drive(kit: Kit, here: Bench, model: Path, url: str) -> Outcome:
    """List the tools and call three of them, each way; over HTTP at *url*."""
    command = (sys.executable, "-m", "adapters.cli", "mcp")
    environs = tuple(part for pair in environment(here.environment).items() for part in ("-e", "=".join(pair)))
    scenarios = []
    for era in ERAS:
        over_http = Driven(kit=kit, era=era, where=(), more=("--transport", "http", "--server-url", url))
        over_stdio = Driven(kit=kit, era=era, where=command, more=environs)
        for name, driven in (("http", over_http), ("stdio", over_stdio)):
            scenarios.append(_scenario(f"{name}, {era}", _checks(driven, here, model)))
    scenarios.append(_scenario("what must be RED or refused", _refusals(over_http, here, model)))
    return Outcome(title="inspector, real tools of arcops mcp", scenarios=tuple(scenarios))


def _scenario(name: str, checks: Mapping[str, bool]) -> Scenario:
    wrong = tuple(what for what, good in checks.items() if not good)
    return Scenario(name=name, passed=len(checks) - len(wrong), wrong=wrong)


def _checks(driven: Driven, here: Bench, model: Path) -> dict[str, bool]:
    _, listed = driven.ask("tools/list")
    shown = {one["name"]: one for one in listed.get("tools", [])}
    _, explained = driven.call("explain_rule", {"name": "integrity"})
    gates = _values(explained).get("gates", [])
    _, checked = driven.call("check_model", {"target": str(model), "policy": str(here.policy)})
    artifact = str(_values(checked).get("artifact"))
    _, verified = driven.call("verify_artifact", {"artifact": artifact})
    return {
        "tools/list names the usual tools": list(shown)
        == [*(one.name for one in all_tools() if one.usual), "find_tools", "use_tool"],
        "each has a schema of what it takes": all("inputSchema" in one for one in shown.values()),
        "what judges has a schema of what it answers": "outputSchema" in shown.get("check_model", {}),
        "explain_rule explains the gate that was asked for": [one.get("gate") for one in gates] == ["integrity"],
        "check_model finds the good model GREEN": _values(checked).get("verdict") == "GREEN",
        "its text begins with the verdict": _text(checked).startswith("GREEN model tiny sha256:"),
        "the artifact that it names is verified": _values(verified).get("verdict") == "GREEN",
    }


def _refusals(driven: Driven, here: Bench, model: Path) -> dict[str, bool]:
    """A byte more in the model, a rule that there is not, a tool that there is not."""
    with (model / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    _, checked = driven.call("check_model", {"target": str(model), "policy": str(here.policy)})
    refused, _ = driven.call("explain_rule", {"name": "nonsense"})
    unknown, _ = driven.call("rm", {})
    return {
        "check_model finds the model RED after a byte was added": _values(checked).get("verdict") == "RED",
        "explain_rule answers an error for a rule that there is not": refused == _IS_ERROR,
        "a tool that there is not is no success": unknown != 0,
    }


def _values(result: Mapping[str, Any]) -> dict[str, Any]:
    found = result.get("structuredContent")
    return found if isinstance(found, dict) else {}


def _text(result: Mapping[str, Any]) -> str:
    content = result.get("content") or [{}]
    return str(content[0].get("text", ""))
