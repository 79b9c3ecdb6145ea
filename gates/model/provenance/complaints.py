"""What the gate ``provenance`` asks of one statement. Each answer is a complaint, the end of a sentence; empty is good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from arcops.clock import Ahead, ahead, offset
from arcops.errors import Refused
from arcops.repository import within
from arcops.seen.attestations import AttestationSeen
from arcops.seen.signatures import RevocationsSeen
from arcops.seen.tree import FileSeen
from arcops.signer import SignerRule, allowed
from arcops.slsa import Provenance, Summary, build_level

if TYPE_CHECKING:
    from gates.model.provenance.gate import ProvenancePolicy


Named = tuple[str, tuple[str, ...]]
"""A subject by its name and its digests."""


def signed_by(each: AttestationSeen) -> str:
    return " and ".join(str(signer) for signer in each.signers)


def listed(what: str, names: set[str]) -> str:
    return f"{what}: {', '.join(sorted(names)[:10])}" if names else ""


def builder_complaint(each: AttestationSeen, made: Provenance, policy: ProvenancePolicy, named: Named) -> str:
    trusted = [builder for builder in policy.builders if builder.id == made.builder]
    if not trusted:
        return f"names the builder {made.builder!r}, whom the policy does not trust"
    fitting = [builder for builder in trusted if _may_sign(builder.signers, each, named)]
    if not fitting:
        return f"names the builder {made.builder!r}, for whom {signed_by(each)} may not sign"
    level = max(builder.level for builder in fitting)
    if level < policy.minimum_build_level:
        return f"names the builder {made.builder!r}, trusted for SLSA build level {level} only"
    return ""


def _may_sign(signers: tuple[SignerRule, ...], each: AttestationSeen, named: Named) -> bool:
    return not signers or any(allowed(signer, signers, *named) for signer in each.signers)


def source_complaint(made: Provenance, policy: ProvenancePolicy) -> str:
    if not made.sources:
        return "names no source"
    for source in made.sources:
        try:
            if not any(within(source, expected) for expected in policy.sources):
                return f"was built from {source!r}, which is none of the expected sources"
        except Refused as error:
            return f"names a source that cannot be compared: {error}"
    return ""


def verifier_complaint(each: AttestationSeen, summary: Summary, policy: ProvenancePolicy, named: Named) -> str:
    trusted = [verifier for verifier in policy.verifiers if verifier.id == summary.verifier]
    if not trusted:
        return f"names the verifier {summary.verifier!r}, whom the policy does not trust"
    fitting = [verifier for verifier in trusted if _may_sign(verifier.signers, each, named)]
    if not fitting:
        return f"names the verifier {summary.verifier!r}, for whom {signed_by(each)} may not sign"
    used = {digest.value for digest in summary.policy.digests if digest.algorithm == "sha256"}
    if not any(not verifier.policy_sha256 or used & set(verifier.policy_sha256) for verifier in fitting):
        return f"was made by the policy {summary.policy.uri!r}, whose digest is not the expected one"
    return ""


def failure(summary: Summary) -> str:
    if summary.result != "PASSED" or "FAILED" in summary.levels:
        return f"says {summary.result!r} at levels {', '.join(summary.levels) or 'none'}, not PASSED"
    return ""


def result_complaint(summary: Summary, policy: ProvenancePolicy) -> str:
    if failure(summary):
        return failure(summary)
    if summary.resource_uri not in policy.resource_uris:
        return f"is about the resource {summary.resource_uri!r}, not an expected one"
    if build_level(summary.levels) < policy.minimum_build_level:
        return f"states SLSA build level {build_level(summary.levels)}; the policy demands {policy.minimum_build_level}"
    if policy.minimum_dependency_level:
        counts = [count for count in summary.dependency_levels if count.level.startswith("SLSA_BUILD_LEVEL_")]
        if not counts:
            return "says nothing of the build levels of dependencies"
        low = sum(count.count for count in counts if build_level((count.level,)) < policy.minimum_dependency_level)
        if low:
            return f"counts {low} dependencies below SLSA build level {policy.minimum_dependency_level}"
    return ""


def stated_sha256(each: AttestationSeen) -> set[str]:
    return {digest.value for subject in each.subjects for digest in subject.digests if digest.algorithm == "sha256"}


def strangers(each: AttestationSeen, files: tuple[FileSeen, ...]) -> Iterator[str]:
    by_path = {file.path: file for file in files}
    for subject in each.subjects:
        stated = {digest.value for digest in subject.digests if digest.algorithm == "sha256"}
        for file in _named(subject.name, by_path):
            if stated and stated != {file.sha256}:
                yield f"is about a {file.path} with SHA-256 {min(stated)}, and the one on disk has {file.sha256}"


def _named(name: str, by_path: dict[str, FileSeen]) -> Iterator[FileSeen]:
    """The file that *name* means: its path in the model, or the same below folders of the build machine (``dist/…``)."""
    steps = [step for step in name.split("/") if step not in ("", ".")]
    for start in range(len(steps)):
        file = by_path.get("/".join(steps[start:]))
        if file is not None:
            yield file
            return


def build_times(each: AttestationSeen, made: Provenance, at: datetime, skew: timedelta) -> Iterator[str]:
    """Complaints about the times that a provenance gives. Times are optional, so none is no complaint."""
    for what, moment in (("started", made.started), ("finished", made.finished)):
        if moment is not None and ahead(moment, at=at, skew=skew) is Ahead.OUTSIDE:
            yield f"says that the build {what} at {moment:%Y-%m-%dT%H:%M%z}, in the future"
    if made.started is not None and each.trusted_time is not None and made.started > each.trusted_time + skew:
        yield "says that the build started after its own signature was made"
    if made.started is not None and made.finished is not None and made.finished < made.started:
        yield "says that the build finished before it started"


def summary_times(summary: Summary, policy: ProvenancePolicy, at: datetime, skew: timedelta) -> Iterator[str]:
    """Complaints about when a summary was made: not in the future, and not too long ago."""
    if ahead(summary.verified_at, at=at, skew=skew) is Ahead.OUTSIDE:
        yield "says that it was verified in the future"
    if summary.verified_at < at - timedelta(days=policy.max_summary_age_days):
        yield f"was verified {(at - summary.verified_at).days} days ago; the policy accepts {policy.max_summary_age_days}"


def clock_ahead(moments: Iterable[datetime | None], at: datetime, skew: timedelta) -> str:
    """By how much the first of *moments* that is ahead, inside of *skew*, is ahead; empty if none is."""
    near = (moment for moment in moments if moment is not None and ahead(moment, at=at, skew=skew) is Ahead.INSIDE)
    return next((f"is dated {offset(moment, at)} ahead of the clock here" for moment in near), "")


def revocation(each: AttestationSeen, lists: tuple[RevocationsSeen, ...]) -> str:
    """Which proven revocation list takes *each* back. When the statement was made is no excuse: nothing revoked counts."""
    bytes_of = {each.sha256} | stated_sha256(each)
    keys = {*each.keys, *(signer.key for signer in each.signers if signer.key)}
    for listed in lists:
        for gone in listed.revoked if listed.signers and not listed.problem else ():
            person = any(
                gone.identity and (gone.identity, gone.issuer or signer.issuer) == (signer.identity, signer.issuer)
                for signer in each.signers
            )
            if person or (gone.key and gone.key in keys) or (gone.sha256 and gone.sha256 in bytes_of):
                return f"rests on {gone.key or gone.identity or gone.sha256}, revoked by {listed.path}: {gone.reason}"
    return ""
