"""What several families write alike: ``mcpServers`` with ``type``, ``command``, ``args``, ``env``, ``url`` and ``headers``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amend.client.family import Entry, Value, settings
from amend.client.launching import launched
from amend.client.schemas import MAP, SOME_TEXTS, TEXT, TEXTS, URL, document, kind, one_of
from arcops.seen.client import Transport, Wanted

Spelled = Callable[[str], str]


def process(wanted: Wanted, spell: Spelled, env: str = "env") -> Entry:
    """The members that start a local server."""
    command, args = launched(wanted)
    made: Entry = {"command": command, "args": list(args)}
    if wanted.env:
        made[env] = settings(wanted.env, spell)
    return made


def remote(wanted: Wanted, spell: Spelled, url: str = "url") -> Entry:
    """The members that reach a remote server."""
    made: Entry = {url: wanted.url}
    if wanted.headers:
        made["headers"] = settings(wanted.headers, spell)
    return made


def typed_entry(wanted: Wanted, spell: Spelled) -> Entry:
    """An entry with its ``type``."""
    inner = process(wanted, spell) if wanted.transport is Transport.STDIO else remote(wanted, spell)
    return {"type": wanted.transport.value, **inner}


def mcp_servers(
    title: str, more: Mapping[str, Value] | None = None, key: tuple[str, ...] = ("mcpServers",)
) -> dict[str, Value]:
    """The schema of `typed_entry`, with what every entry may also have."""
    also = dict(more or {})
    local = kind(["type", "command"], {"type": one_of("stdio"), "command": TEXT, "args": TEXTS, "env": MAP, **also})
    far = kind(["type", "url"], {"type": one_of("http", "sse"), "url": URL, "headers": MAP, **also})
    return document(key, [local, far], title=f"MCP servers of {title}")


def filtered_entry(wanted: Wanted) -> Entry:
    """An entry of Gemini CLI and of what grew out of it: ``httpUrl``, and limits of tools.

    "url" alone is HTTP in one of these clients and SSE in the other; "httpUrl" is HTTP in both.
    """
    spell = "${{{}}}".format
    if wanted.transport is Transport.STDIO:
        made = process(wanted, spell)
    elif wanted.transport is Transport.HTTP:
        made = remote(wanted, spell, "httpUrl")
    else:
        made = remote(wanted, spell) | {"type": "sse"}
    allowed: Entry = {"includeTools": list(wanted.tools)} if wanted.tools else {}
    denied: Entry = {"excludeTools": list(wanted.denied_tools)} if wanted.denied_tools else {}
    return made | allowed | denied


def filtered_servers(title: str) -> dict[str, Value]:
    """The schema of `filtered_entry`."""
    tools: dict[str, Value] = {"includeTools": SOME_TEXTS, "excludeTools": SOME_TEXTS}
    kinds = [
        kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP, **tools}),
        kind(["httpUrl"], {"httpUrl": URL, "headers": MAP, **tools}),
        kind(["url", "type"], {"url": URL, "type": one_of("sse"), "headers": MAP, **tools}),
    ]
    return document(["mcpServers"], kinds, title=f"MCP servers of {title}")
