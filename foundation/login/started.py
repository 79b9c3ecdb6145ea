"""A login that has begun: kept in a sealed cookie of the browser that began it, so that it costs the server no memory.

The cookie ties the answer of the provider to this browser (RFC 9700, section 4.7): ``state`` and ``nonce`` are in it, and the
verifier of PKCE (RFC 7636).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.login.provider import Provider
from foundation.login.settings import LoginSettings

STARTED_SECONDS = 600.0
"""How long a person may take at the provider."""
KEY_BYTES = 32
_NONCE_BYTES = 12
_MOST_SEALED = 4096
_MOST_PATH = 1000
_PATH = re.compile(r"/[!-\[\]-~]*", re.ASCII)
_ACR = re.compile(r"[!#-\[\]-~]{1,255}", re.ASCII)
_MOST_ACR = 8
_ERROR = re.compile(r"[a-z_]{1,60}", re.ASCII)
_FIELDS = frozenset(("state", "nonce", "verifier", "to", "at"))


class Failed(Refused):
    """This login does not count. ``reason`` is one word for the audit log, ``who`` is the person if the provider named one."""

    def __init__(self, reason: str, said: str, who: Identity | None = None) -> None:
        super().__init__(said)
        self.reason = reason
        self.who = who


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """``to`` is the local path that the person wanted; ``at`` is when it began, in seconds since 1970."""

    to: str
    at: float
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def challenge(self) -> str:
        """The challenge of PKCE, method S256 (RFC 7636, section 4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def local_path(text: str) -> str:
    """*text*, if it is the path of a page here with its query; else the first page. It never names another host.

    Browsers take ``//host``, a backslash for a slash, and skip invisible characters, so none of these may be in it.
    """
    plain = len(text) <= _MOST_PATH and _PATH.fullmatch(text) is not None and not text.startswith("//")
    return text if plain and not text.startswith(("/login", "/logout")) else "/"


def acr_values(text: str) -> tuple[str, ...]:
    """The words of *text* that a person asks the provider for; none if it is not such a text.

    The one who makes a link to the login chooses them. They only ask: what counts is what the ID token says.
    """
    words = tuple(text.split(" "))
    return words if len(words) <= _MOST_ACR and all(map(_ACR.fullmatch, words)) else ()


def authorize_url(provider: Provider, settings: LoginSettings, started: Started, acr: tuple[str, ...] = ()) -> str:
    """The address at the provider that *started* goes on at (OpenID Connect Core 1.0, section 3.1.2.1).

    *acr* is asked for, if this place takes each of them for a login.
    """
    wanted = acr if acr and (not settings.acr or set(settings.acr).issuperset(acr)) else settings.acr
    asked = {
        "response_type": "code",
        "client_id": settings.client,
        "redirect_uri": settings.redirect,
        "scope": " ".join(settings.scopes),
        "state": started.state,
        "nonce": started.nonce,
        "code_challenge": started.challenge,
        "code_challenge_method": "S256",
        **({"acr_values": " ".join(wanted)} if wanted else {}),
    }
    return with_query(provider.authorize, asked)


def with_query(url: str, asked: Mapping[str, str]) -> str:
    """*url*, which may have a query already, with *asked* added to it."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"


def sealed(started: Started, key: bytes, settings: LoginSettings) -> str:
    """*started* as the value of a cookie that only a holder of *key* can read or make."""
    text = json.dumps({name: getattr(started, name) for name in sorted(_FIELDS)}).encode()
    nonce = os.urandom(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, settings.rules)).rstrip(b"=").decode()


def opened(value: str, key: bytes, settings: LoginSettings, now: float) -> Started | None:
    """The login in the cookie's *value*; nothing if it is not ours, was changed, or began ten minutes before *now*."""
    if not 0 < len(value) <= _MOST_SEALED:
        return None
    try:
        data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        found = json.loads(AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], settings.rules))
    except (binascii.Error, InvalidTag, ValueError):
        return None
    if not isinstance(found, dict) or found.keys() != _FIELDS:
        return None
    started = Started(**found)
    return started if -60.0 <= now - started.at <= STARTED_SECONDS else None


def answer_to(started: Started | None, answer: Mapping[str, list[str]]) -> tuple[Started, Mapping[str, str]]:
    """*started* and the parts of the provider's *answer* to it, if it is that. Raises `Failed`.

    Until ``state`` is found right, nothing else in the answer is looked at (RFC 6749, section 10.12).
    """
    said = {name: values[0] for name, values in answer.items() if len(values) == 1}
    if started is None or not hmac.compare_digest(said.get("state", "").encode(), started.state.encode()):
        raise Failed(
            "state",
            "this login was not begun in this browser, was begun again since, or took longer than ten minutes; log in again",
        )
    if len(said) != len(answer):
        raise Failed("provider", "the answer of the provider has a part twice, so it does not count; log in again")
    return started, said


def code_in(said: Mapping[str, str], provider: Provider, settings: LoginSettings) -> str:
    """The code in what the provider *said*, if it was this provider (RFC 9207, section 2.4). Raises `Failed`."""
    named = said.get("iss")
    if named != settings.issuer.name and (named is not None or provider.names_itself):
        raise Failed("iss", "the answer does not come from the provider that this login was begun at (iss); log in again")
    if "error" in said:
        word = said["error"] if _ERROR.fullmatch(said["error"]) else "an unknown error"
        raise Failed("provider", f"the provider did not log you in ({word}); log in again, or ask the one who runs it")
    if not said.get("code"):
        raise Failed("provider", "the answer of the provider has no code; log in again")
    return said["code"]
