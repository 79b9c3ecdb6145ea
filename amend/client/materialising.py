"""From a draft to the bytes that one client reads: the same draft, rules and context give the same bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from amend.client.applying import applied
from amend.client.editing.changing import read, whole
from amend.client.families import KNOWN, Families
from amend.client.family import Family, SchemaVersion, Value
from amend.client.rules import Claim, Context, PolicySet
from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.quoting import quoted, quoted_name
from arcops.seen.client import ClientConfiguration, Draft, HostedVerdict, Input, Made, Transport, Wanted

_SERVER = late(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}\Z")
_INPUT = late(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_WORD = late(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
_HEADER = late(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_VERSION = late(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?\Z"
)
_VARIABLE = re.compile(
    r"\$\{|\$[A-Za-z_]|\$\(|\$\[|\{(?:env|file|input|secret|config)[:.]|%[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z0-9]+\))?%"
    r"|\{\{|#\{|<%",
    re.IGNORECASE,
)
_TOOL = late(r"[^\s*?!,;\[\]{}\"'`]{1,128}\Z")
_LOCK = late(r"sha256:[0-9a-f]{64}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MOST_SERVERS = 500


def schema_uri(client: str, version: str) -> str:
    """The name of a client's schema in records and artifacts."""
    return f"https://arcops.dev/schemas/client/{client}/{version}"


def configured(
    source: str,
    draft: Draft,
    policy: PolicySet | None,
    policy_digest: str,
    *,
    claims: tuple[Claim, ...],
    at: Any,
    hosted: tuple[HostedVerdict, ...] = (),
    families: Families = KNOWN,
) -> ClientConfiguration:
    """What *draft*, which was read from the text *source*, gives for each of its clients and each version of their schemas.

    What one client cannot express is a problem of this client. Raises `Refused` for a draft that is wrong for every client.
    """
    refuse_wrong(draft)
    made: list[Made] = []
    for client in draft.clients:
        family = families.of(client)
        context = Context(client=client, profile=draft.profile, tags=draft.tags, claims=claims, at=at)
        servers, decisions = applied(draft.servers, policy, context)
        names = tuple(one.name for one in servers)
        for version in family.schemas:
            common = {"client": client, "schema": schema_uri(client, version.version), "servers": names, "decisions": decisions}
            try:
                payload = materialised(family, version, servers, draft.inputs)
            except Refused as error:
                made.append(Made(artifact="", payload="", problem=str(error), **common))  # type: ignore[arg-type]  # of one kind each
                continue
            artifact = f"sha256:{hashlib.sha256(payload.encode()).hexdigest()}"
            misfits = tuple(misfitting(family, version, payload))
            made.append(Made(artifact=artifact, payload=payload, misfits=misfits, **common))  # type: ignore[arg-type]
    return ClientConfiguration(
        digest=f"sha256:{hashlib.sha256(source.encode()).hexdigest()}",
        source=source,
        draft=draft,
        policy_set=policy.named if policy is not None else "",
        policy_digest=policy_digest,
        made=tuple(made),
        hosted=hosted,
    )


def materialised(family: Family, version: SchemaVersion, servers: tuple[Wanted, ...], inputs: tuple[Input, ...]) -> str:
    """The text of the file that *family* reads. Raises `Refused` if it cannot express one of the *servers*."""
    entries: dict[str, Value] = {}
    known = {one.name for one in inputs}
    for one in servers:
        _refuse_server(one, known)  # again: a rule may have given it something
        if one.transport not in family.transports:
            can = ", ".join(each.value for each in family.transports)
            raise Refused(
                f"{family.title} does not speak {one.transport.value}, which the server {quoted(one.name)} needs; it has {can}"
            )
        entries[one.name] = version.entry(one)
    used = {setting.input for one in servers for setting in (*one.env, *one.headers)}
    asked = version.inputs(tuple(one for one in inputs if one.name in used)) if version.inputs is not None else []
    return whole(family.form, version.key, entries, asked)


def misfitting(family: Family, version: SchemaVersion, payload: str) -> Iterator[str]:
    """Each place at which *payload* breaks the client's schema, with what is wrong there; none if it fits."""
    value = read(family.form, payload, "the payload")
    for error in jsonschema_rs.validator_for(dict(version.schema), mask="the value", offline=True).iter_errors(value):
        yield f"/{'/'.join(str(step) for step in error.instance_path)}: {error.message}"


