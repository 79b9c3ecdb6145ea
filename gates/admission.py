"""May these workloads run the models that they name?

Why: a check that nobody asks for at the door protects nothing. What is admitted must be the very model that was judged, by an
answer that still holds.

Judged: that every workload names its models by digest, and that the newest artifact about each of them is GREEN, has not run
out, was judged by a policy that counts here, and was signed by somebody who may. A newer RED outweighs an older GREEN.

Fix: check the model ('arcops check') at the site or carry its artifact there ('arcops store import'), and annotate the pod
template with the digest that the artifact names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.clearances import Clearance, Clearances
from arcops.seen.workloads import ANNOTATION, Workloads
from arcops.signer import SignerRule, allowed
from arcops.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """``signers`` may clear the models whose digests each rule's ``subjects`` give. ``policies`` are the digests
    (``sha256:…``) of the policies whose answers count; empty: every policy's. ``allow_amber`` admits AMBER, with a warning.
    """

    signers: tuple[SignerRule, ...] = ()
    policies: tuple[str, ...] = ()
    allow_amber: bool = False


NAMED = Rule(
    id="admission/named",
    asks="Does every workload name the models that it serves, by digest?",
    fix=f"Annotate the pod template with {ANNOTATION}: the digest that the model's artifact names.",
)
CLEARED = Rule(
    id="admission/cleared",
    asks="Is the newest artifact about every model GREEN, still valid, and from a signer and a policy that count?",
    fix="Check the model again with 'arcops check', and mend what it says.",
)


@gate("admission", needs=(Workloads, Clearances), policy=AdmissionPolicy, rules=(NAMED, CLEARED))
def admission(seen: Seen, policy: AdmissionPolicy) -> Iterator[Finding]:
    """The findings on each workload and each model."""
    asked, known = seen[Workloads], seen[Clearances]
    nameless = [workload for workload in asked.body.workloads if workload.problem or not workload.models]
    for workload in nameless:
        why = workload.problem or "it names no model"
        yield NAMED.fails(f"{workload.name} cannot be admitted: {why}.", asked, about=workload.name)
    if not nameless:
        yield NAMED.passes(f"All {len(asked.body.workloads)} workload(s) name their models.", asked)
    models = sorted({model for workload in asked.body.workloads for model in workload.models})
    for model in models:
        yield _cleared(model, known, policy, seen)
    if not models:
        yield CLEARED.unknown("No model is named, so none could be looked up.", asked)


def _cleared(model: str, known: Evidence[Clearances], policy: AdmissionPolicy, seen: Seen) -> Finding:
    counting = [one for one in known.body.found if one.model == model and _counts(one, policy)]
    if not counting:
        others = sum(one.model == model for one in known.body.found)
        more = f", though {others} lie here from signers or policies that do not count" if others else ""
        return CLEARED.fails(f"No artifact clears the model {model}{more}.", known, about=model)
    newest = max(counting, key=lambda one: (one.judged_at, one.verdict))
    said = f"Model {newest.name} ({model}) was judged {newest.verdict.value} on {newest.judged_at:%Y-%m-%d}"
    if seen.at >= newest.valid_until:
        return CLEARED.fails(f"{said}, which held until {newest.valid_until:%Y-%m-%d %H:%M} UTC only.", known, about=model)
    if newest.judged_at > seen.at:
        return CLEARED.fails(f"{said}, which lies in the future.", known, about=model)
    if newest.verdict is Verdict.RED or (newest.verdict is Verdict.AMBER and not policy.allow_amber):
        return CLEARED.fails(f"{said}.", known, about=model)
    if newest.verdict is Verdict.AMBER:
        return CLEARED.warns(f"{said}, which the policy admits.", known, about=model)
    return CLEARED.passes(f"{said}.", known, about=model)


def _counts(one: Clearance, policy: AdmissionPolicy) -> bool:
    if policy.policies and one.policy_digest not in policy.policies:
        return False
    return any(allowed(signer, policy.signers, one.name, (one.model,)) for signer in one.signers)
