"""The families of MCP clients, their profiles and schemas, and a first draft for them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from amend.client.family import Family
from amend.client.launching import PLACEHOLDER
from amend.client.materialising import schema_uri
from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.client.place import families_here, rows_here
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.database.late import is_made

_CLIENT = shaped(positional=True, title="CLIENT", least=1, most=63)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListClientFamilies:
    """Which families to list: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaKnown:
    """One version of a family's form, and which versions of the client read it."""

    schema_ref: str
    version: str
    version_range: str
    required_keys: tuple[str, ...]
    deprecated_after: str
    """The date from which it may be gone; empty if none is planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKnown:
    """A file that the client reads, and whether our entries stand beside the user's own there (additive) or alone
    (exclusive).
    """

    surface: str
    mode: str
    linux: str
    macos: str
    windows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyKnown:
    """A family, with the sources of its facts and their date."""

    client_id: str
    title: str
    format: str
    schemas: tuple[SchemaKnown, ...]
    capabilities: tuple[str, ...]
    variables: str
    missing_variable: str
    files: tuple[FileKnown, ...]
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    dated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FamiliesKnown:
    """The families, in the order of ids."""

    families: tuple[FamilyKnown, ...]


@tool(title="List the families of MCP clients", scope=Scope.READ, reads_only=True)
def list_client_families(ask: ListClientFamilies, at: Place) -> FamiliesKnown:
    """List the MCP clients whose configuration can be written: formats, schemas, files, how a variable is spelled, limits."""
    return FamiliesKnown(families=tuple(map(known, families_here(at).all())))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListClientProfiles:
    """Of which client to list the profiles."""

    client: str = field(metadata=_CLIENT)
    """The family's id, such as vscode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesKnown:
    """The profiles in which something is released for the client."""

    client_id: str
    profiles: tuple[str, ...]


@tool(title="List a client's profiles", scope=Scope.READ, reads_only=True)
def list_client_profiles(ask: ListClientProfiles, at: Place) -> ProfilesKnown:
    """List the profiles (such as dev and prod) in which a configuration is released for a client."""
    client = families_here(at).of(ask.client).id
    if not is_made(at.settings):
        return ProfilesKnown(client_id=client, profiles=())
    with rows_here(at) as rows:
        return ProfilesKnown(client_id=client, profiles=rows.profiles(client))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowClientSchema:
    """Which schema to show."""

    client: str = field(metadata=_CLIENT)
    """The family's id, such as codex."""
    version: str = field(default="", metadata=shaped(most=60))
    """The schema's version; the newest if none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaShown:
    """A JSON Schema (draft 2020-12) of what the client reads, as JSON text."""

    client_id: str
    schema_ref: str
    version: str
    schema: str


@tool(title="Show a client's schema", scope=Scope.READ, reads_only=True)
def show_client_schema(ask: ShowClientSchema, at: Place) -> SchemaShown:
    """Show the JSON Schema that a client's configuration is held to before it is released."""
    family = families_here(at).of(ask.client)
    found = family.schema(ask.version)
    text = json.dumps(dict(found.schema), indent=2)
    return SchemaShown(client_id=family.id, schema_ref=schema_uri(family.id, found.version), version=found.version, schema=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClientDraft:
    """What the draft is to hold."""

    servers: tuple[str, ...] = field(metadata=shaped(commas=True, least=1, most=100, title="github,time"))
    """The names of the servers."""
    clients: tuple[str, ...] = field(metadata=shaped(option="--for", commas=True, least=1, most=50, title="vscode,codex"))
    """The ids of the families."""
    profile: str = field(default="default", metadata=shaped(least=1, most=63))
    """The profile, such as dev."""
    version: str = field(default="1.0.0", metadata=shaped(least=1, most=60))
    """The version of what will be released (SemVer)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMade:
    """A draft in YAML, to be completed by hand."""

    draft: str


@tool(title="Begin a draft of clients' configuration", scope=Scope.READ, reads_only=True)
def new_client_draft(ask: NewClientDraft, at: Place) -> DraftMade:
    """Begin one neutral draft for many clients: a YAML text that names the servers, to be completed by hand."""
    families = families_here(at)
    for one in ask.clients:
        families.of(one)
    if any(not name.replace("-", "").replace("_", "").isalnum() for name in ask.servers):
        raise Refused("a server's name is made of letters, digits, '_' and '-'")
    lines = [
        "# One draft for many clients. Values that differ from machine to machine, and every secret, are inputs: names only.",
        f"version: {ask.version}",
        f"profile: {ask.profile}",
        f"clients: [{', '.join(ask.clients)}]",
        "inputs: []",
        "#  - {name: EXAMPLE_TOKEN, description: what it is for, secret: true}",
        "servers:",
    ]
    for name in ask.servers:
        lines += [
            f"  - name: {name}",
            f"    package: {PLACEHOLDER}  # npm:NAME@1.2.3, pypi:NAME==1.2.3, oci:NAME@sha256:…; or transport: http and a url",
            "#    env: [{name: EXAMPLE_TOKEN, input: EXAMPLE_TOKEN}]",
        ]
    return DraftMade(draft="\n".join(lines) + "\n")


def known(family: Family) -> FamilyKnown:
    """What is shown of *family*."""
    return FamilyKnown(
        client_id=family.id,
        title=family.title,
        format=family.form.value,
        schemas=tuple(
            SchemaKnown(
                schema_ref=schema_uri(family.id, one.version),
                version=one.version,
                version_range=one.clients,
                required_keys=one.key,
                deprecated_after=one.until,
            )
            for one in family.schemas
        ),
        capabilities=(*(one.value for one in family.transports), *(one.value for one in family.modes)),
        variables=family.variables,
        missing_variable=family.missing.value,
        files=tuple(
            FileKnown(surface=one.surface, mode=one.mode.value, linux=one.linux, macos=one.macos, windows=one.windows)
            for one in family.files
        ),
        notes=family.notes,
        sources=family.sources,
        dated=family.dated,
    )
