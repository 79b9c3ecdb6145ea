"""Claude Code, the command line tool of Anthropic."""

from __future__ import annotations

from amend.client.families.common import mcp_servers, typed_entry
from amend.client.family import Entry, Family, Form, Missing, Mode, SchemaVersion, Where, cannot, no_filter
from arcops.seen.client import Transport, Wanted

KEPT = frozenset(
    ("Claude_Browser", "Claude_Preview", "Claude_in_Chrome", "ccr-email", "claude-code-remote", "claude-device",
     "claude-in-chrome", "claude_ai", "computer-use", "hearthbot", "remote-devices", "webagent", "workspace")
)  # fmt: skip
"""Names of servers that 2.1.332 keeps for itself. It loads none of these from a file; only ``claude mcp list`` says so."""


def _entry(wanted: Wanted) -> Entry:
    if wanted.name in KEPT:
        raise cannot(
            wanted, "Claude Code", "the name", "rename it: Claude Code keeps this name for itself and does not load it"
        )
    no_filter(wanted, "Claude Code")
    return typed_entry(wanted, "${{{}}}".format)


CLAUDE_CODE = Family(
    id="claude-code",
    title="Claude Code",
    form=Form.JSON,
    files=(
        Where(surface="user", linux="~/.claude.json", macos="~/.claude.json", windows="~/.claude.json"),
        Where(surface="project", linux=".mcp.json", macos=".mcp.json", windows=".mcp.json"),
        Where(
            surface="managed",
            mode=Mode.EXCLUSIVE,
            linux="/etc/claude-code/managed-mcp.json",
            macos="/Library/Application Support/ClaudeCode/managed-mcp.json",
            windows="C:\\Program Files\\ClaudeCode\\managed-mcp.json",
        ),
    ),
    schemas=(
        SchemaVersion(
            version="1.0.0", key=("mcpServers",), clients=">=2.1.197", schema=mcp_servers("Claude Code"), entry=_entry
        ),
    ),
    transports=(Transport.STDIO, Transport.HTTP, Transport.SSE),
    variables="${NAME} in arguments, variables and headers",
    missing=Missing.LITERAL,
    notes=(
        "The user's file holds other state of the client, so only our entries in it are changed.",
        "The managed file is exclusive from 2.1.332 on; 2.1.197 fell back to the user's servers if it could not be used.",
        "An entry that it cannot read is skipped, and 'claude mcp list' still exits 0.",
        "Some names are its own, such as workspace and computer-use: a server with one of them is not loaded.",
        "Servers of a project wait until the user approves them.",
        "Limits of tools are permissions elsewhere in its settings, not part of a server's entry.",
    ),
    sources=(
        "code.claude.com/docs managed-mcp",
        "2.1.332 and 2.1.197 run offline 2026-11-28; names of its own: 2.1.332, 2026-11-30",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
    ),
    dated="2026-11-28",
    lists=("claude", "mcp", "list"),
    row=r"(?P<name>[\w-]+): .+ - ",
)
