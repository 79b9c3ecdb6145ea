"""One announcement, sent to a web address that its operator named, and signed so that the receiver knows who sent it.

The headers are those of the specification Standard Webhooks 1.0.0 ("Webhook headers", "Signature scheme", symmetric): the
signature is HMAC-SHA256 over ``id.timestamp.body``. A message has the same id each time it is sent, so that a receiver that got
it twice can tell.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted
from foundation.egress.question import Answer, Way

PREFIX = "whsec_"
"""Before a secret in base64, as the specification writes one. Any other text is the secret itself."""
LEAST_SECRET = 24
"""Bytes, as the specification asks for."""
SECONDS = 10.0
_MOST_ANSWER = 64 * 1024
_GONE = 410


class Gone(Refused):
    """The receiver wants nothing more."""


class Asks(Protocol):
    """`foundation.egress.question.Way.ask`, or what a test gives for it."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", /) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """``id`` names it, the same each time it is sent; ``body`` is JSON."""

    id: str
    body: bytes


def purpose(name: str) -> Purpose:
    """What the connection to the receiver *name* is for."""
    return Purpose(
        what=f"the address of the receiver {name}",
        form="write it as https://host/path",
        instead="set ARCOPS_TIER=restricted if this machine may reach it",
    )


def permit(tier: Tier, name: str, address: str) -> None:
    """Raise `Refused` if *tier* does not reach *address*, or a secret would be sent in the clear."""
    if permitted(tier, address, purpose(name)).in_the_clear:
        raise Refused(f"the address of the receiver {name} is not encrypted, and others could read and repeat it; use https")


def way(tier: Tier, name: str) -> Way:
    """How the receiver *name* is asked."""
    return Way(tier=tier, purpose=purpose(name), seconds=SECONDS, most=_MOST_ANSWER)


def signed(message: Message, secret: str, at: int) -> dict[str, str]:
    """The headers of *message*, sent at *at* (seconds since 1970). Raises `Refused` for a *secret* that is too short."""
    body = b".".join((message.id.encode(), str(at).encode(), message.body))
    mark = base64.b64encode(hmac.digest(_key(secret), body, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{mark}",
    }


def send(message: Message, address: str, secret: str, at: int, ask: Asks) -> None:
    """Send *message*; it was taken if this returns. Raises `Gone`, or `Unavailable` if it was not taken."""
    try:
        answer = ask("POST", address, signed(message, secret, at), message.body)
    except Unavailable:
        raise
    except ArcOpsError as error:
        raise Unavailable(str(error)) from error
    if answer.status == _GONE:
        raise Gone("it answered 410, so it wants nothing more; remove it, or add it again")
    if not 200 <= answer.status < 300:
        raise Unavailable(f"it answered HTTP {answer.status}, and takes a message only with 200 to 299")


def _key(secret: str) -> bytes:
    key = secret.encode()
    if secret.startswith(PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise Refused(f"the secret begins with {PREFIX} and goes on with what is not base64") from None
    if len(key) < LEAST_SECRET:
        raise Refused(f"the secret has {len(key)} bytes; a receiver's needs at least {LEAST_SECRET}")
    return key
