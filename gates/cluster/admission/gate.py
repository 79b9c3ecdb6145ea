"""May these workloads run the models that they name?

Why: a check that is never enforced protects nothing. A model that is admitted must be exactly the one that was judged, and the
verdict must still be valid.

Judged: that every workload names its models by digest, and that the log is complete. For each model, the newest answer by every
policy that counts here must be GREEN and signed by an allowed signer, and at least one of these answers must still be valid.
The order of answers is taken from the log, not from the clocks of signers. A RED counts until the same policy answers again.

Fix: check the model ('arcops check') at the site, or import its artifact there ('arcops store import'), and annotate the pod
template with the digest that the artifact names. The admission policy names the policies and signers that count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from arcops.clock import Ahead, ahead, offset
from arcops.control import nist, soc
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
"""The kind that the artifact's subject must have: a folder of manifests has a digest, too, but is not a model."""
OWN = "own"
"""As a rule's key: the key of the site that decides admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """``signers`` may clear models: all models, or those whose digests the rule's ``subjects`` name. The key ``own`` is the key
    of the site that decides admission, ``*`` is every trusted key. ``policies`` are the digests (``sha256:…``) of the policies
    whose answers count. Without a signer or a policy, nothing counts. ``allow_amber`` admits AMBER, with a warning.
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
    asks="Is the log of answers complete, and does this machine's clock agree with it?",
    fix="Run 'arcops store check', which says what is missing. Restore the store from a backup, or set the clock.",
)
CLEARED = Rule(
    id="admission/cleared",
    asks="For every model, is the newest answer by each policy that counts GREEN and signed by an allowed signer, and is one "
    "still valid?",
    fix="Check the model again with 'arcops check' and a policy that counts here, and fix what it reports.",
)


@gate(
    "admission",
    judges=(Workload,),
    needs=(Workloads, Clearances),
    policy=AdmissionPolicy,
    rules=(NAMED, LOGGED, CLEARED),
    speaks_to=nist("CM-7(5)", "CM-14") + soc("CC8.1"),
)
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
        yield LOGGED.passes("The log is complete, as its signature says.", known)
    models = sorted({model for workload in asked.body.workloads for model in workload.models})
    for model in models:
        yield from _doubtful(model, known)
        yield _cleared(model, known, policy, seen)
    if not models:
        yield CLEARED.unknown("No workload names a model, so no answer could be looked up.", asked)


def _doubtful(model: str, known: Evidence[Clearances]) -> Iterator[Finding]:
    for one in known.body.doubts:
        if one.model == model:
            text = f"The artifact {one.artifact} about model {model} could not be read and may say RED: {one.said}."
            yield CLEARED.unknown(text, known, about=model)


def _cleared(model: str, known: Evidence[Clearances], policy: AdmissionPolicy, seen: Seen) -> Finding:
    about = [one for one in known.body.found if one.model == model]
    counting = [one for one in about if _counts(one, policy, known.body.own_key)]
    newest = [_newest([one for one in counting if one.policy_digest == name], seen) for name in policy.policies]
    answers = [one for one in newest if one is not None]
    if not answers:
        return CLEARED.fails(f"No artifact clears the model {model}{_why(about, known, policy)}.", known, about=model)
    worst = max(answers, key=lambda one: (one.verdict, one.position))
    if worst.verdict is Verdict.RED or (worst.verdict is Verdict.AMBER and not policy.allow_amber):
        return CLEARED.fails(f"{_said(worst)}.", known, about=model)
    holding = [one for one in answers if _holds(one, seen)]
    if not holding:
        last = max(answers, key=lambda one: one.position)
        return CLEARED.fails(f"{_said(last)}; {_past(last, seen)}.", known, about=model)
    best = max(holding, key=lambda one: (one.verdict, one.position))
    if best.verdict is Verdict.AMBER:
        return CLEARED.warns(f"{_said(best)}, which the policy admits.", known, about=model)
    if ahead(best.judged_at, at=seen.at, skew=seen.skew) is Ahead.INSIDE:
        text = f"{_said(best)}; its signer's clock was {offset(best.judged_at, seen.at)} ahead of this machine's clock."
        return CLEARED.warns(text, known, about=model)
    return CLEARED.passes(f"{_said(best)}.", known, about=model)


def _newest(answers: list[Clearance], seen: Seen) -> Clearance | None:
    """The newest of one policy's *answers*, by the log; the worse of two if an earlier entry was judged clearly later.

    The second case is an old answer that was imported here after a newer one.
    """
    if not answers:
        return None
    last = max(answers, key=lambda one: one.position)
    later = [one for one in answers if one.judged_at - last.judged_at > seen.skew]
    rival = max(later, key=lambda one: (one.judged_at, one.position), default=last)
    return rival if rival.verdict > last.verdict else last


def _holds(one: Clearance, seen: Seen) -> bool:
    term = one.valid_until - one.judged_at
    early = ahead(one.judged_at, at=seen.at, skew=seen.skew) is Ahead.OUTSIDE
    return not early and term <= MOST_VALID and seen.at < one.valid_until


def _past(one: Clearance, seen: Seen) -> str:
    if ahead(one.judged_at, at=seen.at, skew=seen.skew) is Ahead.OUTSIDE:
        return f"this is {offset(one.judged_at, seen.at)} ahead of this machine's clock, more than is allowed"
    if one.valid_until - one.judged_at > MOST_VALID:
        return f"it is valid until {one.valid_until:%Y-%m-%d}, longer than any policy may allow"
    return f"it was valid only until {one.valid_until:%Y-%m-%d %H:%M} UTC"


def _said(one: Clearance) -> str:
    return f"Model {one.name} ({one.model}) was judged {one.verdict.value} by {one.policy_name} on {one.judged_at:%Y-%m-%d}"


def _why(about: list[Clearance], known: Evidence[Clearances], policy: AdmissionPolicy) -> str:
    if not policy.policies:
        return "; the admission policy names no policy whose answers count"
    if not policy.signers:
        return "; the admission policy names no signer"
    other = [one for one in about if one.kind != KIND]
    if other:
        return f"; the subject with this digest is of kind {other[0].kind or 'unknown'!r}, not {KIND!r}"
    if about:
        one = about[-1]
        return (
            f"; {len(about)} artifact(s) about it have signers or policies that do not count: the last is by policy"
            f" {one.policy_name} ({one.policy_digest}), signed by {', '.join(map(str, one.signers))}"
        )
    return f"; no key that counts signed the {len(known.body.unproven)} artifact(s) about it" if known.body.unproven else ""


def _counts(one: Clearance, policy: AdmissionPolicy, own: str) -> bool:
    rules = [replace(rule, key=own) if rule.key == OWN else rule for rule in policy.signers if own or rule.key != OWN]
    return (
        one.kind == KIND
        and one.policy_digest in policy.policies
        and any(allowed(signer, rules, one.name, (one.model,)) for signer in one.signers)
    )
