"""Windsurf, the editor of Codeium."""

from __future__ import annotations

from amend.client.families.common import process, remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, cannot
from amend.client.schemas import MAP, SOME_TEXTS, TEXT, TEXTS, URL, document, kind
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    if wanted.tools:
        raise cannot(wanted, "Windsurf", "a list of allowed tools", "list the tools that are denied")
    if wanted.transport is Transport.STDIO:
        made = process(wanted, "${{env:{}}}".format)
    else:
        made = remote(wanted, "${{env:{}}}".format, "serverUrl")
    return made | ({"disabledTools": list(wanted.denied_tools)} if wanted.denied_tools else {})


_SCHEMA = document(
    ["mcpServers"],
    [
        kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP, "disabledTools": SOME_TEXTS}),
        kind(["serverUrl"], {"serverUrl": URL, "headers": MAP, "disabledTools": SOME_TEXTS}),
    ],
    title="MCP servers of Windsurf",
)


WINDSURF = Family(
    id="windsurf",
    title="Windsurf",
    form=Form.JSON,
    files=(
        Where(
            surface="user",
            linux="~/.codeium/windsurf/mcp_config.json",
            macos="~/.codeium/windsurf/mcp_config.json",
            windows="~/.codeium/windsurf/mcp_config.json",
        ),
        Where(
            surface="jetbrains",
            linux="~/.codeium/mcp_config.json",
            macos="~/.codeium/mcp_config.json",
            windows="~/.codeium/mcp_config.json",
        ),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("mcpServers",), clients="*", schema=_SCHEMA, entry=_entry),),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="${env:NAME} in variables and headers",
    missing=Missing.UNKNOWN,
    notes=(
        "The address stands under serverUrl; under url it does not connect.",
        "The spelling of variables was not run here.",
        "Its two surfaces, the editor and the plugin for JetBrains, read different files.",
    ),
    sources=(
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-28",
)
