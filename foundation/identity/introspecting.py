"""Token introspection (RFC 7662): the issuer is asked whether an opaque token is active, whose it is, and for which audience.

A token is shown to its own issuer only, over TLS, with the credentials that ArcOps has there.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote_plus

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.late_pattern import late
from arcops.tier import Tier
from foundation.claims import NotAccepted, header_of, media_type, number
from foundation.identity.accepted import Accepted
from foundation.identity.asking import PAUSE_SECONDS
from foundation.identity.client_proof import METHOD, is_key, proof
from foundation.identity.issuers import Introspected, Issuer
from foundation.issuing import Answered, NoAnswer, discovery, endpoint_of, read_object
from foundation.tokens import KEYS_FRESH_SECONDS, accepted, fits

CLIENTS = "client"
"""The tenant of callers that are a client and act for no one: a client's id could also be someone's ``sub``."""
_log = logging.getLogger(__name__)
_OPAQUE = late(r"[A-Za-z0-9._~+/-]+=*")
"""What a bearer token may be (RFC 6750, section 2.1)."""
_METHODS = "introspection_endpoint_auth_methods_supported"
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_DENIED = (400, 401, 403)
SIGNED = "token-introspection+jwt"
"""The type of an answer that the issuer has signed (RFC 9701, section 4)."""
_SIGNED_SECONDS = 120.0


class Post(Protocol):
    """Sends a form, as `foundation.issuing.posted` does."""

    def __call__(self, url: str, tier: Tier, form: Mapping[str, str], headers: Mapping[str, str], /) -> bytes: ...


@dataclass(slots=True, kw_only=True)
class Introspection:
    """Asks ``issuer``, which is an introspecting one, by ``post``. ``secret`` gives the client's secret, or raises `Refused`.

    ``fetch`` gets a URL's bytes; ``now`` is in seconds since 1970. ``checked`` gives the claims of what the issuer signed; it
    is asked if only a signed answer counts.
    """

    issuer: Issuer
    secret: Callable[[], str]
    now: Callable[[], float]
    fetch: Callable[[str, Tier], bytes]
    post: Post
    checked: Callable[[str], Mapping[str, Any]] | None = None
    _found: tuple[str, tuple[str, ...]] = ("", ())
    _found_at: float = 0.0
    _failed: tuple[float, str] = (0.0, "")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, token: str) -> Accepted:
        """Who shows *token*, and until when the answer counts. Raises as `foundation.identity.asking.Asked` wants it."""
        try:
            answer = self._ask(token)
        except ArcOpsError as error:
            _log.warning("an opaque token cannot be checked: %s", error)
            raise
        if self._settings.signed:
            answer = self._opened(answer)
        return judged(answer, self.issuer, self.now())

    def _opened(self, answer: bytes) -> bytes:
        """What the signed *answer* says of the token. Raises `Unavailable` if it is not signed as it has to be."""
        assert self.checked is not None, "it checks what is signed"  # noqa: S101
        try:
            return opened(answer, self.issuer, self._settings.client, self.checked, self.now())
        except Unavailable as error:
            _log.warning("an opaque token cannot be checked: %s", error)
            raise

    def _ask(self, token: str) -> bytes:
        settings = self._settings
        url, listed = self._endpoint()
        form = {"token": token, "token_type_hint": "access_token"}
        headers = {"Accept": f"application/{SIGNED}"} if settings.signed else {}
        try:
            secret = self.secret()
            method = _method(listed, by_key=is_key(secret))
            if method == METHOD:
                what = "secret of ARCOPS_OIDC_INTROSPECTION_SECRET"
                form |= proof(settings.client, self.issuer.name, url, secret, self.now(), what)
        except Refused as error:
            _log.warning("an opaque token cannot be checked: %s", error)
            raise Unavailable("the secret of ARCOPS_OIDC_INTROSPECTION_SECRET cannot be read; ask the operator") from error
        if method == _POST:
            form |= {"client_id": settings.client, "client_secret": secret}
        elif method == _BASIC:  # RFC 6749, section 2.3.1: both are encoded first
            pair = f"{quote_plus(settings.client)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            return self.post(url, self.issuer.tier, form, headers)
        except Answered as error:
            if error.status in _DENIED:
                raise Unavailable(
                    f"the issuer answers {error.status} to a question about a token, so it does not let ArcOps ask; check "
                    "ARCOPS_OIDC_INTROSPECTION_CLIENT, its secret, and its rights at the issuer"
                ) from error
            raise

    @property
    def _settings(self) -> Introspected:
        found = self.issuer.introspected
        assert found is not None, "an introspecting issuer"  # noqa: S101
        return found

    def _endpoint(self) -> tuple[str, tuple[str, ...]]:
        """The address to ask, and how ArcOps may say there who it is; empty if that is not known."""
        if self._settings.endpoint:
            return self._settings.endpoint, ()
        with self._lock:
            now, (since, said) = self.now(), self._failed
            if said and 0 <= now - since < PAUSE_SECONDS:  # those who waited for the lock do not wait once more
                raise NoAnswer(said)
            if not self._found[0] or not 0 <= now - self._found_at <= KEYS_FRESH_SECONDS:
                self._found, self._failed = ("", ()), (0.0, "")
                try:
                    self._found, self._found_at = self._discovered(), now
                except ArcOpsError as error:
                    self._failed = self.now(), str(error)
                    raise
            return self._found

    def _discovered(self) -> tuple[str, tuple[str, ...]]:
        text = self.fetch(discovery(self.issuer.name), self.issuer.tier)
        instead = "if it is there, set ARCOPS_OIDC_INTROSPECTION to that URL"
        url = endpoint_of(self.issuer.name, text, self.issuer.tier, "introspection_endpoint", instead)
        listed = read_object(text).get(_METHODS, [_BASIC])  # without a word about it: RFC 8414, section 2
        return url, tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ("none",)


def opened(answer: bytes, issuer: Issuer, client: str, checked: Callable[[str], Mapping[str, Any]], now: float) -> bytes:
    """The answer about a token inside the signed *answer* of *issuer* to *client* (RFC 9701, section 5), as JSON.

    *checked* gives the claims of what the issuer has signed. Raises `Unavailable` for an answer that is not signed, is of
    another kind, for another client, or old: one who can change it on the way would else say whose a token is.
    """
    try:
        text = answer.decode("ascii").strip()
        kind = header_of(text).get("typ")
        if not isinstance(kind, str) or media_type(kind) != SIGNED:
            raise NotAccepted(f"its typ is not {SIGNED}")
        claims = checked(text)
        audiences = claims.get("aud")
        listed = audiences if isinstance(audiences, list) else [audiences]
        made = number(claims.get("iat"))
        if claims.get("iss") != issuer.name or not {client, issuer.audience} & {one for one in listed if isinstance(one, str)}:
            raise NotAccepted("it is of another issuer, or for another client")
        if made is None or abs(now - made) > _SIGNED_SECONDS:
            raise NotAccepted("it was not made just now")
        said = claims.get("token_introspection")
        if not isinstance(said, dict):
            raise NotAccepted("it says nothing of a token")
    except (NotAccepted, UnicodeDecodeError) as error:
        why = str(error) if isinstance(error, NotAccepted) else "it is not a signed one"
        raise Unavailable(f"the issuer's answer about the token does not count ({why}), so it cannot be checked") from error
    return json.dumps(said).encode()


def refuse_unlike(token: str) -> None:
    """Raise `NotAccepted` for text that is no bearer token, which the issuer need not be asked about."""
    if not _OPAQUE.fullmatch(token):
        raise NotAccepted("this is not a bearer token: it has a character that none has")


def judged(answer: bytes, issuer: Issuer, now: float) -> Accepted:
    """Who the *answer* of *issuer* names (RFC 7662, section 2.2), and until when it counts: until the token ends at most.

    Raises `NotAccepted` if the token is not active or not for here, and `Unavailable` if the answer is not one of the protocol.
    """
    said = read_object(answer)
    active = said.get("active")
    if not isinstance(active, bool):
        raise Unavailable("the issuer's answer does not say whether the token is active, so it cannot be checked")
    if not active:
        raise NotAccepted("the issuer says that the token is not active: it ended, was withdrawn, or is not of this issuer")
    claims = {**said, "iss": said.get("iss", issuer.name)}
    if not isinstance(claims.get("scope", ""), str):
        raise NotAccepted("the issuer's answer about the token has a scope that is no text")
    client = "sub" not in claims
    if client:
        claims["sub"] = claims.get("client_id")
    fits(claims, issuer, now)
    found = accepted(claims)
    settings = issuer.introspected
    until = min(float(claims["exp"]), now + (settings.seconds if settings is not None else 0.0))
    identity = replace(found.identity, tenant=CLIENTS) if client and not found.identity.tenant else found.identity
    return replace(found, identity=identity, until=until)


def _method(listed: tuple[str, ...], *, by_key: bool) -> str:
    """How a client says who it is, of what the issuer *listed*. A private key is never sent as if it were a word."""
    known = (METHOD,) if by_key else (_BASIC, _POST)
    for one in known:
        if not listed or one in listed:
            return one
    takes = f"not {METHOD}" if by_key else f"neither {_BASIC} nor {_POST}"
    raise Unavailable(f"the issuer takes {takes} at its introspection_endpoint, so it cannot be asked")
