"""A Sigstore trusted root (``trusted_root.json``, sigstore/protobuf-specs ``sigstore_trustroot.proto``), read from a file.

Each key and authority counts only inside its ``validFor`` window, which is a closed interval: both ends belong to it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from arcops.errors import Refused
from artifacts.envelope import strict_json
from artifacts.public_key import PublicKey, load_public_key
from tasks.signing.proto_json import Message, field, inner, many, message, name_of, octets, text
from tasks.signing.x509_reading import from_der

MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)

KEY_DETAILS = (
    "PUBLIC_KEY_DETAILS_UNSPECIFIED",
    "PKCS1_RSA_PKCS1V5",
    "PKCS1_RSA_PSS",
    "PKIX_RSA_PKCS1V5",
    "PKIX_RSA_PSS",
    "PKIX_ECDSA_P256_SHA_256",
    "PKIX_ECDSA_P256_HMAC_SHA_256",
    "PKIX_ED25519",
    "PKIX_ED25519_PH",
    "PKIX_RSA_PKCS1V15_2048_SHA256",
    "PKIX_RSA_PKCS1V15_3072_SHA256",
    "PKIX_RSA_PKCS1V15_4096_SHA256",
    "PKIX_ECDSA_P384_SHA_384",
    "PKIX_ECDSA_P521_SHA_512",
)
"""``PublicKeyDetails`` of ``sigstore_common.proto``, by number; the later ones are not kinds that logs use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """A window of validity. ``None`` is open; both ends belong to the window."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, moment: object) -> bool:
        if not isinstance(moment, datetime):
            return False
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)

    def __str__(self) -> str:
        ends = [f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else "…" for end in (self.start, self.end)]
        return " to ".join(ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """A transparency log (Rekor or certificate transparency): its id, its key, and when that key was valid.

    ``raw`` is the key and ``details`` its kind (``PublicKeyDetails``), as the root has them.
    """

    id: bytes
    url: str
    key: PublicKey
    window: Validity
    raw: bytes
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate or timestamp authority: its chain from the issuing certificate to the root, and when it was valid."""

    url: str
    chain: tuple[x509.Certificate, ...]
    window: Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class SigstoreRoot:
    """One trusted root. ``where`` names its file."""

    where: str
    logs: tuple[LogKey, ...]
    certificate_logs: tuple[LogKey, ...]
    authorities: tuple[Authority, ...]
    timestampers: tuple[Authority, ...]


def parse_root(data: bytes, *, where: str) -> SigstoreRoot:
    """The trusted root in *data*. Raises `Refused`, with the name in ``where``, for any other format.

    A log with a key of an unsupported kind is left out, so its entries do not count.
    """
    document = message(strict_json(data, where), where)
    media_type = field(document, "mediaType", where)
    if media_type not in MEDIA_TYPES:
        raise Refused(f"{where} is not a Sigstore trusted root: its mediaType is {media_type!r}")
    root = SigstoreRoot(
        where=where,
        logs=_logs(document, "tlogs", where),
        certificate_logs=_logs(document, "ctlogs", where),
        authorities=_authorities(document, "certificateAuthorities", where),
        timestampers=_authorities(document, "timestampAuthorities", where),
    )
    if not root.logs and not root.timestampers:
        raise Refused(f"{where} names no transparency log and no timestamp authority, so it can prove no time; add one")
    return root


def _logs(document: Message, name: str, where: str) -> tuple[LogKey, ...]:
    found: list[LogKey] = []
    for entry in (message(value, where) for value in many(document, name, where)):
        key = inner(entry, "publicKey", where)
        identity = octets(inner(entry, "logId", where), "keyId", f"{where}: the id of a log")
        raw = octets(key, "rawBytes", f"{where}: the key of a log")
        public = _key(raw)
        if public is None:
            continue
        details = name_of(key, "keyDetails", KEY_DETAILS, f"{where}: the kind of a log's key")
        url = text(entry, "baseUrl", f"{where}: the address of a log")
        found.append(LogKey(id=identity, url=url, key=public, window=_window(key, where), raw=raw, details=details))
    return tuple(found)


def _key(der: bytes) -> PublicKey | None:
    # Old certificate logs have a bare PKCS#1 RSAPublicKey, which can be read only as PEM.
    named = b"-----BEGIN RSA PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END RSA PUBLIC KEY-----\n"
    for form in (der, named):
        try:
            return load_public_key(form, where="the key of a log")
        except Refused:
            continue
    return None


def _authorities(document: Message, name: str, where: str) -> tuple[Authority, ...]:
    found: list[Authority] = []
    for entry in (message(value, where) for value in many(document, name, where)):
        chain = many(inner(entry, "certChain", where), "certificates", where)
        if not chain:
            raise Refused(f"{where} names an authority without a certificate")
        ders = [octets(message(link, where), "rawBytes", f"{where}: a certificate") for link in chain]
        certificates = tuple(from_der(der, what=f"{where}: a certificate") for der in ders)
        url = text(entry, "uri", f"{where}: the address of an authority")
        found.append(Authority(url=url, chain=certificates, window=_window(entry, where)))
    return tuple(found)


def _window(entry: Message, where: str) -> Validity:
    """The ``validFor`` of *entry*; open if it has none."""
    bounds = inner(entry, "validFor", where)
    return Validity(start=_moment(field(bounds, "start", where), where), end=_moment(field(bounds, "end", where), where))


def _moment(text: object, where: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Refused(f"{where} holds a time that cannot be read: {text!r}") from error
    if moment.tzinfo is None:
        raise Refused(f"{where} holds a time without a time zone: {text!r}")
    return moment
