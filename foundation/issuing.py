"""An issuer's documents: the address of its keys, and the keys. Answers are limited in size, and only from the named address.

No redirect is followed, nothing is decompressed, and all of it, including name resolution, ends after ten seconds.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import urlencode

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.late_pattern import late
from arcops.tier import Tier
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from foundation.egress import web
from foundation.egress.destination import NotPlain, read_destination
from foundation.egress.outside import Outside
from foundation.egress.permission import Purpose, permit, plain
from foundation.egress.remotes import NotAsked
from foundation.egress.tls import NotUsable
from foundation.identity.weak_keys import why_weak

MOST_KEYS = 1024 * 1024
MOST_ANSWER = 64 * 1024
"""In an answer about one token."""
FETCH_SECONDS = 10.0
ASK_SECONDS = 5.0
"""How long the issuer may take for a question about one token, while its caller waits."""
FORM = "application/x-www-form-urlencoded"
_MOST_COUNT = 100
_log = logging.getLogger(__name__)
_DIGITS = late(r"[0-9]{1,10}", re.ASCII)


class Pem(TypedDict, total=False):
    """Certificates and a key, as `web.client` takes them."""

    authorities: str
    certificate: str
    key: str


NO_PEM: Pem = {}


class Document(bytes):
    """The bytes of a document, and for how many ``seconds`` its server says that they stay fresh; ``None`` if it does not."""

    seconds: float | None = None


class NoAnswer(Unavailable):
    """The issuer did not answer at all, so asking again at once is of no use."""


class Answered(Unavailable):
    """The issuer answered with another ``status`` than 200."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an issuer is shown by who reads its keys, and whose certificates count there: files, read for each question, because
    they are replaced while a process runs. An empty path is nothing.

    ``authorities`` (PEM) are those that the issuer's certificate comes from, ``token`` is shown as a bearer token, and
    ``certificate`` with its ``key`` (PEM) in the handshake of TLS.
    """

    authorities: str = ""
    token: str = ""
    certificate: str = ""
    key: str = ""

    def fetched(self, url: str, tier: Tier) -> bytes:
        """As `foundation.issuing.fetched`. Raises `Unavailable` also if a file cannot be read or used."""
        token = _file(self.token, "token")
        if token and not (token.isascii() and token.isprintable()):
            raise Unavailable("the token for the issuer holds a character that a header must not have; write its file again")
        pem: Pem = {
            "authorities": _file(self.authorities, "authorities"),
            "certificate": _file(self.certificate, "certificate"),
            "key": _file(self.key, "private key"),
        }
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if headers and read_destination(url).in_the_clear:
            raise Unavailable("the issuer's keys are at an address without TLS, so the token for it is not shown there")
        try:
            return asyncio.run(_fetched("GET", url, tier, FETCH_SECONDS, MOST_KEYS, headers, None, pem))
        except NotUsable:
            what = "the authorities, the certificate or the key for the issuer are no PEM, or do not fit; write them again"
            raise Unavailable(what) from None


def _file(path: str, what: str) -> str:
    if not path:
        return ""
    try:
        return read_file(Path(path), MOST_KEYS).decode("utf-8").strip()
    except (ArcOpsError, UnicodeDecodeError) as error:
        _log.warning("the %s for the issuer cannot be read: %s", what, error)
        raise Unavailable(f"the {what} for the issuer cannot be read, so no token can be checked; ask the operator") from error


def fetched(url: str, tier: Tier = Tier.AIR_GAPPED, *, seconds: float = FETCH_SECONDS, outside: Outside | None = None) -> bytes:
    """The bytes at *url*, within *seconds* in all. Call it only without a running event loop. With *outside* someone else chose
    *url*, as in `foundation.egress.web.client`.

    Raises `Unavailable`, and `Refused` unless *tier* reaches it.
    """
    return asyncio.run(_fetched("GET", url, tier, seconds, MOST_KEYS, {}, None, outside=outside))


def posted(url: str, tier: Tier, form: Mapping[str, str], headers: Mapping[str, str], *, seconds: float = ASK_SECONDS) -> bytes:
    """The answer of *url* to *form* (``application/x-www-form-urlencoded``), within *seconds* in all; see `fetched`."""
    data = urlencode(form).encode()
    return asyncio.run(_fetched("POST", url, tier, seconds, MOST_ANSWER, {**headers, "Content-Type": FORM}, data))


async def _fetched(
    method: str,
    url: str,
    tier: Tier,
    seconds: float,
    most: int,
    headers: Mapping[str, str],
    data: bytes | None,
    pem: Pem = NO_PEM,
    outside: Outside | None = None,
) -> bytes:
    own = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    try:
        async with (
            asyncio.timeout(seconds),
            web.client(tier, url, _purpose("the issuer's address"), seconds=seconds, outside=outside, **pem) as client,
            client.stream(method, url, headers=own, content=data) as response,
        ):
            if response.status_code != 200:
                said = f"{url[:200]} answers {response.status_code}, so no token can be checked"
                raise Answered(said, response.status_code)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unavailable(f"{url[:200]} sends a compressed answer, which is not supported, so no token can be checked")
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) > most:
                    raise Unavailable(f"the answer of {url[:200]} has more than {most} bytes, so no token can be checked")
            found = Document(body)
            found.seconds = fresh_seconds(response.headers.get("cache-control", ""), response.headers.get("age", ""))
            return found
    except NotAsked as error:
        raise NoAnswer(f"{error}; no token can be checked") from error
    except TimeoutError as error:
        raise NoAnswer(f"{url[:200]} does not answer within {seconds:g} seconds, so no token can be checked") from error
    except web.failures() as error:
        raise NoAnswer(f"{url[:200]} does not answer ({type(error).__name__}), so no token can be checked") from error


def fresh_seconds(control: str, age: str = "") -> float | None:
    """How long an answer with these fields ``Cache-Control`` and ``Age`` stays fresh, in seconds (RFC 9111, sections 4.2 and
    5.2.2); ``None`` if they do not say, or say it in a way that could be read differently.
    """
    said = [one.strip().lower() for one in control.split(",")]
    if "no-store" in said or "no-cache" in said:
        return 0.0
    found = [one.removeprefix("max-age=").strip('"') for one in said if one.startswith("max-age=")]
    if len(found) != 1 or not _DIGITS.fullmatch(found[0]):
        return None
    spent = float(age) if _DIGITS.fullmatch(age.strip()) else 0.0
    return max(0.0, float(found[0]) - spent)


def keys_from(issuer: str, url: str, fetch: Callable[[str, Tier], bytes], tier: Tier) -> bytes:
    """The key set of *issuer*: at *url*, or if that is empty, at the address in its discovery document. Raises as `keys_of`."""
    return fetch(url or keys_of(issuer, fetch(discovery(issuer), tier), tier), tier)


def keys_of(issuer: str, text: bytes, tier: Tier) -> str:
    """The address of the keys in the discovery document *text* of *issuer*. Raises `Unavailable`; `Refused` for another host.

    It must be an address of the issuer itself; else someone who can change this document could name other keys.
    """
    return endpoint_of(issuer, text, tier, "jwks_uri", "if its keys are there, set ARCOPS_OIDC_JWKS to that URL")


def endpoint_of(issuer: str, text: bytes, tier: Tier, name: str, instead: str) -> str:
    """The address *name* in the discovery document *text*, as `keys_of`. *instead* is what to do if it is another host's."""
    found = read_object(text)
    if found.get("issuer") != issuer:
        raise Unavailable("the issuer's discovery document names another issuer, so its addresses are not used")
    url = found.get(name)
    if not isinstance(url, str):
        raise Unavailable(f"the issuer's discovery document has no {name}, so no token can be checked")
    allow(f"the issuer's {name}", url, tier)
    if _origin(url) != _origin(issuer):
        raise Refused(f"the issuer's {name} is {url[:200]!r}, which is not at the issuer's own address; {instead}")
    return url


