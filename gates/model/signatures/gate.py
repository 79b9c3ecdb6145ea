"""Did a signer that the operator trusts sign exactly these files?

Why: A model is code and data that will run with an organisation's authority. Only a signature by a known signer over every file
shows that no file was changed, added or removed since the release.

Judged: Enough distinct signers that the policy allows must have signed each file of the subject, with the digest that it has on
disk. Only the signature files themselves, and files that the policy names, may be unsigned. A certificate counts if it was
valid at a time that a log or timestamp authority confirms. Revoked signers and artifacts never count, and the signed revocation
list must be recent.

Fix: Sign the model as it is with an allowed key (``arcops sign``), put the signer's key or root into the trust directory, name
the signer in the policy, and keep a recent revocation list. Do not weaken the policy to remove a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.signatures import RevocationsSeen, Revoked, Signatures
from arcops.seen.tree import Tree
from arcops.signer import ProvenSigner, allowed
from arcops.subjects.model import Model
from gates.model.signatures.counting import Counting, counting_lists, counting_of, distinct, in_time, is_revoked
from gates.model.signatures.coverage import COMPLETE, IGNORED, MATCHES, complete, ignored, matches
from gates.model.signatures.policy import SignaturePolicy

PROVEN = Rule(
    id="signatures/proven",
    asks="Is every signature that was found cryptographically valid?",
    fix="Get the signature again from its signer, or put its key or root into the trust directory. If you do not need it, "
    "remove it.",
)
SIGNER = Rule(
    id="signatures/signer",
    asks="Did enough signers sign that the policy allows for this subject?",
    fix="Have an allowed signer sign it. If you know whose key it is, you can also add the signer to 'signers' in the policy.",
)
TIME = Rule(
    id="signatures/trusted-time",
    asks="Was every certificate that counts valid at a time that a trusted authority confirms?",
    fix="Sign with a transparency log or a timestamp authority, or with a key of the trust directory.",
)
LIST = Rule(
    id="signatures/revocation-list",
    asks="Is there a recent revocation list, signed by a signer that the policy allows?",
    fix="Put a newly signed revocation list into revocations/ of the trust directory, even if it revokes nothing.",
)
REVOKED = Rule(
    id="signatures/revoked",
    asks="Are the signers, and the files that they signed, free of revocations?",
    fix="Find out why it was revoked; have the subject signed again by a signer that is not revoked.",
)
EXPECTED = Rule(
    id="signatures/expected-digest",
    asks="Is it the model that the policy pins, if it pins one?",
    fix="Fetch the pinned model, or review the new model and pin its digest.",
)


@gate(
    "signatures",
    judges=(Model,),
    needs=(Tree, Signatures),
    policy=SignaturePolicy,
    rules=(PROVEN, SIGNER, TIME, LIST, REVOKED, MATCHES, COMPLETE, IGNORED, EXPECTED),
    looks_inside=False,
    speaks_to=nist("CM-14", "SR-11") + soc("CC6.8"),
)
def signatures(seen: Seen, policy: SignaturePolicy) -> Iterator[Finding]:
    """The findings on the signatures over the subject's files."""
    tree, found = seen[Tree], seen[Signatures]
    lists = counting_lists(found.body, policy)
    revoked = tuple(entry for listed in lists for entry in listed.revoked)
    yield from _proven(found)
    yield from _lists(found, lists, policy, seen.at, seen.skew)
    yield from _revoked(tree, found, revoked)
    yield from _timed(found, policy, seen.at)
    counting = tuple(counting_of(found.body, policy, revoked, seen))
    yield from _signers(found, counting, policy, seen)
    yield from matches(tree, found, counting)
    yield from complete(tree, found, counting, policy)
    yield from ignored(tree, found, counting, policy)
    yield from _expected(found, counting, policy)


def _proven(found: Evidence[Signatures]) -> Iterator[Finding]:
    bad = [signature for signature in found.body.signatures if signature.problem or not signature.signers]
    for signature in bad:
        yield PROVEN.fails(f"{signature.problem or 'No signer was proven'}.", found, about=signature.path)
    if not bad:
        yield PROVEN.passes(f"All {len(found.body.signatures)} signature(s) are valid.", found)


