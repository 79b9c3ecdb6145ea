"""Whether the verification summaries that count are good, and by trusted verifiers. A complaint is the end of a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Finding, Rule
from arcops.seen.attestations import AttestationSeen
from arcops.slsa import Summary, build_level
from gates.model.provenance.case import Case, Named, each_of, may_sign, signed_by
from gates.model.provenance.policy import ProvenancePolicy, WantedProof

VERIFIER = Rule(
    id="provenance/verifier",
    asks="Does every verification summary come from a trusted verifier that used an expected policy?",
    fix="If you rely on the verifier, add it, its signers and its policy's digest to 'verifiers'.",
)
RESULT = Rule(
    id="provenance/result",
    asks="Does every verification summary say PASSED, for this resource, at the levels that the policy requires?",
    fix="Ask the verifier for the reason, and do not use the model until it passes.",
)


def summarised(case: Case) -> Iterator[Finding]:
    asked = case.summaries if case.policy.proof is not WantedProof.PROVENANCE else ()
    yield from each_of(
        VERIFIER,
        [(each, verifier_complaint(each, summary, case.policy, case.named)) for each, summary in asked],
        f"All {len(asked)} verification summary statement(s) that count are by trusted verifiers.",
        *case.cites,
    )
    # Even if the policy does not rely on summaries, an allowed signer's FAILED must not be ignored.
    answers = [
        (each, result_complaint(summary, case.policy) if (each, summary) in asked else failure(summary))
        for each, summary in case.summaries
    ]
    yield from each_of(
        RESULT, answers, f"None of the {len(case.summaries)} verification summary statement(s) reports a problem.", *case.cites
    )


def verifier_complaint(each: AttestationSeen, summary: Summary, policy: ProvenancePolicy, named: Named) -> str:
    trusted = [verifier for verifier in policy.verifiers if verifier.id == summary.verifier]
    if not trusted:
        return f"names the verifier {summary.verifier!r}, which the policy does not trust"
    fitting = [verifier for verifier in trusted if may_sign(verifier.signers, each, named)]
    if not fitting:
        return f"names the verifier {summary.verifier!r}, but {signed_by(each)} may not sign for it"
    used = {digest.value for digest in summary.policy.digests if digest.algorithm == "sha256"}
    if not any(not verifier.policy_sha256 or used & set(verifier.policy_sha256) for verifier in fitting):
        return f"was made with the policy {summary.policy.uri!r}, whose digest is not an expected one"
    return ""


def failure(summary: Summary) -> str:
    if summary.result != "PASSED" or "FAILED" in summary.levels:
        return f"says {summary.result!r} at levels {', '.join(summary.levels) or 'none'}, not PASSED"
    return ""


def result_complaint(summary: Summary, policy: ProvenancePolicy) -> str:
    if failure(summary):
        return failure(summary)
    if summary.resource_uri not in policy.resource_uris:
        return f"is about the resource {summary.resource_uri!r}, which is not an expected one"
    if build_level(summary.levels) < policy.minimum_build_level:
        return f"states SLSA build level {build_level(summary.levels)}; the policy requires {policy.minimum_build_level}"
    if policy.minimum_dependency_level:
        counts = [count for count in summary.dependency_levels if count.level.startswith("SLSA_BUILD_LEVEL_")]
        if not counts:
            return "does not state the build levels of dependencies"
        low = sum(count.count for count in counts if build_level((count.level,)) < policy.minimum_dependency_level)
        if low:
            return f"counts {low} dependencies below SLSA build level {policy.minimum_dependency_level}"
    return ""
