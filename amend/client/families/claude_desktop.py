"""Claude Desktop of Anthropic."""

from __future__ import annotations

from amend.client.families.common import process
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, cannot, no_filter, only_text
from amend.client.schemas import MAP, TEXT, TEXTS, document, kind
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    if wanted.transport is not Transport.STDIO:
        raise cannot(wanted, "Claude Desktop", "the address", "leave this client out of the draft, or use a local server")
    only_text(wanted, "Claude Desktop")
    no_filter(wanted, "Claude Desktop")
    return process(wanted, str)


_SCHEMA = document(
    ["mcpServers"],
    [kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP})],
    title="MCP servers of Claude Desktop",
)


CLAUDE_DESKTOP = Family(
    id="claude-desktop",
    title="Claude Desktop",
    form=Form.JSON,
    files=(
        Where(
            surface="user",
            linux="~/.config/Claude/claude_desktop_config.json",
            macos="~/Library/Application Support/Claude/claude_desktop_config.json",
            windows="%APPDATA%\\Claude\\claude_desktop_config.json",
        ),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("mcpServers",), clients="*", schema=_SCHEMA, entry=_entry),),
    transports=(Transport.STDIO,),
    variables="none; inputs are refused",
    missing=Missing.UNKNOWN,
    notes=(
        "Only local servers stand in this file; remote ones are added in the program.",
        "It reads the file when it starts, so it must be restarted.",
    ),
    sources=("add-mcp 2.4.0 run on Linux 2026-11-28",),
    dated="2026-11-28",
)
