"""A private Sigstore for tests: its own CA, certificate log and transparency log, whose windows a test may set."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from artifacts.envelope import IN_TOTO, pae
from artifacts.wire import JSON, canonical
from tests.signing import b64

SIGNED_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
IDENTITY, ISSUER = "release@example.org", "https://accounts.example.org"
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _octets(data: bytes) -> bytes:
    size = len(data)
    return b"\x04" + (bytes([size]) if size < 128 else b"\x81" + bytes([size])) + data


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class PrivateSigstore:
    """Everything is made when asked for, so a test may change a window or a key in between."""

    ca: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    ct: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    rekor: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    second: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    """A second transparency log, which the root names, too."""
    signer: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    windows: dict[str, tuple[datetime, datetime | None]] = field(default_factory=dict)
    era: datetime = SIGNED_AT
    """Around this moment, the authority and all windows are valid."""

    def _window(self, part: str) -> dict[str, str]:
        start, end = self.windows.get(part, (self.era - timedelta(days=500), None))
        return {"start": start.isoformat()} | ({"end": end.isoformat()} if end else {})

    @property
    def root(self) -> bytes:
        """The trusted root."""

        def log(key: ec.EllipticCurvePrivateKey, part: str) -> dict[str, object]:
            return {
                "baseUrl": f"https://{part}.example.org",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": b64(_der(key)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": self._window(part),
                },
                "logId": {"keyId": b64(hashlib.sha256(_der(key)).digest())},
            }

        chain = {"certificates": [{"rawBytes": b64(self.authority.public_bytes(Encoding.DER))}]}
        authority = {
            "subject": {"organization": "example", "commonName": "private"},
            "uri": "https://ca.example.org",
            "certChain": chain,
            "validFor": self._window("ca"),
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [log(self.rekor, "rekor"), log(self.second, "second")],
                "certificateAuthorities": [authority],
                "ctlogs": [log(self.ct, "ct")],
            }
        ).encode()

    @property
    def authority(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "private")])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.ca.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.ca.public_key())
            .serial_number(7)
            .not_valid_before(self.era - timedelta(days=600))
            .not_valid_after(self.era + timedelta(days=600))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(cert_sign=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(self.ca, hashes.SHA256())
        )

    def certificate(self, at: datetime = SIGNED_AT, *, promised: bool = True) -> x509.Certificate:
        """The signer's certificate, of ten minutes around *at*."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "private")])
        issuer = ISSUER.encode()
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(name)
            .public_key(self.signer.public_key())
            .serial_number(4711)
            .not_valid_before(at - timedelta(minutes=5))
            .not_valid_after(at + timedelta(minutes=5))
            .add_extension(_usage(cert_sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(IDENTITY)]), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(x509.UnrecognizedExtension(_ISSUER, b"\x0c" + bytes([len(issuer)]) + issuer), critical=False)
        )
        if not promised:
            return builder.sign(self.ca, hashes.SHA256())
        body = builder.sign(self.ca, hashes.SHA256()).tbs_certificate_bytes
        moment = int((at - timedelta(minutes=5)).timestamp() * 1000)
        ca = hashlib.sha256(_der(self.ca)).digest()
        signed = struct.pack("!BBQH", 0, 0, moment, 1) + ca + len(body).to_bytes(3, "big") + body + b"\0\0"
        signature = _sign(self.ct, signed)
        promise = b"\0" + hashlib.sha256(_der(self.ct)).digest() + struct.pack("!Q", moment) + b"\0\0\x04\x03"
        promise += struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!H", len(promise)) + promise
        value = _octets(struct.pack("!H", len(listed)) + listed)
        return builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, value), critical=False).sign(
            self.ca, hashes.SHA256()
        )

    def bundle(
        self, payload: bytes, *, at: datetime = SIGNED_AT, kind: str = "dsse", promised: bool = True, keyed: bool = False
    ) -> bytes:
        """*payload* signed at *at*, logged as *kind* (``dsse`` or ``intoto``), by the certificate or, *keyed*, the bare key."""
        signature = _sign(self.signer, pae(IN_TOTO, payload))
        certificate = self.certificate(at, promised=promised)
        key = self.signer.public_key().public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        pem = key if keyed else certificate.public_bytes(Encoding.PEM)
        material = (
            {"publicKey": {"hint": ""}} if keyed else {"certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))}}
        )
        entry = self._entry(
            _body(kind, payload, signature, pem), kind, "0.0.2" if kind == "intoto" else "0.0.1", at, self.rekor
        )
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "verificationMaterial": {**material, "tlogEntries": [entry]},
                "dsseEnvelope": {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}]},
            }
        ).encode()

    def logged_again(self, bundle: bytes, *, at: datetime = SIGNED_AT, log: ec.EllipticCurvePrivateKey) -> bytes:
        """*bundle* with one entry more, of the log that has the key *log*, about the same signature."""
        document = json.loads(bundle)
        entries = document["verificationMaterial"]["tlogEntries"]
        kind, version = entries[0]["kindVersion"]["kind"], entries[0]["kindVersion"]["version"]
        entries.append(self._entry(base64.b64decode(entries[0]["canonicalizedBody"]), kind, version, at, log))
        return json.dumps(document).encode()

    def _entry(
        self, body: bytes, kind: str, version: str, at: datetime, rekor: ec.EllipticCurvePrivateKey
    ) -> dict[str, object]:
        log_id = hashlib.sha256(_der(rekor)).digest()
        root = b64(hashlib.sha256(b"\0" + body).digest())
        note = f"rekor.example.org\n1\n{root}\n"
        line = b64(log_id[:4] + _sign(rekor, note.encode()))
        seconds = int(at.timestamp())
        stamped: JSON = {"body": b64(body), "integratedTime": seconds, "logID": log_id.hex(), "logIndex": 0}
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": b64(_sign(rekor, canonical(stamped)))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": root,
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 rekor.example.org {line}\n"},
            },
            "canonicalizedBody": b64(body),
        }


def _body(kind: str, payload: bytes, signature: bytes, pem: bytes) -> bytes:
    digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    if kind == "dsse":
        spec: dict[str, object] = {
            "envelopeHash": digest,
            "payloadHash": digest,
            "signatures": [{"signature": b64(signature), "verifier": b64(pem)}],
        }
        return json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
    twice = b64(base64.b64encode(signature))
    envelope = {"payloadType": IN_TOTO, "signatures": [{"publicKey": b64(pem), "sig": twice}]}
    spec = {"content": {"envelope": envelope, "hash": digest, "payloadHash": digest}}
    return json.dumps({"apiVersion": "0.0.2", "kind": "intoto", "spec": spec}).encode()


def _usage(*, cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
