"""Was this model built by whom, how and from what its publisher says, and do trusted verifiers vouch for it?

Why: a signature says who handed the model over; only provenance says where it comes from. A statement about other bytes, by an
unknown builder or from another source proves nothing, however well it is signed.

Judged: every in-toto attestation with the model: its signatures, the SLSA provenance (v0.2, v1) or verification summary
(v0.2, v1) in it, its subjects' digests against the bytes on disk, the builder with its signers and level, source, build type,
parameters and times against the policy. An attestation that does not verify fails, and is not passed over. Follows slsa.dev,
"Verifying artifacts".

Fix: get provenance from the publisher's build service, enrol its key or root in the trust directory, and name builder, signers
and sources in the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from arcops.beside import content_root, is_beside
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.finding import Cited, Finding, Rule
from arcops.gate import gate
from arcops.repository import repository
from arcops.seen.attestations import Attestations, AttestationSeen
from arcops.seen.sboms import Sboms
from arcops.seen.signatures import RevocationsSeen
from arcops.seen.tree import FileSeen, Tree
from arcops.signer import SignerRule, allowed
from arcops.slsa import PROVENANCE_V02, PROVENANCE_V1, SUMMARY_V02, SUMMARY_V1, Provenance, Summary
from arcops.subjects.model import Model
from gates.model.provenance import rules
from gates.model.provenance.complaints import (
    Named,
    build_times,
    builder_complaint,
    clock_ahead,
    failure,
    listed,
    result_complaint,
    revocation,
    signed_by,
    source_complaint,
    stated_sha256,
    strangers,
    summary_times,
    verifier_complaint,
)

_SLSA = (PROVENANCE_V02, PROVENANCE_V1, SUMMARY_V02, SUMMARY_V1)
# Formats that hold words for people or settings for programs; every other content may be weights.
_WORDS = frozenset({"text", "json", "yaml", "xml", "markdown", "empty"})


class Proof(Enum):
    """Which SLSA statements the policy relies on. With ``EITHER`` one is enough, and each that is there must hold."""

    PROVENANCE = "provenance"
    SUMMARY = "summary"
    EITHER = "either"
    BOTH = "both"


class Cover(Enum):
    """Which files accepted statements must name: all that could be weights, all of the model, or any one."""

    WEIGHTS = "weights"
    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedBuilder:
    """A builder by its exact id, the SLSA build level that it is trusted to reach, and who signs for it.

    SLSA wants (signer, builder) pairs; without ``signers`` every allowed signer may sign for this builder.
    """

    id: str
    level: int
    signers: tuple[SignerRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedVerifier:
    """A verifier by its exact id, who signs for it, and the SHA-256 digests of its policies that count (empty: any)."""

    id: str
    signers: tuple[SignerRule, ...] = ()
    policy_sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenancePolicy:
    """Whose word counts, and what it must say. By default nobody's does.

    ``sources`` are repositories or what holds them (``https://git.example/org``), compared step by step. ``parameters`` are
    names of external parameters that anyone may set. ``resource_uris`` are exact. ``max_summary_age_days`` counts from a
    summary's own time. ``minimum_dependency_level`` 0 asks nothing of dependencies. With ``ignore_unverified`` an attestation
    that does not verify is a warning, as long as another one does.
    """

    signers: tuple[SignerRule, ...] = ()
    proof: Proof = Proof.PROVENANCE
    must_cover: Cover = Cover.ALL
    builders: tuple[TrustedBuilder, ...] = ()
    minimum_build_level: int = 3
    build_types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    verifiers: tuple[TrustedVerifier, ...] = ()
    resource_uris: tuple[str, ...] = ()
    minimum_dependency_level: int = 0
    max_summary_age_days: int = 90
    ignore_unverified: bool = False

    def __post_init__(self) -> None:
        for source in self.sources:
            repository(source)
        for builder in self.builders:
            if not 0 <= builder.level <= 3:
                raise Refused(f"builder {builder.id!r} has SLSA build level {builder.level}; levels are 0 to 3")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is judged together: the evidence, what of it counts, the policy and the moment."""

    tree: Tree
    cites: tuple[Cited, ...]
    provenances: tuple[tuple[AttestationSeen, Provenance], ...]
    summaries: tuple[tuple[AttestationSeen, Summary], ...]
    accepted: tuple[AttestationSeen, ...]
    policy: ProvenancePolicy
    at: datetime
    skew: timedelta
    named: Named


@gate(
    "provenance",
    judges=(Model,),
    needs=(Tree, Attestations),
    wants=(Sboms,),
    policy=ProvenancePolicy,
    rules=rules.RULES,
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
    accepted = tuple(each for each in known if not revocation(each, lists))
    yield from _each(
        rules.SIGNER,
        [(each, "" if each in known else f"is signed by {signed_by(each)}, whom the policy does not allow") for each in slsa],
        f"All {len(slsa)} SLSA statements are signed by allowed signers.",
        attestations,
    )
    yield from _each(
        rules.SOUND,
        [(each, each.misshapen and f"is not what SLSA specifies: {each.misshapen}") for each in slsa],
        f"All {len(slsa)} SLSA statements have the shape of their specification.",
        attestations,
    )
    yield from _unrevoked(verified, lists, attestations)
    case = _Case(
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
    yield from _subjects(case, verified)
    documents = {document.path for document in sboms.body.documents if not document.attached} if sboms else set()
    beside = documents | {each.path for each in everything if not each.attached}
    yield from _covered(case, beside)
    yield from _built(case)
    yield from _times(case)
    yield from _summarised(case)


def _each(rule: Rule, answers: Iterable[tuple[AttestationSeen, str]], good: str, *cites: Cited) -> Iterator[Finding]:
    """A FAIL for each attestation with a complaint (the end of a sentence), or one PASS that says *good*."""
    bad = [(each, complaint) for each, complaint in answers if complaint]
    for each, complaint in bad:
        yield rule.fails(f"{each.about} {complaint}.", *cites, about=each.about)
    if not bad:
        yield rule.passes(good, *cites)


def _verified(
    everything: tuple[AttestationSeen, ...], verified: tuple[AttestationSeen, ...], policy: ProvenancePolicy, cited: Cited
) -> Iterator[Finding]:
    doubtful = [each for each in everything if each not in verified]
    findings = []
    if not verified:
        findings.append(rules.VERIFIED.fails(f"None of {len(everything)} attestations verifies.", cited))
    say = rules.VERIFIED.warns if policy.ignore_unverified else rules.VERIFIED.fails
    for each in doubtful:
        text = f"{each.about} does not verify: {each.problem or 'nobody is proven to have signed it'}."
        findings.append(say(text, cited, about=each.about))
    yield from findings
    if not findings:
        yield rules.VERIFIED.passes(f"All {len(verified)} attestations verify.", cited)


def _unrevoked(verified: tuple[AttestationSeen, ...], lists: tuple[RevocationsSeen, ...], cited: Cited) -> Iterator[Finding]:
    unread = [each for each in lists if each.problem or not each.signers]
    for each in unread:
        text = f"The revocation list {each.path} proves nothing: {each.problem or 'nobody signed it'}."
        yield rules.UNREVOKED.fails(text, cited, about=each.path)
    good = f"Nothing that the {len(verified)} verified attestations rest on is in the {len(lists)} revocation lists."
    gone = [(attestation, revocation(attestation, lists)) for attestation in verified]
    if not unread or any(complaint for _, complaint in gone):
        yield from _each(rules.UNREVOKED, gone, good, cited)


def _present(case: _Case) -> Iterator[Finding]:
    have = f"{len(case.provenances)} provenances and {len(case.summaries)} verification summaries by allowed signers"
    enough = {
        Proof.PROVENANCE: bool(case.provenances),
        Proof.SUMMARY: bool(case.summaries),
        Proof.EITHER: bool(case.provenances or case.summaries),
        Proof.BOTH: bool(case.provenances and case.summaries),
    }[case.policy.proof]
    if enough:
        yield rules.PRESENT.passes(f"There are {have}; the policy asks for {case.policy.proof.value}.", *case.cites)
    else:
        yield rules.PRESENT.fails(f"There are {have}, and the policy asks for {case.policy.proof.value}.", *case.cites)


def _subjects(case: _Case, verified: tuple[AttestationSeen, ...]) -> Iterator[Finding]:
    """Every verified statement is held to the names that it uses; one that counts must also be about this model."""
    known = {file.sha256 for file in case.tree.files} | {case.tree.root, content_root(case.tree.files)}
    answers = [(each, complaint) for each in verified for complaint in strangers(each, case.tree.files)]
    for each in case.accepted:
        if not stated_sha256(each) & known:
            answers.append((each, "is about something else: none of its subjects has the digest of a file of this model"))
    yield from _each(
        rules.SUBJECT, answers, f"The subjects of all {len(verified)} statements are the bytes on disk.", *case.cites
    )


def _covered(case: _Case, beside: set[str]) -> Iterator[Finding]:
    if case.tree.troubles:
        for trouble in case.tree.troubles:
            yield rules.COVERED.unknown(
                f"{trouble.path} could not be read ({trouble.reason.rstrip('.')}), so nobody knows if it is covered."
            )
        return
    stated = {sha256 for each in case.accepted for sha256 in stated_sha256(each)}
    whole = case.tree.root in stated or content_root(case.tree.files) in stated
    wanted = [file for file in case.tree.files if _counts(file, beside, case.policy.must_cover)]
    covered = {file.path for file in wanted if file.sha256 in stated or (whole and not is_beside(file))}
    bare = [file for file in wanted if file.path not in covered] if case.policy.must_cover is not Cover.ANY else []
    for file in bare[:100]:
        yield rules.COVERED.fails(f"No accepted statement covers {file.path}.", *case.cites, about=file.path)
    if len(bare) > 100:
        yield rules.COVERED.fails(f"No accepted statement covers {len(bare) - 100} more files.", *case.cites)
    if not covered and not bare:
        yield rules.COVERED.fails("No accepted statement covers any file that counts.", *case.cites)
    elif not bare:
        yield rules.COVERED.passes(f"Accepted statements cover {len(covered)} of {len(wanted)} files that count.", *case.cites)


def _counts(file: FileSeen, beside: set[str], cover: Cover) -> bool:
    """Must *file* be covered? What only speaks about the model need not; weights must, whatever their file is called."""
    plain = file.content.format in _WORDS
    if (plain or file.content.format == "other") and (file.path in beside or is_beside(file)):
        return False
    return not plain or cover is not Cover.WEIGHTS


def _built(case: _Case) -> Iterator[Finding]:
    policy, count = case.policy, len(case.provenances)

    def judged(rule: Rule, complaint: Callable[[AttestationSeen, Provenance], str], good: str) -> Iterator[Finding]:
        asked = case.provenances if policy.proof is not Proof.SUMMARY else ()
        yield from _each(rule, [(each, complaint(each, made)) for each, made in asked], good, *case.cites)

    yield from judged(
        rules.BUILDER,
        lambda each, made: builder_complaint(each, made, policy, case.named),
        f"All {count} provenances are by trusted builders at SLSA build level {policy.minimum_build_level} or more.",
    )
    yield from judged(
        rules.BUILD_TYPE,
        lambda _, made: (
            "" if made.build_type in policy.build_types else f"has the build type {made.build_type!r}, not an allowed one"
        ),
        f"All {count} provenances have allowed build types.",
    )
    yield from judged(
        rules.SOURCE, lambda _, made: source_complaint(made, policy), f"All {count} provenances name expected sources."
    )
    yield from judged(
        rules.PARAMETERS,
        lambda _, made: listed("was built with unexpected parameters", set(made.parameters) - set(policy.parameters)),
        f"All {count} provenances have expected parameters only.",
    )


def _times(case: _Case) -> Iterator[Finding]:
    at, skew = case.at, case.skew
    answers = [(each, complaint) for each, made in case.provenances for complaint in build_times(each, made, at, skew)]
    answers += [(each, complaint) for each, said in case.summaries for complaint in summary_times(said, case.policy, at, skew)]
    moments = [(each, (made.started, made.finished)) for each, made in case.provenances]
    for each, dated in (*moments, *((each, (said.verified_at,)) for each, said in case.summaries)):
        early = clock_ahead(dated, at, skew)
        if early:
            yield rules.TIME.warns(f"{each.about} {early}.", *case.cites, about=each.about)
    count = len(case.provenances) + len(case.summaries)
    yield from _each(rules.TIME, answers, f"The times in all {count} SLSA statements are possible.", *case.cites)


def _summarised(case: _Case) -> Iterator[Finding]:
    asked = case.summaries if case.policy.proof is not Proof.PROVENANCE else ()
    yield from _each(
        rules.VERIFIER,
        [(each, verifier_complaint(each, summary, case.policy, case.named)) for each, summary in asked],
        f"All {len(asked)} verification summaries that count are by trusted verifiers.",
        *case.cites,
    )
    # Even where the policy does not rely on summaries, an allowed signer's FAILED is not to be passed over.
    answers = [
        (each, result_complaint(summary, case.policy) if (each, summary) in asked else failure(summary))
        for each, summary in case.summaries
    ]
    yield from _each(rules.RESULT, answers, f"None of {len(case.summaries)} summaries says otherwise.", *case.cites)
