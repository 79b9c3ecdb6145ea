"""The issuers that the operator trusts, and how what they give is checked, read from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.claims import ACCESS, read_type
from foundation.egress.permission import permit_unread
from foundation.identity.reading import LOCAL
from foundation.issuing import allow, is_url

MOST_HOURS = 30
"""The default longest lifetime of a token: longer than what large issuers give (28 hours), and less than a week."""
INTROSPECTION_SECONDS = 60
"""How long an answer of the issuer about an opaque token counts by default: so late a token that it withdrew is noticed."""
_MOST_INTROSPECTION_SECONDS = 600
_MOST_ISSUERS = 20
IN_CLUSTER = "in-cluster"
_OF_ONE = ("ARCOPS_OIDC_JWKS", "ARCOPS_OIDC_INTROSPECTION", "ARCOPS_OIDC_REVIEW")
_OF_INTROSPECTION = tuple(f"ARCOPS_OIDC_INTROSPECTION_{name}" for name in ("CLIENT", "SECRET", "SECONDS", "SIGNED"))
_OF_REVIEW = ("ARCOPS_OIDC_REVIEW_TOKEN", "ARCOPS_OIDC_REVIEW_AUTHORITY")
_OF_EACH = (*_OF_ONE, *_OF_INTROSPECTION, *_OF_REVIEW, "ARCOPS_OIDC_AUDIENCE", "ARCOPS_OIDC_TYP", "ARCOPS_OIDC_HOURS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspected:
    """The issuer is asked about its opaque tokens (RFC 7662).

    ``endpoint`` is empty for that of the issuer's discovery document. ``client`` and the secret at the reference ``secret`` are
    what ArcOps is known by there. ``seconds`` is how long an answer counts at most. ``signed`` says that only an answer counts
    that the issuer has signed (RFC 9701).
    """

    endpoint: str
    client: str
    secret: str
    seconds: float = INTROSPECTION_SECONDS
    signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """The API server of the cluster, at ``server``, is asked about tokens of its service accounts.

    ``token`` is a reference to the token by which ArcOps may ask, and ``authority`` the file with the authorities (PEM) of the
    server's certificate. Without ``server`` all three are those of the pod that ArcOps runs in.
    """

    server: str
    token: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The trusted issuer. ``keys`` is a JWKS file, an http URL, or empty for the issuer's own discovery document.

    ``type`` is the ``typ`` of its access tokens; ``longest`` is their longest lifetime in seconds. With ``introspected`` it is
    asked about tokens that say nothing themselves. With ``reviewed`` it is a cluster, which is asked about each of its tokens.
    """

    name: str
    audience: str
    keys: str
    tier: Tier
    type: str = ACCESS
    longest: float = MOST_HOURS * 3600.0
    introspected: Introspected | None = None
    reviewed: Reviewed | None = None


def read_issuers(environment: Mapping[str, str], tier: Tier, audience: str) -> tuple[Issuer, ...]:
    """Every issuer that ``ARCOPS_OIDC_ISSUER`` names, with spaces between. The other variables have one value for all of them,
    or as many as there are issuers, in the same order; ``-`` stands for the default. ``ARCOPS_OIDC_JWKS``,
    ``ARCOPS_OIDC_INTROSPECTION`` and ``ARCOPS_OIDC_REVIEW`` are never for all.

    ``_JWKS`` is a file or an address of keys, ``_AUDIENCE`` the audience (by default *audience*), ``_TYP`` the ``typ`` of the
    access tokens, and ``_HOURS`` how long they may live. ``_INTROSPECTION`` is the address to ask about opaque tokens, or
    ``yes`` for that of the discovery document; ``_INTROSPECTION_CLIENT``, ``_SECRET`` and ``_SECONDS`` belong to it.
    ``_REVIEW`` is the API server of a cluster, or ``in-cluster``; ``_REVIEW_TOKEN`` and ``_AUTHORITY`` belong to it. Raises
    `Refused` if only a part is set, if keys would come without TLS, for hosts that *tier* does not reach, if an issuer is named
    twice or a variable has another number of values, and if it is not clear whose an opaque token is.
    """
    names = environment.get("ARCOPS_OIDC_ISSUER", "").split()
    for whole, partly in (("ARCOPS_OIDC_INTROSPECTION", _OF_INTROSPECTION), ("ARCOPS_OIDC_REVIEW", _OF_REVIEW)):
        if alone := [one for one in partly if environment.get(one) and not environment.get(whole)]:
            raise Refused(f"{alone[0]} is set without {whole}; set that to the address to ask, or unset {alone[0]}")
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
    introspecting(found)
    return tuple(found)


def introspecting(issuers: Sequence[Issuer]) -> Issuer | None:
    """The issuer that is asked about opaque tokens, if there is one. Raises `Refused` for two: such a token names none."""
    found = [one for one in issuers if one.introspected is not None]
    if len(found) > 1:
        raise Refused(
            f"ARCOPS_OIDC_INTROSPECTION is set for {found[0].name[:200]} and for {found[1].name[:200]}, but an opaque token "
            "does not say which of them gave it, and no token is shown to an issuer that did not give it; set it for one, and "
            "- for the others"
        )
    return found[0] if found else None


def _value(environment: Mapping[str, str], key: str, number: int, count: int) -> str:
    values = environment.get(key, "").split()
    if len(values) == 1 and key not in _OF_ONE:
        values *= count
    if values and len(values) != count:
        raise Refused(f"{key} has {len(values)} values for {count} issuers; give one for each, with - for the default")
    return "" if not values or values[number] == "-" else values[number]


