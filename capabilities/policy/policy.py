"""Policies: parsed strictly, with every default written out; listed; registered. And waivers, drafted."""

from __future__ import annotations

import json
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Waiver
from arcops.late_dataclass import dataclass
from arcops.policy import MOST_WAIVED, Policy
from artifacts.wire import to_json
from capabilities.contract import Scope, tool
from flows.place import Place
from flows.policies.reading import MOST_BYTES, parse_policy
from flows.policies.registered import register, registered_policies


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPolicy:
    """Which policy to look at."""

    policy: str = field(metadata=shaped(positional=True))
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """A gate's settings under a policy."""

    gate: str
    settings: str
    """JSON, with every default filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverStanding:
    """A waiver of a policy that demands approvals: its ``digest``, and who approved it, by which keys' statements.

    Counted are statements that the policy's ``signers`` made, and this place's own key if its public half lies beside it.
    """

    digest: str
    approvers: tuple[str, ...]
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChecked:
    """A policy that parses, with all that it decides."""

    name: str
    digest: str
    valid_for: timedelta
    amber_passes: bool
    gates: tuple[GateSettings, ...]
    waivers: tuple[Waiver, ...]
    expired: tuple[Waiver, ...]
    """Those of the waivers that have expired."""
    endless: tuple[Waiver, ...]
    """Those of the waivers that end more than 366 days from now, and so do not count yet."""
    approvals: int = 0
    """How many people must approve each waiver before it counts."""
    standing: tuple[WaiverStanding, ...] = ()
    """Each waiver, in their order, if the policy demands approvals."""


@tool(title="Check a policy", scope=Scope.READ, reads_only=True)
def check_policy(ask: CheckPolicy, at: Place) -> PolicyChecked:
    """Parse a policy strictly, and show everything that it decides. Refused with the first thing that is wrong."""
    policy = at.policy(ask.policy)
    now = at.now()
    return PolicyChecked(
        name=policy.name,
        digest=policy.digest,
        valid_for=policy.valid_for,
        amber_passes=policy.amber_passes,
        gates=tuple(
            GateSettings(gate=gate, settings=json.dumps(to_json(value), ensure_ascii=False))
            for gate, value in sorted(policy.gates.items())
        ),
        waivers=policy.waivers,
        expired=tuple(waiver for waiver in policy.waivers if waiver.expires <= now),
        endless=tuple(waiver for waiver in policy.waivers if waiver.expires - now > MOST_WAIVED),
        approvals=policy.approvals.needed,
        standing=_standing(policy, at) if policy.approvals.needed and policy.waivers else (),
    )


def _standing(policy: Policy, at: Place) -> tuple[WaiverStanding, ...]:
    from artifacts.waiver_approval import waiver_digest  # most policies demand no approvals
    from capabilities.policy.approving import approvals_of, own_public

    digests = tuple(waiver_digest(waiver) for waiver in policy.waivers)
    try:
        found = approvals_of(policy, digests, at).found
    except Refused:  # no key is trusted here, so nothing can be approved
        found = ()
    keys = {*policy.approvals.signers, *own_public(at)}
    mine = [
        [one for one in found if one.waiver == digest and one.policy == policy.name and keys & set(one.signers)]
        for digest in digests
    ]
    return tuple(
        WaiverStanding(
            digest=digest,
            approvers=tuple(sorted({one.approver for one in those})),
            signers=tuple(sorted({key for one in those for key in one.signers})),
        )
        for digest, those in zip(digests, mine, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPolicies:
    """This ask has no fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyListed:
    """A policy that remote callers may name, by its name or by its digest."""

    name: str
    digest: str
    shipped: bool
    """It comes with ArcOps; if not, the operator registered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliciesListed:
    """The registered policies, by name."""

    policies: tuple[PolicyListed, ...]


@tool(title="List policies", scope=Scope.READ, reads_only=True, usual=True)
def list_policies(ask: ListPolicies, at: Place) -> PoliciesListed:
    """List the policies that come with ArcOps and those that the operator registered, with their digests.

    For remote callers only these count. Each of them can be checked, read, and used to judge.
    """
    listed = registered_policies(at.settings.policies)
    return PoliciesListed(
        policies=tuple(PolicyListed(name=one.policy.name, digest=one.policy.digest, shipped=one.path is None) for one in listed)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPolicy:
    """Which policy remote callers may name from now on."""

    text: str = field(metadata=shaped(positional=True, title="FILE", text_of=MOST_BYTES))
    """The policy, in YAML (its file on the command line)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRegistered:
    """The policy as callers name it, and its file here; a policy that comes with ArcOps has no file."""

    name: str
    digest: str
    path: Path | None