def _lists(
    found: Evidence[Signatures], lists: tuple[RevocationsSeen, ...], policy: SignaturePolicy, at: datetime, skew: timedelta
) -> Iterator[Finding]:
    bad = [listed for listed in found.body.revocations if listed not in lists]
    for listed in bad:
        why = listed.problem or f"it is signed by {_names(listed.signers)}, which the policy does not allow to revoke"
        yield LIST.fails(f"{listed.path} does not count: {why}.", found, about=listed.path)
    dates = [listed.issued_at for listed in lists if listed.issued_at is not None and listed.issued_at <= at + skew]
    newest = max(dates, default=None)
    if newest is None and policy.require_revocations:
        yield LIST.fails("There is no signed revocation list, so it is unknown whether the signers were revoked.", found)
    elif newest is not None and policy.require_revocations and at - newest > timedelta(days=policy.max_revocation_age_days):
        yield LIST.fails(
            f"The newest revocation list is from {newest:%Y-%m-%d}, more than {policy.max_revocation_age_days} days ago.", found
        )
    elif newest is not None and not bad:
        yield LIST.passes(f"The newest revocation list is from {newest:%Y-%m-%d}.", found)
    elif not bad:
        yield LIST.passes("There is no revocation list, and the policy requires none.", found)


def _revoked(tree: Evidence[Tree], found: Evidence[Signatures], revoked: tuple[Revoked, ...]) -> Iterator[Finding]:
    clean = True
    for signature in found.body.signatures:
        for signer, key in zip(signature.signers, signature.keys, strict=False):
            entry = is_revoked(signer, (key,), revoked)
            if entry is not None:
                clean = False
                yield REVOKED.fails(
                    f"{signer}, who signed {signature.path}, was revoked on {entry.at:%Y-%m-%d}: {entry.reason}.",
                    found,
                    about=signature.path,
                )
    named = {entry.sha256: entry for entry in revoked if entry.sha256}
    things = {file.path: file.sha256 for file in tree.body.files} if named else {}
    things.update({f"{one.path} (all that it signs)": one.model_digest for one in found.body.signatures} if named else {})
    things.update({one.path: one.sha256 for one in found.body.signatures} if named else {})
    for path, digest in sorted(things.items()):
        if digest in named:
            clean = False
            entry = named[digest]
            yield REVOKED.fails(f"{path} was revoked on {entry.at:%Y-%m-%d}: {entry.reason}.", tree, found, about=path)
    if clean:
        yield REVOKED.passes("No signer and no file is revoked by a revocation list that counts.", tree, found)


def _timed(found: Evidence[Signatures], policy: SignaturePolicy, at: datetime) -> Iterator[Finding]:
    late = [
        (signature, signer)
        for signature in found.body.signatures
        if not signature.problem
        for signer in signature.signers
        if not in_time(signature, signer, policy, at)
    ]
    for signature, signer in late:
        until = f", and it ended on {signature.not_after:%Y-%m-%d}" if signature.not_after and signature.not_after < at else ""
        yield TIME.fails(
            f"No trusted authority confirms when {signer} signed {signature.path}; the certificate may have been invalid"
            f"{until}.",
            found,
            about=signature.path,
        )
    if not late:
        yield TIME.passes("Every certificate was valid when it was used; keys need no trusted time.", found)


def _signers(
    found: Evidence[Signatures], counting: tuple[Counting, ...], policy: SignaturePolicy, seen: Seen
) -> Iterator[Finding]:
    enough = distinct(counting)
    others = sorted(
        {
            str(signer)
            for signature in found.body.signatures
            if not signature.problem
            for signer in signature.signers
            if not allowed(signer, policy.signers, seen.subject_name, seen.subject_digests)
        }
    )
    if enough >= policy.threshold:
        yield SIGNER.passes(f"{enough} distinct allowed signer(s) signed; {policy.threshold} needed.", found)
        for other in others:
            yield SIGNER.warns(
                f"{other} signed too, but does not count: the policy does not name this signer.", found, about=other
            )
        return
    why = f"; the policy does not allow {', '.join(others)}" if others else ""
    none = "; the policy names no signer" if not policy.signers else ""
    yield SIGNER.fails(
        f"{enough} distinct signer(s) count for {seen.subject_name!r}; {policy.threshold} needed{why}{none}.", found
    )


def _expected(found: Evidence[Signatures], counting: tuple[Counting, ...], policy: SignaturePolicy) -> Iterator[Finding]:
    pinned = policy.expected_digest.removeprefix("sha256:")
    if not pinned:
        yield EXPECTED.passes("The policy pins no model.", found)
    elif any(one.signature.model_digest == pinned for one in counting):
        yield EXPECTED.passes(f"The signed digest is the pinned sha256:{pinned}.", found)
    else:
        digests = ", ".join(sorted({f"sha256:{one.signature.model_digest}" for one in counting})) or "nothing"
        yield EXPECTED.fails(f"The policy pins sha256:{pinned}, but the signed digest is {digests}.", found)


def _names(signers: tuple[ProvenSigner, ...]) -> str:
    return ", ".join(str(signer) for signer in signers) or "no known signer"
