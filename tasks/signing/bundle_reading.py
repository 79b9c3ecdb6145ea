"""Reads a Sigstore bundle (v0.1 to v0.3, protobuf-specs ``sigstore_bundle.proto``) as any of its writers leaves it.

Nothing is proven here. The fields that may repeat (log entries, timestamps, certificates of a chain) are all read.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from arcops.errors import Refused
from artifacts.envelope import Envelope
from tasks.signing import proto_json
from tasks.signing.certificates import load
from tasks.signing.proto_json import Message, field, from_base64, inner, many, message, octets, text
from tasks.signing.transparency import LogEntry, parse_entry

V1, V2 = "application/vnd.dev.sigstore.bundle+json;version=0.1", "application/vnd.dev.sigstore.bundle+json;version=0.2"
V3 = ("application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dev.sigstore.bundle+json;version=0.3")
_SIGNERS = ("certificate", "x509CertificateChain", "publicKey")
_MOST_ENTRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle as read, with nothing proven. Exactly one of ``certificates`` and ``keyed`` says who claims to have signed."""

    media_type: str
    certificates: tuple[x509.Certificate, ...]
    keyed: bool
    entries: tuple[LogEntry, ...]
    tokens: tuple[bytes, ...]
    envelope: Envelope | None
    signature: bytes
    stated_sha256: bytes


def parse_bundle(document: Message) -> Bundle:
    """The bundle in *document*. Raises `Refused` on anything but bundle versions 0.1 to 0.3."""
    media_type = text(document, "mediaType", "its mediaType")
    if media_type not in (V1, V2, *V3):
        raise Refused(f"its mediaType {media_type!r} is not that of a Sigstore bundle of version 0.1, 0.2 or 0.3")
    material = message(field(document, "verificationMaterial", "it"), "its verificationMaterial")
    kinds = [kind for kind in _SIGNERS if field(material, kind, "its verificationMaterial") is not None]
    if len(kinds) != 1:
        raise Refused("it must name exactly one of a certificate, a certificate chain and a public key")
    entries = many(material, "tlogEntries", "its tlogEntries")
    if len(entries) > _MOST_ENTRIES:
        raise Refused(f"its tlogEntries are {len(entries)}; at most {_MOST_ENTRIES} are read")
    stamps = inner(material, "timestampVerificationData", "its timestamps")
    envelope, signature, stated = _content(document)
    return Bundle(
        media_type=media_type,
        certificates=_certificates(material, kinds[0]),
        keyed=kinds == ["publicKey"],
        entries=tuple(parse_entry(entry) for entry in entries),
        tokens=tuple(_token(token) for token in many(stamps, "rfc3161Timestamps", "its timestamps")),
        envelope=envelope,
        signature=signature,
        stated_sha256=stated,
    )


def _token(value: object) -> bytes:
    # Go's decoder passes over line breaks, so there are bundles with some; the token carries its own signature.
    encoded = field(message(value, "a timestamp"), "signedTimestamp", "a timestamp")
    return from_base64(encoded.replace("\n", "") if isinstance(encoded, str) else encoded, "a timestamp")


def _certificates(material: Message, kind: str) -> tuple[x509.Certificate, ...]:
    if kind == "publicKey":
        return ()
    if kind == "certificate":
        listed = [field(material, kind, "its certificate")]
    else:
        listed = many(inner(material, kind, "its certificate chain"), "certificates", "its certificate chain")
        if not 0 < len(listed) <= _MOST_ENTRIES:
            raise Refused(f"its certificate chain is not a list of 1 to {_MOST_ENTRIES} certificates")
    return tuple(load(octets(message(value, "a certificate"), "rawBytes", "a certificate")) for value in listed)


def _content(document: Message) -> tuple[Envelope | None, bytes, bytes]:
    held, signed = field(document, "dsseEnvelope", "it"), field(document, "messageSignature", "it")
    if (held is None) == (signed is None):
        raise Refused("it must hold either a DSSE envelope or a message signature")
    if held is not None:
        envelope = proto_json.envelope(message(held, "its envelope"), "its envelope")
        if len(envelope.signatures) != 1:
            raise Refused(f"its envelope has {len(envelope.signatures)} signatures; a bundle has exactly one")
        return envelope, envelope.signatures[0].signature, b""
    whole = message(signed, "its message signature")
    return None, octets(whole, "signature", "its signature"), stated_sha256(whole)


def stated_sha256(signature: Message) -> bytes:
    """The raw SHA-256 that a message signature states of the file that it signs; none if it states no SHA-256."""
    digest = inner(signature, "messageDigest", "its message digest")
    if proto_json.name_of(digest, "algorithm", proto_json.HASHES, "its message digest's algorithm") != "SHA2_256":
        return b""
    return octets(digest, "digest", "its message digest")
