"""Public keys under which anyone can sign. Pure. The libraries accept them.

Under an Ed25519 key of small order, one signature of zeros verifies for every message; an RSA key whose factors anyone can
find is everyone's private key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache, lru_cache

LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 16384
"""OpenSSL checks with no longer one (``OPENSSL_RSA_MAX_MODULUS_BITS``)."""
MOST_EXPONENT_BITS = 256
"""FIPS 186-5, appendix A.1.1: the exponent is less than 2^256."""
_MOST_PRIME, _MOST_ROCA, _FERMAT_STEPS = 2000, 167, 20
_MOST_TRIED_BITS = 4096
"""Whether a longer modulus is a prime takes seconds to find out."""
_P25519, _P448 = 2**255 - 19, 2**448 - 2**224 - 1
_EIGHTH = 2707385501144840649318225287225658788936804267575313519463743609750303402022
CURVES = {
    "Ed25519": (32, _P25519, frozenset((0, 1, _P25519 - 1, _EIGHTH, _P25519 - _EIGHTH))),
    "Ed448": (57, _P448, frozenset((0, 1, _P448 - 1))),
}
"""By curve (RFC 8032, section 5): the bytes of a key, the prime, and y of the points whose order divides the cofactor."""


def weak_rsa(modulus: int, exponent: int, *, thorough: bool) -> str:
    """What is weak about the RSA key with these numbers, as ``an RSA key …``; empty if nothing is.

    *thorough* looks for factors for some milliseconds; do it once, when the key becomes known.
    """
    if modulus.bit_length() < LEAST_RSA_BITS:
        return f"an RSA key of less than {LEAST_RSA_BITS} bits"
    if modulus.bit_length() > MOST_RSA_BITS or exponent.bit_length() > MOST_EXPONENT_BITS:
        return f"an RSA key of more than {MOST_RSA_BITS} bits, or with an exponent of more than {MOST_EXPONENT_BITS}"
    if not modulus % 2 or not exponent % 2 or exponent < 3:
        return "an RSA key with numbers that no such key has"
    if _gives_itself_away(modulus) or (thorough and factored(modulus)):
        return "an RSA key whose factors anyone can find, so that anyone can sign"
    return ""


def weak_edwards(curve: str, data: bytes) -> str:
    """What is weak about the key *data* of one of `CURVES`, as ``an Ed25519 key …``; empty if nothing is."""
    size, prime, small = CURVES[curve]
    y = int.from_bytes(data, "little") & ~(1 << (8 * size - 1))
    if len(data) != size or y >= prime:
        return f"an {curve} key that is no point of its curve"
    if y in small:
        return f"an {curve} key of small order, under which anyone can sign"
    return ""


@lru_cache(maxsize=256)
def factored(modulus: int) -> bool:
    """Can anyone find the factors of *modulus* at once?

    It is a prime or a square, it has a small factor, its factors are close together (Fermat), or it was made by the library
    with CVE-2017-15361 (ROCA), whose moduli are powers of 65537 by each small prime.
    """
    if _gives_itself_away(modulus):
        return True
    if modulus.bit_length() > _MOST_TRIED_BITS:
        return False
    if pow(2, modulus - 1, modulus) == 1:
        return True
    half = math.isqrt(modulus)
    for above in range(half, half + _FERMAT_STEPS):
        rest = above * above - modulus
        if rest >= 0 and math.isqrt(rest) ** 2 == rest:
            return True
    return False


def _gives_itself_away(modulus: int) -> bool:
    """Does *modulus* have a small factor, or the form of those that ROCA factors?"""
    return math.gcd(modulus, _product()) > 1 or all(modulus % prime in powers for prime, powers in _powers().items())


@cache
def _primes() -> tuple[int, ...]:
    return tuple(one for one in range(3, _MOST_PRIME) if all(one % other for other in range(2, math.isqrt(one) + 1)))


@cache
def _product() -> int:
    return math.prod(_primes())


@cache
def _powers() -> Mapping[int, frozenset[int]]:
    """By each small prime, the powers of 65537."""
    return {prime: frozenset(pow(65537, k, prime) for k in range(prime)) for prime in _primes() if prime <= _MOST_ROCA}
