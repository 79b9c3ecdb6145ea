"""The DER of a timestamp (RFC 3161 in CMS, RFC 5652), as far as a strict reader does not read it.

CMS lets a writer encode ``SignedData`` in BER, in which the members of a set have no order. OpenSSL writes certificates in the
order of their chain, and the strict reader refuses that. So `ordered` puts the sets in order. Only sets outside of what the
signature covers are touched (digest algorithms, certificates, revocation lists), and no length changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from arcops.errors import Refused

_OCTETS, _OID, _SEQUENCE, _SET, _CONTEXT_0, _CONTEXT_1 = 0x04, 0x06, 0x30, 0x31, 0xA0, 0xA1
_MOST_MEMBERS = 256
_SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910020c")
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("2a864886f70d010910022f")
_DIGESTS = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of *data*: it begins at *start*, its content at *inside*, and both end at *end*."""

    data: bytes
    start: int
    inside: int
    end: int

    @classmethod
    def at(cls, data: bytes, start: int, limit: int) -> _Element:
        """The element at *start*. Raises `Refused` if it does not end before *limit*, or has no plain length."""
        if limit - start < 2:
            raise Refused("its timestamp is cut off")
        length, inside = data[start + 1], start + 2
        if length & 0x80:
            octets = length & 0x7F
            if not 0 < octets <= 4:
                raise Refused("its timestamp has an element without a plain length")
            length, inside = int.from_bytes(data[inside : inside + octets], "big"), inside + octets
        if inside + length > limit:
            raise Refused("its timestamp is cut off")
        return cls(data, start, inside, inside + length)

    @property
    def tag(self) -> int:
        return self.data[self.start]

    @property
    def whole(self) -> bytes:
        return self.data[self.start : self.end]

    @property
    def content(self) -> bytes:
        return self.data[self.inside : self.end]

    def members(self, *tags: int) -> list[_Element]:
        """What it is made of; it must have one of *tags*."""
        if self.tag not in tags:
            raise Refused(f"its timestamp has an element of type {self.tag:#x}, which does not belong there")
        found: list[_Element] = []
        position = self.inside
        while position < self.end:
            if len(found) == _MOST_MEMBERS:
                raise Refused(f"its timestamp holds more than {_MOST_MEMBERS} elements in one place")
            found.append(_Element.at(self.data, position, self.end))
            position = found[-1].end
        return found


def ordered(response: bytes) -> bytes:
    """The timestamp response (``TimeStampResp``) with its sets in order; one without a token as it is.

    Raises `Refused` if it is cut off, or not a response.
    """
    signed = _signed_data(response)
    data = bytearray(response)
    for part in signed[:-1]:  # the last set holds the signature and what it covers
        if part.tag in (_SET, _CONTEXT_0, _CONTEXT_1):
            data[part.inside : part.end] = b"".join(sorted(member.whole for member in part.members(part.tag)))
    return bytes(data)


def certificates(response: bytes) -> tuple[bytes, ...]:
    """The certificates that the token carries, each in DER."""
    held = [part for part in _signed_data(response) if part.tag == _CONTEXT_0]
    return tuple(member.whole for part in held for member in part.members(_CONTEXT_0) if member.tag == _SEQUENCE)


def names_signer(response: bytes, certificate: bytes) -> bool:
    """Does the signed part of the token name *certificate* (DER) as the signer's: ``ESSCertID`` (RFC 2634, section 5.4) or
    ``ESSCertIDv2`` (RFC 5816)? If both are there, both must name it.
    """
    answers: list[bool] = []
    for signer in _signed_data(response)[-1].members(_SET):
        for attributes in (part for part in signer.members(_SEQUENCE) if part.tag == _CONTEXT_0):
            for attribute in attributes.members(_CONTEXT_0):
                kind, *values = attribute.members(_SEQUENCE) or [attribute]
                if kind.content in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2):
                    v2 = kind.content == _SIGNING_CERTIFICATE_V2
                    answers.append(len(values) == 1 and _named(values[0], certificate, v2=v2))
    return bool(answers) and all(answers)


def _named(values: _Element, certificate: bytes, *, v2: bool) -> bool:
    # SigningCertificate ::= SEQUENCE { certs SEQUENCE OF ESSCertID, … }; the first one is the signer's own.
    first = _first(_first(_first(values, _SET), _SEQUENCE), _SEQUENCE).members(_SEQUENCE)
    algorithm = "sha256" if v2 else "sha1"
    if v2 and first and first[0].tag == _SEQUENCE:
        algorithm = _DIGESTS.get(_first(first[0], _SEQUENCE).content, "")
        first = first[1:]
    if not algorithm or not first or first[0].tag != _OCTETS:
        return False
    return hashlib.new(algorithm, certificate, usedforsecurity=False).digest() == first[0].content


def _signed_data(response: bytes) -> list[_Element]:
    """The parts of the token's ``SignedData``; none if there is no token."""
    whole = _Element.at(response, 0, len(response)).members(_SEQUENCE)
    if len(whole) < 2:
        return []
    token = whole[1].members(_SEQUENCE)
    if len(token) < 2 or token[0].tag != _OID:
        raise Refused("its timestamp holds no signed data")
    return _first(token[1], _CONTEXT_0).members(_SEQUENCE)


def _first(element: _Element, tag: int) -> _Element:
    for member in element.members(tag):
        return member
    raise Refused("its timestamp has an element without content")
