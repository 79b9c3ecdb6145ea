"""Publish, approve, revert and widen; and the organisation's rules, which decide what may be released."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Outcome
from capabilities.client.place import MOST_DRAFT, families_here, publisher, rows_here, rules_here
from capabilities.contract import Scope, tool
from flows.place import Place

if TYPE_CHECKING:
    from services.config.publishing import Published
    from services.config.rows import Publication

_ID = shaped(positional=True, title="ID", least=4, most=64)
_CLIENT = shaped(positional=True, title="CLIENT", least=1, most=63)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordShown:
    """A release record of a publication. ``statement`` is what an approver signs, in base64 (DSSE, in-toto Statement v1)."""

    client_id: str
    profile: str
    schema_ref: str
    version: str
    artifact_id: str
    percent: int
    approved_by: tuple[str, ...]
    needed: int
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationShown:
    """A publication: ``state`` is waiting, released or withdrawn. ``remarks`` are what the rules changed in the draft."""

    id: str
    state: str
    records: tuple[RecordShown, ...]
    verdict: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishClientConfig:
    """What to publish, and what to tell its users."""

    draft: str = field(metadata=shaped(positional=True, title="DRAFT", text_of=MOST_DRAFT, least=1))
    """The text of the draft."""
    changelog: str = field(metadata=shaped(least=1, most=4000))
    """What changes for the users."""
    percent: int = field(default=100, metadata=shaped(least=1, most=100))
    """Give it to so many of a hundred machines first (a canary)."""


@tool(title="Publish clients' configuration", scope=Scope.PUBLISH, destructive=True)
def publish_client_config(ask: PublishClientConfig, at: Place) -> PublicationShown:
    """Judge a draft and release it for its clients, signed and in the log; or let it wait for the approvals that are needed.

    Refused with the findings if the draft is RED: then nothing is kept.
    """
    with publisher(at) as here:
        return _told(here.publish(ask.draft.encode(), changelog=ask.changelog, signer=at.signer(), percent=ask.percent))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveClientConfig:
    """Which publication to approve."""

    id: str = field(metadata=_ID)
    """The publication's id, or its beginning."""
    signatures: tuple[str, ...] = field(default=(), metadata=shaped(option="--signature", most=1000))
    """Signatures that an approver made elsewhere, in base64, one for each record in its order; else the key of this place
    signs.
    """


@tool(title="Approve clients' configuration", scope=Scope.PUBLISH, destructive=True)
def approve_client_config(ask: ApproveClientConfig, at: Place) -> PublicationShown:
    """Approve a publication; the last approval that is needed releases it. The one who published it cannot approve it."""
    with publisher(at) as here:
        signer = at.signer()
        return _told(here.approve(ask.id, log=signer, approver=None if ask.signatures else signer, signatures=ask.signatures))


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawClientConfig:
    """Which publication to take back."""

    id: str = field(metadata=_ID)
    """The publication's id, or its beginning."""


