"""Which signatures and signers count: signers must be allowed, in time, and not revoked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from arcops.evidence import Seen
from arcops.late_dataclass import dataclass
from arcops.seen.signatures import RevocationsSeen, Revoked, Signatures, SignatureSeen
from arcops.signer import ProvenSigner, allowed
from gates.model.signatures.policy import SignaturePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """A signature with those of its signers that count, and the keys behind them."""

    signature: SignatureSeen
    signers: frozenset[ProvenSigner]
    keys: frozenset[str]


def counting_lists(found: Signatures, policy: SignaturePolicy) -> tuple[RevocationsSeen, ...]:
    return tuple(
        listed
        for listed in found.revocations
        if not listed.problem and any(allowed(signer, policy.revocation_signers, "revocations") for signer in listed.signers)
    )


def is_revoked(signer: ProvenSigner, keys: tuple[str, ...], revoked: tuple[Revoked, ...]) -> Revoked | None:
    for entry in revoked:
        if entry.key and (entry.key == signer.key or entry.key in keys):
            return entry
        if entry.identity and entry.identity == signer.identity and entry.issuer in ("", signer.issuer):
            return entry
    return None


def in_time(signature: SignatureSeen, signer: ProvenSigner, policy: SignaturePolicy, at: datetime) -> bool:
    if signer.key or (signature.trusted_time is not None and not signature.untimed):
        return True
    start, end = signature.not_before, signature.not_after
    return policy.allow_untimed_certificates and start is not None and end is not None and start <= at <= end


def counting_of(found: Signatures, policy: SignaturePolicy, revoked: tuple[Revoked, ...], seen: Seen) -> Iterator[Counting]:
    for signature in found.signatures:
        if signature.problem:
            continue
        pairs = [
            (signer, key)
            for signer, key in zip(signature.signers, signature.keys, strict=True)
            if allowed(signer, policy.signers, seen.subject_name, seen.subject_digests)
            and in_time(signature, signer, policy, seen.at)
            and is_revoked(signer, (key,), revoked) is None
        ]
        if pairs:
            yield Counting(
                signature=signature,
                signers=frozenset(signer for signer, _ in pairs),
                keys=frozenset(key for _, key in pairs),
            )


def distinct(counting: tuple[Counting, ...]) -> int:
    """The smallest possible number of signers: one key under two names is one signer, and one name with two keys is
    one, too.
    """
    signers = {signer for one in counting for signer in one.signers}
    keys = {key for one in counting for key in one.keys}
    return min(len(signers), len(keys))
