"""A family that a site describes in a file, for a client that ArcOps does not know: its facts, and the form of its entries.

What such a file says is the operator's word, as are the folders that it names. It cannot replace a family of ArcOps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from amend.client.family import (
    Entry,
    Family,
    Form,
    Missing,
    SchemaVersion,
    Value,
    Where,
    cannot,
    no_filter,
    only_text,
    settings,
)
from amend.client.launching import launched
from amend.client.schemas import MAP, SOME_TEXTS, TEXT, TEXTS, URL, document, kind
from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.seen.client import Transport, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

_ID = late(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_MEMBER = late(r"[A-Za-z][A-Za-z0-9_.-]{0,62}\Z")
_VERSION = late(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\Z")
_NAME = "NAME"
_PLACES = {
    "linux": late(r"(~/|/|\.?[\w-]+[/.])[^\x00-\x1f\\]*\Z"),
    "macos": late(r"(~/|/|\.?[\w-]+[/.])[^\x00-\x1f\\]*\Z"),
    "windows": late(r"(~/|%[A-Z]+%\\|[A-Z]:\\|\.?[\w-]+[/.])[^\x00-\x1f]*\Z"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalForm:
    """The members of an entry that starts a program. Without a member for ``args``, command and arguments are one list."""

    command: str = "command"
    args: str = "args"
    env: str = "env"
    fixed: Mapping[str, str | bool | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteForm:
    """The members of an entry that reaches a URL."""

    url: str = "url"
    headers: str = "headers"
    fixed: Mapping[str, str | bool | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsForm:
    """The members of an entry that allow only some tools, and deny some; empty if the client has no such member."""

    allowed: str = ""
    denied: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedVersion:
    """One version of the form. ``key`` is where the entries stand, from the outermost member to the innermost.

    ``input`` spells an input, with ``NAME`` for its name, such as ``${NAME}``; without it, inputs are refused.
    """

    version: str
    key: tuple[str, ...]
    clients: str = "*"
    until: str = ""
    input: str = ""
    stdio: LocalForm | None = None
    http: RemoteForm | None = None
    sse: RemoteForm | None = None
    tools: ToolsForm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedFamily:
    """What a site's file says of a client. ``versions`` are the newest first; all speak the same transports."""

    id: str
    title: str
    form: Form
    files: tuple[Where, ...]
    versions: tuple[DescribedVersion, ...]
    sources: tuple[str, ...]
    dated: str
    missing: Missing = Missing.UNKNOWN
    notes: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    row: str = ""
    row_tells: bool = True


def described(said: DescribedFamily) -> Family:
    """The family that *said* describes. Raises `Refused`, naming the place, for what no family can be."""
    _refuse_wrong(said)
    speaks = tuple(one for one in Transport if _form(said.versions[0], one) is not None)
    for each in said.versions:
        if tuple(one for one in Transport if _form(each, one) is not None) != speaks:
            raise _wrong(said, f"versions: {each.version} speaks other transports than the newest; describe another family")
    spelled = said.versions[0].input
    return Family(
        id=said.id,
        title=said.title,
        form=said.form,
        files=said.files,
        schemas=tuple(_version(said, each) for each in said.versions),
        transports=speaks,
        variables=spelled or "none; inputs are refused",
        missing=said.missing,
        notes=said.notes,
        sources=said.sources,
        dated=said.dated,
        lists=said.lists,
        row=said.row,
        row_tells=said.row_tells,
    )


def _form(version: DescribedVersion, transport: Transport) -> LocalForm | RemoteForm | None:
    return {Transport.STDIO: version.stdio, Transport.HTTP: version.http, Transport.SSE: version.sse}[transport]


def _version(said: DescribedFamily, one: DescribedVersion) -> SchemaVersion:
    kinds: list[Value] = [_kind(form, one.tools) for form in (one.stdio, one.http, one.sse) if form is not None]
    alike = [made for number, made in enumerate(kinds) if made not in kinds[:number]]
    schema = document(one.key, alike, title=f"MCP servers of {said.title}")
    return SchemaVersion(
        version=one.version, key=one.key, clients=one.clients, until=one.until, schema=schema, entry=_entry(said.title, one)
    )


def _entry(title: str, version: DescribedVersion) -> Callable[[Wanted], Entry]:
    def entry(wanted: Wanted) -> Entry:
        if not version.input:
            only_text(wanted, title)
        form = _form(version, wanted.transport)
        if form is None:
            raise cannot(wanted, title, f"the transport {wanted.transport.value}", "use another one")
        made: Entry = dict(form.fixed)

        def spell(name: str) -> str:
            return version.input.replace(_NAME, name)

        if isinstance(form, LocalForm):
            command, args = launched(wanted)
            made |= {form.command: command, form.args: list(args)} if form.args else {form.command: [command, *args]}
            if wanted.env:
                made[form.env] = settings(wanted.env, spell)
        else:
            made[form.url] = wanted.url
            if wanted.headers:
                made[form.headers] = settings(wanted.headers, spell)
        return made | _limits(title, version.tools, wanted)

    return entry


