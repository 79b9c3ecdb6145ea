"""Check a draft of clients' configuration: collect, judge, sign, keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.quoting import quoted
from arcops.subjects.client import ClientConfig
from capabilities.client.place import MOST_DRAFT, families_here, rules_here
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, deployed, judged
from flows.place import Place
from flows.subjects.evaluation import evaluation

if TYPE_CHECKING:
    from arcops.seen.client import Draft, HostedVerdict

_CLIENT_CHECK = evaluation("client-check")

_SECRETS = "client-configuration/secrets"
_NOT_SHOWN = "it is not shown, because the draft holds what looks like a secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckClientDraft(ClientConfig):
    """Which draft to judge, under which rules, and by which policy."""

    policy: str = "clients"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@tool(title="Check a draft of clients' configuration", scope=Scope.CHECK, long=True, deployed=deployed(_CLIENT_CHECK))
def check_client_draft(ask: CheckClientDraft, at: Place) -> Judged:
    """Judge a draft, and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    Each client must be able to express each server; what it would read must fit its schema; the organisation's rules must
    accept it; and no text of the draft may hold a secret, also in disguise.
    """
    return judged(_CLIENT_CHECK, ask, ask.policy, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateClientDraft:
    """The draft to judge, as text."""

    draft: str = field(metadata=shaped(positional=True, title="DRAFT", text_of=MOST_DRAFT, least=1))
    """The text of the draft."""
    client: str = field(default="", metadata=shaped(most=63))
    """Only what it gives for this family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFinding:
    """What a rule says: its id, PASS, WARN, FAIL or UNKNOWN, a sentence, the place (a line of the draft, 0 if none), the
    fix.
    """

    rule: str
    outcome: str
    text: str
    about: str
    line: int
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPayload:
    """What a client would read; empty, with a problem, if it cannot be expressed."""

    client_id: str
    schema_ref: str
    artifact_id: str
    payload: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDraftValidated:
    """The report: the verdict, its findings, the policy set, and what each client would read."""

    verdict: str
    policy_set_id: str
    policy_digest: str
    findings: tuple[DraftFinding, ...]
    payloads: tuple[DraftPayload, ...]


@tool(title="Judge a draft of clients' configuration in memory", scope=Scope.CHECK, reads_only=True)
def validate_client_draft(ask: ValidateClientDraft, at: Place) -> ClientDraftValidated:
    """Judge the text of a draft by the rules of this place, and show what each client would read; nothing is kept or signed."""
    from services.config.validating import validated

    found = validated(
        ask.draft.encode(),
        rules_here(at),
        at=at.now(),
        tier=at.settings.tier,
        hosted=lambda draft: _hosted(draft, at),
        families=families_here(at),
    )
    if ask.client and ask.client not in found.body.draft.clients:
        raise Refused(f"the draft does not name the client {quoted(ask.client, 63)}")
    secret = any(one.rule == _SECRETS and one.outcome is not Outcome.PASS for one in found.findings)  # it is not said back
    return ClientDraftValidated(
        verdict=found.verdict.value,
        policy_set_id=found.body.policy_set,
        policy_digest=found.body.policy_digest,
        findings=tuple(
            DraftFinding(
                rule=one.rule,
                outcome=one.outcome.value,
                text=one.text,
                about=one.about,
                line=one.location.line if one.location is not None else 0,
                fix=one.fix,
            )
            for one in found.findings
        ),
        payloads=tuple(
            DraftPayload(
                client_id=one.client,
                schema_ref=one.schema,
                artifact_id=one.artifact,
                payload="" if secret else one.payload,
                problem=one.problem or (_NOT_SHOWN if secret else ""),
            )
            for one in found.body.made
            if ask.client in ("", one.client)
        ),
    )


def _hosted(draft: Draft, at: Place) -> tuple[HostedVerdict, ...]:
    """The verdicts about the hosted servers that *draft* names, by the store and the trust of this place."""
    if not any(one.hosted for one in draft.servers):
        return ()
    from artifacts.store import Store
    from tasks.client.hosted_verdicts import hosted_verdicts
    from tasks.signing.grounds import grounds

    with Store.at(at.settings) as store:
        return hosted_verdicts(draft, store, grounds(at.settings.trust), at.now())
