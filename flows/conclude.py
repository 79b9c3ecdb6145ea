"""From collected evidence to the report: every gate of the plan is judged, and the evidence gives the subject its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from arcops.evidence import Evidence, Missing
from arcops.finding import Waiver
from arcops.judge import judge
from arcops.result import EvidenceRecord, GateResult, Report
from arcops.seen.approvals import ApprovalsSeen
from arcops.subject import Digest, Subject
from arcops.verdict import worst
from flows.plan import AnyGate, Plan
from flows.policies.approved import unapproved_waivers
from flows.runners.looking import Found, without_places
from foundation.telemetry.spans import span


def conclude(plan: Plan, collected: Mapping[str, Found], *, runner: str) -> Report:
    """Judge *collected* by *plan*. The time of judging is the request's clock, so equal evidence gives equal bytes."""
    at = plan.request.now
    collected = {kind: without_places(found, plan.request) for kind, found in collected.items()}
    subject = _subject(plan, collected)
    unapproved = unapproved_waivers(plan.policy, collected.get(ApprovalsSeen.KIND), at)
    results = tuple(_judged(gate, plan, collected, subject, unapproved) for gate in plan.gates)
    answers = [collected[kind] for kind in sorted(collected)]
    return Report(
        subject=subject,
        verdict=worst(result.verdict for result in results),
        results=results,
        evidence=tuple(
            EvidenceRecord(
                kind=answer.kind,
                digest=answer.digest,
                collector=answer.collector,
                version=answer.version,
                at=answer.at,
                tier=answer.tier,
                sources=answer.sources,
            )
            for answer in answers
            if isinstance(answer, Evidence)
        ),
        missing=tuple(answer for answer in answers if isinstance(answer, Missing)),
        policy_name=plan.policy.name,
        policy_digest=plan.policy.digest,
        tier=plan.request.tier,
        runner=runner,
        judged_at=at,
        valid_until=_valid_until(plan, collected, results, at),
        site=plan.request.site,
    )


def _judged(
    gate: AnyGate, plan: Plan, collected: Mapping[str, Found], subject: Subject, unapproved: Mapping[Waiver, str]
) -> GateResult:
    with span(f"gate {gate.id}", gate=gate.id) as here:
        result = judge(
            gate,
            plan.policy.gates[gate.id],
            collected,
            at=plan.request.now,
            subject_name=plan.request.name,
            subject_digests=tuple(str(digest) for digest in subject.digests),
            waivers=plan.policy.waivers,
            unapproved=unapproved,
            skew=plan.policy.clock_skew,
            as_then=plan.policy.as_then,
        )
        here.say(verdict=result.verdict.value)
    return result


def _subject(plan: Plan, collected: Mapping[str, Found]) -> Subject:
    request = plan.request
    names = [found.body.names_subject for found in collected.values() if isinstance(found, Evidence)]
    name = next(filter(None, names), "")
    if name:
        named = Digest(algorithm="sha256", value=name)
    else:
        # The content was not seen, so only the name can identify it. The algorithm is its own, so it matches no real digest.
        named = Digest(algorithm="arcopsUnseenName", value=hashlib.sha256(request.name.encode(errors="replace")).hexdigest())
    return Subject(name=request.name, kind=request.kind, digests=(named,))


def _valid_until(plan: Plan, collected: Mapping[str, Found], results: tuple[GateResult, ...], at: datetime) -> datetime:
    """The policy's ``validFor``, the first expiry among the waivers that the verdict needs, or the end of what was seen:
    whichever comes first, and never before the judging.
    """
    leaned_on = [finding.waiver.expires for result in results for finding in result.findings if finding.waiver is not None]
    ends = [found.body.holds_until for found in collected.values() if isinstance(found, Evidence)]
    return max(at, min([at + plan.policy.valid_for, *leaned_on, *(one for one in ends if one is not None)]))
