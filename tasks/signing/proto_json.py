"""ProtoJSON, in which Sigstore writes bundles and trusted roots: one value of a message, no matter which program wrote it.

The format leaves a parser less freedom than a writer (protobuf.dev, "ProtoJSON Format"): a field is named in lowerCamelCase or
as in the ``.proto`` file, ``null`` and a missing field are the default, a 64-bit integer is a string or a number, bytes are
base64 of either alphabet with or without padding, and an enum is its name or its number. Unknown fields are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from arcops.errors import Refused
from artifacts.envelope import Envelope, EnvelopeSignature, strict_base64

Message = Mapping[str, object]

HASHES = ("HASH_ALGORITHM_UNSPECIFIED", "SHA2_256", "SHA2_384", "SHA2_512", "SHA3_256", "SHA3_384")
"""``HashAlgorithm`` of ``sigstore_common.proto``, by number."""
_URL_SAFE = str.maketrans("-_", "+/")
_LONGEST_NUMBER = 40


def field(message: Message, name: str, what: str) -> object:
    """The value of the field *name* (in lowerCamelCase) of *message*, ``None`` if it has none.

    Raises `Refused` if both of its names are there: two programs could read different values.
    """
    other = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
    found = message.get(name)
    if other == name:
        return found
    second = message.get(other)
    if found is not None and second is not None:
        raise Refused(f"{what} has both {name} and {other}, which are one field, so two programs could read different values")
    return found if found is not None else second


def message(value: object, what: str) -> Message:
    """*value* as a message. Raises `Refused` if it is not a JSON object."""
    if not isinstance(value, dict):
        raise Refused(f"{what} is not a JSON object")
    return value


def inner(outer: Message, name: str, what: str) -> Message:
    """The message in the field *name*; one without fields if it is not there."""
    value = field(outer, name, what)
    return {} if value is None else message(value, what)


def many(outer: Message, name: str, what: str) -> list[object]:
    """The repeated field *name*; empty if it is not there."""
    value = field(outer, name, what)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(f"{what} is not a JSON list")
    return value


def text(outer: Message, name: str, what: str) -> str:
    """The string in the field *name*; ``""`` if it is not there."""
    value = field(outer, name, what)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(f"{what} is not a string")
    return value


def octets(outer: Message, name: str, what: str) -> bytes:
    """The bytes in the field *name*; none if it is not there."""
    value = field(outer, name, what)
    return b"" if value is None else from_base64(value, what)


def from_base64(value: object, what: str) -> bytes:
    """*value* decoded from base64: the standard or the URL-safe alphabet, not both, with the right padding or none."""
    if not isinstance(value, str):
        raise Refused(f"{what} is not a base64 string")
    if "-" in value or "_" in value:
        if "+" in value or "/" in value:
            raise Refused(f"{what} is not valid base64: it mixes the standard and the URL-safe alphabet")
        value = value.translate(_URL_SAFE)
    if "=" not in value:
        value += "=" * (-len(value) % 4)
    return strict_base64(value, what)


def whole(outer: Message, name: str, what: str) -> int:
    """The integer in the field *name*, from 0 to 2**63 - 1; 0 if it is not there."""
    value = field(outer, name, what)
    if value is None:
        return 0
    number = _number(value, what)
    if not 0 <= number < 2**63:
        raise Refused(f"{what} is out of range")
    return number


def _number(value: object, what: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:  # beyond it, digits are already lost
        return int(value)
    if isinstance(value, str) and len(value) < _LONGEST_NUMBER and value.isascii() and not {*value} - {*"0123456789+-.eE"}:
        try:
            exact = Decimal(value)
        except InvalidOperation:
            exact = Decimal("NaN")
        if exact.is_finite() and abs(exact.adjusted()) < 20 and exact == exact.to_integral_value():
            return int(exact)
    raise Refused(f"{what} is not an integer: {str(value)[:40]!r}")


def name_of(outer: Message, name: str, known: tuple[str, ...], what: str) -> str:
    """The name of the enum value in the field *name*. *known* are the enum's names by number; others stay as they are."""
    value = field(outer, name, what)
    if value is None:
        return known[0]
    if isinstance(value, str):
        return value
    number = _number(value, what)
    return known[number] if 0 <= number < len(known) else f"number {number}"


def envelope(document: Message, what: str = "the envelope") -> Envelope:
    """A DSSE envelope (``envelope.md``: base64 of either alphabet). Raises `Refused` on anything but the format."""
    kind = text(document, "payloadType", f"the payloadType of {what}")
    if not kind:
        raise Refused(f"{what} has no payloadType")
    signatures = [
        message(entry, f"a signature of {what}") for entry in many(document, "signatures", f"the signatures of {what}")
    ]
    return Envelope(
        payload_type=kind,
        payload=octets(document, "payload", f"the payload of {what}"),
        signatures=tuple(
            EnvelopeSignature(
                signature=octets(entry, "sig", f"a signature of {what}"), keyid=text(entry, "keyid", f"a keyid of {what}")
            )
            for entry in signatures
        ),
    )


def is_envelope(document: Message) -> bool:
    """Has *document* the members of a bare DSSE envelope?"""
    return "payload" in document and "payloadType" in document


def enveloped(document: Message) -> Message | None:
    """The DSSE envelope that *document* is or, if it is a bundle, holds; ``None`` if it has no envelope."""
    if "payloadType" in document:
        return document
    held = field(document, "dsseEnvelope", "the bundle")
    return None if held is None else message(held, "its envelope")
