"""Was this model built by the builder, in the way and from the sources that its publisher states, and did verifiers confirm it?

Why: a signature says who released the model; only provenance says where it comes from. A statement about other bytes, by an
unknown builder or from another source proves nothing, even with a good signature.

Judged: every in-toto attestation with the model: its signatures, the SLSA provenance (v0.2, v1) or verification summary
(v0.2, v1) in it, its subjects' digests against the bytes on disk, the builder with its signers and level, source, build type,
parameters and times against the policy. An attestation that does not verify fails; it is not ignored. Follows slsa.dev,
"Verifying artifacts".

Fix: get provenance from the publisher's build service, put its key or root into the trust directory, and name builder, signers
and sources in the policy.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.control import nist
from arcops.evidence import Seen
from arcops.finding import Cited, Finding, Rule
from arcops.gate import gate
from arcops.seen.attestations import Attestations, AttestationSeen
from arcops.seen.sboms import Sboms
from arcops.seen.tree import Tree
from arcops.signer import allowed
from arcops.slsa import PROVENANCE_V02, PROVENANCE_V1, SUMMARY_V02, SUMMARY_V1
from arcops.subjects.model import Model
from gates.model.provenance import building, covering, revoking, summaries, times
from gates.model.provenance.case import Case, each_of, signed_by
from gates.model.provenance.policy import ProvenancePolicy, WantedProof

_SLSA = (PROVENANCE_V02, PROVENANCE_V1, SUMMARY_V02, SUMMARY_V1)

VERIFIED = Rule(
    id="provenance/verified",
    asks="Is there at least one attestation, and does every attestation verify against the trust directory?",
    fix="Put the signer's key or root into the trust directory, or remove the attestation that cannot be verified.",
)
SIGNER = Rule(
    id="provenance/signer",
    asks="Is every SLSA statement signed by a signer that the policy allows?",
    fix="If you know the signer, add it to 'signers' of gate 'provenance'; otherwise, do not use the model.",
)
SOUND = Rule(
    id="provenance/sound",
    asks="Does every signed SLSA predicate have the form that its specification requires?",
    fix="Ask the builder or verifier for a statement that follows slsa.dev: a statement that cannot be read proves nothing.",
)
PRESENT = Rule(
    id="provenance/present",
    asks="Is the proof that the policy requires present: SLSA provenance, a verification summary, or both?",
    fix="Ask the publisher for the proof, or change 'proof' of gate 'provenance' to a proof that you can get and trust.",
)


@gate(
    "provenance",
    judges=(Model,),
    needs=(Tree, Attestations),
    wants=(Sboms,),
    policy=ProvenancePolicy,
    rules=(
        VERIFIED,
        SIGNER,
        revoking.UNREVOKED,
        SOUND,
        PRESENT,
        covering.SUBJECT,
        covering.COVERED,
        building.BUILDER,
        building.BUILD_TYPE,
        building.SOURCE,
        building.PARAMETERS,
        times.TIME,
        summaries.VERIFIER,
        summaries.RESULT,
    ),
    speaks_to=nist("SR-4", "SR-4(3)"),
)
def provenance(seen: Seen, policy: ProvenancePolicy) -> Iterator[Finding]:
    """Answer every rule about the attestations of one model."""
    tree, attestations, sboms = seen[Tree], seen[Attestations], seen.get(Sboms)
    everything = attestations.body.attestations
    verified = tuple(each for each in everything if each.signers and not each.problem)
    yield from _verified(everything, verified, policy, attestations)
    slsa = tuple(each for each in verified if each.predicate_type in _SLSA)
    lists = attestations.body.revocations
    named = (seen.subject_name, seen.subject_digests)
    known = tuple(each for each in slsa if any(allowed(signer, policy.signers, *named) for signer in each.signers))
    accepted = tuple(each for each in known if not revoking.revocation(each, lists))
    yield from each_of(
        SIGNER,
        [(each, "" if each in known else f"is signed by {signed_by(each)}, which the policy does not allow") for each in slsa],
        f"All {len(slsa)} SLSA statement(s) are signed by allowed signers.",
        attestations,
    )
    yield from each_of(
        SOUND,
        [(each, each.misshapen and f"does not have the form that SLSA specifies: {each.misshapen}") for each in slsa],
        f"All {len(slsa)} SLSA statement(s) have the form that their specification requires.",
        attestations,
    )
    yield from revoking.unrevoked(verified, lists, attestations)
    case = Case(
        tree=tree.body,
        cites=(attestations, tree),
        provenances=tuple((each, each.provenance) for each in accepted if each.provenance),
        summaries=tuple((each, each.summary) for each in accepted if each.summary),
        accepted=accepted,
        policy=policy,
        at=seen.at,
        skew=seen.skew,
        named=named,
    )
    yield from _present(case)
    yield from covering.subjects(case, verified)
    documents = {document.path for document in sboms.body.documents if not document.attached} if sboms else set()
    beside = documents | {each.path for each in everything if not each.attached}
    yield from covering.covered(case, beside)
    yield from building.built(case)
    yield from times.possible(case)
    yield from summaries.summarised(case)


def _verified(
    everything: tuple[AttestationSeen, ...], verified: tuple[AttestationSeen, ...], policy: ProvenancePolicy, cited: Cited
) -> Iterator[Finding]:
    doubtful = [each for each in everything if each not in verified]
    findings = []
    if not verified:
        findings.append(VERIFIED.fails(f"None of the {len(everything)} attestation(s) verifies.", cited))
    say = VERIFIED.warns if policy.ignore_unverified else VERIFIED.fails
    for each in doubtful:
        text = f"{each.about} does not verify: {each.problem or 'no signer is proven'}."
        findings.append(say(text, cited, about=each.about))
    yield from findings
    if not findings:
        yield VERIFIED.passes(f"All {len(verified)} attestation(s) verify.", cited)


def _present(case: Case) -> Iterator[Finding]:
    made, said = len(case.provenances), len(case.summaries)
    have = f"{made} provenance statement(s) and {said} verification summary statement(s) by allowed signers count"
    enough = {
        WantedProof.PROVENANCE: bool(case.provenances),
        WantedProof.SUMMARY: bool(case.summaries),
        WantedProof.EITHER: bool(case.provenances or case.summaries),
        WantedProof.BOTH: bool(case.provenances and case.summaries),
    }[case.policy.proof]
    if enough:
        yield PRESENT.passes(f"{have}; the policy requires {case.policy.proof.value}.", *case.cites)
    else:
        yield PRESENT.fails(f"{have}, but the policy requires {case.policy.proof.value}.", *case.cites)
