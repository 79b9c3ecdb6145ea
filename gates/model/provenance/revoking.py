"""Whether something that a statement depends on was revoked."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Cited, Finding, Rule
from arcops.seen.attestations import AttestationSeen
from arcops.seen.signatures import RevocationsSeen
from gates.model.provenance.case import each_of, stated_sha256

UNREVOKED = Rule(
    id="provenance/unrevoked",
    asks="Is every statement free of revocations: of its signer, its key, its own bytes and its subjects?",
    fix="Do not use the revoked release; ask the publisher for a new release with new attestations.",
)


def unrevoked(verified: tuple[AttestationSeen, ...], lists: tuple[RevocationsSeen, ...], cited: Cited) -> Iterator[Finding]:
    unread = [each for each in lists if each.problem or not each.signers]
    for each in unread:
        text = f"The revocation list {each.path} proves nothing: {each.problem or 'it has no signature'}."
        yield UNREVOKED.fails(text, cited, about=each.path)
    good = f"Nothing that the {len(verified)} verified attestation(s) depend on is in the {len(lists)} revocation list(s)."
    gone = [(attestation, revocation(attestation, lists)) for attestation in verified]
    if not unread or any(complaint for _, complaint in gone):
        yield from each_of(UNREVOKED, gone, good, cited)


def revocation(each: AttestationSeen, lists: tuple[RevocationsSeen, ...]) -> str:
    """The proven revocation list that revokes *each*. The time of the statement does not matter: nothing revoked counts."""
    bytes_of = {each.sha256} | stated_sha256(each)
    keys = {*each.keys, *(signer.key for signer in each.signers if signer.key)}
    for listed in lists:
        for gone in listed.revoked if listed.signers and not listed.problem else ():
            person = any(
                gone.identity and (gone.identity, gone.issuer or signer.issuer) == (signer.identity, signer.issuer)
                for signer in each.signers
            )
            if person or (gone.key and gone.key in keys) or (gone.sha256 and gone.sha256 in bytes_of):
                return f"depends on {gone.key or gone.identity or gone.sha256}, which {listed.path} revokes: {gone.reason}"
    return ""
