"""Visual Studio Code with Copilot."""

from __future__ import annotations

from amend.client.families.common import typed_entry
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Value, Where, no_filter
from amend.client.schemas import MAP, TEXT, TEXTS, URL, YES, document, kind, one_of
from arcops.seen.client import Input, Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    no_filter(wanted, "Visual Studio Code")
    return typed_entry(wanted, "${{input:{}}}".format)


def _inputs(inputs: tuple[Input, ...]) -> list[Value]:
    return [
        {"type": "promptString", "id": one.name, "description": one.description or one.name, "password": one.secret}
        for one in inputs
    ]


_LOCAL = kind(["type", "command"], {"type": one_of("stdio"), "command": TEXT, "args": TEXTS, "env": MAP})
_FAR = kind(["type", "url"], {"type": one_of("http", "sse"), "url": URL, "headers": MAP})
_INPUT = kind(
    ["type", "id", "description", "password"],
    {"type": one_of("promptString"), "id": TEXT, "description": TEXT, "password": YES},
)
_SCHEMA = document(
    ["servers"],
    [_LOCAL, _FAR],
    title="MCP servers of Visual Studio Code",
    beside={"inputs": {"type": "array", "items": _INPUT}},
)


VSCODE = Family(
    id="vscode",
    title="Visual Studio Code",
    form=Form.JSONC,
    files=(
        Where(
            surface="user",
            linux="~/.config/Code/User/mcp.json",
            macos="~/Library/Application Support/Code/User/mcp.json",
            windows="%APPDATA%\\Code\\User\\mcp.json",
        ),
        Where(surface="project", linux=".vscode/mcp.json", macos=".vscode/mcp.json", windows=".vscode/mcp.json"),
    ),
    schemas=(
        SchemaVersion(version="1.0.0", key=("servers",), clients=">=1.102", schema=_SCHEMA, entry=_entry, inputs=_inputs),
    ),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="${input:NAME}, and an entry in inputs",
    missing=Missing.ASKED,
    notes=(
        "The servers stand in mcp.json, and not in settings.json any more.",
        "Each input is asked for once and kept by the editor.",
        "Tool calls of a server in its sandbox are approved by themselves, so no sandbox is written.",
        "Limits of tools are made in the editor, not in this file.",
    ),
    sources=(
        "microsoft/vscode-docs docs/copilot/reference/mcp-configuration.md (2026-05-20)",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-28",
)
