"""Zed, the editor."""

from __future__ import annotations

from amend.client.families.common import process, remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, cannot, no_filter, only_text
from amend.client.schemas import MAP, TEXT, TEXTS, URL, document, kind, one_of
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    only_text(wanted, "Zed")
    no_filter(wanted, "Zed")
    if wanted.transport is Transport.SSE:
        raise cannot(wanted, "Zed", "the transport SSE", "use HTTP")
    inner = process(wanted, str) if wanted.transport is Transport.STDIO else remote(wanted, str)
    return {"source": "custom", **inner}


_SCHEMA = document(
    ["context_servers"],
    [
        kind(["source", "command"], {"source": one_of("custom"), "command": TEXT, "args": TEXTS, "env": MAP}),
        kind(["source", "url"], {"source": one_of("custom"), "url": URL, "headers": MAP}),
    ],
    title="MCP servers of Zed",
)


ZED = Family(
    id="zed",
    title="Zed",
    form=Form.JSONC,
    files=(
        Where(
            surface="user",
            linux="~/.config/zed/settings.json",
            macos="~/.config/zed/settings.json",
            windows="%APPDATA%\\Zed\\settings.json",
        ),
        Where(surface="project", linux=".zed/settings.json", macos=".zed/settings.json", windows=".zed/settings.json"),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("context_servers",), clients="*", schema=_SCHEMA, entry=_entry),),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
    ),
    variables="none; inputs are refused",
    missing=Missing.UNKNOWN,
    notes=(
        "The file holds all of the editor's settings, often with comments; every other byte stays.",
        "For macOS two sources disagree: ~/.config/zed and ~/Library/Application Support/Zed.",
        "Limits of tools stand in agent.profiles, not in a server's entry.",
    ),
    sources=(
        "zed docs/src/ai/mcp.md",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-28",
)
