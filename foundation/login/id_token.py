"""The ID token of a login, judged as strictly as an access token: who signed it, for which client, for which login, and how.

OpenID Connect Core 1.0, sections 2 and 3.1.3.7; RFC 8725. The signature is checked by `foundation.tokens`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from arcops.identity import Identity
from foundation.claims import (
    MOST_SUBJECT,
    NOT_HERE,  # what is not allowed in an access token's header is not allowed in an ID token's
    NotAccepted,
    media_type,
    object_of,
    segments,
)
from foundation.identity.reading import granted_roles, identity_of
from foundation.login.settings import LoginSettings
from foundation.login.started import Failed, Started
from foundation.tokens import LEEWAY_SECONDS, Tokens

_MOST_NAME = 200
_FAR = 1e15
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Who logged in. ``name`` is for people to read, and decides nothing; ``sid`` is the provider's session, or empty."""

    identity: Identity
    name: str
    sid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """Whose sessions the provider ended: those of its session ``sid``, or all of ``sub`` if that is empty."""

    sub: str
    sid: str


@dataclass(slots=True, kw_only=True)
class SignedTokens(Tokens):
    """The tokens of one issuer for a client of its own: not access tokens."""

    def signed(self, token: str, kinds: tuple[str, ...]) -> Mapping[str, Any]:
        """The claims of *token*, which the issuer signed; its header's ``typ`` is missing or one of *kinds*.

        Raises `NotAccepted`, and `Unavailable` if the issuer's keys cannot be read.
        """
        header, claims = (object_of(part, what) for part, what in zip(segments(token), ("header", "claims"), strict=True))
        if refused := sorted(NOT_HERE & set(header)):
            raise NotAccepted(f"the token's header has the parameter {refused[0]!r}, which is not allowed here")
        kind = header.get("typ", kinds[0])
        if not isinstance(kind, str) or media_type(kind) not in kinds:
            raise NotAccepted("the provider sent a token of another kind (typ)")
        self.signed_claims(token)
        return claims


def logged_in(tokens: SignedTokens, token: str, started: Started, settings: LoginSettings) -> LoggedIn:
    """Who logged in, as the ID token *token* says. Raises `Failed` if it does not count here; `Unavailable`."""
    try:
        claims = tokens.signed(token, ("jwt",))
        _for_this_client(claims, settings, tokens.now())
        _for_this_login(claims, started, tokens.now())
        identity = identity_of(claims)
    except NotAccepted as error:
        raise Failed("token", f"the provider's ID token does not count here: {error}") from error
    _strong_enough(claims, settings, identity)
    roles = identity.roles.union(*(granted_roles({"roles": claims.get(name)}) for name in settings.roles))
    return LoggedIn(identity=replace(identity, roles=roles), name=_name(claims, identity.id), sid=_sid(claims))


def logged_out(tokens: SignedTokens, token: str, settings: LoginSettings) -> LoggedOut:
    """Whose sessions end, as the logout token *token* says (OpenID Connect Back-Channel Logout 1.0, section 2.6).

    Raises `NotAccepted` if it does not count here; `Unavailable`.
    """
    claims, now = tokens.signed(token, ("logout+jwt", "jwt")), tokens.now()
    _for_this_client(claims, settings, now)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT), dict) or "nonce" in claims:
        raise NotAccepted("the token does not tell of a logout")
    if now - _moment(claims, "iat") > _LOGOUT_SECONDS:
        raise NotAccepted("the logout token is too old")
    sub, sid = claims.get("sub", ""), _sid(claims)
    if not isinstance(sub, str) or not (sub or sid) or not claims.get("jti"):
        raise NotAccepted("the logout token does not say whose sessions end")
    return LoggedOut(sub=sub, sid=sid)


def _for_this_client(claims: Mapping[str, Any], settings: LoginSettings, now: float) -> None:
    if claims.get("iss") != settings.issuer.name:
        raise NotAccepted("its iss is another issuer")
    audience = claims.get("aud")
    if audience not in (settings.client, [settings.client]):
        raise NotAccepted("its aud is not this server alone (ARCOPS_LOGIN_CLIENT)")
    if claims.get("azp", settings.client) != settings.client:
        raise NotAccepted("its azp is another client")
    if _moment(claims, "exp") + LEEWAY_SECONDS <= now:
        raise NotAccepted("it has expired")
    if _moment(claims, "iat") - LEEWAY_SECONDS > now or ("nbf" in claims and _moment(claims, "nbf") - LEEWAY_SECONDS > now):
        raise NotAccepted("it is of the future; compare the clocks of this machine and of the provider")


def _for_this_login(claims: Mapping[str, Any], started: Started, now: float) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), started.nonce.encode()):
        raise NotAccepted("its nonce is of another login")
    if _moment(claims, "iat") + LEEWAY_SECONDS < started.at:
        raise NotAccepted(
            "it is older than this login; log in again, or compare the clocks of this machine and of the provider"
        )
    if "events" in claims or str(claims.get("typ", "ID")).upper() != "ID":  # Keycloak writes ID, Bearer, Logout here
        raise NotAccepted("it is not an ID token")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MOST_SUBJECT:
        raise NotAccepted("it has no sub")


def _strong_enough(claims: Mapping[str, Any], settings: LoginSettings, who: Identity) -> None:
    acr, amr = claims.get("acr"), claims.get("amr")
    if settings.acr and acr not in settings.acr:
        said = f"you were not logged in as this place asks for ({' or '.join(settings.acr)} as acr); {_STRONGER}"
        raise Failed("acr", said, who)
    had = [one for one in amr if isinstance(one, str)] if isinstance(amr, list) else []
    if lacking := [one for one in settings.amr if one not in had]:
        said = f"you were logged in without {' and '.join(lacking)}, which this place asks for (amr); {_STRONGER}"
        raise Failed("amr", said, who)


_STRONGER = "log in with a second factor, or ask the one who runs the provider to send it"


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _FAR:
        raise NotAccepted(f"it has no {name} that is a time")
    return float(value)


def _name(claims: Mapping[str, Any], otherwise: str) -> str:
    for name in ("name", "preferred_username"):
        value = claims.get(name)
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()[:_MOST_NAME]
    return otherwise[:_MOST_NAME]


def _sid(claims: Mapping[str, Any]) -> str:
    value = claims.get("sid", "")
    return value if isinstance(value, str) and len(value) <= MOST_SUBJECT and value.isprintable() else ""
