"""Judge again what was judged before: the same evidence, policy and clock, by the gates of this program.

Equal bytes show that the verdict follows from what was kept, on this machine and with this version. Other bytes show that it
does not, here; the difference shows whether a gate has changed since, or whether the gates never gave that verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from arcops.bodies import body_of
from arcops.errors import Refused
from arcops.evidence import Body, Evidence
from arcops.policy import Policy
from arcops.request import Request
from arcops.result import EvidenceRecord, Report
from artifacts.wire import from_json
from flows.conclude import conclude
from flows.plan import ATTACHMENTS, AnyGate, gate_named, make_plan
from flows.policies.reading import parse_policy
from flows.policies.unread import NOTHING, UNREAD, unread
from flows.runners.looking import Found

_NOWHERE = Path("/nowhere")

Kept = Callable[[str], bytes]
"""The bytes kept under a digest, checked. Raises `Refused` if the store lacks them, or if they differ."""


def judge_again(report: Report, kept: Kept) -> Report:
    """What the gates that *report* names say now about the same evidence, by the same policy and at the same time of judging.

    Raises `Refused` with every problem: evidence or policy is not *kept* as it was, this version cannot read it, or this
    version has no such gate. What cannot be judged again never counts as the same.
    """
    gates, problems = _gates(report)
    collected: dict[str, Found] = {one.kind: one for one in report.missing}
    for record in report.evidence:
        try:
            collected[record.kind] = _evidence(record, kept(record.digest))
        except Refused as error:
            problems.append(f"evidence {record.kind!r}: {error}")
    try:
        policy = _policy(report, gates, kept)
    except Refused as error:
        problems.append(f"policy {report.policy_name!r}: {error}")
    if problems:
        raise Refused("; ".join(problems))
    # The plan's order, as in a runner: if several bodies name the subject, the first one decides its digest. If at most one
    # does, the order does not matter, and no collector is imported to find it.
    naming = [one for one in collected.values() if isinstance(one, Evidence) and one.body.names_subject]
    plan = make_plan(_request(report), policy, gates=gates, collectors=None if len(naming) > 1 else ())
    order = [one.body.KIND for one in plan.collectors if one.body.KIND in collected]
    ordered = {kind: collected[kind] for kind in (*order, *collected)}
    return conclude(plan, MappingProxyType(ordered), runner=report.runner)


def unasked(report: Report, kept: Kept) -> tuple[str, ...]:
    """The gates that the policy names and *report* does not, such as those that another kind of check asks."""
    if report.policy_digest == NOTHING:
        return ()
    named = _policy(report, (), kept).gates
    return tuple(sorted(named.keys() - {result.gate for result in report.results}))


def _gates(report: Report) -> tuple[list[AnyGate], list[str]]:
    asked = {result.gate: gate_named(result.gate) for result in report.results}
    missing = [f"this version has no gate {name!r}" for name, gate in asked.items() if gate is None]
    return [gate for gate in asked.values() if gate is not None], missing


def _evidence(record: EvidenceRecord, data: bytes) -> Evidence[Body]:
    kind = body_of(record.kind)
    if kind is None:
        raise Refused("this version does not know this kind of evidence")
    return Evidence(
        kind=record.kind,
        body=from_json(kind, data),
        digest=record.digest,
        collector=record.collector,
        version=record.version,
        at=record.at,
        tier=record.tier,
        sources=record.sources,
    )


@lru_cache(maxsize=1)
def _parsed(data: bytes, where: str) -> Policy:
    """The policy in *data*. It is kept because judging again and listing what was not asked both read it."""
    return parse_policy(data, where=where, as_then=True)


def _policy(report: Report, gates: Iterable[AnyGate], kept: Kept) -> Policy:
    if report.policy_digest == NOTHING and report.policy_name.endswith(UNREAD):
        return unread(report.policy_name, gates)
    policy = _parsed(kept(report.policy_digest), report.policy_digest)
    if policy.name != report.policy_name:
        raise Refused(f"the kept policy has the name {policy.name!r}")
    return policy


def _request(report: Report) -> Request:
    attached = any(result.gate == ATTACHMENTS for result in report.results)
    return Request(
        target=_NOWHERE,
        named=report.subject.name,
        kind=report.subject.kind,
        tier=report.tier,
        now=report.judged_at,
        trust=_NOWHERE,
        data=_NOWHERE,
        cache=_NOWHERE,
        attached=(_NOWHERE,) if attached else (),
        site=report.site,
    )
