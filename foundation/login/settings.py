"""How people log in, as the operator sets it: the provider, this server's client there, and what a login must have."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arcops.errors import Refused
from foundation.egress.destination import NotPlain, read_destination
from foundation.egress.permission import Purpose, permitted
from foundation.tokens import Issuer

CLIENT = "ARCOPS_LOGIN_CLIENT"
DOCUMENT_PATH = "/login/client.json"
"""The path at which this server shows its own client metadata document."""
_OTHERS = ("ISSUER", "SECRET", "SCOPES", "ROLES", "ACR", "AMR", "MINUTES", "HOURS", "TOKEN_URL")
_ALWAYS = ("openid", "profile")
"""``profile`` because Microsoft Entra ID leaves ``oid`` out of an ID token without it."""
_WORD = re.compile(r"[!#-\[\]-~]{1,200}", re.ASCII)
_MOST_WORDS = 20
_MOST_CLIENT = 500
_MINUTES, _HOURS = 30, 8
_MOST_MINUTES, _MOST_HOURS = 24 * 60, 7 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """``issuer`` is the provider and ``client`` this server's id there; ``secret`` is a reference to its secret, or empty.

    ``document`` says that ``client`` is the address of the metadata document that this server shows (draft-ietf-oauth-client-
    id-metadata-document). ``url`` is this server's address for people. ``scopes`` are asked for. Each claim in ``roles`` counts
    as roles. A login counts only with one of ``acr`` and with all of ``amr``, if any are named. A session ends after ``idle``
    seconds without a request, and after ``longest`` in any case. ``token_url`` is the token endpoint if it is at another host
    than the issuer.
    """

    issuer: Issuer
    client: str
    url: str
    secret: str = ""
    document: bool = False
    scopes: tuple[str, ...] = _ALWAYS
    roles: tuple[str, ...] = ()
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    idle: float = _MINUTES * 60.0
    longest: float = _HOURS * 3600.0
    token_url: str = ""

    @property
    def redirect(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.url}/login/callback"

    @property
    def ended(self) -> str:
        """Where the provider may send people after they logged out there."""
        return f"{self.url}/logout"

    @property
    def secure(self) -> bool:
        """Do people reach this server by https?"""
        return self.url.startswith("https://")

    @property
    def rules(self) -> bytes:
        """A digest of what a login must have. A session that was made under other rules does not count."""
        said = [self.issuer.name, self.client, list(self.roles), list(self.acr), list(self.amr)]
        return hashlib.sha256(json.dumps(said).encode()).digest()


def read_login(environment: Mapping[str, str], issuers: Sequence[Issuer], url: str) -> LoginSettings | None:
    """How people log in at *url*, or ``None`` if ``ARCOPS_LOGIN_CLIENT`` is not set.

    Raises `Refused` for what cannot be meant: a part of the settings alone, a provider that is not trusted here or that the
    tier does not reach, an address without TLS.
    """
    client = environment.get(CLIENT, "")
    if not client:
        if named := next((name for one in _OTHERS if environment.get(name := f"ARCOPS_LOGIN_{one}")), ""):
            raise Refused(f"{named} is set without {CLIENT}; set the id that the provider knows this server by, too")
        return None
    if len(client) > _MOST_CLIENT or not client.isascii() or not client.isprintable() or client != client.strip():
        raise Refused(f"{CLIENT} is not an id of a client: use at most {_MOST_CLIENT} printable ASCII characters")
    issuer = _issuer(environment.get("ARCOPS_LOGIN_ISSUER", ""), issuers)
    _refuse_unreached(issuer)
    _refuse_in_the_clear(url)
    secret, token_url = environment.get("ARCOPS_LOGIN_SECRET", ""), environment.get("ARCOPS_LOGIN_TOKEN_URL", "")
    document = _document(client, url, secret)
    if secret and not re.fullmatch(r"(?:env|file):.+", secret):
        raise Refused("ARCOPS_LOGIN_SECRET is not a reference; use env:NAME or file:PATH, never the secret itself")
    if token_url and permitted(issuer.tier, token_url, _purpose("ARCOPS_LOGIN_TOKEN_URL")).in_the_clear:
        raise Refused("ARCOPS_LOGIN_TOKEN_URL has no TLS, so codes could be read on the way; use https")
    return LoginSettings(
        issuer=issuer,
        client=client,
        url=url,
        secret=secret,
        document=document,
        scopes=tuple(dict.fromkeys((*_ALWAYS, *_words(environment, "SCOPES")))),
        roles=_words(environment, "ROLES"),
        acr=_words(environment, "ACR"),
        amr=_words(environment, "AMR"),
        idle=60.0 * _whole(environment, "MINUTES", _MINUTES, _MOST_MINUTES),
        longest=3600.0 * _whole(environment, "HOURS", _HOURS, _MOST_HOURS),
        token_url=token_url,
    )


def _issuer(name: str, issuers: Sequence[Issuer]) -> Issuer:
    if not issuers:
        raise Refused(f"{CLIENT} is set without ARCOPS_OIDC_ISSUER; set the provider that people log in at")
    if not name and len(issuers) > 1:
        raise Refused("ARCOPS_OIDC_ISSUER names several issuers; set ARCOPS_LOGIN_ISSUER to the one that people log in at")
    found = next((one for one in issuers if not name or one.name == name), None)
    if found is None:
        raise Refused(f"ARCOPS_LOGIN_ISSUER is {name[:200]!r}, which ARCOPS_OIDC_ISSUER does not name; use one that it names")
    return found


def _purpose(what: str) -> Purpose:
    return Purpose(
        what=what,
        form="use one like https://login.example.org",
        instead=f"set ARCOPS_TIER to restricted, or unset {CLIENT}: then no one logs in to the pages here",
    )


def _refuse_unreached(issuer: Issuer) -> None:
    """A JWKS file is not enough: the code has to be given to the provider for an ID token."""
    if permitted(issuer.tier, issuer.name, _purpose("the issuer that people log in at")).in_the_clear:
        raise Refused(f"the issuer {issuer.name[:200]!r} has no TLS, so no one can log in there; use https")


def _refuse_in_the_clear(url: str) -> None:
    try:
        clear = read_destination(url).in_the_clear
    except NotPlain:
        clear = True
    if clear:
        raise Refused(
            f"people reach this server at {url[:200]!r}, and cookies need TLS; set ARCOPS_PUBLIC_URL to one with https"
        )


def _document(client: str, url: str, secret: str) -> bool:
    """Is the id the address of our own document?"""
    ours = f"{url}{DOCUMENT_PATH}"
    if client != ours:
        if client.startswith(f"{url}/"):
            raise Refused(f"{CLIENT} is an address of this server, but its document is at {ours}; use that")
        return False
    if not client.startswith("https://"):
        raise Refused(f"{CLIENT} is the address of a document, which providers read by https only; set ARCOPS_PUBLIC_URL")
    if secret:
        raise Refused(
            f"ARCOPS_LOGIN_SECRET is set, but a client that is a document has no secret; unset it, or change {CLIENT}"
        )
    return True


def _words(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    words = environment.get(f"ARCOPS_LOGIN_{name}", "").split()
    if len(words) > _MOST_WORDS or not all(map(_WORD.fullmatch, words)):
        raise Refused(f"ARCOPS_LOGIN_{name} has more than {_MOST_WORDS} words, or one with characters that no such word has")
    return tuple(dict.fromkeys(words))


def _whole(environment: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    text = environment.get(f"ARCOPS_LOGIN_{name}", "") or str(otherwise)
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) or int(text) > most:
        raise Refused(f"ARCOPS_LOGIN_{name} is {text[:50]!r}; use a whole number from 1 to {most}")
    return int(text)
