"""A value as another server keeps it for us: only a host with the key of our database can read it or make one.

The server may lose it, or give back an older one of the same name. So each says until when it counts.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct

KEY_BYTES = 32
_NONCE_BYTES, _HEAD = 12, struct.Struct(">Q")
_SKEW_MS = 60_000
"""How far the clocks of two hosts may differ."""


def hidden_name(name: str, key: bytes) -> str:
    """The name under which another server keeps the value of *name*; it says nothing to who lacks the *key*."""
    return hmac.digest(key, b"name\0" + name.encode(), hashlib.sha256).hex()


def seal(value: bytes, name: str, key: bytes, until_ms: int) -> bytes:
    """*value* of *name*, which counts until *until_ms* (milliseconds since 1970)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, _HEAD.pack(until_ms) + value, name.encode())


def unseal(data: bytes, name: str, key: bytes, now_ms: int, most_ms: int) -> bytes | None:
    """The value in *data*, if it was sealed with *key* for *name*, and counts at *now_ms* for at most *most_ms* more."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        whole = AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError):
        return None
    (until,) = _HEAD.unpack_from(whole)
    return whole[_HEAD.size :] if now_ms < until <= now_ms + most_ms + _SKEW_MS else None
