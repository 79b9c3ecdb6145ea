"""The claims of a token: is it a bearer access token with a plausible lifetime? Pure; signatures are checked elsewhere.

This covers what joserfc leaves to its caller: ``typ`` (RFC 9068, section 4; RFC 8725, section 3.11), ``cnf`` (RFC 7800),
duplicate members, the longest lifetime, and header parameters that change what is signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from arcops.errors import Refused
from arcops.identity import Identity
from artifacts.envelope import strict_json

ACCESS = "at+jwt"
"""The ``typ`` of an access token (RFC 9068, section 2.1)."""
MOST_SUBJECT = 255
UNTYPED = "-"
"""Stands for no ``typ``: tokens of a cluster's service accounts have none."""
_MOST_TOKEN = 16 * 1024
_FAR = 1e15
NOT_HERE = frozenset(
    (
        "jku", "jwk", "x5u", "crit", "b64", "cty", "zip", "enc", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c", "iss", "sub",
        "aud", "url", "nonce", "ppt", "svt", "trust_chain",
    )
)  # fmt: skip
"""Registered header parameters (IANA, "JSON Web Signature and Encryption Header Parameters") that a token must not have here:
they name a key, nest a token, or change what is signed. One that is not registered is ignored (RFC 7515, section 4)."""
_NOT_ACCESS = {
    "nonce": "an ID token",
    "at_hash": "an ID token",
    "c_hash": "an ID token",
    "s_hash": "an ID token",
    "events": "a logout token, or another report of events",
    "toe": "a report of events",
    "htm": "a proof of possession",
    "htu": "a proof of possession",
}
_BEARER = ("bearer", "at+jwt")
_KINDS = {"token_type": ("bearer", "access_token", "at+jwt"), "token_use": ("access_token", "access")}
"""What an access token is called, if it is called anything: an ID token of Amazon Cognito differs from it by ``token_use``
alone, and an issuer that is asked about tokens says that a refresh token is active, too."""
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_NEVER_ACCESS = frozenset(
    ("id_token", "id+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "oauth-authz-req+jwt", "kb+jwt", "dc+sd-jwt")
)


class NotAccepted(Refused):
    """The token is not accepted. Get a new one. ``caller`` is who it is of, if its issuer says so for sure: for the record."""

    caller: Identity | None = None


def media_type(text: str) -> str:
    """A ``typ`` for comparison: in lower case, without the optional ``application/`` (RFC 7515, 4.1.9)."""
    return text.lower().removeprefix("application/")


def read_type(text: str) -> str:
    """The ``typ`` in ``ARCOPS_OIDC_TYP``; `ACCESS` without one. Raises `Refused` for a type that access tokens never have."""
    found = media_type(text or ACCESS)
    if not _TYPE.fullmatch(found) or found in _NEVER_ACCESS:
        raise Refused(f"ARCOPS_OIDC_TYP is {text[:50]!r}; use at+jwt, or the typ in your issuer's access tokens (JWT)")
    return found


def parts(token: str, kind: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The header and the claims of *token*; its signature is not checked yet. Raises `NotAccepted` if it is not a token.

    *kind* is the required ``typ``, or several with spaces between; `UNTYPED` stands for a token that has none.
    """
    first, second = segments(token)
    header, claims = object_of(first, "header"), object_of(second, "claims")
    if refused := sorted(NOT_HERE & set(header)):
        raise NotAccepted(f"the token's header has the parameter {refused[0]!r}, which is not allowed here")
    said = header.get("typ")
    found = UNTYPED if said is None else media_type(said) if isinstance(said, str) else ""
    if found not in kind.split():
        shown = repr(said[:50]) if isinstance(said, str) else "missing"
        raise NotAccepted(f"the token's typ is {shown}, but access tokens here have {kind} (ARCOPS_OIDC_TYP)")
    return header, claims


def claims_said(token: str) -> dict[str, Any]:
    """The claims of *token*, unchecked. Raises `NotAccepted` if it has none."""
    return object_of(segments(token)[1], "claims")


def issuer_said(token: str) -> str:
    """The ``iss`` that *token* claims, which only says whose keys to check it with. Raises `NotAccepted` without one."""
    said = claims_said(token).get("iss")
    if not isinstance(said, str):
        raise NotAccepted("the token names no issuer (iss)")
    return said


def header_of(token: str) -> dict[str, Any]:
    """The header of *token*, unchecked. Raises `NotAccepted` if it has none."""
    return object_of(segments(token)[0], "header")


def says_itself(token: str) -> bool:
    """Does *token* have the form of a JWS (RFC 7515, section 3.1), so that it names its issuer? Else it is opaque."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return False
    try:
        return isinstance(object_of(pieces[0], "header"), dict)
    except NotAccepted:
        return pieces[0].startswith("eyJ")  # it begins like one, so no one else is asked about it


def segments(token: str) -> tuple[str, str]:
    if len(token) > _MOST_TOKEN:
        raise NotAccepted("the token is too long")
    pieces = token.split(".")
    if len(pieces) != 3 or not all(pieces):
        raise NotAccepted("this is not a signed token")
    return pieces[0], pieces[1]


def judge(claims: Mapping[str, Any], *, now: float, leeway: float, longest: float) -> None:
    """Raises `NotAccepted` if *claims* are not those of a bearer access token, or if it lives longer than *longest* seconds."""
    for name, what in _NOT_ACCESS.items():
        if name in claims:
            raise NotAccepted(f"the token has {name!r}, so it is {what} and not an access token")
    kind = claims.get("typ")  # Keycloak writes Bearer, ID, Refresh, Logout here
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in _BEARER):
        raise NotAccepted("the token's own typ claim says that it is not a bearer access token")
    for name, known in _KINDS.items():
        said = claims.get(name, known[0])
        if not isinstance(said, str) or said.lower() not in known:
            raise NotAccepted(f"the issuer says by {name} that the token is no bearer access token")
    if "cnf" in claims:
        raise NotAccepted("the token is bound to a key or a certificate (cnf), which ArcOps does not check; get a bearer token")
    expires, issued = number(claims.get("exp")), number(claims.get("iat"))
    begun = now + leeway if issued is None else min(issued, now + leeway)
    if expires is None or expires - begun > longest:
        raise NotAccepted(f"the token is valid for more than {longest / 3600:g} hours, the longest allowed (ARCOPS_OIDC_HOURS)")
    subject = claims.get("sub")
    if isinstance(subject, str) and (not subject.isprintable() or len(subject) > MOST_SUBJECT):
        raise NotAccepted(f"the token's sub is longer than {MOST_SUBJECT} characters, or has unprintable ones")


def number(value: object) -> float | None:
    """*value* in seconds; a whole number that is too large for a float counts as infinite, and before or after all others."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < _FAR else float("inf" if value > 0 else "-inf")


def object_of(segment: str, what: str) -> dict[str, Any]:
    try:
        text = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(text).rstrip(b"=").decode() != segment:
            raise NotAccepted(f"the token's {what} are not in canonical base64url")
        found = strict_json(text, f"the token's {what}")
    except (binascii.Error, ValueError) as error:
        raise NotAccepted(f"the token's {what} cannot be read") from error
    except NotAccepted:
        raise
    except Refused as error:
        raise NotAccepted(str(error)) from error
    if not isinstance(found, dict):
        raise NotAccepted(f"the token's {what} are not a JSON object")
    return found
