"""Whether the times in statements are possible, and whether summaries are recent enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from arcops.clock import Ahead, ahead, offset
from arcops.finding import Finding, Rule
from arcops.seen.attestations import AttestationSeen
from arcops.slsa import Provenance, Summary
from gates.model.provenance.case import Case, each_of
from gates.model.provenance.policy import ProvenancePolicy

TIME = Rule(
    id="provenance/time",
    asks="Are the times in statements possible, and are summaries recent enough?",
    fix="Check the clocks of builder and verifier, or ask the verifier for a new summary.",
)


def possible(case: Case) -> Iterator[Finding]:
    at, skew = case.at, case.skew
    answers = [(each, complaint) for each, made in case.provenances for complaint in _build_times(each, made, at, skew)]
    answers += [(each, complaint) for each, said in case.summaries for complaint in _summary_times(said, case.policy, at, skew)]
    moments = [(each, (made.started, made.finished)) for each, made in case.provenances]
    for each, dated in (*moments, *((each, (said.verified_at,)) for each, said in case.summaries)):
        early = _clock_ahead(dated, at, skew)
        if early:
            yield TIME.warns(f"{each.about} {early}.", *case.cites, about=each.about)
    count = len(case.provenances) + len(case.summaries)
    yield from each_of(TIME, answers, f"The times in all {count} SLSA statement(s) are possible.", *case.cites)


def _build_times(each: AttestationSeen, made: Provenance, at: datetime, skew: timedelta) -> Iterator[str]:
    """Complaints about the times in a provenance. Times are optional, so a missing time is not a complaint."""
    for what, moment in (("started", made.started), ("finished", made.finished)):
        if moment is not None and ahead(moment, at=at, skew=skew) is Ahead.OUTSIDE:
            yield f"says that the build {what} at {moment:%Y-%m-%dT%H:%M%z}, which is in the future"
    if made.started is not None and each.trusted_time is not None and made.started > each.trusted_time + skew:
        yield "says that the build started after its own signature was made"
    if made.started is not None and made.finished is not None and made.finished < made.started:
        yield "says that the build finished before it started"


def _summary_times(summary: Summary, policy: ProvenancePolicy, at: datetime, skew: timedelta) -> Iterator[str]:
    """Complaints about the time of a summary: it must not be in the future, nor too long ago."""
    if ahead(summary.verified_at, at=at, skew=skew) is Ahead.OUTSIDE:
        yield "says that it was verified in the future"
    if summary.verified_at < at - timedelta(days=policy.max_summary_age_days):
        yield f"was verified {(at - summary.verified_at).days} days ago; the policy allows {policy.max_summary_age_days}"


def _clock_ahead(moments: Iterable[datetime | None], at: datetime, skew: timedelta) -> str:
    """By how much the first of *moments* that is ahead within *skew* is ahead; empty if no moment is."""
    near = (moment for moment in moments if moment is not None and ahead(moment, at=at, skew=skew) is Ahead.INSIDE)
    return next((f"is dated {offset(moment, at)} ahead of this machine's clock" for moment in near), "")
