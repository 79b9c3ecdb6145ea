"""Bearer tokens: who calls, and what they may do, as signed by an issuer whose keys are known.

JSON Web Tokens (RFC 7519, RFC 9068) with asymmetric algorithms only, bound to one audience (RFC 8707). The keys come from a
file, so that an air-gapped site works without a connection to the issuer, or from the issuer's own discovery document.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidKeyCurveError,
    InvalidKeyIdError,
    InvalidKeyTypeError,
    JoseError,
    UnsupportedAlgorithmError,
    UnsupportedKeyAlgorithmError,
)
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from artifacts.reading import read_file
from foundation.claims import NotAccepted, judge, number, parts
from foundation.identity.accepted import Accepted
from foundation.identity.issuers import Issuer, read_issuers
from foundation.identity.reading import PREFIX, granted_scopes, identity_of
from foundation.issuing import MOST_KEYS, Document, fetched, is_url, key_set, keys_from

__all__ = ["ALGORITHMS", "PREFIX", "Caller", "Issuer", "NotAccepted", "Tokens", "fetched", "read_issuers"]

ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA", "Ed25519")
"""What may sign a token (RFC 7518, section 3.1; RFC 8037, RFC 9864). Never ``none``, and never a shared secret."""
LEEWAY_SECONDS = 30
_log = logging.getLogger(__name__)
KEYS_FRESH_SECONDS = 600.0
"""How long keys count after they were read, also if the issuer says that they stay fresh for longer: one may be withdrawn."""
_ASK_AGAIN_SECONDS = 30.0
_UNSIGNED = ("the token is not signed by a key of the issuer", "the token's signature is not by the issuer's key of this name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls. ``scopes`` are bare words such as ``read``; ``name`` is unique within the ``issuer``."""

    name: str
    scopes: frozenset[str]
    issuer: str = ""

    @property
    def id(self) -> str:
        """A string that is unique to this caller among all issuers; empty for the user of this machine."""
        return f"{self.name}@{self.issuer}" if self.issuer else self.name


