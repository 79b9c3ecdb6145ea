"""What clients report of themselves, and the counts of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.asks import shaped
from capabilities.client.place import families_here
from capabilities.contract import Scope, tool
from flows.place import Place
from foundation.database.late import is_made


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportClientState:
    """What a client has now. Nothing in it may name a person or a machine."""

    fingerprint: str = field(metadata=shaped(least=16, most=128))
    """A random text that stays the same on a machine. Only a hash of it is kept, with a key that changes each month."""
    client: str = field(metadata=shaped(least=1, most=63))
    """The family's id."""
    profile: str = field(metadata=shaped(least=1, most=63))
    """The profile."""
    artifact: str = field(metadata=shaped(least=71, most=71))
    """The artifact id (sha256:…) that it has now."""
    result: str = field(metadata=shaped(least=1, most=16))
    """How it went: applied, failed, refused or stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStateNoted:
    """That the report was counted."""

    counted: bool


@tool(title="Report a client's state", scope=Scope.CHECK, idempotent=True)
def report_client_state(ask: ReportClientState, at: Place) -> ClientStateNoted:
    """Count a client's state: by client, profile and artifact, with nothing that names a person or a machine."""
    from foundation.database.opening import opened

    with opened(at.settings) as database:
        from services.config.reports import Reports

        Reports(database, families=families_here(at)).add(
            ask.fingerprint, ask.client, ask.profile, ask.artifact, ask.result, at.now()
        )
    return ClientStateNoted(counted=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountClientStates:
    """What to count."""

    client: str = field(default="", metadata=shaped(most=63))
    """Only this family."""
    profile: str = field(default="", metadata=shaped(most=63))
    """Only this profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStateCount:
    """How many machines reported this in a month."""

    month: str
    client_id: str
    profile: str
    artifact_id: str
    version: str
    result: str
    machines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStatesCounted:
    """The counts, the newest month first."""

    counts: tuple[ClientStateCount, ...]


@tool(title="Count clients' states", scope=Scope.READ, reads_only=True)
def count_client_states(ask: CountClientStates, at: Place) -> ClientStatesCounted:
    """Count what clients reported, by client, profile, version and result."""
    if not is_made(at.settings):
        return ClientStatesCounted(counts=())
    from foundation.database.opening import opened

    with opened(at.settings) as database:
        from services.config.reports import Reports

        found = Reports(database).counts(client=ask.client, profile=ask.profile)
    return ClientStatesCounted(
        counts=tuple(
            ClientStateCount(
                month=one.month,
                client_id=one.client,
                profile=one.profile,
                artifact_id=one.artifact,
                version=one.version,
                result=one.result,
                machines=one.machines,
            )
            for one in found
        )
    )