def discovery(issuer: str) -> str:
    """The address of the discovery document of *issuer* (OpenID Connect Discovery 1.0, section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def key_set(text: bytes) -> KeySet:
    """The public keys in *text* that may sign. Keys that cannot be used here are ignored (RFC 7517, section 5): of an unknown
    type or curve, weak, or with their private part. Raises `Unavailable` if no key is left, or two have one id.
    """
    keys = read_object(text).get("keys")
    listed = [one for one in keys if isinstance(one, dict) and _signs(one)] if isinstance(keys, list) else []
    if not listed:
        raise Unavailable("the issuer's key set has no public key for signatures, so no token can be checked")
    if len(listed) > _MOST_COUNT:
        raise Unavailable(f"the issuer's key set has more than {_MOST_COUNT} keys, so no token can be checked")
    names = [(one.get("kid"), one.get("kty")) for one in listed]
    if len(set(map(str, names))) != len(names):
        raise Unavailable("the issuer's key set has two keys with one id, so no token can be checked")
    usable, why = [], ""
    for one in listed:
        try:
            usable.append(_imported(one))
        except Unavailable as error:
            why = why or str(error)
    if not usable:
        raise Unavailable(why)
    return KeySet(usable)


def _imported(key: dict[str, Any]) -> Key:
    """One key of the set. Raises `Unavailable`."""
    try:
        if weak := why_weak(key):
            raise Unavailable(f"the issuer's key set has {weak}, so no token can be checked")
        if key["kty"] == "OKP":  # its curve says all, and "EdDSA" and "Ed25519" are two names of one algorithm (RFC 9864)
            key = {name: value for name, value in key.items() if name != "alg"}
        return KeySet.import_key_set({"keys": [key]}).keys[0]
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"the issuer's key set cannot be read, so no token can be checked: {type(error).__name__}") from error


def _signs(key: dict[str, Any]) -> bool:
    """RFC 7517, sections 4.2 and 4.3: the two say the same, and no operation stands twice."""
    operations = key.get("key_ops")
    meant = operations is None or (isinstance(operations, list) and operations.count("verify") == 1)
    return key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig" and meant


def read_object(text: bytes) -> dict[str, Any]:
    """The JSON object in *text*. Raises `Unavailable`."""
    try:
        found = strict_json(text, "the issuer's document")
    except ArcOpsError as error:
        raise Unavailable(f"{error}, so no token can be checked") from error
    if not isinstance(found, dict):
        raise Unavailable("the issuer's document is not a JSON object, so no token can be checked")
    return found


def is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def allow(what: str, url: str, tier: Tier) -> None:
    """Raises `Refused` if keys from *url* could be replaced on the way, or *tier* does not reach it."""
    purpose = _purpose(what)
    to = plain(url, purpose)
    if to.in_the_clear:
        raise Refused(
            f"{what} is {url[:200]!r}; without TLS, keys or tokens could be read or replaced on the way: use https, or a file"
        )
    permit(tier, to, purpose)


def _purpose(what: str) -> Purpose:
    return Purpose(what=what, form="use one like https://login.example.org", instead="set ARCOPS_OIDC_JWKS to a file")


def _origin(url: str) -> tuple[str, str, int] | None:
    """The server at *url*; empty if it is not a plain URL, such as an issuer that is only a name."""
    try:
        to = read_destination(url)
    except NotPlain:
        return None
    return to.scheme, to.host.rstrip("."), to.port
