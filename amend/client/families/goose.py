"""Goose of Block."""

from __future__ import annotations

from amend.client.families.common import remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Value, Where, cannot, no_before
from amend.client.launching import launched
from amend.client.schemas import MAP, NAMES, SOME_TEXTS, TEXT, TEXTS, URL, YES, document, kind, one_of
from arcops.quoting import quoted
from arcops.seen.client import Transport, Wanted

_NOT_SET = frozenset(
    (
        "path",
        "pathext",
        "systemroot",
        "windir",
        "ld_library_path",
        "ld_preload",
        "ld_audit",
        "ld_debug",
        "ld_bind_now",
        "ld_assume_kernel",
        "dyld_library_path",
        "dyld_insert_libraries",
        "dyld_framework_path",
        "pythonpath",
        "pythonhome",
        "node_options",
        "rubyopt",
        "gem_path",
        "gem_home",
        "classpath",
        "go111module",
        "goroot",
        "appinit_dlls",
        "sessionname",
        "comspec",
        "temp",
        "tmp",
        "localappdata",
        "userprofile",
        "homedrive",
        "homepath",
    )
)
"""Variables that Goose leaves out of a server's environment, in any case of letters."""


def _entry(wanted: Wanted) -> Entry:
    if wanted.transport is Transport.SSE:
        raise cannot(wanted, "Goose", "the transport SSE", "use HTTP; it keeps such an entry and offers none of its tools")
    if wanted.denied_tools:
        raise cannot(wanted, "Goose", "a list of denied tools", "list the tools that are allowed")
    # Some of its versions skip an entry without a description, and say so in their log only.
    made: Entry = {"name": wanted.name, "description": wanted.name, "enabled": True, "timeout": 300}
    if wanted.tools:
        made["available_tools"] = list(wanted.tools)
    if wanted.transport is not Transport.STDIO:
        # ${NAME} in a header is replaced by what env_keys names, and by nothing else.
        asked: list[Value] = list(dict.fromkeys(one.input for one in wanted.headers if one.input))
        there = {"type": "streamable_http"} | remote(wanted, "${{{}}}".format, "uri")
        return made | there | ({"env_keys": asked} if asked else {})
    no_before(wanted, "Goose", wanted.env)
    for one in wanted.env:
        if one.name.lower() in _NOT_SET:
            raise cannot(
                wanted, "Goose", f"the variable {quoted(one.name)}", "it leaves that one out; let the server find it otherwise"
            )
        if one.input and one.input != one.name:
            what = f"the variable {quoted(one.name)} with the value of the input {quoted(one.input)}"
            raise cannot(wanted, "Goose", what, f"it passes variables by name: call the input {quoted(one.name)}")
    command, args = launched(wanted)
    fixed: dict[str, Value] = {one.name: one.before for one in wanted.env if not one.input}
    named: list[Value] = [one.name for one in wanted.env if one.input]
    return made | {"type": "stdio", "cmd": command, "args": list(args), "envs": fixed, "env_keys": named}


_ALSO: dict[str, Value] = {
    "name": NAMES,
    "description": TEXT,
    "enabled": YES,
    "timeout": {"type": "integer", "minimum": 1},
    "available_tools": SOME_TEXTS,
}
_SCHEMA = document(
    ["extensions"],
    [
        kind(
            ["name", "description", "enabled", "type", "cmd", "args"],
            {**_ALSO, "type": one_of("stdio"), "cmd": TEXT, "args": TEXTS, "envs": MAP, "env_keys": TEXTS},
        ),
        kind(
            ["name", "description", "enabled", "type", "uri"],
            {**_ALSO, "type": one_of("streamable_http"), "uri": URL, "headers": MAP, "env_keys": SOME_TEXTS},
        ),
    ],
    title="MCP extensions of Goose",
)


GOOSE = Family(
    id="goose",
    title="Goose",
    form=Form.YAML,
    files=(
        Where(
            surface="user",
            linux="~/.config/goose/config.yaml",
            macos="~/.config/goose/config.yaml",
            windows="%APPDATA%\\Block\\goose\\config\\config.yaml",
        ),
    ),
    schemas=(SchemaVersion(version="1.1.0", key=("extensions",), clients="*", schema=_SCHEMA, entry=_entry),),
    transports=(Transport.STDIO, Transport.HTTP),
    variables="names of variables in env_keys; ${NAME} in headers, if env_keys names it",
    missing=Missing.UNKNOWN,
    notes=(
        "The file holds Goose's other settings and may hold comments; every other byte stays.",
        "What env_keys names comes from its own keyring or configuration; without it the text stays as written.",
        "An entry that it cannot read is skipped, and only its log says so.",
        "It reads SSE entries and does not connect to them.",
        "It was not run here.",
    ),
    sources=(
        "block/goose crates/goose/src/agents/extension.rs at d4c86e9, config/extensions.rs at 0beee6a",
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-30",
)
