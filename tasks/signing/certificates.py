"""Certificates: the path from a signer's certificate to an authority that the operator trusts, at one moment in time.

RFC 5280 section 6 without policies and name constraints: a critical extension that is not checked here refuses the path.
The identity in a certificate is its subject alternative name and, for Sigstore, Fulcio's extensions (``oid-info.md``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.certificate_transparency import LogEntryType
from cryptography.x509.oid import ExtendedKeyUsageOID

from arcops.errors import Refused
from arcops.signer import ProvenSigner
from artifacts.foreign import refusing
from artifacts.public_key import public_key
from tasks.signing.trusted_root import LogKey
from tasks.signing.x509_reading import from_der

_ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_ISSUER_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_OTHER_NAME_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_CHECKED = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName)
_LONGEST = 8


def path_to(
    anchors: Iterable[x509.Certificate], leaf: x509.Certificate, between: Iterable[x509.Certificate], *, at: datetime
) -> tuple[x509.Certificate, ...]:
    """The issuers of *leaf* up to one of *anchors*, all valid at *at*. Raises `Refused` saying why there is no such path."""
    anchors, between = tuple(anchors), tuple(between)
    _refuse_invalid(leaf, at)

    path = _climb(leaf, anchors, between, at)
    if path is None:
        raise Refused(
            f"the certificate of {_subject(leaf)}, issued by {leaf.issuer.rfc4514_string() or 'no name'}, does not lead to"
            f" an authority that was trusted and valid at {at:%Y-%m-%dT%H:%M:%SZ}"
        )
    return path


def _climb(
    leaf: x509.Certificate, anchors: tuple[x509.Certificate, ...], between: tuple[x509.Certificate, ...], at: datetime
) -> tuple[x509.Certificate, ...] | None:
    """The shortest path. Each certificate is visited once: a longer path to it leads to nothing that a shorter one does not.

    To walk every path would take time that grows with the factorial of the number of certificates with one name and one key.
    """
    reached: set[x509.Certificate] = {leaf}
    level: list[tuple[x509.Certificate, tuple[x509.Certificate, ...]]] = [(leaf, ())]
    for _ in range(_LONGEST + 1):
        above: list[tuple[x509.Certificate, tuple[x509.Certificate, ...]]] = []
        for child, path in level:
            for issuer in (*anchors, *between):
                if issuer in reached or not _issued(child, issuer, below=len(path), at=at):
                    continue
                if issuer in anchors:
                    return (*path, issuer)
                reached.add(issuer)
                above.append((issuer, (*path, issuer)))
        level = above
    return None


def load(data: bytes) -> x509.Certificate:
    """The certificate in DER *data*, its key and extensions read once. Raises `Refused` if any of it cannot be read."""
    certificate = from_der(data, what="the certificate that it holds")
    with refusing("the key of the certificate that it holds"):
        public_key(certificate.public_key(), where="its certificate")
    return certificate


def refuse_unfit(leaf: x509.Certificate, *, code_signing: bool) -> None:
    """Raise `Refused` unless *leaf* may sign: digital signatures, and code signing if that is required."""
    try:
        usage: x509.KeyUsage | None = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    try:
        purposes: x509.ExtendedKeyUsage | None = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        purposes = None
    if usage is None or not usage.digital_signature:
        raise Refused(f"the certificate of {_subject(leaf)} is not for digital signatures")
    named = purposes is not None and ExtendedKeyUsageOID.CODE_SIGNING in purposes
    if not named and (code_signing or purposes is not None):
        raise Refused(f"the certificate of {_subject(leaf)} is not for code signing")


def signer_of(leaf: x509.Certificate, path: tuple[x509.Certificate, ...], *, fulcio: bool) -> ProvenSigner:
    """The identity in *leaf*, and who confirms it: the anchor's name or, for *fulcio*, the OIDC issuer in the certificate.

    Only the authority of a Sigstore root may confirm an OIDC issuer; any other CA could write that extension, too.
    """
    return ProvenSigner(identity=_identity(leaf), issuer=(fulcio and _oidc_issuer(leaf)) or path[-1].subject.rfc4514_string())


def verify_timestamped(leaf: x509.Certificate, issuer: x509.Certificate, logs: Iterable[LogKey]) -> None:
    """Verify that a trusted certificate transparency log promised to publish *leaf* (RFC 6962, section 3.2).

    Raises `Refused` unless an embedded timestamp is signed by a log whose window holds both it and the certificate's start.
    """
    try:
        promises = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    except x509.ExtensionNotFound as error:
        raise Refused(
            f"the certificate of {_subject(leaf)} has no timestamp of a certificate transparency log (SCT)"
        ) from error
    with refusing("the timestamps (SCT) of the certificate"):
        body, listed = leaf.tbs_precertificate_bytes, [(promise, promise.timestamp) for promise in promises]
    issuer_id = bytes.fromhex(public_key(issuer.public_key(), where="the issuer's certificate").id.removeprefix("sha256:"))
    for promise, stamped in listed:
        if promise.entry_type is not LogEntryType.PRE_CERTIFICATE:
            continue
        moment = stamped.replace(tzinfo=leaf.not_valid_before_utc.tzinfo)
        milliseconds = round(moment.timestamp() * 1000)
        signed = b"".join(
            (
                struct.pack("!BBQH", promise.version.value, 0, milliseconds, 1),
                issuer_id,
                len(body).to_bytes(3, "big"),
                body,
                struct.pack("!H", len(promise.extension_bytes)),
                promise.extension_bytes,
            )
        )
        for log in logs:
            known = log.id == promise.log_id and moment in log.window and leaf.not_valid_before_utc in log.window
            if known and log.key.verifies(signed, promise.signature):
                return
    raise Refused(
        f"the certificate of {_subject(leaf)} has no timestamp (SCT) of a certificate transparency log that the root trusts"
        " for that time"
    )


def _refuse_invalid(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise Refused(
            f"the certificate of {_subject(certificate)} was valid from {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
            f" to {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}, not at {at:%Y-%m-%dT%H:%M:%SZ}"
        )
    try:
        for extension in certificate.extensions:
            if extension.critical and not isinstance(extension.value, _CHECKED):
                raise Refused(
                    f"the certificate of {_subject(certificate)} has the critical extension"
                    f" {extension.oid.dotted_string}, which is not supported"
                )
    except ValueError as error:
        raise Refused(f"the certificate of {_subject(certificate)} has extensions that cannot be read: {error}") from error


def _issued(child: x509.Certificate, issuer: x509.Certificate, *, below: int, at: datetime) -> bool:
    """Did *issuer*, a CA valid at *at* that allows *below* CAs below it, sign *child*?"""
    try:
        _refuse_invalid(issuer, at)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        child.verify_directly_issued_by(issuer)
    except (Refused, x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
        return False
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _subject(certificate: x509.Certificate) -> str:
    try:
        return _identity(certificate)
    except Refused:
        return f"serial number {certificate.serial_number:x}"


def _identity(leaf: x509.Certificate) -> str:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    except ValueError as error:
        raise Refused(f"a certificate names its subject in a way that cannot be read: {error}") from error
    for name in names or ():
        if isinstance(name, x509.RFC822Name | x509.UniformResourceIdentifier | x509.DNSName):
            return name.value
        if isinstance(name, x509.OtherName) and name.type_id == _OTHER_NAME_V1:
            return _utf8_string(name.value)
    subject = leaf.subject.rfc4514_string()
    if not subject:
        raise Refused("a certificate has no name: it has neither a subject nor an alternative name")
    return subject


def _oidc_issuer(leaf: x509.Certificate) -> str:
    for oid in (_ISSUER_V2, _ISSUER_V1):
        try:
            value = leaf.extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            continue
        if isinstance(value, x509.UnrecognizedExtension):
            return _utf8_string(value.value) if oid == _ISSUER_V2 else value.value.decode("utf-8", "replace")
    return ""


def _utf8_string(der: bytes) -> str:
    """The text of a DER UTF8String (X.690, section 8.23), the only type of Fulcio's values."""
    length, start = (der[1], 2) if len(der) > 1 else (0, 0)
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(der[2 : 2 + octets], "big"), 2 + octets
    if not der or der[0] != 0x0C or len(der) != start + length:
        raise Refused("a certificate holds a name that is not a DER UTF8String")
    try:
        return der[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("a certificate holds a name that is not UTF-8") from error


def der(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)
