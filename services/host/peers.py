"""Hosts of one site that believe one another by a key that they share: which host has a session, and who asks.

The id of a session ends with its host's address, sealed (AES-GCM), so any host of the site finds it without asking anyone, and
no client learns or changes it. The host that a request reaches lets its caller in by itself, and vouches for them to the host
of the session (HMAC-SHA256) for half a minute. What the caller showed goes no further.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.egress.permission import Purpose, plain
from foundation.secrets import referred
from foundation.settings import Settings, is_loopback

LEAST_KEY = 32
"""Characters of a shared key."""
MOST_ADDRESS = 70
"""Characters of an address: it has to fit into a lease's holder."""
FRESH_SECONDS = 30.0
"""How far the clocks of two hosts may be apart, with the time that a request is under way."""
AT = "@"
"""Between the name of a holder and its sealed address."""
_MOST_HOLDER = 60
_NONCE = 12
_MOST = 16 * 1024
_PURPOSE = Purpose(
    what="ARCOPS_HOST_ADDRESS",
    form="write the address at which the other hosts of this site reach this one, like https://host-1.example:8430",
    instead="set ARCOPS_TIER=restricted, so that hosts may reach one another",
)


class NotVouched(Refused):
    """No host of this site vouches for this request."""


def read_peer_address(text: str) -> str:
    """The address that *text* is: scheme, host and port. Raises `Refused` for one that others could read along."""
    address = text.rstrip("/")
    to = plain(address, _PURPOSE)
    if to.in_the_clear:
        raise Refused("ARCOPS_HOST_ADDRESS is not encrypted: others on the network could read and change it; write https://")
    if address.count("/") != 2 or "?" in address or len(address) > MOST_ADDRESS:
        raise Refused(f"ARCOPS_HOST_ADDRESS has to be https://HOST:PORT without a path, of at most {MOST_ADDRESS} characters")
    return address


class Peers:
    """This host, at *address*, among those with the same *key*. *now* is in seconds since 1970. Raises `Refused`."""

    def __init__(self, key: str, address: str, *, now: Callable[[], float]) -> None:
        if len(key.strip()) < LEAST_KEY:
            raise Refused(
                f"the secret of ARCOPS_HOST_KEY has {len(key.strip())} characters; make one of at least {LEAST_KEY} by chance, "
                "and give the same one to every host"
            )
        self.address = address
        self._now = now
        self._vouching = _derived(key, b"vouch")
        self._box = AESGCM(_derived(key, b"address"))
        nonce = secrets.token_bytes(_NONCE)
        self.sealed = _text(nonce + self._box.encrypt(nonce, address.encode(), None))
        """This host's address, for sessions and leases."""
        self._opened = lru_cache(maxsize=1024)(self._open)

    def elsewhere(self, sealed: str) -> str:
        """The address of another host that *sealed* holds; empty for our own, or if no host of this site sealed it."""
        if not sealed or sealed == self.sealed or len(sealed) > 4 * MOST_ADDRESS:
            return ""
        found = self._opened(sealed)
        return found if found != self.address else ""

    def _open(self, sealed: str) -> str:
        try:
            data = _bytes(sealed)
            return self._box.decrypt(data[:_NONCE], data[_NONCE:], None).decode()
        except (ValueError, InvalidTag):
            return ""

    def vouch(self, caller: Identity, *, to: str, asked: Mapping[str, str]) -> str:
        """Tell the host at *to* that *caller* asks for *asked*: its method, path and session."""
        said = {
            "issuer": caller.issuer,
            "tenant": caller.tenant,
            "id": caller.id,
            "scopes": sorted(caller.scopes),
            "roles": sorted(caller.roles),
            "to": to,
            "asked": dict(sorted(asked.items())),
            "at": self._now(),
        }
        text = _text(json.dumps(said, separators=(",", ":")).encode())
        return f"{text}.{_text(self._proof(text))}"

    def vouched(self, shown: str, *, asked: Mapping[str, str]) -> Identity:
        """The caller that another host vouches for with *shown*, in a request for *asked*. Raises `NotVouched`."""
        text, _, proof = shown.partition(".")
        try:
            if len(shown) > _MOST or not hmac.compare_digest(_bytes(proof), self._proof(text)):
                raise NotVouched("no host of this site vouches for this request")
            said = json.loads(_bytes(text))
        except ValueError:
            raise NotVouched("no host of this site vouches for this request") from None
        if said["to"] != self.address or said["asked"] != dict(asked):
            raise NotVouched("what a host of this site vouches for is another request")
        if abs(self._now() - said["at"]) > FRESH_SECONDS:
            raise NotVouched("a host of this site vouched for this request at another time; compare the clocks of the hosts")
        return Identity(
            issuer=said["issuer"],
            tenant=said["tenant"],
            id=said["id"],
            scopes=frozenset(said["scopes"]),
            roles=frozenset(said["roles"]),
        )

    def _proof(self, text: str) -> bytes:
        return hmac.digest(self._vouching, text.encode(), "sha256")


def holding(holder: str, peers: Peers | None) -> str:
    """The name under which *holder* holds a lease: with its sealed address, by which the other *peers* reach it."""
    return holder if peers is None else f"{holder[-_MOST_HOLDER:]}{AT}{peers.sealed}"


def held_at(peers: Peers | None, holder: str) -> str:
    """The address of another host, from the name of a *holder* as `holding` makes it; empty if it has none that is known."""
    return peers.elsewhere(holder.partition(AT)[2]) if peers is not None else ""


def _derived(key: str, use: bytes) -> bytes:
    return hmac.digest(hashlib.sha256(key.strip().encode()).digest(), b"arcops hosts: " + use, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises `ValueError` for another spelling than `_text` gives."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if _text(data) != text:
        raise ValueError("another spelling")
    return data


def peers_of(settings: Settings, url: str, environment: Mapping[str, str]) -> Peers | None:
    """The other hosts of this site, if *settings* say that there may be some. *url* is where this host is served.

    Raises `Refused` for a key without an address that other machines reach, or one that is not good.
    """
    if not settings.host_key:
        if settings.host_address:
            raise Refused("ARCOPS_HOST_ADDRESS is set without ARCOPS_HOST_KEY, the reference of the key that all hosts share")
        return None
    address = settings.host_address
    if not address:
        if not is_loopback(urlsplit(url).hostname or ""):
            raise Refused("ARCOPS_HOST_KEY is set; set ARCOPS_HOST_ADDRESS too, to where the other hosts reach this one")
        address = url
    key = referred(environment, settings.host_key, "secret of ARCOPS_HOST_KEY", tier=settings.tier)
    return Peers(key, read_peer_address(address), now=time.time)
