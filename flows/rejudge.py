"""Judge again what was judged before: the same evidence, policy and clock, by the gates as they are in this program.

Equal bytes say that the verdict follows from what was kept, on this machine and by this version. Other bytes say that it does
not, here; the difference tells whether a gate changed since, or somebody's verdict was never theirs.
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
"""The bytes kept under a digest, checked. Raises `Refused` where there are none, or others."""


def judge_again(report: Report, kept: Kept) -> Report:
    """What the gates that *report* names say now of the evidence that it names, by its policy and at its moment of judging.

    Raises `Refused`, naming everything that is in the way, where evidence or policy is not *kept* as it was, or where this
    version can't read it or has no such gate: what can't be judged again is never the same.
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
    # In the plan's order, as a runner gives it: of several bodies that could name the subject the first one does. Where fewer
    # could, no order says anything else, and no collector is imported to know it.
    naming = [one for one in collected.values() if isinstance(one, Evidence) and one.body.names_subject]
    plan = make_plan(_request(report), policy, gates=gates, collectors=None if len(naming) > 1 else ())
    order = [one.body.KIND for one in plan.collectors if one.body.KIND in collected]
    ordered = {kind: collected[kind] for kind in (*order, *collected)}
    return conclude(plan, MappingProxyType(ordered), runner=report.runner)


def unasked(report: Report, kept: Kept) -> tuple[str, ...]:
    """The gates that the policy names and *report* does not: such as those that its kind of check leaves to others."""
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
        raise Refused("this version knows no evidence of this kind")
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
    """The policy in *data*: judging again and telling what was not asked both read it, of one artifact after the other."""
    return parse_policy(data, where=where, as_then=True)


def _policy(report: Report, gates: Iterable[AnyGate], kept: Kept) -> Policy:
    if report.policy_digest == NOTHING and report.policy_name.endswith(UNREAD):
        return unread(report.policy_name, gates)
    policy = _parsed(kept(report.policy_digest), report.policy_digest)
    if policy.name != report.policy_name:
        raise Refused(f"what is kept calls itself {policy.name!r}")
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
