"""Bearer tokens: who calls, and what they may do, as signed by an issuer whose keys are known.

JSON Web Tokens (RFC 7519, RFC 9068) with asymmetric algorithms only, bound to one audience (RFC 8707). The keys come from a
file, so that an air-gapped site works without a connection to the issuer, or from the issuer's own discovery document.
"""

from __future__ import annotations

import hashlib
import re
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

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from artifacts.reading import read_file
from foundation.claims import ACCESS, NotAccepted, judge, parts, read_type
from foundation.identity.reading import LOCAL, PREFIX, granted_scopes, identity_of
from foundation.issuing import MOST_KEYS, allow, fetched, is_url, key_set, keys_of

__all__ = ["ALGORITHMS", "PREFIX", "Caller", "Issuer", "NotAccepted", "Tokens", "fetched", "read_issuers"]

ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA", "Ed25519")
"""What may sign a token (RFC 7518, section 3.1; RFC 8037, RFC 9864). Never ``none``, and never a shared secret."""
LEEWAY_SECONDS = 30
KEYS_FRESH_SECONDS = 600.0
MOST_HOURS = 30
"""The default longest lifetime of a token: longer than what large issuers give (28 hours), and less than a week."""
_ASK_AGAIN_SECONDS = 30.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The trusted issuer. ``keys`` is a JWKS file, an http URL, or empty for the issuer's own discovery document.

    ``type`` is the ``typ`` of its access tokens; ``longest`` is their longest lifetime in seconds.
    """

    name: str
    audience: str
    keys: str
    tier: Tier
    type: str = ACCESS
    longest: float = MOST_HOURS * 3600.0


def read_issuers(environment: Mapping[str, str], tier: Tier, audience: str) -> tuple[Issuer, ...]:
    """Every issuer that ``ARCOPS_OIDC_ISSUER`` names, with spaces between. The other variables have one value for all of them,
    or as many as there are issuers, in the same order; ``-`` stands for the default. ``ARCOPS_OIDC_JWKS`` is never for all.

    ``_JWKS`` is a file or an address of keys, ``_AUDIENCE`` the audience (by default *audience*), ``_TYP`` the ``typ`` of the
    access tokens, and ``_HOURS`` how long they may live. Raises `Refused` if only a part is set, if keys would come without
    TLS, for hosts that *tier* does not reach, and if an issuer is named twice or a variable has another number of values.
    """
    names = environment.get("ARCOPS_OIDC_ISSUER", "").split()
    if len(names) < 2:
        one = _read_one(environment, tier, audience)
        return (one,) if one is not None else ()
    if len(set(names)) != len(names) or len(names) > _MOST_ISSUERS:
        raise Refused(f"ARCOPS_OIDC_ISSUER names an issuer twice, or more than {_MOST_ISSUERS}; name each once")
    found = []
    for number, name in enumerate(names):
        own = {key: _value(environment, key, number, len(names)) for key in _OF_EACH}
        one = _read_one({**own, "ARCOPS_OIDC_ISSUER": name}, tier, audience)
        found += [one] if one is not None else []
    return tuple(found)


_OF_EACH = ("ARCOPS_OIDC_JWKS", "ARCOPS_OIDC_AUDIENCE", "ARCOPS_OIDC_TYP", "ARCOPS_OIDC_HOURS")
_MOST_ISSUERS = 20


def _value(environment: Mapping[str, str], key: str, number: int, count: int) -> str:
    values = environment.get(key, "").split()
    if len(values) == 1 and key != "ARCOPS_OIDC_JWKS":
        values *= count
    if values and len(values) != count:
        raise Refused(f"{key} has {len(values)} values for {count} issuers; give one for each, with - for the default")
    return "" if not values or values[number] == "-" else values[number]


def _read_one(environment: Mapping[str, str], tier: Tier, audience: str) -> Issuer | None:
    name, keys = environment.get("ARCOPS_OIDC_ISSUER", ""), environment.get("ARCOPS_OIDC_JWKS", "")
    audience = environment.get("ARCOPS_OIDC_AUDIENCE", "") or audience
    if not name:
        if keys:
            raise Refused("ARCOPS_OIDC_JWKS is set without ARCOPS_OIDC_ISSUER; set the issuer, too")
        return None
    if name == LOCAL:
        raise Refused(f"ARCOPS_OIDC_ISSUER is {name!r}, which is the issuer of this place's own API keys; use its real name")
    if not audience:
        raise Refused("ARCOPS_OIDC_ISSUER is set without an audience; set ARCOPS_OIDC_AUDIENCE or ARCOPS_PUBLIC_URL")
    for what, url in (("ARCOPS_OIDC_JWKS", keys), ("ARCOPS_OIDC_ISSUER", "" if keys else name)):
        if url and is_url(url):
            allow(what, url, tier)
        elif url and what == "ARCOPS_OIDC_ISSUER":
            raise Refused(
                f"{what} is {url[:200]!r}, which is not a URL, so its keys cannot be found; set ARCOPS_OIDC_JWKS to a file"
            )
    kind = read_type(environment.get("ARCOPS_OIDC_TYP", ""))
    return Issuer(name=name, audience=audience, keys=keys, tier=tier, type=kind, longest=_seconds(environment))


def _seconds(environment: Mapping[str, str]) -> float:
    text = environment.get("ARCOPS_OIDC_HOURS", "") or str(MOST_HOURS)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII):
        raise Refused(f"ARCOPS_OIDC_HOURS is {text[:50]!r}; use a whole number of hours from 1 to 9999")
    return int(text) * 3600.0


@dataclass(slots=True, kw_only=True)
class Tokens:
    """Checks tokens of one issuer. ``now`` is in seconds since 1970; ``fetch`` gets a URL's bytes, if the tier reaches it."""

    issuer: Issuer
    now: Callable[[], float]
    fetch: Callable[[str, Tier], bytes]
    _keys: KeySet | None = None
    _version: bytes = b""
    _read_at: float = 0.0
    _failed: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def caller(self, token: str) -> Caller:
        """The caller that *token* names. Raises `NotAccepted` with the reason, and `Unavailable` if the keys cannot be read."""
        claims = self.claims(token)
        return Caller(name=str(claims["sub"]), scopes=granted_scopes(claims), issuer=self.issuer.name)

    def identity(self, token: str) -> tuple[Identity, float]:
        """Who *token* names, and until when it counts, in seconds since 1970. Raises as `caller`."""
        claims = self.claims(token)
        return identity_of(claims), float(claims["exp"]) + LEEWAY_SECONDS

    def key_version(self) -> bytes:
        """A digest of the issuer's keys as they are now; they are read again if that is due. Raises `Unavailable`."""
        self._key_set(fresh=False)
        return self._version

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of *token*, all checked. Raises as `caller`."""
        parts(token, self.issuer.type)  # before any key is read, so that text that is not a token costs nothing
        claims = self._claims(token)
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self.now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer.name},
            aud={"essential": True, "value": self.issuer.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise NotAccepted("the token has expired; get a new one") from error
        except JoseError as error:
            raise NotAccepted(f"the token is not for this server: {error.description or error.error}") from error
        judge(claims, now=self.now(), leeway=LEEWAY_SECONDS, longest=self.issuer.longest)
        return claims

    def _claims(self, token: str) -> dict[str, Any]:
        for fresh in (False, True):
            try:
                return dict(jwt.decode(token, self._key_set(fresh=fresh), registry=_ANY_HEADER).claims)
            except InvalidKeyIdError as error:
                # The issuer may have new keys; ask for them again, but at most once in half a minute.
                if fresh or self.now() - self._read_at < _ASK_AGAIN_SECONDS:
                    raise NotAccepted("the token is not signed by a key of the issuer") from error
            except BadSignatureError as error:
                raise NotAccepted("the token's signature is not by the issuer's key of this name") from error
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
            stale = self._keys is None or fresh or self.now() - self._read_at > KEYS_FRESH_SECONDS
            if stale and (self._failed is None or self.now() - self._read_at > _ASK_AGAIN_SECONDS):
                self._read_at, self._failed = self.now(), None
                try:
                    data = self._bytes()
                    self._keys, self._version = key_set(data), hashlib.sha256(data).digest()
                except ArcOpsError as error:
                    self._failed = str(error)
            if self._keys is None or self._failed is not None:
                # Withdrawn keys must not stay trusted only because the issuer does not answer.
                self._keys = None
                raise Unavailable(self._failed or "the issuer's keys have not been read yet; try again")
            return self._keys

    def _bytes(self) -> bytes:
        keys, tier = self.issuer.keys, self.issuer.tier
        if keys and not is_url(keys):
            return read_file(Path(keys), MOST_KEYS)
        if not keys:
            document = self.fetch(f"{self.issuer.name.rstrip('/')}/.well-known/openid-configuration", tier)
            keys = keys_of(self.issuer.name, document, tier)
        return self.fetch(keys, tier)


class _Algorithms(JWSRegistry):
    """joserfc's, without its warning on standard error for each EdDSA token; with longer headers, for x5c."""

    max_header_length = 4096

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(f"{name[:50]} is not allowed")
        return self.algorithms[name]


_ANY_HEADER = _Algorithms(algorithms=ALGORITHMS, strict_check_header=False)
"""Which header parameters a token may have is said in `foundation.claims`."""
