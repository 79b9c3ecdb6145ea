"""Signed revocation lists of the trust directory: who signed each, when it was issued, and what it revokes."""

from __future__ import annotations

import hashlib

from arcops.errors import Refused
from arcops.seen.signatures import RevocationsSeen, Revoked
from artifacts.envelope import IN_TOTO
from artifacts.foreign import refusing
from tasks.signing.trust import Trust, TrustFile


def revocations(trust: Trust) -> tuple[RevocationsSeen, ...]:
    """Every revocation list of *trust*, sorted by path; one that proves nothing says so in its ``problem``."""
    return tuple(_seen(file, trust) for file in sorted(trust.revocations, key=lambda file: file.path))


def _seen(file: TrustFile, trust: Trust) -> RevocationsSeen:
    from artifacts.revocation import parse_revocations
    from tasks.signing.bundles import open_bundle  # needs cryptography: imported late

    sha256 = hashlib.sha256(file.data).hexdigest()
    try:
        with refusing(file.path):
            opened = open_bundle(file.data, trust, where=file.path)
            if opened.payload_type != IN_TOTO:
                signed = opened.payload_type or "a file"
                raise Refused(f"{file.path} proves nothing: it signs {signed}, not an in-toto statement")
            listed = parse_revocations(opened.payload)
    except Refused as error:
        return RevocationsSeen(path=file.path, sha256=sha256, problem=str(error))
    return RevocationsSeen(
        path=file.path,
        sha256=sha256,
        issued_at=listed.issued_at,
        signers=opened.signers,
        keys=opened.keys,
        revoked=tuple(sorted(listed.revoked, key=_order)),
    )


def _order(entry: Revoked) -> tuple[str, str, str, str]:
    return (entry.key, entry.identity, entry.sha256, entry.at.isoformat())