def _limits(title: str, tools: ToolsForm | None, wanted: Wanted) -> Entry:
    if tools is None:
        no_filter(wanted, title)
        return {}
    made: Entry = {}
    for member, names in ((tools.allowed, wanted.tools), (tools.denied, wanted.denied_tools)):
        if names and not member:
            raise cannot(wanted, title, "a limit of tools of this kind", "limit its tools at the server")
        if names:
            made[member] = list(names)
    return made


def _kind(form: LocalForm | RemoteForm, tools: ToolsForm | None) -> dict[str, Value]:
    members: dict[str, Value] = {name: {"const": value} for name, value in dict(form.fixed).items()}
    if isinstance(form, LocalForm):
        members |= {form.command: TEXT, form.args: TEXTS} if form.args else {form.command: SOME_TEXTS}
        members[form.env] = MAP
        needed = form.command
    else:
        members |= {form.url: URL, form.headers: MAP}
        needed = form.url
    for name in (tools.allowed, tools.denied) if tools is not None else ():
        if name:
            members[name] = SOME_TEXTS
    return kind([*dict(form.fixed), needed], members)


def _wrong(said: DescribedFamily, what: str) -> Refused:
    return Refused(f"the family {said.id[:63]!r} is not described rightly: {what}")


def _refuse_wrong(said: DescribedFamily) -> None:
    if not _ID.match(said.id):
        raise _wrong(said, "id: it must be a plain word of a-z, 0-9 and '-'")
    if not said.title.strip() or not said.sources or not all(one.strip() for one in said.sources):
        raise _wrong(said, "title and sources: say who the client is, and who says these facts")
    try:
        date.fromisoformat(said.dated)
    except ValueError:
        raise _wrong(said, f"dated: {said.dated[:20]!r} is no date; write YYYY-MM-DD, the day of the facts") from None
    if not said.files or len({one.surface for one in said.files}) != len(said.files):
        raise _wrong(said, "files: name each surface once, such as user or project, with the file's path")
    for where in said.files:
        _refuse_places(said, where)
    if not said.versions or len({one.version for one in said.versions}) != len(said.versions):
        raise _wrong(said, "versions: there must be one, and each once")
    for one in said.versions:
        _refuse_version(said, one)
    if said.lists and not said.row:
        raise _wrong(said, "row: the list of the client is read by a regular expression with the group 'name'")
    if said.row:
        try:
            groups = re.compile(said.row).groupindex
        except re.error as error:
            raise _wrong(said, f"row: it is no regular expression ({error})") from None
        if "name" not in groups or not said.lists:
            raise _wrong(said, "row: it needs the group 'name', and 'lists' the client's own command")


def _refuse_places(said: DescribedFamily, where: Where) -> None:
    told = {"linux": where.linux, "macos": where.macos, "windows": where.windows}
    if not _MEMBER.match(where.surface) or not any(told.values()):
        raise _wrong(said, f"files: {where.surface[:40]!r} names no path on any system")
    for system, path in told.items():
        parts = re.split(r"[/\\]", path)
        if path and (not _PLACES[system].match(path) or ".." in parts or not parts[-1]):
            raise _wrong(said, f"files: {path[:100]!r} is not the path of a file on {system}, such as ~/.client/mcp.json")


def _refuse_version(said: DescribedFamily, one: DescribedVersion) -> None:
    place = f"versions: {one.version[:40]!r}"
    if not _VERSION.match(one.version):
        raise _wrong(said, f"{place} is not a version such as 1.0.0")
    if not one.key or not all(_MEMBER.match(step) for step in one.key):
        raise _wrong(said, f"{place} needs a key: the member under which the entries stand, such as [mcpServers]")
    if one.until:
        try:
            date.fromisoformat(one.until)
        except ValueError:
            raise _wrong(said, f"{place}: until {one.until[:20]!r} is no date; write YYYY-MM-DD") from None
    if one.input and (one.input.count(_NAME) != 1 or one.input == _NAME):
        raise _wrong(said, f"{place}: input spells an input with NAME in it, such as ${{NAME}}")
    forms = [form for form in (one.stdio, one.http, one.sse) if form is not None]
    if not forms:
        raise _wrong(said, f"{place} speaks no transport: give stdio, http or sse")
    for form in forms:
        names = [*dict(form.fixed), *_members(form), *filter(None, (one.tools.allowed, one.tools.denied) if one.tools else ())]
        if not all(_MEMBER.match(name) for name in names) or len(set(names)) != len(names):
            raise _wrong(said, f"{place}: the members of an entry must be plain names, each once")
    if one.http is not None and one.sse is not None and one.http == one.sse:
        raise _wrong(
            said, f"{place}: http and sse look the same, so the client could not tell them apart; give one a fixed member"
        )


def _members(form: LocalForm | RemoteForm) -> tuple[str, ...]:
    if isinstance(form, LocalForm):
        return tuple(filter(None, (form.command, form.args, form.env)))
    return form.url, form.headers
