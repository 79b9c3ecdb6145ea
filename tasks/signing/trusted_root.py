"""A Sigstore trusted root (``trusted_root.json``, sigstore/protobuf-specs ``sigstore_trustroot.proto``), read from a file.

Each key and authority counts only inside its ``validFor`` window, which is a closed interval: both ends belong to it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from arcops.errors import Refused
from artifacts.envelope import strict_base64, strict_json
from artifacts.public_key import PublicKey, load_public_key
from tasks.signing.x509_reading import from_der

MEDIA_TYPES = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)


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
    """A transparency log (Rekor or certificate transparency): its id, its key, and when that key was valid."""

    id: bytes
    url: str
    key: PublicKey
    window: Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate or timestamp authority: its chain from the issuing certificate to the root, and when it was valid."""

    url: str
    chain: tuple[x509.Certificate, ...]
    window: Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class SigstoreRoot:
    """One trusted root. ``where`` names its file; ``data`` is its bytes."""

    where: str
    data: bytes
    logs: tuple[LogKey, ...]
    certificate_logs: tuple[LogKey, ...]
    authorities: tuple[Authority, ...]
    timestampers: tuple[Authority, ...]


def parse_root(data: bytes, *, where: str) -> SigstoreRoot:
    """The trusted root in *data*. Raises `Refused`, with the name in ``where``, for any other format.

    A log with a key of an unsupported kind is left out, so its entries do not count.
    """
    document = _object(strict_json(data, where), where)
    if document.get("mediaType") not in MEDIA_TYPES:
        raise Refused(f"{where} is not a Sigstore trusted root: its mediaType is {document.get('mediaType')!r}")
    root = SigstoreRoot(
        where=where,
        data=data,
        logs=_logs(document, "tlogs", where),
        certificate_logs=_logs(document, "ctlogs", where),
        authorities=_authorities(document, "certificateAuthorities", where),
        timestampers=_authorities(document, "timestampAuthorities", where),
    )
    if not root.logs and not root.timestampers:
        raise Refused(f"{where} names no transparency log and no timestamp authority, so it can prove no time; add one")
    return root


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused(f"{where} is malformed: it must hold a JSON object instead of {type(value).__name__}")
    return value


def _list(value: object, where: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{where} is malformed: it must hold a JSON list instead of {type(value).__name__}")
    return value


def _logs(document: dict[str, object], field: str, where: str) -> tuple[LogKey, ...]:
    found: list[LogKey] = []
    for entry in (_object(value, where) for value in _list(document.get(field), where)):
        key = _object(entry.get("publicKey"), where)
        identity = strict_base64(_object(entry.get("logId"), where).get("keyId"), f"{where}: the id of a log")
        der = strict_base64(key.get("rawBytes"), f"{where}: the key of a log")
        public = _key(der)
        if public is None:
            continue
        found.append(LogKey(id=identity, url=str(entry.get("baseUrl", "")), key=public, window=window_of(key, where)))
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


def _authorities(document: dict[str, object], field: str, where: str) -> tuple[Authority, ...]:
    found: list[Authority] = []
    for entry in (_object(value, where) for value in _list(document.get(field), where)):
        chain = _list(_object(entry.get("certChain"), where).get("certificates"), where)
        if not chain:
            raise Refused(f"{where} names an authority without a certificate")
        ders = [strict_base64(_object(link, where).get("rawBytes"), f"{where}: a certificate") for link in chain]
        certificates = tuple(from_der(der, what=f"{where}: a certificate") for der in ders)
        found.append(Authority(url=str(entry.get("uri", "")), chain=certificates, window=window_of(entry, where)))
    return tuple(found)


def window_of(entry: dict[str, object], where: str) -> Validity:
    """The ``validFor`` of *entry*; open if it has none."""
    if entry.get("validFor") is None:
        return Validity()
    bounds = _object(entry["validFor"], where)
    return Validity(start=_moment(bounds.get("start"), where), end=_moment(bounds.get("end"), where))


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
