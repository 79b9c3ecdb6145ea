"""Who calls, by whatever they show: a token of one of several issuers, or an API key of this place.

What was accepted is remembered by its SHA-256, because checking a signature costs more than most calls. It counts until the
token ends, until its issuer's keys change or cannot be read, or until it is revoked here. API keys are looked up each time. A
token that says nothing itself is opaque: the one introspecting issuer is asked about it (`foundation.identity.asking`).
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from arcops.errors import Broken, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.claims import NotAccepted, issuer_said, says_itself
from foundation.identity.accepted import Accepted, who
from foundation.identity.asking import Asked
from foundation.identity.equal_texts import equal_digests
from foundation.identity.introspecting import CLIENTS, Introspection, Post, refuse_unlike
from foundation.identity.issuers import Issuer, introspecting
from foundation.identity.reviewing import Post as ReviewPost
from foundation.identity.reviewing import Review, poster, refuse_unready
from foundation.identity.withdrawn import Withdrawn
from foundation.issuing import posted
from foundation.secrets import referred
from foundation.tokens import Caller, Tokens, read_issuers

KEY_PREFIX = "arcops_"
MOST_REMEMBERED = 4096
_NOTHING = Withdrawn()
_MOST_SECRET = 16 * 1024


class Revocations(Protocol):
    """What was revoked here."""

    def refuse(self, shown: Accepted, digests: Iterable[bytes]) -> None:
        """Raise `NotAccepted` if *shown* was revoked, whose text has one of *digests*; `Unavailable` if that is not known."""

    def known(self) -> Withdrawn | None:
        """What was revoked, if that is known without waiting for anyone."""


class Keys(Protocol):
    """API keys."""

    def caller(self, secret: str, now: datetime) -> Identity:
        """Who *secret* is the key of, at *now*. Raises `NotAccepted`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """``version`` is of the issuer's keys, ``at`` in seconds since 1970; ``digests`` are those of `equal_digests`."""

    accepted: Accepted
    digests: tuple[bytes, ...]
    tokens: Tokens
    version: bytes
    at: float

    def counts(self, now: float, also: str) -> bool:
        """Does it count at *now*, for this place's audience or *also*?"""
        return self.at <= now < self.accepted.until and not self.accepted.audiences.isdisjoint(
            (self.tokens.issuer.audience, also)
        )


def caller_of(identity: Identity) -> Caller:
    """*identity* as the `Caller` that doors pass on; its name is the id that the issuer gives.

    A client that acts for no one is told from a person whose ``sub`` is the client's id.
    """
    issuer = f"{CLIENTS}:{identity.issuer}" if identity.tenant == CLIENTS else identity.issuer
    return Caller(name=identity.id, scopes=identity.scopes, issuer=issuer)


def read_accepting(
    environment: Mapping[str, str],
    tier: Tier,
    audience: str,
    *,
    now: Callable[[], float],
    fetch: Callable[[str, Tier], bytes],
    keys: Keys | None = None,
    post: Post = posted,
    review: ReviewPost | None = None,
) -> Accepting:
    """What accepts the tokens of the issuers in *environment*, and *keys*. *audience* is the default one.

    Raises as `read_issuers`, and `Refused` if a secret that is referred to is not there.
    """
    issuers = read_issuers(environment, tier, audience)
    opaque, asking = None, introspecting(issuers)
    if asking is not None and asking.introspected is not None:
        reference = asking.introspected.secret

        def secret() -> str:
            """Read for each question, so that one that was replaced counts without a restart."""
            return referred(environment, reference, "secret of ARCOPS_OIDC_INTROSPECTION_SECRET")

        with suppress(Unavailable):
            secret()
        by_keys = Tokens(issuer=asking, now=now, fetch=fetch).signed_claims
        ask = Introspection(issuer=asking, secret=secret, now=now, fetch=fetch, post=post, checked=by_keys)
        opaque = Asked(issuer=asking, ask=ask, before=refuse_unlike, now=now)
    for one in issuers:
        if one.reviewed is not None and review is None:
            refuse_unready(one.reviewed, tier, environment)
    reviews = review or poster(environment)

    def checked(issuer: Issuer) -> Tokens | Asked:
        if issuer.reviewed is None:
            return Tokens(issuer=issuer, now=now, fetch=fetch)
        asks = Review(issuer=issuer, now=now, post=reviews)
        return Asked(issuer=issuer, ask=asks, before=asks.refuse_unfit, now=now)

    tokens = [checked(one) for one in issuers]
    return Accepting(tokens=tokens, now=now, keys=keys, opaque=opaque)


