"""Qwen Code of Alibaba."""

from __future__ import annotations

from amend.client.families.common import filtered_entry, filtered_servers
from amend.client.family import Family, Form, Missing, SchemaVersion, Where
from arcops.seen.client import Transport

QWEN_CODE = Family(
    id="qwen-code",
    title="Qwen Code",
    form=Form.JSON,
    files=(
        Where(surface="user", linux="~/.qwen/settings.json", macos="~/.qwen/settings.json", windows="~/.qwen/settings.json"),
    ),
    schemas=(
        SchemaVersion(
            version="1.0.0", key=("mcpServers",), clients=">=0.15", schema=filtered_servers("Qwen Code"), entry=filtered_entry
        ),
    ),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="${NAME} in arguments, variables and headers",
    missing=Missing.LITERAL,
    notes=(
        "It grew out of Gemini CLI, but 'url' is SSE here, also with the type http; httpUrl is HTTP.",
        "${NAME:-default}, which Gemini CLI reads, is left as written.",
        "Its list command prints the value of a variable that stands in an argument.",
    ),
    sources=("0.24.4 and 0.15.10 run offline 2026-11-28",),
    dated="2026-11-28",
    lists=("qwen", "mcp", "list"),
    row=r"\S+ (?P<name>[\w-]+): .+ - ",
)
