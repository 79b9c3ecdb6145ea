"""Amp of Sourcegraph."""

from __future__ import annotations

from amend.client.families.common import process, remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, no_filter, only_text
from amend.client.schemas import MAP, TEXT, TEXTS, URL, document, kind
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    only_text(wanted, "Amp")
    no_filter(wanted, "Amp")
    return process(wanted, str) if wanted.transport is Transport.STDIO else remote(wanted, str)


_SCHEMA = document(
    ["amp.mcpServers"],
    [
        kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP}),
        kind(["url"], {"url": URL, "headers": MAP}),
    ],
    title="MCP servers of Amp",
)


AMP = Family(
    id="amp",
    title="Amp",
    form=Form.JSON,
    files=(
        Where(
            surface="user",
            linux="~/.config/amp/settings.json",
            macos="~/.config/amp/settings.json",
            windows="%APPDATA%\\amp\\settings.json",
        ),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("amp.mcpServers",), clients="*", schema=_SCHEMA, entry=_entry),),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="not measured; inputs are refused",
    missing=Missing.UNKNOWN,
    notes=(
        "The key is one flat word with a dot in it, amp.mcpServers, beside the client's other settings.",
        "Its list command tries to reach its account service first, and lists the servers all the same.",
        "How it expands variables was not measured.",
    ),
    sources=(
        "0.0.1790142911 run offline 2026-11-28 and 2026-11-30",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
    ),
    dated="2026-11-30",
    lists=("amp", "mcp", "list"),
    row=r"  (?P<name>[\w-]+) +(?:command|url) ",
)
