"""DSSE envelopes (secure-systems-lab/dsse, ``envelope.md`` and ``protocol.md``): bytes in, bytes out, never re-encoded."""

from __future__ import annotations

import base64
import binascii
import json
import math

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from artifacts.json_text import halved
from artifacts.nesting import TOO_DEEP, deep_line

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeSignature:
    """One signature over the envelope's PAE. ``keyid`` is an unauthenticated hint and decides nothing."""

    signature: bytes
    keyid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload of a declared type, and at least one signature over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]

    def __post_init__(self) -> None:
        if not self.signatures:
            raise Refused("the envelope has no signature, so no one vouches for it")

    @property
    def pae(self) -> bytes:
        """The bytes that are signed."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: lengths are in bytes of UTF-8."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def strict_base64(text: object, what: str) -> bytes:
    """Standard base64 with padding, and nothing else. Raises `Refused` naming *what* was to be decoded."""
    if not isinstance(text, str):
        raise Refused(f"{what} is not a base64 string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"{what} is not valid base64: {error}") from error


def strict_json(data: bytes, what: str, *, halves: bool = False) -> object:
    """JSON without duplicate keys, NaN or infinities, in UTF-8. Raises `Refused` naming *what* was to be read.

    Half of a surrogate pair (``"\\ud800"``) is not a character, and no file, digest or database takes one, so it is refused;
    with *halves* the caller checks for them itself.
    """

    if (line := deep_line(data)) is not None:
        raise Refused(f"{what} cannot be read: {TOO_DEEP} on line {line}")
    try:
        value: object = _DECODER.decode(data.decode("utf-8"))
    except _NotStrict as error:
        raise Refused(f"{what} {error}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Refused(f"{what} is not JSON in UTF-8: {error}") from error
    except ValueError as error:  # the only one left is Python's limit on the digits of a whole number
        raise Refused(f"{what} contains a whole number with thousands of digits, which is too long") from error
    except RecursionError as error:  # our limit is smaller, but the caller's own stack may be deep already
        raise Refused(f"{what} is nested too deep to be read") from error
    if not halves and halved(data, value):
        raise Refused(f"{what} has half of a surrogate pair, which is not a character, so it has no canonical form")
    return value


class _NotStrict(Exception):
    """JSON that Python reads, and that two programs could read differently; says what it has."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("has a duplicate key, so two programs could read different values")
    return members


def _constant(name: str) -> object:
    raise _NotStrict(f"contains {name}, which JSON does not allow")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NotStrict(f"contains the number {text[:40]}, which is too large for a 64-bit float")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite)


def parse_envelope(data: bytes | dict[str, object]) -> Envelope:
    """A DSSE envelope from its JSON bytes or its decoded object. Raises `Refused` on anything but the format itself."""
    document = strict_json(data, "the envelope") if isinstance(data, bytes) else data
    if not isinstance(document, dict):
        raise Refused("the envelope is not a JSON object")
    kind, signatures = document.get("payloadType"), document.get("signatures")
    if not isinstance(kind, str) or not kind:
        raise Refused("the envelope has no payloadType")
    if not isinstance(signatures, list):
        raise Refused("the envelope has no list of signatures")
    return Envelope(
        payload_type=kind,
        payload=strict_base64(document.get("payload"), "the envelope's payload"),
        signatures=tuple(_signature(entry) for entry in signatures),
    )


def _signature(entry: object) -> EnvelopeSignature:
    if not isinstance(entry, dict):
        raise Refused("the envelope has a signature that is not a JSON object")
    keyid = entry.get("keyid") or ""
    if not isinstance(keyid, str):
        raise Refused("the envelope has a signature whose keyid is not a string")
    return EnvelopeSignature(signature=strict_base64(entry.get("sig"), "the envelope's signature"), keyid=keyid)
