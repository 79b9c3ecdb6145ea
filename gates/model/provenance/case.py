"""What the rules of the gate ``provenance`` share: the case, and facts about one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from arcops.finding import Cited, Finding, Rule
from arcops.late_dataclass import dataclass
from arcops.seen.attestations import AttestationSeen
from arcops.seen.tree import Tree
from arcops.signer import SignerRule, allowed
from arcops.slsa import Provenance, Summary
from gates.listing import answered
from gates.model.provenance.policy import ProvenancePolicy

Named = tuple[str, tuple[str, ...]]
"""A subject by its name and its digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged together: the evidence, the part of it that counts, the policy and the time."""

    tree: Tree
    cites: tuple[Cited, ...]
    provenances: tuple[tuple[AttestationSeen, Provenance], ...]
    summaries: tuple[tuple[AttestationSeen, Summary], ...]
    accepted: tuple[AttestationSeen, ...]
    policy: ProvenancePolicy
    at: datetime
    skew: timedelta
    named: Named


def each_of(rule: Rule, answers: Iterable[tuple[AttestationSeen, str]], good: str, *cites: Cited) -> Iterator[Finding]:
    """A FAIL for each attestation with a complaint (the end of a sentence), or one PASS that says *good*."""
    bad = (rule.fails(f"{one.about} {complaint}.", *cites, about=one.about) for one, complaint in answers if complaint)
    return answered(bad, rule.passes(good, *cites))


def signed_by(each: AttestationSeen) -> str:
    return " and ".join(str(signer) for signer in each.signers)


def may_sign(signers: tuple[SignerRule, ...], each: AttestationSeen, named: Named) -> bool:
    return not signers or any(allowed(signer, signers, *named) for signer in each.signers)


def stated_sha256(each: AttestationSeen) -> set[str]:
    return {digest.value for subject in each.subjects for digest in subject.digests if digest.algorithm == "sha256"}
