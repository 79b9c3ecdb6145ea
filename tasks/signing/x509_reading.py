"""Certificates from bytes. All parts that are used later are read at once, so that errors are found early."""

from __future__ import annotations

from cryptography import x509

from artifacts.foreign import refusing


def from_der(data: bytes, *, what: str = "a certificate") -> x509.Certificate:
    """The certificate in DER *data*. Raises `Refused`, with the name *what*, if any of it cannot be read."""
    with refusing(what):
        return _whole(x509.load_der_x509_certificate(data))


def from_pem(data: bytes, *, what: str) -> tuple[x509.Certificate, ...]:
    """Every certificate in PEM *data*. Raises `Refused`, with the name *what*, if any of them cannot be read."""
    with refusing(what):
        return tuple(_whole(certificate) for certificate in x509.load_pem_x509_certificates(data))


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    # The library reads versions, names, times and extensions only on access, and each may raise.
    _ = (certificate.version, certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.serial_number)
    _ = (certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string(), certificate.signature_algorithm_oid)
    list(certificate.extensions)
    return certificate
