"""What is released: for one client, the difference to what it has, the changes since a token, and the records for auditors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.late_pattern import late
from capabilities.client.place import families_here, rows_here
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.database.late import is_made

if TYPE_CHECKING:
    from services.config.reading import Reading
    from services.config.rows import Released

_CLIENT = shaped(positional=True, title="CLIENT", least=1, most=63)
_PROFILE = shaped(least=1, most=63)
_SOME = shaped(most=200)
_NAME = late(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")


def refuse_without_releases(at: Place) -> None:
    """Raise `Refused` if nothing was ever released at this place."""
    if not is_made(at.settings):
        raise Refused("nothing is released here yet; 'arcops conf publish' releases a draft")


@contextmanager
def reading_here(at: Place, client: str = "", profile: str = "") -> Iterator[Reading]:
    """What is released at this place; with a *client* and a *profile* only for these. Raises `Refused` if nothing ever was."""
    refuse_without_releases(at)
    from services.config.reading import Given, Reading

    with rows_here(at) as rows:
        families = families_here(at)
        found = Reading(Given(rows.all_of(client, profile)) if client else rows, lambda: families)
        found.refresh()
        yield found


def refuse_values(names: tuple[str, ...]) -> None:
    """Raise `Refused` if one of *names* is not a name. It is not said back: it may be the value of a secret."""
    for one in names:
        if not _NAME.match(one):
            raise Refused(
                "inputs are named, and their values are never sent: give names such as GITHUB_TOKEN, without '=' and value"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GetClientConfig:
    """Whose configuration to get."""

    client: str = field(metadata=_CLIENT)
    """The family's id."""
    profile: str = field(metadata=_PROFILE)
    """The profile."""
    schema: str = field(default="", metadata=shaped(most=60))
    """The version of the client's schema; the default one if none is named."""
    machine: str = field(default="", metadata=shaped(most=128))
    """A random text that stays the same on a machine, for canaries; it is not kept."""
    inputs: tuple[str, ...] = field(default=(), metadata=shaped(commas=True, most=100, title="GITHUB_TOKEN"))
    """The names of the inputs that the machine has; never their values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigShown:
    """The artifact: JSON text with the payload, its signatures, its proof of being in the log, and how to verify it."""

    document: str
    missing_inputs: tuple[str, ...]
    """The inputs that the configuration uses and that were not named, if any were named."""


@tool(title="Get a client's configuration", scope=Scope.READ, reads_only=True)
def get_client_config(ask: GetClientConfig, at: Place) -> ClientConfigShown:
    """Get the configuration that is released for a client in a profile, complete and signed. Inputs are named; values never
    are.
    """
    refuse_values(ask.inputs)
    with reading_here(at, ask.client, ask.profile) as reading:
        found = reading.get(ask.client, ask.profile, schema=ask.schema, who=ask.machine)
    used = json.loads(found.body)["inputs"]
    missing = tuple(one for one in used if one not in ask.inputs) if ask.inputs else ()
    return ClientConfigShown(document=found.body.decode(), missing_inputs=missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffClientConfig:
    """What a client has, to be compared with what is released."""

    client: str = field(metadata=_CLIENT)
    """The family's id."""
    profile: str = field(metadata=_PROFILE)
    """The profile."""
    current: str = field(metadata=shaped(least=1, most=100))
    """The artifact id (sha256:…) that the client has."""
    schema: str = field(default="", metadata=shaped(most=60))
    """The version of the client's schema; the default one if none is named."""
    machine: str = field(default="", metadata=shaped(most=128))
    """A random text that stays the same on a machine, for canaries; it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfigDiffered:
    """``status`` is up-to-date, outdated (it was released once), or unknown (it never was)."""

    status: str
    latest_artifact_id: str
    version: str
    changelog: str


@tool(title="Compare a client's configuration with what is released", scope=Scope.READ, reads_only=True)
def diff_client_config(ask: DiffClientConfig, at: Place) -> ClientConfigDiffered:
    """Say if what a client has is what is released for it now."""
    with reading_here(at, ask.client, ask.profile) as reading:
        found = reading.diff(ask.client, ask.profile, ask.current, schema=ask.schema, who=ask.machine)
    return ClientConfigDiffered(
        status=found.status,
        latest_artifact_id=found.latest_artifact_id,
        version=found.version,
        changelog=found.changelog,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollClientChanges:
    """From which token on to list the changes."""

    since: str = field(default="", metadata=shaped(most=100))
    """The token of the last answer; from the beginning if it is empty."""
    client: str = field(default="", metadata=_SOME)
    """Only those of this family."""
    profile: str = field(default="", metadata=_SOME)
    """Only those in this profile."""
    most: int = field(default=100, metadata=shaped(least=1, most=1000))
    """At most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChange:
    """One release, as an event."""

    token: str
    client_id: str
    profile: str
    schema_ref: str
    artifact_id: str
    version: str
    issued_at: str
    kind: str
    percent: int
    changelog: str
    publisher_id: str
    policy_set_id: str
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChanges:
    """The changes in the order of the log, and the token to go on with."""

    events: tuple[ClientChange, ...]
    next: str


