"""Every text of one signed token, by its SHA-256: so that a revoked one does not come back in another spelling.

An ECDSA signature (r, s) has a twin, (r, n - s), that is as good, and anyone who holds the token can write it (SEC 1, section
4.1.4). Base64url is accepted in one spelling only, and RSA and Ed25519 have one signature for each that verifies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

from foundation.claims import NotAccepted, header_of

_ORDERS = {
    "ES256": (32, 2**256 - 2**224 + 2**192 - 89188191075325690597107910205041859247),
    "ES384": (48, 2**384 - 1388124618062372383947042015309946732620727252194336364173),
    "ES512": (66, 2**521 - 657877501894328237357444332315020117536923257219387276263472201219398408051703),
}
"""The bytes of one number, and the order of the curve's group (NIST SP 800-186, section 3.2.1)."""


def equal_digests(token: str) -> tuple[bytes, ...]:
    """The SHA-256 of *token*, which was accepted, and of its twin if it has one."""
    return tuple(hashlib.sha256(text.encode()).digest() for text in _texts(token))


def _texts(token: str) -> Iterator[str]:
    yield token
    head, _, last = token.rpartition(".")
    try:
        size, order = _ORDERS[str(header_of(token).get("alg"))]
        signature = base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))
    except (NotAccepted, KeyError, binascii.Error):
        return
    s = int.from_bytes(signature[size:])
    if len(signature) == 2 * size and 0 < s < order:
        twin = signature[:size] + (order - s).to_bytes(size)
        yield f"{head}.{base64.urlsafe_b64encode(twin).rstrip(b'=').decode()}"