@dataclass(slots=True, kw_only=True)
class Tokens:
    """Checks tokens of one issuer. ``now`` is in seconds since 1970; ``fetch`` gets a URL's bytes, if the tier reaches it.

    ``kept`` gives the issuer's keys instead, if someone else gets them and keeps them new. It raises `Unavailable`.
    """

    issuer: Issuer
    now: Callable[[], float]
    fetch: Callable[[str, Tier], bytes]
    kept: Callable[[], bytes] | None = None
    _keys: KeySet | None = None
    _version: bytes = b""
    _read_at: float = 0.0
    _fresh_for: float = KEYS_FRESH_SECONDS
    _failed: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def caller(self, token: str) -> Caller:
        """The caller that *token* names. Raises `NotAccepted` with the reason, and `Unavailable` if the keys cannot be read."""
        claims = self.claims(token)
        return Caller(name=str(claims["sub"]), scopes=granted_scopes(claims), issuer=self.issuer.name)

    def accepted(self, token: str, also: str = "") -> Accepted:
        """Who *token* names, and until when it counts. It may be for the audience *also* instead. Raises as `caller`."""
        return accepted(self.claims(token, also))

    def key_version(self) -> bytes:
        """A digest of the issuer's keys as they are now; they are read again if that is due. Raises `Unavailable`."""
        self._key_set(fresh=False)
        return self._version

    def fresh_version(self) -> bytes | None:
        """The same without waiting for anyone; ``None`` if the keys have to be read again first, or are being read now."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            fresh = self._keys is not None and self._failed is None and 0 <= self.now() - self._read_at <= self._fresh_for
            return self._version if fresh else None
        finally:
            self._lock.release()

    def claims(self, token: str, also: str = "") -> dict[str, Any]:
        """The claims of *token*, all checked. It may be for the audience *also* instead. Raises as `caller`."""
        parts(token, self.issuer.type)  # before any key is read, so that text that is not a token costs nothing
        claims = self.signed_claims(token)
        try:
            fits(claims, self.issuer, self.now(), also)
        except NotAccepted as error:
            error.caller = _named(claims, self.issuer)
            raise
        return claims

    def signed_claims(self, token: str) -> dict[str, Any]:
        """The claims of *token*, of which only the signature is checked. Raises as `caller`."""
        for fresh in (False, True):
            try:
                return dict(jwt.decode(token, self._key_set(fresh=fresh), registry=ANY_HEADER).claims)
            except (InvalidKeyIdError, BadSignatureError) as error:
                # The issuer may have new keys, also under an old name; ask for them again, but at most once in half a minute.
                if fresh or 0 <= self.now() - self._read_at < _ASK_AGAIN_SECONDS:
                    raise NotAccepted(_UNSIGNED[isinstance(error, BadSignatureError)]) from error
            except (
                UnsupportedAlgorithmError,
                UnsupportedKeyAlgorithmError,
                InvalidKeyTypeError,
                InvalidKeyCurveError,
            ) as error:
                raise NotAccepted("the token's algorithm is not allowed here, or is not that of the issuer's key") from error
            except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
                raise NotAccepted(f"the token cannot be read ({type(error).__name__}); get a new one") from error
        raise AssertionError("the second try returns or raises")

    def _key_set(self, *, fresh: bool) -> KeySet:
        with self._lock:
            age = self.now() - self._read_at
            lately = 0 <= age < _ASK_AGAIN_SECONDS  # by another thread, too; a clock that was set back says nothing
            stale = self._keys is None or fresh or not 0 <= age <= self._fresh_for
            if stale and not (lately and (fresh or self._failed is not None)):
                self._read_at, self._failed = self.now(), None
                try:
                    data = self._bytes()
                    self._keys, self._version = key_set(data), hashlib.sha256(data).digest()
                    self._fresh_for = _fresh_for(data)
                except ArcOpsError as error:
                    self._failed = str(error)
            if self._keys is None or self._failed is not None:
                # Withdrawn keys must not stay trusted only because the issuer does not answer.
                self._keys = None
                raise Unavailable(self._failed or "the issuer's keys have not been read yet; try again")
            return self._keys

    def _bytes(self) -> bytes:
        keys, tier = self.issuer.keys, self.issuer.tier
        if self.kept is not None:
            return self.kept()
        if keys and not is_url(keys):
            try:
                return read_file(Path(keys), MOST_KEYS)
            except ArcOpsError as error:  # a caller who shows a token is not told where files are
                _log.warning("the keys of the issuer %s cannot be read: %s", self.issuer.name, error)
                raise Unavailable(
                    "the file of the issuer's keys (ARCOPS_OIDC_JWKS) cannot be read, so no token can be checked; ask the "
                    "operator"
                ) from error
        return keys_from(self.issuer.name, keys, self.fetch, tier)


def _fresh_for(data: bytes) -> float:
    """How long these keys count: as long as their server says, but not so short that each token asks for them, nor too long."""
    said = data.seconds if isinstance(data, Document) else None
    return min(KEYS_FRESH_SECONDS, max(_ASK_AGAIN_SECONDS, said)) if said is not None else KEYS_FRESH_SECONDS


def fits(claims: Mapping[str, Any], issuer: Issuer, now: float, also: str = "") -> None:
    """Raises `NotAccepted` unless *claims* are those of an access token of *issuer* for this audience, or *also*, at *now*.

    RFC 7519, section 4.1, and RFC 9068, section 4; they come from the issuer itself, by its signature or by its answer.
    """
    registry = jwt.JWTClaimsRegistry(
        now=lambda: int(now),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer.name},
        aud={"essential": True, "values": [issuer.audience, also] if also else [issuer.audience]},
        exp={"essential": True},
        sub={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except ExpiredTokenError as error:
        raise NotAccepted("the token has expired; get a new one") from error
    except JoseError as error:
        raise NotAccepted(f"the token is not for this server: {error.description or error.error}") from error
    judge(claims, now=now, leeway=LEEWAY_SECONDS, longest=issuer.longest)


def accepted(claims: Mapping[str, Any]) -> Accepted:
    """Who *claims* name, which fit already, and until when they count. Raises `NotAccepted` if they name no one."""
    id_, said = claims.get("jti"), claims["aud"]
    return Accepted(
        identity=identity_of(claims),
        until=float(claims["exp"]) + LEEWAY_SECONDS,
        issued=number(claims.get("iat")),
        id=id_ if isinstance(id_, str) else "",
        audiences=frozenset((said,) if isinstance(said, str) else said),
    )


def _named(claims: Mapping[str, Any], issuer: Issuer) -> Identity | None:
    """Who *claims* name that *issuer* signed and that are refused for another reason; ``None`` if they name no one."""
    try:
        return identity_of(claims) if claims.get("iss") == issuer.name else None
    except NotAccepted:
        return None


class _Algorithms(JWSRegistry):
    """joserfc's, without its warning on standard error for each EdDSA token; with longer headers, for x5c."""

    max_header_length = 4096

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"{name[:50]} is not allowed")
        return self.algorithms[name]


ANY_HEADER = _Algorithms(algorithms=ALGORITHMS, strict_check_header=False)
"""Which header parameters a token may have is said in `foundation.claims`."""
