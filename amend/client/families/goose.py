"""Goose of Block."""

from __future__ import annotations

from amend.client.families.common import remote
from amend.client.family import Entry, Family, Form, Missing, SchemaVersion, Value, Where, cannot, no_before, no_filter
from amend.client.launching import launched
from amend.client.schemas import MAP, NAMES, TEXT, TEXTS, URL, YES, document, kind, one_of
from arcops.seen.client import Transport, Wanted


def _entry(wanted: Wanted) -> Entry:
    no_filter(wanted, "Goose")
    made: Entry = {"name": wanted.name, "enabled": True, "timeout": 300}
    if wanted.transport is not Transport.STDIO:
        kind_ = "sse" if wanted.transport is Transport.SSE else "streamable_http"
        return made | {"type": kind_} | remote(wanted, "${{{}}}".format, "uri")
    no_before(wanted, "Goose", wanted.env)
    for one in wanted.env:
        if one.input and one.input != one.name:
            what = f"the variable {one.name!r} with the value of the input {one.input!r}"
            raise cannot(wanted, "Goose", what, f"it passes variables by name: call the input {one.name!r}")
    command, args = launched(wanted)
    fixed: dict[str, Value] = {one.name: one.before for one in wanted.env if not one.input}
    named: list[Value] = [one.name for one in wanted.env if one.input]
    return made | {"type": "stdio", "cmd": command, "args": list(args), "envs": fixed, "env_keys": named}


_ALSO: dict[str, Value] = {"name": NAMES, "enabled": YES, "timeout": {"type": "integer", "minimum": 1}}
_SCHEMA = document(
    ["extensions"],
    [
        kind(
            ["name", "enabled", "type", "cmd", "args"],
            {**_ALSO, "type": one_of("stdio"), "cmd": TEXT, "args": TEXTS, "envs": MAP, "env_keys": TEXTS},
        ),
        kind(
            ["name", "enabled", "type", "uri"],
            {**_ALSO, "type": one_of("streamable_http", "sse"), "uri": URL, "headers": MAP},
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
    schemas=(SchemaVersion(version="1.0.0", key=("extensions",), clients="*", schema=_SCHEMA, entry=_entry),),
    transports=(
        Transport.STDIO,
        Transport.HTTP,
        Transport.SSE,
    ),
    variables="names of variables in env_keys; ${NAME} in headers",
    missing=Missing.UNKNOWN,
    notes=(
        "The file holds Goose's other settings and may hold comments; every other byte stays.",
        "${NAME} in headers was not run here.",
    ),
    sources=(
        "toolhive pkg/client/config.go at e25de16 (2026-08-21)",
        "add-mcp 2.4.0 run on Linux 2026-11-28",
    ),
    dated="2026-11-28",
)
