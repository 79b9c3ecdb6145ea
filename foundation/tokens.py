"""Bearer tokens: who calls, and what they may do, by the word of one issuer whose keys are known.

JSON Web Tokens (RFC 7519, RFC 9068) with asymmetric algorithms only, bound to one audience (RFC 8707). The keys come from a
file, so that an air-gapped site needs no issuer within reach, or from the issuer's own discovery document.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from artifacts.reading import read_file
from foundation.settings import is_loopback

ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA")
"""What may sign a token (RFC 7518, section 3.1; RFC 8037). Never ``none``, and never a shared secret."""
PREFIX = "arcops:"
LEEWAY_SECONDS = 30
KEYS_FRESH_SECONDS = 600.0
_ASK_AGAIN_SECONDS = 30.0
_MOST_TOKEN = 16 * 1024
_MOST_KEYS = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls. ``scopes`` are bare words such as ``read``; ``name`` is unique within the issuer."""

    name: str
    scopes: frozenset[str]


class NotAccepted(Refused):
    """The token says nothing that can be relied on. Get a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are believed. ``keys`` is a JWKS file, an http URL, or empty for the issuer's own discovery document."""

    name: str
    audience: str
    keys: str
    tier: Tier


def read_issuer(environment: Mapping[str, str], tier: Tier, audience: str) -> Issuer | None:
    """The issuer that ``ARCOPS_OIDC_ISSUER``, ``_AUDIENCE`` and ``_JWKS`` name, or nothing. *audience* is used where none is.

    Raises `Refused` for half of one, for keys that would come in the clear, and for hosts that *tier* does not reach.
    """
    name, keys = environment.get("ARCOPS_OIDC_ISSUER", ""), environment.get("ARCOPS_OIDC_JWKS", "")
    audience = environment.get("ARCOPS_OIDC_AUDIENCE", "") or audience
    if not name:
        if keys:
            raise Refused("ARCOPS_OIDC_JWKS is set without ARCOPS_OIDC_ISSUER; say whose keys they are")
        return None
    if not audience:
        raise Refused("ARCOPS_OIDC_ISSUER is set without an audience; set ARCOPS_OIDC_AUDIENCE or ARCOPS_PUBLIC_URL")
    for what, url in (("ARCOPS_OIDC_JWKS", keys), ("ARCOPS_OIDC_ISSUER", "" if keys else name)):
        if url and _is_url(url):
            _allow(what, url, tier)
        elif url and what == "ARCOPS_OIDC_ISSUER":
            raise Refused(
                f"{what} is {url[:200]!r}, which is no URL, so its keys cannot be found; set ARCOPS_OIDC_JWKS to a file"
            )
    return Issuer(name=name, audience=audience, keys=keys, tier=tier)


