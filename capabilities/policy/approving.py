"""Approving waivers: another person than the one who drafted it takes a share in the decision, by a permission of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.evidence import Seen
from arcops.finding import Waiver
from arcops.identity import Identity
from arcops.policy import MOST_WAIVED, Policy
from artifacts.bundle import seal_statement
from artifacts.public_key import load_public_key
from artifacts.reading import read_file
from artifacts.store import Store
from artifacts.waiver_approval import Approver, WaiverApproval, approval_statement, waiver_digest
from capabilities.access.known import authorization
from capabilities.contract import Scope, tool
from flows.evaluate import request_for
from flows.place import Place
from flows.policies.approved import approvers
from flows.subjects.meaning import Meant
from foundation.authorization.authorizing import OPERATOR, decide
from foundation.authorization.objects import APPROVE
from tasks.signing.approvals import approvals

if TYPE_CHECKING:
    from arcops.seen.approvals import ApprovalsSeen

WAIVERS = "waivers"
_LEAST = 8
_MOST_KEY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveWaiver:
    """Which waiver of which policy to approve."""

    policy: str = field(metadata=shaped(positional=True))
    """The policy that has the waiver: a registered one's name or digest; on one's own command line also a file."""
    waiver: str = field(metadata=shaped(positional=True, title="WAIVER", least=_LEAST, most=71))
    """The waiver's digest (sha256:…) as `policy check` shows it, or its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverApproved:
    """Who approved the waiver until now. It counts once ``needed`` have."""

    policy: str
    waiver: str
    """The waiver's digest."""
    approvers: tuple[str, ...]
    """Issuer, tenant and id of each, with commas between."""
    needed: int
    """How many approvals the policy demands."""
    counts: bool
    artifact: str
    """The digest of the sealed approval in the store."""


@tool(title="Approve a waiver", scope=Scope.WAIVE, approves=WAIVERS, idempotent=True)
def approve_waiver(ask: ApproveWaiver, at: Place) -> WaiverApproved:
    """Approve a waiver of a policy that demands approvals. It takes the permission `waivers:approve`, which no scope grants.

    The approval is signed with this place's key and kept. The one who owns the waiver cannot approve it. A waiver that is
    changed afterwards needs new approvals.
    """
    policy = at.policy(ask.policy)
    if not policy.approvals.needed:
        raise Refused(
            f"policy {policy.name!r} demands no approvals, so its waivers count without; 'waiverApprovals:' demands them"
        )
    waiver, digest = _named(policy, ask.waiver)
    now = at.now()
    if waiver.expires <= now or waiver.expires - now > MOST_WAIVED:
        raise Refused(f"the waiver ends at {waiver.expires}, so it does not count now; renew it before anyone approves it")
    caller = _caller(at)
    allowed = decide(caller, APPROVE, WAIVERS, None, authorization(at.settings))
    if not allowed.allowed:
        raise Refused(allowed.reason)
    who = Approver(issuer=caller.issuer, tenant=caller.tenant, id=caller.id)
    if waiver.owner.strip() in (str(who), who.id):
        raise Refused("you own this waiver, so someone else must approve it")
    signer = at.signer()
    approval = WaiverApproval(policy=policy.name, waiver=waiver, approver=who, approved_at=now, access_policy=allowed.epoch)
    before = approvals_of(policy, (digest,), at, own=True)
    had = next((one.artifact for one in before.found if one.approver == str(who) and one.policy == policy.name), "")
    if not had or str(who) not in approvers(waiver, policy, before, now):
        with Store.at(at.settings) as store:
            had = store.put(seal_statement(approval_statement(approval), signer), {}, at=now, signer=signer).artifact
    found = approvers(waiver, policy, approvals_of(policy, (digest,), at, own=True), now)
    if str(who) not in found:
        raise Unavailable(
            "the approval was kept and does not count: this place does not trust its own key, or its store is not sound; "
            "see 'arcops store check' and 'arcops keys trust'"
        )
    return WaiverApproved(
        policy=policy.name,
        waiver=digest,
        approvers=found,
        needed=policy.approvals.needed,
        counts=len(found) >= policy.approvals.needed,
        artifact=had,
    )


def _named(policy: Policy, given: str) -> tuple[Waiver, str]:
    wanted = given if given.startswith("sha256:") else f"sha256:{given}"
    found = [(one, digest) for one in policy.waivers if (digest := waiver_digest(one)).startswith(wanted)]
    if len({digest for _, digest in found}) != 1:
        many = "several waivers" if found else "no waiver"
        raise Refused(
            f"policy {policy.name!r} has {many} whose digest begins with {wanted[:71]!r}; 'arcops policy check' shows them"
        )
    return found[0]


def _caller(at: Place) -> Identity:
    """Who asks. Over standard streams an agent asks for this machine's user, and no agent approves what people have to."""
    if at.caller is not None:
        return at.caller
    if at.own:
        return OPERATOR
    raise Refused(
        "a waiver is approved by a person: at this machine's own command line ('arcops policy approve'), or over HTTP with a "
        "token or key of their own"
    )


def own_public(at: Place) -> tuple[str, ...]:
    """The id of this place's own key by its public half, without a passphrase; none if that does not lie beside the key."""
    path = Path(at.settings.key).with_suffix(".pub")
    try:
        return (load_public_key(read_file(path, _MOST_KEY_BYTES), where=path.name).id,)
    except ArcOpsError:
        return ()


def approvals_of(policy: Policy, waivers: tuple[str, ...], at: Place, *, own: bool = False) -> ApprovalsSeen:
    """The approvals of these *waivers* that are kept here, as a check sees them; with *own*, by the key of this place.

    Raises `Refused` if nothing is trusted here.
    """
    meant = Meant(target=at.settings.store, named=policy.name)
    request = replace(request_for("policy", meant, at, at.signer() if own else None), waivers=waivers)
    return approvals.look(request, Seen({}, at=at.now(), subject_name=policy.name)).body


__all__ = ["ApproveWaiver", "WaiverApproved", "approvals_of", "approve_waiver", "own_public"]
