"""OpenCode, the terminal tool. Its documentation has a second form; one version reads both."""

from __future__ import annotations

from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, no_filter, settings
from amend.client.launching import launched
from amend.client.schemas import MAP, SOME_TEXTS, URL, YES, document, kind, one_of
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    no_filter(wanted, "OpenCode")
    if wanted.transport is Transport.STDIO:
        command, args = launched(wanted)
        made: Entry = {"type": "local", "command": [command, *args], "enabled": True}
        return made | ({"environment": settings(wanted.env, "{{env:{}}}".format)} if wanted.env else {})
    made = {"type": "remote", "url": wanted.url, "enabled": True}
    return made | ({"headers": settings(wanted.headers, "{{env:{}}}".format)} if wanted.headers else {})


_KINDS = (
    kind(
        ["type", "command", "enabled"],
        {"type": one_of("local"), "command": SOME_TEXTS, "environment": MAP, "enabled": YES},
    ),
    kind(["type", "url", "enabled"], {"type": one_of("remote"), "url": URL, "headers": MAP, "enabled": YES}),
)

OPENCODE = Family(
    id="opencode",
    title="OpenCode",
    form=Form.JSONC,
    files=(
        Where(
            surface="user",
            linux="~/.config/opencode/opencode.json",
            macos="~/.config/opencode/opencode.json",
            windows="~/.config/opencode/opencode.json",
        ),
        Where(surface="project", linux="opencode.json", macos="opencode.json", windows="opencode.json"),
        Where(
            surface="managed",
            linux="/etc/opencode/opencode.json",
            macos="/Library/Application Support/opencode/opencode.json",
            windows="%ProgramData%\\opencode\\opencode.json",
        ),
    ),
    schemas=(
        SchemaVersion(
            version="1.0.0",
            key=("mcp",),
            clients=">=1.18",
            schema=document(["mcp"], _KINDS, title="MCP servers of OpenCode"),
            entry=_entry,
        ),
        SchemaVersion(
            version="2.0.0",
            key=("mcp", "servers"),
            clients=">=1.18.33",
            schema=document(["mcp", "servers"], _KINDS, title="MCP servers of OpenCode, nested"),
            entry=_entry,
        ),
    ),
    transports=(Transport.STDIO, Transport.HTTP),
    variables="{env:NAME} in the command, variables and headers",
    missing=Missing.EMPTY,
    notes=(
        "${env:NAME}, the spelling of other clients, becomes a dollar sign and the value.",
        "An entry without a command is dropped without a word; one of a wrong type ends the client with exit code 1.",
        "The managed file wins for the same name; the user may add others.",
        "Its list command prints the value of a variable that stands in the command.",
        "1.0.0 stays the form that is given unasked, because every version reads it.",
    ),
    sources=(
        "opencode.ai/docs/config",
        "1.18.33 run offline 2026-11-28",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
    ),
    dated="2026-11-28",
    lists=("opencode", "mcp", "list"),
    row=r"●\s+\S+ (?P<name>[\w-]+) ",
)