def _read_one(environment: Mapping[str, str], tier: Tier, audience: str) -> Issuer | None:
    name, keys = environment.get("ARCOPS_OIDC_ISSUER", ""), environment.get("ARCOPS_OIDC_JWKS", "")
    audience = environment.get("ARCOPS_OIDC_AUDIENCE", "") or audience
    if not name:
        for alone in _OF_ONE:
            if environment.get(alone):
                raise Refused(f"{alone} is set without ARCOPS_OIDC_ISSUER; set the issuer, too")
        return None
    if name == LOCAL:
        raise Refused(f"ARCOPS_OIDC_ISSUER is {name!r}, which is the issuer of this place's own API keys; use its real name")
    if not audience:
        raise Refused("ARCOPS_OIDC_ISSUER is set without an audience; set ARCOPS_OIDC_AUDIENCE or ARCOPS_PUBLIC_URL")
    reviewed = _reviewed(environment, tier, keys)
    for what, url in (("ARCOPS_OIDC_JWKS", keys), ("ARCOPS_OIDC_ISSUER", "" if keys or reviewed else name)):
        if url and is_url(url):
            allow(what, url, tier)
        elif url and what == "ARCOPS_OIDC_ISSUER":
            raise Refused(
                f"{what} is {url[:200]!r}, which is not a URL, so its keys cannot be found; set ARCOPS_OIDC_JWKS to a file"
            )
    return Issuer(
        name=name,
        audience=audience,
        keys=keys,
        tier=tier,
        type=read_type(environment.get("ARCOPS_OIDC_TYP", "")),
        longest=_whole(environment, "ARCOPS_OIDC_HOURS", "hours", MOST_HOURS, 9999) * 3600.0,
        introspected=_introspected(environment, tier, name),
        reviewed=reviewed,
    )


def _reviewed(environment: Mapping[str, str], tier: Tier, keys: str) -> Reviewed | None:
    said = environment.get("ARCOPS_OIDC_REVIEW", "")
    if said in ("", "-", "no"):
        return None
    token, authority = (environment.get(one, "") for one in _OF_REVIEW)
    if keys or environment.get("ARCOPS_OIDC_INTROSPECTION", "") not in ("", "-", "no"):
        raise Refused("ARCOPS_OIDC_REVIEW is set for an issuer with ARCOPS_OIDC_JWKS or _INTROSPECTION; one of them says how")
    permit_unread(
        tier, "ARCOPS_OIDC_REVIEW", "set ARCOPS_TIER to restricted, or ARCOPS_OIDC_JWKS to a file of the cluster's keys"
    )
    if said == IN_CLUSTER:
        return Reviewed(server="")
    if not said.startswith("https://"):
        raise Refused(f"ARCOPS_OIDC_REVIEW is {said[:200]!r}; use in-cluster, or https://HOST:PORT of the cluster's API server")
    allow("ARCOPS_OIDC_REVIEW", said, tier)
    if not token or not Path(authority).is_absolute():
        raise Refused(
            "ARCOPS_OIDC_REVIEW is set without how to ask; set ARCOPS_OIDC_REVIEW_TOKEN to env:NAME or file:PATH of a token "
            "that may create tokenreviews, and ARCOPS_OIDC_REVIEW_AUTHORITY to the absolute path of its authorities (PEM)"
        )
    return Reviewed(server=said.rstrip("/"), token=token, authority=authority)


def _introspected(environment: Mapping[str, str], tier: Tier, name: str) -> Introspected | None:
    said = environment.get("ARCOPS_OIDC_INTROSPECTION", "")
    if said in ("", "-", "no"):
        return None
    if said != "yes" and not is_url(said):
        raise Refused(
            f"ARCOPS_OIDC_INTROSPECTION is {said[:200]!r}; use yes, no, or the address to ask, which begins with https"
        )
    if said == "yes" and not is_url(name):
        raise Refused(
            f"ARCOPS_OIDC_INTROSPECTION is yes, but the issuer {name[:200]!r} is not a URL, so its discovery document cannot "
            "be found; set it to the address to ask"
        )
    allow("ARCOPS_OIDC_INTROSPECTION" if said != "yes" else "ARCOPS_OIDC_ISSUER", name if said == "yes" else said, tier)
    client, secret = (environment.get(f"ARCOPS_OIDC_INTROSPECTION_{one}", "") for one in ("CLIENT", "SECRET"))
    if not client or not secret:
        raise Refused(
            "ARCOPS_OIDC_INTROSPECTION is set without what ArcOps is known by at the issuer; set "
            "ARCOPS_OIDC_INTROSPECTION_CLIENT to its client id, and ARCOPS_OIDC_INTROSPECTION_SECRET to env:NAME or file:PATH "
            "of its secret"
        )
    seconds = _whole(
        environment, "ARCOPS_OIDC_INTROSPECTION_SECONDS", "seconds", INTROSPECTION_SECONDS, _MOST_INTROSPECTION_SECONDS
    )
    signed = environment.get("ARCOPS_OIDC_INTROSPECTION_SIGNED", "") or "no"
    if signed not in ("yes", "no"):
        raise Refused(f"ARCOPS_OIDC_INTROSPECTION_SIGNED is {signed[:50]!r}; use yes, or no")
    endpoint = "" if said == "yes" else said
    return Introspected(endpoint=endpoint, client=client, secret=secret, seconds=seconds, signed=signed == "yes")


def _whole(environment: Mapping[str, str], name: str, unit: str, default: int, most: int) -> int:
    text = environment.get(name, "") or str(default)
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text, re.ASCII) or int(text) > most:
        raise Refused(f"{name} is {text[:50]!r}; use a whole number of {unit} from 1 to {most}")
    return int(text)
