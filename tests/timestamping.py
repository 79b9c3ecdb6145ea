"""A timestamp authority for tests: certificates made here, and tokens made by the real ``openssl ts``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_STAMPS = (ExtendedKeyUsageOID.TIME_STAMPING,)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issued(
    name: str,
    by: Issued | None,
    *,
    ca: bool = False,
    purposes: Sequence[x509.ObjectIdentifier] = _STAMPS,
    ends: timedelta = timedelta(days=30),
) -> Issued:
    """A certificate of *name* by *by*, or by itself; the *purposes* are for one that is no CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
    )  # fmt: skip
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=True)
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


@dataclass
class StampAuthority:
    """A root, an intermediate CA and a signer, and a folder for what OpenSSL reads and writes."""

    folder: Path
    root: Issued = field(default_factory=lambda: issued("stamp root", None, ca=True))
    between: Issued = field(init=False)
    signer: Issued = field(init=False)

    def __post_init__(self) -> None:
        self.between = issued("stamp issuer", self.root, ca=True)
        self.signer = issued("stamp signer", self.between)

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return self.signer.certificate, self.between.certificate, self.root.certificate

    def token(
        self,
        data: bytes,
        *,
        carried: Sequence[x509.Certificate] = (),
        asked: Sequence[str] = ("-sha256", "-cert"),
        settings: str = "",
        signer_digest: str = "sha256",
    ) -> bytes:
        """A response over *data* that carries the signer's certificate and *carried*. Without ``-cert`` it carries none."""
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("OpenSSL's program is not on this machine")
        place = self.folder
        (place / "data").write_bytes(data)
        (place / "serial").write_text("01")
        (place / "signer.pem").write_bytes(self.signer.certificate.public_bytes(Encoding.PEM))
        (place / "chain.pem").write_bytes(b"".join(link.public_bytes(Encoding.PEM) for link in carried))
        key = self.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / "key.pem").write_bytes(key)
        (place / "conf").write_text(
            f"[tsa]\ndefault_tsa = stamps\n[stamps]\nserial = {place}/serial\nsigner_digest = {signer_digest}\n"
            f"default_policy = 1.2.3.4.1\nother_policies = 1.2.3.4.5\ndigests = sha256, sha384, sha512\n{settings}\n"
        )
        query, reply = place / "query.tsq", place / "reply.tsr"

        def run(*words: object) -> None:
            subprocess.run([openssl, "ts", *map(str, words)], check=True, capture_output=True, cwd=place)

        run("-query", "-data", place / "data", *asked, "-out", query)
        more = ("-chain", place / "chain.pem") if carried else ()
        run("-reply", "-queryfile", query, "-signer", place / "signer.pem", "-inkey", place / "key.pem", *more,
            "-config", place / "conf", "-out", reply)  # fmt: skip
        return reply.read_bytes()
