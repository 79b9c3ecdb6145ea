"""Public keys under which anyone can sign, or that cost too much to check with. Pure.

The libraries accept them: under an Ed25519 key of small order, one signature of zeros verifies for every message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 16384
"""OpenSSL checks with no longer one (``OPENSSL_RSA_MAX_MODULUS_BITS``)."""
MOST_EXPONENT_BITS = 256
"""FIPS 186-5, appendix A.1.1: the exponent is less than 2^256."""
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_P25519, _P448 = 2**255 - 19, 2**448 - 2**224 - 1
_EIGHTH = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL = {
    "Ed25519": (32, _P25519, frozenset((0, 1, _P25519 - 1, _EIGHTH, _P25519 - _EIGHTH))),
    "Ed448": (57, _P448, frozenset((0, 1, _P448 - 1))),
}
"""By curve (RFC 8032, section 5): the bytes of a key, the prime, and y of the points whose order divides the cofactor."""


def why_weak(key: Mapping[str, Any]) -> str:
    """Why the JWK *key* (RFC 7517) must not be used, after ``the issuer's key set has``; empty if it may be."""
    if any(name in key for name in _PRIVATE):
        return "a key with its private part, so that anyone who reads it can sign"
    if key.get("kty") == "RSA":
        return _rsa(_number(key.get("n")), _number(key.get("e")))
    if key.get("kty") == "OKP":
        return _edwards(key.get("crv"), key.get("x"))
    return ""


def _rsa(modulus: int, exponent: int) -> str:
    if modulus.bit_length() < LEAST_RSA_BITS:
        return f"an RSA key of less than {LEAST_RSA_BITS} bits"
    if modulus.bit_length() > MOST_RSA_BITS or exponent.bit_length() > MOST_EXPONENT_BITS:
        return f"an RSA key of more than {MOST_RSA_BITS} bits, or with an exponent of more than {MOST_EXPONENT_BITS}"
    if not modulus % 2 or not exponent % 2 or exponent < 3:
        return "an RSA key with numbers that no such key has"
    return ""


def _edwards(curve: object, text: object) -> str:
    if not isinstance(curve, str) or curve not in _SMALL:
        return "a key of a curve that signs nothing"
    size, prime, small = _SMALL[curve]
    data = _bytes(text)
    y = int.from_bytes(data, "little") & ~(1 << (8 * size - 1))
    if len(data) != size or y >= prime:
        return f"an {curve} key that is no point of its curve"
    if y in small:
        return f"an {curve} key of small order, under which anyone can sign"
    return ""


def _number(text: object) -> int:
    return int.from_bytes(_bytes(text))


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        return b""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
