"""Codex of OpenAI, the command line tool and the extension for editors."""

from __future__ import annotations

from amend.client.families.common import process
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Value, Where, cannot, no_before
from amend.client.schemas import MAP, SOME_TEXTS, TEXT, TEXTS, URL, document, kind
from arcops.quoting import quoted
from arcops.seen.client import Setting, Transport, Wanted

_BEARER = "Bearer "


def _entry(wanted: Wanted) -> Entry:
    made = _local(wanted) if wanted.transport is Transport.STDIO else _remote(wanted)
    if wanted.tools:
        made["enabled_tools"] = list(wanted.tools)
    if wanted.denied_tools:
        made["disabled_tools"] = list(wanted.denied_tools)
    return made


def _local(wanted: Wanted) -> Entry:
    no_before(wanted, "Codex", wanted.env)
    for one in wanted.env:
        if one.input and one.input != one.name:
            what = f"the variable {quoted(one.name)} with the value of the input {quoted(one.input)}"
            raise cannot(
                wanted, "Codex", what, f"it expands nothing and passes variables by name: call the input {quoted(one.name)}"
            )
    fixed = tuple(one for one in wanted.env if not one.input)
    made = process(_with(wanted, fixed), str)
    named: list[Value] = [one.name for one in wanted.env if one.input]
    return made | ({"env_vars": named} if named else {})


def _remote(wanted: Wanted) -> Entry:
    made: Entry = {"url": wanted.url}
    fixed: dict[str, Value] = {}
    named: dict[str, Value] = {}
    for one in wanted.headers:
        if not one.input:
            fixed[one.name] = one.before
        elif one.name.lower() == "authorization" and one.before == _BEARER:
            made["bearer_token_env_var"] = one.input
        else:
            no_before(wanted, "Codex", (one,))
            named[one.name] = one.input
    return made | ({"http_headers": fixed} if fixed else {}) | ({"env_http_headers": named} if named else {})


def _with(wanted: Wanted, env: tuple[Setting, ...]) -> Wanted:
    from dataclasses import replace

    return replace(wanted, env=env)


_TOOLS: dict[str, Value] = {"enabled_tools": SOME_TEXTS, "disabled_tools": SOME_TEXTS}
_SCHEMA = document(
    ["mcp_servers"],
    [
        kind(["command"], {"command": TEXT, "args": TEXTS, "env": MAP, "env_vars": SOME_TEXTS, **_TOOLS}),
        kind(
            ["url"],
            {"url": URL, "bearer_token_env_var": TEXT, "http_headers": MAP, "env_http_headers": MAP, **_TOOLS},
        ),
    ],
    title="MCP servers of Codex",
)

CODEX = Family(
    id="codex",
    title="OpenAI Codex",
    form=Form.TOML,
    files=(
        Where(surface="user", linux="~/.codex/config.toml", macos="~/.codex/config.toml", windows="~/.codex/config.toml"),
        Where(surface="project", linux=".codex/config.toml", macos=".codex/config.toml", windows=".codex/config.toml"),
        Where(surface="managed", linux="/etc/codex/managed_config.toml", macos="/etc/codex/managed_config.toml"),
    ),
    schemas=(SchemaVersion(version="1.0.0", key=("mcp_servers",), clients=">=0.171", schema=_SCHEMA, entry=_entry),),
    transports=(Transport.STDIO, Transport.HTTP),
    variables="none; names of variables in env_vars, bearer_token_env_var and env_http_headers",
    missing=Missing.NAMED,
    notes=(
        "Nothing is expanded: ${NAME} reaches the server as written.",
        "One invalid entry, and the whole command line refuses to start.",
        "It does not pass its own environment to local servers.",
        "The managed file wins for the same name, and adds its own; the user may add others.",
    ),
    sources=(
        "openai/codex codex-rs/config/src/mcp_types.rs",
        "0.171.0 run offline 2026-11-28",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
    ),
    dated="2026-11-28",
    lists=("codex", "mcp", "list", "--json"),
    row=r'\s*"name": "(?P<name>[^"]+)"',
)
