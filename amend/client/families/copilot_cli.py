"""The command line tool of GitHub Copilot."""

from __future__ import annotations

from amend.client.families.common import mcp_servers, typed_entry
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Where, cannot, only_text
from amend.client.schemas import SOME_TEXTS
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    only_text(wanted, "Copilot CLI")
    if wanted.denied_tools:
        raise cannot(wanted, "Copilot CLI", "a list of denied tools", "list the tools that are allowed")
    made = typed_entry(wanted, str)
    made["tools"] = list(wanted.tools) or ["*"]
    return made


COPILOT_CLI = Family(
    id="copilot-cli",
    title="GitHub Copilot CLI",
    form=Form.JSON,
    files=(
        Where(
            surface="user",
            linux="~/.copilot/mcp-config.json",
            macos="~/.copilot/mcp-config.json",
            windows="~/.copilot/mcp-config.json",
        ),
        Where(surface="project", linux=".mcp.json", macos=".mcp.json", windows=".mcp.json"),
    ),
    schemas=(
        SchemaVersion(
            version="1.0.0",
            key=("mcpServers",),
            clients=">=1.0.102",
            schema=mcp_servers("GitHub Copilot CLI", {"tools": SOME_TEXTS}),
            entry=_entry,
        ),
    ),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="not measured; inputs are refused",
    missing=Missing.UNKNOWN,
    notes=(
        "An entry that it cannot read is dropped without a word, and 'copilot mcp list' exits 0.",
        "An entry needs its list of tools; all of them are ['*'].",
        "Its mode that allows a registry only is by name, and editing the file goes around it.",
    ),
    sources=(
        "1.0.102 run offline 2026-11-28",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-28",
    lists=("copilot", "mcp", "list"),
    row_tells=False,
    row=r"  (?P<name>[\w-]+) \(",
)
