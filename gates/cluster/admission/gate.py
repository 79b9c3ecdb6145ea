"""May these workloads run the models that they name?

Why: a check that is asked for at no door protects nothing. What is admitted must be the very model that was judged, by an
answer that still holds.

Judged: that every workload names its models by digest, that the log of answers is whole, and that about each model the newest
answer of every policy that counts here is GREEN, at least one of them has not run out, and a signer who may gave it. What is
newer is read from the log and not from the clocks of signers. A RED counts until the same policy answers again.

Fix: check the model ('arcops check') at the site or carry its artifact there ('arcops store import'), and annotate the pod
template with the digest that the artifact names. The policies and signers that count are named in the admission policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from arcops.clock import Ahead, ahead, offset
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.policy import MOST_VALID
from arcops.seen.clearances import Clearance, Clearances
from arcops.seen.workloads import ANNOTATION, Workloads
from arcops.signer import SignerRule, allowed
from arcops.subjects.cluster import Workload
from arcops.verdict import Verdict

KIND = "model"
"""What the artifact must call its subject: a folder of manifests has a digest, too, and is no model."""
OWN = "own"
"""As a rule's key: the key that signs where admission is decided."""
_ORDER = {Verdict.GREEN: 0, Verdict.AMBER: 1, Verdict.RED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """``signers`` may clear models, all or those whose digests the rule's ``subjects`` give; the key ``own`` is the one that
    signs where admission is decided, ``*`` every trusted one. ``policies`` are the digests (``sha256:…``) of the policies whose
    answers count. Without a signer or without a policy nothing counts. ``allow_amber`` admits AMBER, with a warning.
    """

    signers: tuple[SignerRule, ...] = ()
    policies: tuple[str, ...] = ()
    allow_amber: bool = False


NAMED = Rule(
    id="admission/named",
    asks="Does every workload name the models that it serves, by digest?",
    fix=f"Annotate the pod template with {ANNOTATION}: the digest that the model's artifact names.",
)
LOGGED = Rule(
    id="admission/log",
    asks="Is the log of answers whole, and does the clock here agree with it?",
    fix="Run 'arcops store check', which says what is gone; put back the store from a copy, or set the clock.",
)
CLEARED = Rule(
    id="admission/cleared",
    asks="Is the newest answer about every model, of each policy that counts, GREEN, signed by who may, and one valid?",
    fix="Check the model again with 'arcops check' and a policy that counts here, and repair what it says.",
)


@gate("admission", judges=(Workload,), needs=(Workloads, Clearances), policy=AdmissionPolicy, rules=(NAMED, LOGGED, CLEARED))
def admission(seen: Seen, policy: AdmissionPolicy) -> Iterator[Finding]:
    """The findings on each workload, on the log, and on each model."""
    asked, known = seen[Workloads], seen[Clearances]
    nameless = [workload for workload in asked.body.workloads if workload.problem or not workload.models]
    for workload in nameless:
        why = workload.problem or "it names no model"
        yield NAMED.fails(f"{workload.name} cannot be admitted: {why}.", asked, about=workload.name)
    if not nameless:
        yield NAMED.passes(f"All {len(asked.body.workloads)} workload(s) name their models.", asked)
    for problem in known.body.problems:
        yield LOGGED.unknown(problem, known)
    if not known.body.problems:
        yield LOGGED.passes("The log is the one that was signed.", known)
    models = sorted({model for workload in asked.body.workloads for model in workload.models})
    for model in models:
        yield from _doubtful(model, known)
        yield _cleared(model, known, policy, seen)
    if not models:
        yield CLEARED.unknown("No model is named, so none could be looked up.", asked)


def _doubtful(model: str, known: Evidence[Clearances]) -> Iterator[Finding]:
    for one in known.body.doubts:
        if one.model == model:
            text = f"The artifact {one.artifact} about model {model} may say RED, and is not known: {one.said}."
            yield CLEARED.unknown(text, known, about=model)


def _cleared(model: str, known: Evidence[Clearances], policy: AdmissionPolicy, seen: Seen) -> Finding:
    about = [one for one in known.body.found if one.model == model]
    counting = [one for one in about if _counts(one, policy, known.body.own_key)]
    newest = [_newest([one for one in counting if one.policy_digest == name], seen) for name in policy.policies]
    answers = [one for one in newest if one is not None]
    if not answers:
        return CLEARED.fails(f"No artifact clears the model {model}{_why(about, known, policy)}.", known, about=model)
    worst = max(answers, key=lambda one: (_ORDER[one.verdict], one.position))
    if worst.verdict is Verdict.RED or (worst.verdict is Verdict.AMBER and not policy.allow_amber):
        return CLEARED.fails(f"{_said(worst)}.", known, about=model)
    holding = [one for one in answers if _holds(one, seen)]
    if not holding:
        last = max(answers, key=lambda one: one.position)
        return CLEARED.fails(f"{_said(last)}, {_past(last, seen)}.", known, about=model)
    best = max(holding, key=lambda one: (_ORDER[one.verdict], one.position))
    if best.verdict is Verdict.AMBER:
        return CLEARED.warns(f"{_said(best)}, which the policy admits.", known, about=model)
    if ahead(best.judged_at, at=seen.at, skew=seen.skew) is Ahead.INSIDE:
        text = f"{_said(best)}; the clock of its signer was {offset(best.judged_at, seen.at)} ahead of the one here."
        return CLEARED.warns(text, known, about=model)
    return CLEARED.passes(f"{_said(best)}.", known, about=model)


def _newest(answers: list[Clearance], seen: Seen) -> Clearance | None:
    """The newest of one policy's *answers*, by the log; the worse of two if an earlier entry was judged clearly later.

    The second case is an old answer that was carried here after a newer one was given.
    """
    if not answers:
        return None
    last = max(answers, key=lambda one: one.position)
    later = [one for one in answers if one.judged_at - last.judged_at > seen.skew]
    rival = max(later, key=lambda one: (one.judged_at, one.position), default=last)
    return rival if _ORDER[rival.verdict] > _ORDER[last.verdict] else last


def _holds(one: Clearance, seen: Seen) -> bool:
    term = one.valid_until - one.judged_at
    early = ahead(one.judged_at, at=seen.at, skew=seen.skew) is Ahead.OUTSIDE
    return not early and term <= MOST_VALID and seen.at < one.valid_until


def _past(one: Clearance, seen: Seen) -> str:
    if ahead(one.judged_at, at=seen.at, skew=seen.skew) is Ahead.OUTSIDE:
        return f"{offset(one.judged_at, seen.at)} ahead of the clock here, which no two honest clocks are"
    if one.valid_until - one.judged_at > MOST_VALID:
        return f"to hold until {one.valid_until:%Y-%m-%d}, longer than any policy may say"
    return f"which held until {one.valid_until:%Y-%m-%d %H:%M} UTC only"


def _said(one: Clearance) -> str:
    return f"Model {one.name} ({one.model}) was judged {one.verdict.value} by {one.policy_name} on {one.judged_at:%Y-%m-%d}"


def _why(about: list[Clearance], known: Evidence[Clearances], policy: AdmissionPolicy) -> str:
    if not policy.policies:
        return "; the admission policy names no policy whose answers count"
    if not policy.signers:
        return "; the admission policy names no signer"
    other = [one for one in about if one.kind != KIND]
    if other:
        return f"; what has this digest here is of kind {other[0].kind or 'unknown'!r}, not {KIND!r}"
    if about:
        one = about[-1]
        return (
            f", though {len(about)} lie here from signers or policies that do not count: the last is by policy"
            f" {one.policy_name} ({one.policy_digest}), signed by {', '.join(map(str, one.signers))}"
        )
    return f", though {len(known.body.unproven)} lie here that no key signed which counts" if known.body.unproven else ""


def _counts(one: Clearance, policy: AdmissionPolicy, own: str) -> bool:
    rules = [replace(rule, key=own) if rule.key == OWN else rule for rule in policy.signers if own or rule.key != OWN]
    return (
        one.kind == KIND
        and one.policy_digest in policy.policies
        and any(allowed(signer, rules, one.name, (one.model,)) for signer in one.signers)
    )
