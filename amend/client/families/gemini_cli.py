"""Gemini CLI of Google."""

from __future__ import annotations

from amend.client.families.common import process, remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Value, Where
from amend.client.schemas import MAP, SOME_TEXTS, TEXT, TEXTS, URL, document, kind, one_of
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    if wanted.transport is Transport.STDIO:
        made = process(wanted, "${{{}}}".format)
    else:
        # "url" alone is HTTP in one of the two clients of this shape and SSE in the other; "httpUrl" is HTTP in both.
        made = remote(wanted, "${{{}}}".format, "httpUrl" if wanted.transport is Transport.HTTP else "url")
        if wanted.transport is Transport.SSE:
            made["type"] = "sse"
    if wanted.tools:
        made["includeTools"] = list(wanted.tools)
    if wanted.denied_tools:
        made["excludeTools"] = list(wanted.denied_tools)
    return made


_TOOLS: dict[str, Value] = {"includeTools": SOME_TEXTS, "excludeTools": SOME_TEXTS}
_SCHEMA = document(
    ["mcpServers"],
    [
        kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP, **_TOOLS}),
        kind(["httpUrl"], {"httpUrl": URL, "headers": MAP, **_TOOLS}),
        kind(["url", "type"], {"url": URL, "type": one_of("sse"), "headers": MAP, **_TOOLS}),
    ],
    title="MCP servers of Gemini CLI",
)


GEMINI_CLI = Family(
    id="gemini-cli",
    title="Gemini CLI",
    form=Form.JSON,
    files=(
        Where(
            surface="user", linux="~/.gemini/settings.json", macos="~/.gemini/settings.json", windows="~/.gemini/settings.json"
        ),
        Where(surface="project", linux=".gemini/settings.json", macos=".gemini/settings.json", windows=".gemini/settings.json"),
        Where(
            surface="managed",
            linux="/etc/gemini-cli/settings.json",
            macos="/Library/Application Support/GeminiCli/settings.json",
            windows="C:\\ProgramData\\gemini-cli\\settings.json",
        ),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("mcpServers",), clients=">=0.61", schema=_SCHEMA, entry=_entry),),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="${NAME} in arguments, variables and headers",
    missing=Missing.EMPTY,
    notes=(
        "In a folder that is not trusted even the user's own servers are disabled.",
        "${env:NAME}, the spelling of other clients, becomes an empty text without a word.",
        "It does not pass its whole environment to local servers.",
        "Its file holds its other settings, so only our entries in it are changed.",
    ),
    sources=(
        "google-gemini/gemini-cli schemas/settings.schema.json at 5411f11 (2026-08-21)",
        "0.61.0 run offline 2026-11-28",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
    ),
    dated="2026-11-28",
    lists=("gemini", "mcp", "list"),
    row=r"\S+ (?P<name>[\w-]+): .+ - ",
)
