"""Qwen Code of Alibaba."""

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
    title="MCP servers of Qwen Code",
)


QWEN_CODE = Family(
    id="qwen-code",
    title="Qwen Code",
    form=Form.JSON,
    files=(
        Where(surface="user", linux="~/.qwen/settings.json", macos="~/.qwen/settings.json", windows="~/.qwen/settings.json"),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("mcpServers",), clients=">=0.15", schema=_SCHEMA, entry=_entry),),
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
