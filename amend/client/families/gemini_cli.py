"""Gemini CLI of Google."""

from __future__ import annotations

from amend.client.families.common import filtered_entry, filtered_servers
from amend.client.family import Family, Form, Missing, SchemaVersion, Where
from arcops.seen.client import Transport

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
    schemas=(
        SchemaVersion(
            version="1.0.0", key=("mcpServers",), clients=">=0.61", schema=filtered_servers("Gemini CLI"), entry=filtered_entry
        ),
    ),
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
