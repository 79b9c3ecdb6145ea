"""A second verifier: sigstore-python must agree if it knows the kind of log entry.

It gets a trusted root with only those authorities whose windows hold the trusted times, because it does not check these
windows itself. It never uses a network: `TrustedRoot` is built from bytes, without TUF.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509

from arcops.errors import Refused
from artifacts.envelope import strict_json
from artifacts.foreign import refusing
from tasks.signing.blob import Blob
from tasks.signing.trusted_root import SigstoreRoot, Validity, window_of

_KNOWN = (("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("hashedrekord", "0.0.2"))


class Anyone:
    """The sigstore-python policy that accepts every identity: who may sign is for the gates to judge."""

    def verify(self, cert: x509.Certificate) -> None:
        """Accept."""


def knows(kind: str, version: str) -> bool:
    """Can sigstore-python verify log entries of this kind?"""
    return (kind, version) in _KNOWN


def confirm(data: bytes, root: SigstoreRoot, times: Iterable[datetime], blob: Blob | None) -> None:
    """Have sigstore-python verify the certificate-signed bundle *data* against *root* at *times*.

    *blob* is the signed blob, ``None`` for a DSSE envelope. Raises `Refused` if sigstore-python refuses.
    """
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier
    from sigstore_models.common.v1 import HashAlgorithm
    from sigstore_models.trustroot.v1 import TrustedRoot as Model

    try:
        with refusing("it, by sigstore-python,"):
            bundle = Bundle.from_json(data)
            verifier = Verifier(trusted_root=TrustedRoot(Model.from_json(_narrowed(root, tuple(times)))))
            if blob is None:
                verifier.verify_dsse(bundle, Anyone())
            elif blob.data is not None:
                verifier.verify_artifact(blob.data, bundle, Anyone())
            else:
                known = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=blob.sha256)
                verifier.verify_artifact(known, bundle, Anyone())
    except Refused as error:
        raise Refused(f"sigstore-python does not accept it: {error}") from error


def _narrowed(root: SigstoreRoot, times: tuple[datetime, ...]) -> bytes:
    document = strict_json(root.data, root.where)
    if not isinstance(document, dict):
        raise Refused(f"{root.where} is not a JSON object")

    def live(window: Validity) -> bool:
        return all(moment in window for moment in times)

    document["tlogs"] = [log for log in document.get("tlogs") or () if live(window_of(log["publicKey"], root.where))]
    document["certificateAuthorities"] = [
        authority for authority in document.get("certificateAuthorities") or () if live(window_of(authority, root.where))
    ]
    for authority in document.get("timestampAuthorities") or ():
        end = window_of(authority, root.where).end
        if end is not None:
            # sigstore-python excludes the end of a window; the specification includes it.
            authority["validFor"]["end"] = (end + timedelta(microseconds=1)).isoformat()
    return json.dumps(document).encode()