def refuse_wrong(draft: Draft) -> None:
    """Raise `Refused` for a draft that is wrong for every client: names, versions, inputs, variables that are spelled out."""
    if not _VERSION.match(draft.version):
        raise Refused(f"the draft's version {quoted(draft.version)} is not a version of SemVer 2.0.0, such as 1.4.0")
    for what, names in (("profile", (draft.profile,)), ("client", draft.clients), ("tag", draft.tags)):
        for name in names:
            if not _WORD.match(name):
                raise Refused(f"the {what} {quoted(name)} is not a plain word; use a-z, 0-9, '.', '_' and '-'")
    if not draft.clients:
        raise Refused("the draft names no client, so nothing would be released; name at least one under 'clients'")
    if len(draft.servers) > MOST_SERVERS:
        raise Refused(f"the draft names {len(draft.servers)} servers; at most {MOST_SERVERS} are possible")
    for what, names in (
        ("client", draft.clients),
        ("server", tuple(one.name.lower() for one in draft.servers)),
        ("input", tuple(one.name for one in draft.inputs)),
    ):
        if twice := next((one for one in names if names.count(one) > 1), None):
            raise Refused(f"the draft names the {what} {quoted(twice)} twice")
    for each in draft.inputs:
        if not _INPUT.match(each.name):
            raise Refused(f"the input {quoted_name(each.name)} is not the name of an environment variable")
    known = {one.name for one in draft.inputs}
    for one in draft.servers:
        _refuse_server(one, known)


def _refuse_server(one: Wanted, inputs: set[str]) -> None:
    if not _SERVER.match(one.name):
        raise Refused(f"the server's name {quoted(one.name)} is not plain; use letters, digits, '_' and '-', at most 63")
    if one.hosted is not None and not (_SERVER.match(one.hosted.name) and _LOCK.match(one.hosted.lock)):
        raise Refused(
            f"the server {quoted(one.name)} does not say which hosted server it is; write hosted: "
            "{name: NAME, lock: sha256:…}, as 'arcops host allow' shows it"
        )
    if one.transport is Transport.STDIO:
        if bool(one.command) is bool(one.package) or one.url or one.headers:
            raise Refused(f"the local server {quoted(one.name)} needs either a command or a package, and no url and no headers")
    elif not one.url or one.command or one.package or one.args or one.env:
        raise Refused(f"the remote server {quoted(one.name)} needs a url, and no command, package, arguments or variables")
    for kind, form, settings in (("variable", _INPUT, one.env), ("header", _HEADER, one.headers)):
        names = [each.name.lower() if kind == "header" else each.name for each in settings]
        for each in settings:
            if not form.match(each.name):
                raise Refused(f"the {kind} {quoted_name(each.name)} of the server {quoted(one.name)} has no valid name")
            if each.input and each.input not in inputs:
                raise Refused(
                    f"the server {quoted(one.name)} uses the input {quoted_name(each.input)}, which the draft does not list"
                )
        if twice := next((each for each in names if names.count(each) > 1), None):
            raise Refused(f"the server {quoted(one.name)} has the {kind} {quoted(twice)} twice")
    for tool in (*one.tools, *one.denied_tools):
        if not _TOOL.match(tool):
            raise Refused(
                f"the server {quoted(one.name)} names the tool {quoted(tool)}; write one tool's name, without a space, a comma "
                "or a quotation mark, and without a pattern, which some clients take for every tool"
            )
    for text in (
        one.command,
        *one.args,
        one.url,
        *(each.before for each in (*one.env, *one.headers)),
        *one.tools,
        *one.denied_tools,
    ):
        if found := _VARIABLE.search(text):
            raise Refused(
                f"the server {quoted(one.name)} spells a variable ({found[0][:3]}…); clients spell them differently, and the "
                "wrong spelling is passed on as it is, without an error: name an input, and each client gets its own spelling"
            )
        if _CONTROL.search(text):
            raise Refused(f"a value of the server {quoted(one.name)} has a control character or a line break; take it out")
