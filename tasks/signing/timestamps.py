"""RFC 3161 timestamps, verified against the timestamp authorities of a trusted root.

An authority's chain may begin with its own certificate, which is then the only one that counts, or with a CA: then the token
must carry a certificate that leads to it. Certificates in a token are never trusted; they only help to build the path.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from arcops.errors import Refused
from artifacts.foreign import refusing
from tasks.signing.certificates import der, load, path_to
from tasks.signing.timestamp_der import certificates, names_signer, ordered
from tasks.signing.trusted_root import Authority

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_MOST = 32
_MOST_CARRIED = 16
_GRANTED = (0, 1)
"""``granted`` and ``grantedWithMods`` (RFC 3161, section 2.4.2); only these responses hold a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A verified timestamp: its moment, its bytes with their sets in order, and who made it, with the signer's certificate
    first in the chain.
    """

    at: datetime
    token: bytes
    authority: Authority


def stamps(tokens: Iterable[bytes], signature: bytes, authorities: Iterable[Authority]) -> tuple[Stamp, ...]:
    """What trusted authorities stamped of *signature*, by time.

    A token that no authority of the root signed is ignored: it proves no time. Raises `Refused` for a token that
    cannot be read, for one that is listed twice, and for more than 32.
    """
    from rfc3161_client import decode_timestamp_response

    tokens, authorities = tuple(tokens), tuple(authorities)
    if len(tokens) > _MOST:
        raise Refused(f"it has {len(tokens)} timestamps; the limit is {_MOST}")
    found: list[Stamp] = []
    read: set[bytes] = set()
    for token in tokens:
        with refusing("its timestamp"):
            data = ordered(token)
            response = decode_timestamp_response(data)
            if response.status not in _GRANTED:
                raise Refused(f"it has a timestamp that was not granted (status {response.status})")
            moment = response.tst_info.gen_time
        if data in read:
            raise Refused("it has the same timestamp twice")
        read.add(data)
        for authority in authorities:
            chain = _stamped(response, data, moment, signature, authority)
            if chain:
                found.append(Stamp(at=moment, token=data, authority=replace(authority, chain=chain)))
    return tuple(sorted(found, key=lambda stamp: stamp.at))


def _stamped(
    response: TimeStampResponse, data: bytes, moment: datetime, signature: bytes, authority: Authority
) -> tuple[x509.Certificate, ...]:
    """The chain of certificates from the signer's to the authority's last; empty if *authority* did not stamp it."""
    from rfc3161_client import VerifierBuilder

    if moment not in authority.window:
        return ()
    if not all(link.not_valid_before_utc <= moment <= link.not_valid_after_utc for link in authority.chain):
        return ()
    root, own = authority.chain[-1], authority.chain[0]
    try:
        with refusing("its timestamp"):
            signer = _carried(response, data) if _may_issue(own) else own
            chain: tuple[x509.Certificate, ...] = (signer,)
            if signer != root:
                chain += path_to((root,), signer, (*authority.chain[:-1], *_helping(data)), at=moment)
            if signer != own and not (_only_stamps(signer) and names_signer(data, der(signer))):
                return ()
            builder = VerifierBuilder(tsa_certificate=signer, intermediates=list(chain[1:-1]), roots=[root])
            builder.build().verify_message(response, signature)
    except Refused:
        return ()
    return chain


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _only_stamps(certificate: x509.Certificate) -> bool:
    """Is it for timestamps alone, and says so critically (RFC 3161, section 2.3)?"""
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return purposes.critical and list(purposes.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def _carried(response: TimeStampResponse, data: bytes) -> x509.Certificate:
    """The signer's certificate among those that the token carries. Raises `Refused` if it carries none."""
    signers = response.signed_data.signer_infos
    if len(signers) == 1:
        (signer,) = signers
        for certificate in _helping(data):
            if certificate.issuer == signer.issuer and certificate.serial_number == signer.serial_number:
                return certificate
    raise Refused("it does not carry its signer's certificate")


def _helping(data: bytes) -> tuple[x509.Certificate, ...]:
    carried = certificates(data)
    if len(carried) > _MOST_CARRIED:
        raise Refused(f"it carries {len(carried)} certificates; the limit is {_MOST_CARRIED}")
    return tuple(load(certificate) for certificate in carried)
