"""The identity in the claims of a token whose signature and lifetime were checked already. Pure.

For Microsoft Entra ID it is the object id in its tenant: ``sub`` differs for each application there, and an e-mail address or a
user name can be given to someone else (Microsoft identity platform, "Access token claims reference"). For other providers it is
the issuer and ``sub``, which OpenID Connect Core 1.0, section 5.7 calls the only claims that name a user reliably.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arcops.identity import Identity
from arcops.late_pattern import late
from foundation.claims import MOST_SUBJECT, NotAccepted

PREFIX = "arcops:"
"""What a scope of ArcOps begins with in a token."""
LOCAL = "arcops"
"""The issuer of this place's own API keys. No issuer of tokens may have this name."""
_MOST_WORDS = 500
_MOST_WORD = 255
_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_IS_GUID = late(_GUID)
_ENTRA_HOSTS = late(
    r"https?://(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|login\.chinacloudapi\.cn"
    r"|login\.microsoft\.com|login\.windows\.net|sts\.windows\.net|sts\.chinacloudapi\.cn|sts\.microsoftonline\.us"
    r"|[a-z0-9-]+\.ciamlogin\.com)\.?(?:[:/?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
_ENTRA_V2 = late(
    rf"https://(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|[a-z0-9-]+\.ciamlogin\.com)/({_GUID})/v2\.0"
)
_ENTRA_V1 = late(rf"https://sts\.(?:windows\.net|chinacloudapi\.cn|microsoftonline\.us)/({_GUID})/")


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """Who the caller with *claims* is. Raises `NotAccepted` if a claim that names them is missing or of another form.

    A token of Entra has ``tid`` and ``oid``, its ``iss`` has exactly that tenant, and its ``ver`` fits the form of ``iss``.
    Another issuer's has ``iss`` and ``sub``; its tenant is empty, whatever it calls a tenant.
    """
    issuer = _text(claims, "iss")
    scopes, roles = granted_scopes(claims), granted_roles(claims)
    acr, amr = proven(claims)
    if _ENTRA_HOSTS.fullmatch(issuer) is None:
        name = _text(claims, "sub")
        return Identity(issuer=issuer, tenant="", id=name, scopes=scopes, roles=roles, acr=acr, amr=amr)
    version, named = _entra(issuer)
    tenant, id_ = _guid(claims, "tid"), _guid(claims, "oid")
    if tenant != named:
        raise NotAccepted("the token's iss names another tenant than its tid; get a new one")
    if claims.get("ver") != version:
        raise NotAccepted(f"the token's ver is not {version}, as its iss says; get a new one")
    return Identity(issuer=issuer, tenant=tenant, id=id_, scopes=scopes, roles=roles, acr=acr, amr=amr)


def entra(issuer: str) -> bool:
    """Is *issuer* one of Microsoft Entra ID?"""
    return _ENTRA_HOSTS.fullmatch(issuer) is not None


def granted_scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """The scopes granted: ``scope`` (RFC 9068), ``scp`` (Entra) and ``roles`` (Entra, for applications), without `PREFIX`."""
    words = [word for name in ("scope", "scp", "roles") for word in _words(claims.get(name, ()))]
    return frozenset(word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX))


def granted_roles(claims: Mapping[str, Any]) -> frozenset[str]:
    """The roles granted: ``roles`` (RFC 9068, section 2.2.3.1, and Entra), as the issuer writes them."""
    value = claims.get("roles", ())
    return frozenset(_words(value)) if isinstance(value, list) else frozenset()


def proven(claims: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """How the person proved who they are: ``acr`` and ``amr`` (OpenID Connect Core 1.0, section 2; RFC 9068, section 2.2.1)."""
    acr, amr = claims.get("acr"), claims.get("amr")
    said = acr if isinstance(acr, str) and 0 < len(acr) <= _MOST_WORD and acr.isprintable() else ""
    return said, frozenset(_words(amr)) if isinstance(amr, list) else frozenset()


def _words(value: object) -> list[str]:
    """The words of a scope, which only a space parts (RFC 6749, section 3.3), or of a list."""
    words = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
    return [one for one in words[:_MOST_WORDS] if isinstance(one, str) and 0 < len(one) <= _MOST_WORD and one.isprintable()]


def _entra(issuer: str) -> tuple[str, str]:
    """The version of tokens and the tenant that an issuer of Entra names."""
    for version, form in (("2.0", _ENTRA_V2), ("1.0", _ENTRA_V1)):
        if found := form.fullmatch(issuer):
            return version, found[1]
    raise NotAccepted(
        "the token's iss is at Microsoft Entra ID, but does not name one tenant by its id; get one of your tenant"
    )


def _guid(claims: Mapping[str, Any], name: str) -> str:
    value = _text(claims, name)
    if not _IS_GUID.fullmatch(value):
        raise NotAccepted(f"the token's {name} is not an id of Microsoft Entra ID; get a new one")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value or value != value.strip():
        raise NotAccepted(f"the token has no {name} that names its caller; get a new one")
    if len(value) > MOST_SUBJECT or not value.isprintable():
        raise NotAccepted(f"the token's {name} is longer than {MOST_SUBJECT} characters, or has unprintable ones")
    return value
