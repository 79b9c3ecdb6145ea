"""What the provider's own document says: the addresses to send a browser to, to give a code to, and to log out at.

OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2; RFC 9207, section 3. It is read again every ten minutes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from arcops.errors import ArcOpsError, Refused, Unavailable, told_again
from arcops.tier import Tier
from foundation.egress.destination import Destination, NotPlain, read_destination
from foundation.identity.client_proof import METHOD
from foundation.issuing import read_object
from foundation.login.settings import LoginSettings

FRESH_SECONDS = 600.0
AGAIN_SECONDS = 15.0
"""How long a failure is remembered, so that many who want to log in do not ask a provider that does not answer."""
_BASIC, _POST = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """``authorize`` and ``leave`` are for browsers, ``token`` is asked by this server; ``leave`` is empty if there is no such.

    ``names_itself`` says that each answer to a browser has ``iss``. ``basic`` says that the secret is sent as HTTP Basic, and
    ``by_key`` that a client may prove itself by a private key.
    """

    authorize: str
    token: str
    leave: str = ""
    names_itself: bool = False
    basic: bool = True
    by_key: bool = True


def read_provider(text: bytes, settings: LoginSettings) -> Provider:
    """The provider of *settings* in its document *text*.

    Raises `Unavailable` if it is not one, and `Refused` if a login there would not be safe, with what the operator has to do.
    """
    found, issuer = read_object(text), settings.issuer.name
    if found.get("issuer") != issuer:
        raise Unavailable("the provider's document names another issuer, so no one can log in there; check ARCOPS_OIDC_ISSUER")
    methods = found.get("code_challenge_methods_supported")
    if methods is not None and (not isinstance(methods, list) or "S256" not in methods):
        raise Refused("the provider does not take PKCE with S256, so no one can log in there; switch it on at the provider")
    if settings.document and found.get("client_id_metadata_document_supported") is not True:
        raise Refused(
            "the provider reads no client metadata documents (client_id_metadata_document_supported); register this server "
            "there, and set ARCOPS_LOGIN_CLIENT to the id that it gives"
        )
    return Provider(
        authorize=_for_browsers(found, "authorization_endpoint"),
        token=_for_tokens(found, settings),
        leave=_for_browsers(found, "end_session_endpoint") if "end_session_endpoint" in found else "",
        names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        basic=_basic(found),
        by_key=_by_key(found),
    )


def _for_browsers(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    if not isinstance(url, str) or _place(url) is None or _place(url, tls=True) is None:
        raise Unavailable(f"the provider's document has no {name} that is an https address, so no one can log in there")
    return url


def _for_tokens(found: Mapping[str, Any], settings: LoginSettings) -> str:
    """The token endpoint. Codes and the secret go only to the issuer's own address, or to one that the operator named."""
    if settings.token_url:
        return settings.token_url
    url, issuer = found.get("token_endpoint"), _place(settings.issuer.name)
    there = _place(url, tls=True) if isinstance(url, str) else None
    if there is None or not isinstance(url, str):
        raise Unavailable("the provider's document has no token_endpoint that is an https address, so no one can log in there")
    if there != issuer:
        raise Refused(
            f"the provider's token_endpoint is {url[:200]!r}, which is not at the issuer's own address; if it is right, set "
            "ARCOPS_LOGIN_TOKEN_URL to it"
        )
    return url


def _basic(found: Mapping[str, Any]) -> bool:
    """HTTP Basic is the default, and every provider has to take it (RFC 6749, section 2.3.1)."""
    methods = found.get("token_endpoint_auth_methods_supported")
    return not isinstance(methods, list) or _BASIC in methods or _POST not in methods


def _by_key(found: Mapping[str, Any]) -> bool:
    methods = found.get("token_endpoint_auth_methods_supported")
    return not isinstance(methods, list) or METHOD in methods


def _place(url: str, *, tls: bool = False) -> Destination | None:
    try:
        to = read_destination(url)
    except NotPlain:
        return None
    return None if tls and to.in_the_clear else to


@dataclass(slots=True, kw_only=True)
class Discovery:
    """Reads the provider's document when it is needed. ``now`` is in seconds since 1970, ``fetch`` blocks. Threads share it."""

    settings: LoginSettings
    now: Callable[[], float]
    fetch: Callable[[str, Tier], bytes]
    _found: Provider | None = None
    _failed: ArcOpsError | None = None
    _at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def provider(self) -> Provider:
        """The provider. Raises `Unavailable` or `Refused` with what is wrong."""
        with self._lock:
            age = self.now() - self._at
            if self._found is not None and 0 <= age < FRESH_SECONDS:
                return self._found
            if self._failed is not None and 0 <= age < AGAIN_SECONDS:
                raise told_again(self._failed)
            self._at, self._found, self._failed = self.now(), None, None
            url = f"{self.settings.issuer.name.rstrip('/')}/.well-known/openid-configuration"
            try:
                self._found = read_provider(self.fetch(url, self.settings.issuer.tier), self.settings)
            except (Unavailable, Refused) as error:
                self._failed = error
                raise
            return self._found