@tool(title="List changes of clients' configuration", scope=Scope.READ, reads_only=True)
def poll_client_changes(ask: PollClientChanges, at: Place) -> ClientChanges:
    """List what was released after a token, with changelog, publisher and policy set."""
    from artifacts.wire import from_values

    with reading_here(at) as reading:
        events, token = reading.poll(ask.since, client=ask.client, profile=ask.profile, most=ask.most)
    return ClientChanges(events=tuple(from_values(ClientChange, one) for one in events), next=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditClientReleases:
    """Which release records to list."""

    client: str = field(default="", metadata=_SOME)
    """Only those of this family."""
    profile: str = field(default="", metadata=_SOME)
    """Only those in this profile."""
    version: str = field(default="", metadata=_SOME)
    """Only those of this version."""
    artifact: str = field(default="", metadata=_SOME)
    """Only those of this artifact id."""
    since: datetime | None = None
    """Only those issued at this moment or later."""
    until: datetime | None = None
    """Only those issued before this moment."""
    most: int = field(default=100, metadata=shaped(least=1, most=1000))
    """At most so many, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReleaseRecord:
    """A release record: who published and who approved what, under which rules, at which place of the log."""

    record: str
    position: int
    status: str
    artifact_id: str
    client_id: str
    profile: str
    schema_ref: str
    version: str
    kind: str
    percent: int
    issued_at: datetime
    publisher_id: str
    approvals: tuple[str, ...]
    policy_set_id: str
    policy_digest: str
    draft_digest: str
    changelog: str
    reason: str
    supersedes: str
    audit_log_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReleasesAudited:
    """The records, the newest first."""

    releases: tuple[ClientReleaseRecord, ...]


@tool(title="Audit releases of clients' configuration", scope=Scope.AUDIT, reads_only=True)
def audit_client_releases(ask: AuditClientReleases, at: Place) -> ClientReleasesAudited:
    """List release records by time, client, profile and version. It only reads; the records cannot be changed."""
    from services.config.rows import Chosen

    for moment in (ask.since, ask.until):
        if moment is not None and moment.tzinfo is None:
            raise Refused(f"the time {moment} has no time zone; write it like 2026-11-28T12:00:00Z")
    if not is_made(at.settings):
        return ClientReleasesAudited(releases=())
    with rows_here(at) as rows:
        chosen = Chosen(
            client=ask.client,
            profile=ask.profile,
            version=ask.version,
            artifact=ask.artifact,
            since=ask.since,
            until=ask.until,
            limit=ask.most,
        )
        from services.config.heads import heads_in

        found = rows.list(chosen)
        live = heads_in(rows, {(one.client, one.profile, one.schema) for one in found})
    return ClientReleasesAudited(releases=tuple(_record(one, one.record in live) for one in found))


def _record(one: Released, live: bool) -> ClientReleaseRecord:
    said = json.loads(one.document)
    shown, made = said["release"], said["provenance"]
    return ClientReleaseRecord(
        record=one.record,
        position=one.position,
        status=("canary" if one.percent < 100 else "latest") if live else "superseded",
        artifact_id=one.artifact,
        client_id=one.client,
        profile=one.profile,
        schema_ref=one.schema,
        version=one.version,
        kind=shown["kind"],
        percent=one.percent,
        issued_at=one.issued_at,
        publisher_id=made["publisherId"],
        approvals=tuple(made["approvers"]),
        policy_set_id=said["policySetId"],
        policy_digest=said["policyDigest"],
        draft_digest=made["draftDigest"],
        changelog=said["changelog"],
        reason=shown["reason"],
        supersedes=shown["supersedes"],
        audit_log_uri=said["auditLogUri"],
    )