@tool(title="Register a policy", scope=Scope.TRUST, idempotent=True)
def register_policy(ask: RegisterPolicy, at: Place) -> PolicyRegistered:
    """Add a policy to those that remote callers and workers may name. Refused if another policy has its name."""
    made = register(ask.text.encode(), at.settings.policies)
    return PolicyRegistered(name=made.policy.name, digest=made.policy.digest, path=made.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftWaiver:
    """A decision to accept one failing rule for a while; this is its draft, before a person takes it."""

    policy: str = field(metadata=shaped(positional=True))
    """The policy that the waiver is for: a registered one's name or digest; on one's own command line also a file."""
    rule: str = field(metadata=shaped(positional=True))
    """The rule that fails, as `gate/rule`."""
    owner: str
    """The person who is responsible for the waiver."""
    reason: str
    """Why the failure is acceptable for now."""
    expires: datetime
    """When the waiver stops counting: a time with a time zone; on the command line the last day on which it counts (UTC)."""
    digest: str = ""
    """The digest of the subject's content (sha256:…), as its report shows it."""
    any_content: bool = False
    """The waiver holds for any content; only if no digest is given."""
    subject: str = "*"
    """Only for subjects with this name; * stands for any characters. It narrows the waiver, and is never enough alone."""
    about: str = ""
    """What in the subject the waiver is about, exactly as in the finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverDrafted:
    """A waiver that the policy would accept. Nothing was changed: a person adds it to the policy."""

    yaml: str
    """The lines to put under `waivers:`."""
    policy: str
    """The name of the policy that it was tested with."""


@tool(title="Draft a waiver", scope=Scope.WAIVE, reads_only=True)
def draft_waiver(ask: DraftWaiver, at: Place) -> WaiverDrafted:
    """Write a waiver for a failing rule, and test it with the policy. Nothing is changed: a person adds it, and is responsible.

    A waiver turns FAIL into WARN until it expires. UNKNOWN cannot be waived, because what it would waive was not seen.
    """
    waiver = Waiver(
        rule=ask.rule,
        subject=ask.subject,
        owner=ask.owner,
        reason=ask.reason,
        expires=ask.expires,
        about=ask.about,
        digest=ask.digest,
        any_content=ask.any_content,
    )
    if waiver.expires <= at.now():
        raise Refused(f"the waiver would have expired at {waiver.expires}; give a time in the future")
    if waiver.expires - at.now() > MOST_WAIVED:
        raise Refused(f"the waiver would hold until {waiver.expires}; use at most {MOST_WAIVED.days} days from now")
    members: dict[str, str | bool] = {
        "rule": waiver.rule,
        **({"digest": waiver.digest} if waiver.digest else {}),
        **({"anyContent": True} if waiver.any_content else {}),
        **({"subject": waiver.subject} if waiver.subject != "*" else {}),
        **({"about": waiver.about} if waiver.about else {}),
        "owner": waiver.owner,
        "reason": waiver.reason,
        "expires": waiver.expires.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    # Each value is written as a JSON string, which is YAML that means the same to every reader.
    lines = [f"{name}: {json.dumps(value)}" for name, value in members.items()]
    text = "- " + "\n  ".join(lines) + "\n"
    policy = at.policy(ask.policy)
    gate = waiver.rule.partition("/")[0]
    if gate not in policy.gates:
        raise Refused(f"policy {policy.name!r} does not ask the gate {gate!r}, so none of its rules can be waived there")
    trial = f"name: trial\nvalidFor: P1D\ngates: {{{json.dumps(gate)}: {{}}}}\nwaivers:\n{text}"
    parse_policy(trial.encode(), where="the waiver")
    return WaiverDrafted(yaml=text, policy=policy.name)


__all__ = [
    "MOST_BYTES",
    "CheckPolicy",
    "DraftWaiver",
    "ListPolicies",
    "RegisterPolicy",
    "check_policy",
    "draft_waiver",
    "list_policies",
    "register_policy",
]