@dataclass(slots=True, kw_only=True)
class Tokens:
    """Checks tokens of one issuer. ``now`` is in seconds since 1970; ``fetch`` gets a URL's bytes."""

    issuer: Issuer
    now: Callable[[], float]
    fetch: Callable[[str], bytes]
    _keys: KeySet | None = None
    _read_at: float = 0.0
    _failed: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def caller(self, token: str) -> Caller:
        """Who *token* speaks for. Raises `NotAccepted` with the reason, and `Unavailable` where the keys cannot be had."""
        if len(token) > _MOST_TOKEN:
            raise NotAccepted("the token is longer than any that is believed")
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
            raise NotAccepted(f"the token is not for here: {error.description or error.error}") from error
        return Caller(name=str(claims["sub"])[:256], scopes=_scopes(claims))

    def _claims(self, token: str) -> dict[str, Any]:
        for fresh in (False, True):
            try:
                return dict(jwt.decode(token, self._key_set(fresh=fresh), algorithms=ALGORITHMS).claims)
            except InvalidKeyIdError as error:
                # Perhaps the issuer has new keys; a second look is not worth more than one question every half minute.
                if fresh or self.now() - self._read_at < _ASK_AGAIN_SECONDS:
                    raise NotAccepted("the token is signed by no key of the issuer") from error
            except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
                raise NotAccepted("the token's signature is not the issuer's, or it is no token") from error
        raise AssertionError("the second look returns or raises")

    def _key_set(self, *, fresh: bool) -> KeySet:
        with self._lock:
            stale = self._keys is None or fresh or self.now() - self._read_at > KEYS_FRESH_SECONDS
            if stale and (self._failed is None or self.now() - self._read_at > _ASK_AGAIN_SECONDS):
                self._read_at, self._failed = self.now(), None
                try:
                    self._keys = _key_set(self._bytes())
                except ArcOpsError as error:
                    self._failed = str(error)
            if self._keys is None or self._failed is not None:
                # Keys that were withdrawn meanwhile must not be believed because nobody answers any more.
                self._keys = None
                raise Unavailable(self._failed or "the issuer's keys are not here yet")
            return self._keys

    def _bytes(self) -> bytes:
        keys = self.issuer.keys
        if keys and not _is_url(keys):
            return read_file(Path(keys), _MOST_KEYS)
        if not keys:
            found = _object(self.fetch(f"{self.issuer.name.rstrip('/')}/.well-known/openid-configuration"))
            if found.get("issuer") != self.issuer.name:
                raise Unavailable("the issuer's discovery document names another issuer, so its keys are not used")
            keys = str(found.get("jwks_uri", ""))
            _allow("the issuer's jwks_uri", keys, self.issuer.tier)
        return self.fetch(keys)


def fetched(url: str) -> bytes:
    """The bytes at *url*. Raises `Unavailable`. No redirect is followed: keys come from where they were said to be."""
    import httpx2

    try:
        with httpx2.stream("GET", url, timeout=10.0, trust_env=not is_loopback(urlsplit(url).hostname or "")) as response:
            if response.status_code != 200:
                raise Unavailable(f"{url[:200]} answers {response.status_code}, so no token can be checked")
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > _MOST_KEYS:
                    raise Unavailable(f"{url[:200]} answers with more than {_MOST_KEYS} bytes, so no token can be checked")
            return body
    except httpx2.HTTPError as error:
        raise Unavailable(f"{url[:200]} does not answer ({type(error).__name__}), so no token can be checked") from error


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """The scopes granted: ``scope`` (RFC 9068), ``scp`` (Entra) and ``roles`` (Entra, for applications)."""
    words: list[str] = []
    for name in ("scope", "scp", "roles"):
        value = claims.get(name, ())
        words += (
            value.split()
            if isinstance(value, str)
            else [one for one in value if isinstance(one, str)]
            if isinstance(value, list)
            else []
        )
    return frozenset(word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX))


def _key_set(text: bytes) -> KeySet:
    found = _object(text)
    keys = found.get("keys")
    asymmetric = (
        [key for key in keys if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")]
        if isinstance(keys, list)
        else []
    )
    if not asymmetric:
        raise Unavailable("the issuer's key set holds no public key, so no token can be checked")
    try:
        return KeySet.import_key_set({"keys": asymmetric})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"the issuer's key set cannot be read, so no token can be checked: {error}") from error


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unavailable("the issuer's document is no JSON, so no token can be checked") from error
    if not isinstance(found, dict):
        raise Unavailable("the issuer's document is no JSON object, so no token can be checked")
    return found


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _allow(what: str, url: str, tier: Tier) -> None:
    host = urlsplit(url).hostname or ""
    if is_loopback(host):
        return
    if not url.startswith("https://"):
        raise Refused(f"{what} is {url[:200]!r}; keys that come in the clear could be anybody's: use https, or a file")
    if tier is Tier.AIR_GAPPED:
        raise Refused(
            f"{what} names the host {host[:200]}, which the tier air-gapped does not reach; set ARCOPS_OIDC_JWKS to a file"
        )