@tool(title="Withdraw clients' configuration that waits", scope=Scope.PUBLISH, destructive=True)
def withdraw_client_config(ask: WithdrawClientConfig, at: Place) -> PublicationShown:
    """Take back a publication that waits for approvals. What is released is never taken back, only replaced or reverted."""
    with publisher(at) as here:
        return _shown(here.withdraw(ask.id), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertClientConfig:
    """What to go back to, and why."""

    client: str = field(metadata=_CLIENT)
    """The family's id."""
    profile: str = field(metadata=shaped(least=1, most=63))
    """The profile."""
    to: str = field(metadata=shaped(least=71, most=71))
    """The artifact id (sha256:…) of an earlier release."""
    reason: str = field(metadata=shaped(least=1, most=4000))
    """What is wrong with what is out now."""


@tool(title="Revert clients' configuration", scope=Scope.PUBLISH, destructive=True)
def revert_client_config(ask: RevertClientConfig, at: Place) -> PublicationShown:
    """Issue an earlier artifact again as the newest, with a reason: clients see a new release and go back.

    Refused if the rules of today do not give the same bytes.
    """
    with publisher(at) as here:
        return _told(here.revert(ask.client, ask.profile, ask.to, reason=ask.reason, signer=at.signer()))


@dataclass(frozen=True, slots=True, kw_only=True)
class WidenClientConfig:
    """Which canary to give to how many."""

    client: str = field(metadata=_CLIENT)
    """The family's id."""
    profile: str = field(metadata=shaped(least=1, most=63))
    """The profile."""
    artifact: str = field(metadata=shaped(least=71, most=71))
    """The canary's artifact id (sha256:…)."""
    percent: int = field(metadata=shaped(least=2, most=100))
    """To so many of a hundred machines; those that have it keep it."""


@tool(title="Widen a canary of clients' configuration", scope=Scope.PUBLISH, destructive=True)
def widen_client_config(ask: WidenClientConfig, at: Place) -> PublicationShown:
    """Give a canary to more machines, or to all."""
    with publisher(at) as here:
        return _told(here.widen(ask.client, ask.profile, ask.artifact, percent=ask.percent, signer=at.signer()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWaitingClientConfigs:
    """Which publications to list: all that wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationsListed:
    """The publications that wait for approvals, the oldest first."""

    publications: tuple[PublicationShown, ...]


@tool(title="List clients' configuration that waits", scope=Scope.READ, reads_only=True)
def list_waiting_client_configs(ask: ListWaitingClientConfigs, at: Place) -> PublicationsListed:
    """List the publications that wait for approvals, with the statements that approvers sign."""
    from foundation.database.late import is_made

    if not is_made(at.settings):
        return PublicationsListed(publications=())
    with rows_here(at) as rows:
        return PublicationsListed(publications=tuple(_shown(one, ()) for one in rows.waiting()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClientRules:
    """The organisation's rules."""

    rules: str = field(metadata=shaped(positional=True, title="RULES", text_of=MOST_DRAFT, least=1))
    """The text of the policy set (YAML)."""
    preview: bool = False
    """Only say what they would change of what is released now; nothing is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRulesSet:
    """The policy set, and its ``effects``: what would be taken out of or refused in the drafts that are released now."""

    policy_set_id: str
    digest: str
    set: bool
    effects: tuple[str, ...]


@tool(title="Set the rules for clients' configuration", scope=Scope.TRUST, destructive=True)
def set_client_rules(ask: SetClientRules, at: Place) -> ClientRulesSet:
    """Set the organisation's policy set for clients' configuration, and say what it takes out of what is released now.

    What is released stays as it is until it is published again. A version that was set before, with other rules, is refused.
    """
    from artifacts.private_folder import make_private
    from artifacts.writing import replace_whole
    from gates.client.client_configuration.secrets import secret_in
    from services.config.effects import effects_on_released
    from services.config.roles import RULES
    from services.config.validating import rules_from

    new = rules_from(ask.rules.encode())
    if secret := secret_in(ask.rules):
        raise Refused(f"the rules hold what looks like a secret ({secret}), and they are kept with each release; name an input")
    path = at.settings.trust / RULES
    old = rules_here(at) if path.exists() else None
    if old is not None and old.policy.named == new.policy.named and old.digest != new.digest:
        raise Refused(f"{new.policy.named} was set before with other rules; give the changed rules a new version")
    found = effects_on_released(at.settings, old, new, now=at.now(), families=families_here(at))
    if not ask.preview:
        make_private(at.settings.trust)
        replace_whole(path, ask.rules.encode(), mode=0o600)
    return ClientRulesSet(policy_set_id=new.policy.named, digest=new.digest, set=not ask.preview, effects=found)


def _told(done: Published) -> PublicationShown:
    from dataclasses import replace

    worse = tuple(one.text for one in done.findings if one.outcome is not Outcome.PASS)
    approved = tuple((one.approvers, one.needed) for one in done.counted)
    return replace(_shown(done.publication, approved), verdict=done.verdict.value, remarks=worse)


def _shown(one: Publication, approved: tuple[tuple[tuple[str, ...], int], ...]) -> PublicationShown:
    import base64

    from artifacts.client_release import release_from
    from services.config.envelopes import opened

    records: list[RecordShown] = []
    for number, data in enumerate(one.envelopes):
        envelope = opened(data.encode())
        release = release_from(envelope.payload)
        others = tuple(each.keyid for each in envelope.signatures if each.keyid != release.publisher)
        by, needed = approved[number] if approved else (others, -1)
        records.append(
            RecordShown(
                client_id=release.client,
                profile=release.profile,
                schema_ref=release.schema,
                version=release.version,
                artifact_id=release.artifact,
                percent=release.percent,
                approved_by=by,
                needed=needed,
                statement=base64.b64encode(envelope.payload).decode(),
            )
        )
    return PublicationShown(id=one.id, state=one.state.value, records=tuple(records))