@dataclass(slots=True, kw_only=True)
class Accepting:
    """Accepts tokens of the issuers of ``tokens``, which are checked by keys or asked about, and ``keys`` if there are any.

    ``now`` is in seconds since 1970. ``opaque`` is asked about tokens that do not name their issuer. What ``revoked`` names is
    not accepted.
    """

    tokens: Sequence[Tokens | Asked]
    now: Callable[[], float]
    keys: Keys | None = None
    opaque: Asked | None = None
    revoked: Revocations | None = None
    most: int = MOST_REMEMBERED
    _remembered: OrderedDict[bytes, _Remembered] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if len({one.issuer.name for one in self.tokens}) != len(self.tokens):
            raise Broken("an issuer is given twice, so it is not clear whose keys count")

    def identity(self, secret: str, also: str = "") -> Identity:
        """Who shows *secret*. A token that says itself what it is for may be for the audience *also* instead.

        Raises `NotAccepted` with the reason; `Unavailable` if keys or the database cannot be read.
        """
        if secret.startswith(KEY_PREFIX):
            if self.keys is None:
                raise NotAccepted(
                    "no API key is accepted here: the operator has to name an issuer of tokens, or in ARCOPS_ROOTS the folders "
                    "that callers may name"
                )
            identity = self.keys.caller(secret, datetime.fromtimestamp(self.now(), UTC))
            return self._counts(Accepted(identity=identity, until=math.inf), (hashlib.sha256(secret.encode()).digest(),))
        if len(secret) > _MOST_SECRET or not secret.isascii():
            raise NotAccepted("the token is too long, or is not plain text")
        return self._counts(*self._accepted(secret, also))

    def at_hand(self, secret: str, also: str = "") -> Identity | None:
        """As `identity`, from memory alone, so that it may be asked in an event loop; ``None`` if someone has to be asked.

        Raises `NotAccepted` for what was revoked here, or what its issuer refused a moment ago.
        """
        if secret.startswith(KEY_PREFIX) or len(secret) > _MOST_SECRET or not secret.isascii():
            return None
        withdrawn = self.revoked.known() if self.revoked is not None else _NOTHING
        if withdrawn is None:
            return None
        digest, now = hashlib.sha256(secret.encode()).digest(), self.now()
        with self._lock:
            known = self._remembered.get(digest)
            if known is not None:
                self._remembered.move_to_end(digest)
        if known is not None:
            fresh = known.counts(now, also) and known.tokens.fresh_version() == known.version
            found, digests = (known.accepted, known.digests) if fresh else (None, ())
        else:
            opaque = self.opaque if self.opaque is not None and not says_itself(secret) else None
            found, digests = (opaque.said(digest) if opaque is not None else None), (digest,)
        if found is None:
            return None
        withdrawn.refuse(found, digests)
        return found.identity

    def caller(self, secret: str) -> Caller:
        """The same as the `Caller` that doors pass on."""
        return caller_of(self.identity(secret))

    def forget(self, identity: Identity | None = None) -> int:
        """Check everything that was accepted again when it is shown next, or only what *identity* showed. How much was it?"""
        with self._lock:
            gone = [
                digest
                for digest, one in self._remembered.items()
                if identity is None or who(one.accepted.identity) == who(identity)
            ]
            for digest in gone:
                del self._remembered[digest]
        asked = [one for one in (*self.tokens, self.opaque) if isinstance(one, Asked)]
        return len(gone) + sum(one.forget(identity) for one in asked)

    def _counts(self, shown: Accepted, digests: tuple[bytes, ...]) -> Identity:
        """Also if it was accepted before: it may have been revoked since."""
        if self.revoked is not None:
            self.revoked.refuse(shown, digests)
        return shown.identity

    def _accepted(self, token: str, also: str) -> tuple[Accepted, tuple[bytes, ...]]:
        digest, now = hashlib.sha256(token.encode()).digest(), self.now()
        with self._lock:
            known = self._remembered.get(digest)
        if known is not None:
            if known.counts(now, also) and known.tokens.key_version() == known.version:
                with self._lock:
                    if digest in self._remembered:
                        self._remembered.move_to_end(digest)
                        return known.accepted, known.digests
            self._forget(digest)
        if self.opaque is not None and not says_itself(token):
            return self.opaque.accepted(token, digest), (digest,)
        return self._check(token, digest, now, also)

    def _check(self, token: str, digest: bytes, now: float, also: str) -> tuple[Accepted, tuple[bytes, ...]]:
        said = issuer_said(token)
        tokens = next((one for one in self.tokens if one.issuer.name == said), None)
        if tokens is None:
            raise NotAccepted("the token is of an issuer that is not known here")
        if isinstance(tokens, Asked):
            return tokens.accepted(token, digest), equal_digests(token)
        version = tokens.key_version()  # before, so that keys that change meanwhile are noticed
        found = tokens.accepted(token, also)
        digests = equal_digests(token)
        with self._lock:
            self._remembered[digest] = _Remembered(accepted=found, digests=digests, tokens=tokens, version=version, at=now)
            while len(self._remembered) > self.most:
                self._remembered.popitem(last=False)
        return found, digests

    def _forget(self, digest: bytes) -> None:
        with self._lock:
            self._remembered.pop(digest, None)
