"""Cursor, the editor of Anysphere."""

from __future__ import annotations

from amend.client.families.common import process, remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, no_filter
from amend.client.schemas import MAP, TEXT, TEXTS, URL, document, kind
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    no_filter(wanted, "Cursor")
    if wanted.transport is Transport.STDIO:
        return process(wanted, "${{env:{}}}".format)
    return remote(wanted, "${{env:{}}}".format)


_SCHEMA = document(
    ["mcpServers"],
    [
        kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP}),
        kind(["url"], {"url": URL, "headers": MAP}),
    ],
    title="MCP servers of Cursor",
)


CURSOR = Family(
    id="cursor",
    title="Cursor",
    form=Form.JSON,
    files=(
        Where(surface="user", linux="~/.cursor/mcp.json", macos="~/.cursor/mcp.json", windows="~/.cursor/mcp.json"),
        Where(surface="project", linux=".cursor/mcp.json", macos=".cursor/mcp.json", windows=".cursor/mcp.json"),
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
        "The spelling of variables is from documents of third parties, and was not run here.",
        "Limits of tools are made in its settings, not in this file.",
        "With a url it finds out by itself whether HTTP or SSE is spoken.",
    ),
    sources=(
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-28",
)
