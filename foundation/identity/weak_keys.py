"""Public keys of issuers that must not be used: anyone can sign under them, or their private part is published."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from artifacts.weak_keys import CURVES, weak_edwards, weak_rsa

_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def why_weak(key: Mapping[str, Any]) -> str:
    """Why the JWK *key* (RFC 7517) must not be used, after ``the issuer's key set has``; empty if it may be."""
    if any(name in key for name in _PRIVATE):
        return "a key with its private part, so that anyone who reads it can sign"
    if key.get("kty") == "RSA":
        return weak_rsa(_number(key.get("n")), _number(key.get("e")), thorough=True)
    if key.get("kty") == "OKP":
        curve = key.get("crv")
        if not isinstance(curve, str) or curve not in CURVES:
            return "a key of a curve that signs nothing"
        return weak_edwards(curve, _bytes(key.get("x")))
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
