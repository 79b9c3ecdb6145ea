"""The approvals of waivers in the store, as its log lists them: those whose signatures count here."""

from __future__ import annotations

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.approvals import ApprovalSeen, ApprovalsSeen
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, vouch
from artifacts.waiver_approval import WAIVER_APPROVAL, approval_from


@collector("approvals", ApprovalsSeen, version="1")
def approvals(request: Request, seen: Seen) -> Sighting[ApprovalsSeen]:
    """Look up each waiver of the request. Raises `Refused` if there is no trust by which an approval could count.

    An approval that does not count is no evidence of anything, so it is left out: then the waiver lacks it.
    """
    from tasks.signing.grounds import grounds
    from tasks.signing.trust import load_trust

    if request.store is None:
        raise Refused("no artifact store was named, so no approval can be found")
    ground = grounds(request.trust)
    source = load_trust(request.trust).source()
    if not request.store.is_dir():
        return Sighting(body=ApprovalsSeen(found=(), own_key=request.own_key), sources=(source,))
    with Store(request.store, memory=request.memory) as store:
        problems = store.sound(ground.keys, own=True)
        found = []
        for digest in sorted(set(request.waivers)) if not problems else ():
            for logged in store.about(digest):
                request.progress(0, 0)
                one = _counting(store, digest, logged.entry.artifact, ground, seen)
                found += [one] if one is not None else []
    body = ApprovalsSeen(found=tuple(found), problems=problems, own_key=request.own_key)
    return Sighting(body=body, sources=(source,))


def _counting(store: Store, digest: str, artifact: str, ground: Grounds, seen: Seen) -> ApprovalSeen | None:
    try:
        vouched = vouch(store.get(artifact), ground, seen.at)
        if vouched.predicate_type != WAIVER_APPROVAL.uri:
            return None
        approval = approval_from(vouched.statement)
    except (NotVouched, ArcOpsError):
        return None
    return ApprovalSeen(
        waiver=digest,
        policy=approval.policy,
        approver=str(approval.approver),
        approved_at=approval.approved_at,
        artifact=artifact,
        signers=vouched.signers,
    )
