"""The judge: the one place in which findings become a verdict, and everything that went wrong becomes UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from types import MappingProxyType

from arcops.evidence import Body, Evidence, Missing, Seen
from arcops.finding import Finding, Outcome, Waiver
from arcops.gate import Gate, judged_rule
from arcops.policy import MOST_WAIVED
from arcops.result import GateResult, verdict_of

Collected = Mapping[str, Evidence[Body] | Missing]


def judge(
    gate: Gate[object],
    policy: object,
    collected: Collected,
    *,
    at: datetime,
    subject_name: str,
    subject_digests: tuple[str, ...] = (),
    waivers: Iterable[Waiver] = (),
    unapproved: Mapping[Waiver, str] = MappingProxyType({}),
    skew: timedelta = timedelta(0),
    as_then: bool = False,
) -> GateResult:
    """Ask *gate* about *collected* under *policy*. *subject_digests* name the subject's content, as the report will.

    *unapproved* are waivers that do not count, each with why. Other clocks may be ahead of *at* by *skew*. *as_then* judges
    again what was judged before: only then does a waiver that names the subject only by its name count.

    Each of these adds an UNKNOWN finding, so the result is RED: missing evidence, an exception, a finding of a foreign rule, a
    PASS without a citation, a citation of evidence that was not collected, and a rule without an answer.
    """
    judged = judged_rule(gate.id)
    absent = list(_absent(gate, collected))
    if absent:
        findings = [judged.unknown(reason) for reason in absent]
    else:
        kinds = {body.KIND for body in (*gate.needs, *gate.wants)}
        evidence = {kind: found for kind, found in collected.items() if kind in kinds and isinstance(found, Evidence)}
        seen = Seen(evidence, at=at, subject_name=subject_name, subject_digests=subject_digests, skew=skew)
        findings = list(_answers(gate, policy, seen, {found.digest for found in evidence.values()}))
        if waivers := tuple(waivers):
            findings = [
                _waived(
                    finding,
                    waivers,
                    unapproved,
                    at=at,
                    subject_name=subject_name,
                    digests=subject_digests,
                    as_then=as_then,
                )
                for finding in findings
            ]
    return GateResult(gate=gate.id, verdict=verdict_of(findings), findings=tuple(findings))


def _absent(gate: Gate[object], collected: Collected) -> Iterator[str]:
    """A sentence for each need that is missing; none for one that is missing only because of another of them."""
    lost = [found for body in gate.needs if isinstance(found := collected.get(body.KIND), Missing)]
    for body in gate.needs:
        found = collected.get(body.KIND)
        if found is None:
            yield f"Evidence {body.KIND!r} was not collected: no collector answered for it."
        elif isinstance(found, Missing) and not any(found.lost_with(other) for other in lost):
            yield found.said


def _answers(gate: Gate[object], policy: object, seen: Seen, known: set[str]) -> Iterator[Finding]:
    """The findings of *gate* on what it has *seen*, and one for each missing answer; *known* are the digests that it
    may cite.
    """
    judged = judged_rule(gate.id)
    unanswered = {rule.id: rule for rule in gate.rules}
    declared = set(unanswered)
    try:
        for finding in gate.findings(seen, policy):
            if finding.rule not in declared:
                yield judged.unknown(f"The gate answered rule {finding.rule!r}, which it does not declare.")
            elif finding.waiver is not None:
                yield judged.unknown(f"The gate waived {finding.rule!r} itself; only a policy can do that.")
            elif not finding.cites and finding.outcome is not Outcome.UNKNOWN:
                yield judged.unknown(f"The answer to {finding.rule!r} cites no evidence.")
            elif not known.issuperset(finding.cites):
                yield judged.unknown(f"The answer to {finding.rule!r} cites evidence that was not collected.")
            else:
                unanswered.pop(finding.rule, None)
                yield finding
    except Exception as error:  # whatever a gate raises, the run must end in a verdict, and that verdict is RED
        yield judged.unknown(f"The gate failed while judging: {type(error).__name__}: {error}")
    for rule in unanswered.values():
        yield judged.unknown(f"The gate did not answer rule {rule.id!r}: {rule.asks}")


def _waived(
    finding: Finding,
    waivers: Iterable[Waiver],
    unapproved: Mapping[Waiver, str],
    *,
    at: datetime,
    subject_name: str,
    digests: tuple[str, ...],
    as_then: bool,
) -> Finding:
    if finding.outcome is not Outcome.FAIL:
        return finding
    fitting = [
        waiver
        for waiver in waivers
        if waiver.rule == finding.rule
        and waiver.about == finding.about
        and fnmatchcase(subject_name, waiver.subject)
        and (waiver.any_content or waiver.digest in digests or (waiver.by_name_alone and as_then))
    ]
    # A waiver by a name alone is from an earlier release, which had no longest term.
    endless = [waiver for waiver in fitting if waiver.expires - at > MOST_WAIVED and not waiver.by_name_alone]
    fitting = [waiver for waiver in fitting if waiver not in endless]
    live = [waiver for waiver in fitting if at < waiver.expires]
    counting = [waiver for waiver in live if waiver not in unapproved]
    if counting:
        return replace(finding, outcome=Outcome.WARN, waiver=max(counting, key=lambda waiver: waiver.expires))
    if live:
        first = live[0]
        return replace(finding, text=f"{finding.text} (The waiver of {first.owner} does not count: {unapproved[first]}.)")
    if fitting:
        last = max(fitting, key=lambda waiver: waiver.expires)
        return replace(finding, text=f"{finding.text} (The waiver of {last.owner} expired on {last.expires:%Y-%m-%d}.)")
    if endless:
        first = min(endless, key=lambda waiver: waiver.expires)
        said = (
            f"The waiver of {first.owner} ends on {first.expires:%Y-%m-%d}, more than {MOST_WAIVED.days} days from now, "
            "so it does not count."
        )
        return replace(finding, text=f"{finding.text} ({said})")
    return finding
