"""What this machine's own user does is in the audit log, too: at the command line, and by a client over standard streams."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from tests.adapters.typed import Done, typed

pytestmark = pytest.mark.requirement("BASE-4/audit-log")

ADD = ("host", "add", "time", "--package", "pypi:mcp-server-time==2026.10.10", "--env", "TOKEN=of-a-person")


def arcops(home: Path, *words: str, **environment: str) -> Done:
    return typed(*words, environment={"ARCOPS_HOME": str(home), **environment})


def records(home: Path) -> list[dict[str, Any]]:
    """Those of calls, the oldest first."""
    done = arcops(home, "audit", "query", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = [one["record"] for one in json.loads(done.stdout)["records"]]
    return [one for one in reversed(found) if one["tool"]]


def test_a_change_at_the_command_line_is_recorded_and_a_look_is_not(tmp_path: Path) -> None:
    assert arcops(tmp_path, *ADD).returncode == 0
    assert arcops(tmp_path, "host", "list").returncode == 0
    assert arcops(tmp_path, "host", "remove", "time").returncode == 0
    assert arcops(tmp_path, "host", "remove", "time").returncode == 2
    me = pwd.getpwuid(os.getuid()).pw_name
    found = records(tmp_path)
    assert [(one["tool"], one["object"], one["outcome"], one["door"], one["actor"]["id"]) for one in found] == [
        ("host_deploy", "servers/time", "done", "cli", me),
        ("host_remove", "servers/time", "done", "cli", me),
        ("host_remove", "", "refused", "cli", me),
    ]
    assert found[0]["arguments"] == ["environment", "name", "package"]
    assert arcops(tmp_path, "audit", "verify").returncode == 0
    assert not any(b"of-a-person" in path.read_bytes() for path in (tmp_path / "audit").rglob("log"))


def test_what_cannot_be_recorded_is_not_done(tmp_path: Path) -> None:
    audit = tmp_path / "elsewhere"
    audit.write_text("a file in the place of the folder")
    refused = arcops(tmp_path, *ADD, ARCOPS_AUDIT_LOG=str(audit))
    assert refused.returncode != 0
    assert "audit" in refused.stderr
    assert "time" not in arcops(tmp_path, "host", "list").stdout
    assert arcops(tmp_path, *ADD, ARCOPS_AUDIT_LOG=str(audit), ARCOPS_AUDIT="best-effort").returncode == 0
    assert "time" in arcops(tmp_path, "host", "list").stdout


def test_a_change_by_a_client_over_standard_streams_is_recorded(tmp_path: Path) -> None:
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "adapters.cli", "mcp", "--allow", "trust"],
        env={"PATH": os.environ["PATH"], "ARCOPS_HOME": str(tmp_path)},
    )

    async def work() -> None:
        async with Client(started) as client:
            await client.call_tool("host_find", {})
            await client.call_tool("host_deploy", {"name": "time", "package": "pypi:mcp-server-time==2026.10.10"})

    asyncio.run(work())
    (found,) = records(tmp_path)
    assert (found["tool"], found["door"], found["outcome"]) == ("host_deploy", "stdio", "done")
    assert found["arguments"] == ["name", "package"]
