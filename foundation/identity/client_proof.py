"""How this server proves at an issuer that it is its client, if its secret there is a private key: ``private_key_jwt``.

RFC 7523, section 2.2 and 3; OpenID Connect Core 1.0, section 9. The key stays here: each question has a statement of its own,
signed, for this issuer alone, which counts for a minute.
"""

from __future__ import annotations

import json
import secrets
import warnings
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from arcops.errors import Refused
from artifacts.weak_keys import LEAST_RSA_BITS, MOST_RSA_BITS
from foundation.identity.reading import entra
from foundation.tokens import ANY_HEADER

METHOD = "private_key_jwt"
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SECONDS = 60
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}


def is_key(secret: str) -> bool:
    """Is *secret* a private key, or meant as one? Then it is never sent, whatever else is wrong with it."""
    return "PRIVATE KEY" in secret or secret.lstrip().startswith("{")


def proof(client: str, issuer: str, endpoint: str, secret: str, now: float, what: str) -> Mapping[str, str]:
    """The parameters of a form that prove that *client* asks, signed by the key in *secret*, at *now* in seconds since 1970.

    They are for *issuer*; Microsoft Entra ID wants the *endpoint* named instead. Raises `Refused`, calling the key *what*.
    """
    key, algorithm = _key(secret, what)
    claims = {
        "iss": client,
        "sub": client,
        "aud": endpoint if entra(issuer) else issuer,
        "jti": secrets.token_urlsafe(24),
        "iat": int(now),
        "exp": int(now) + SECONDS,
    }
    header = {"alg": algorithm, "kid": key.kid or key.thumbprint()}
    said = jwt.encode(header, claims, key, registry=ANY_HEADER)
    return {"client_id": client, "client_assertion_type": KIND, "client_assertion": said}


def _key(secret: str, what: str) -> tuple[Any, str]:
    """The key, and the algorithm that it signs with. No error says anything of the key itself."""
    found: Any = None
    try:
        value: Any = json.loads(secret) if secret.lstrip().startswith("{") else secret.encode()
        for kind in (RSAKey, ECKey, OKPKey):
            try:
                if not isinstance(value, dict) or value.get("kty") == kind.key_type:
                    found = _imported(kind, value)
                    break
            except (JoseError, ValueError, TypeError, KeyError):
                continue
        if found is None or not found.is_private:
            raise ValueError
        algorithm = _algorithm(found)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise Refused(
            f"the {what} is no private key that can be used here; make one of RSA ({LEAST_RSA_BITS} bits or more), P-256, "
            "P-384, P-521 or Ed25519, unencrypted, as PEM (PKCS #8) or as a JWK"
        ) from None
    return found, algorithm


def _imported(kind: Any, value: object) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # joserfc only warns of a key that is too short
        try:
            return kind.import_key(value)
        except Warning as error:
            raise ValueError from error


def _algorithm(key: Any) -> str:
    if isinstance(key, RSAKey):
        if not LEAST_RSA_BITS <= key.raw_value.key_size <= MOST_RSA_BITS:
            raise ValueError
        said = key.as_dict(private=False).get("alg", "RS256")
        if said not in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
            raise ValueError
        return str(said)
    return _CURVES[str(key.curve_name)]
