"""What a text may say in disguise: encoded, split, reversed, with letters that only look like others. Pure, and bounded."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence

from gates.client.client_configuration.addresses import unquoted

DEEPEST = 3
"""How often a text may be turned or put together. What is decoded gets shorter, so it may be decoded until nothing is left."""
MOST = 4000
"""How many readings of one text are tried."""
LONGEST = 20_000
"""How many characters a text may have that is looked through: each reading of it costs time."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:(?:0[xX])?[0-9A-Fa-f]{2}[^0-9A-Za-z]{0,2}){12,}")
_HEX_ROW = re.compile(r"[0-9A-Fa-f]{24,}")
_45 = re.compile(r"[0-9A-Z $%*+./:-]{24,}")
_45_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_BITS = re.compile(r"(?:(?:0b)?[01]{7,8}[^0-9A-Za-z]{0,2}){12,}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}=*")
_ESCAPED = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-3][0-7]{2})")
_POINTS = re.compile(r"(?:\\[ux]\{([0-9A-Fa-f]{1,6})\}|U\+([0-9A-Fa-f]{4,6})[\s,;]*)")
_NUMBERS = re.compile(r"(?:(?:0o?)?\d{2,3}[^0-9]{1,12}?){11,}(?:0o?)?\d{2,3}")
_LINES = re.compile(rb"[ -~]{16,}")
"""Texts between other bytes: what stands beside an encoded text moves the beginning of its groups."""
_85 = re.compile(r"[!-~]{24,}")
_QUOTED = re.compile(r"=(?:([0-9A-F]{2})|\r?\n)", re.IGNORECASE)
_SEPARATORS = "-._/~:*^#=@"
_GLUE = re.compile(r"\\[nrt]|[\s\"'`+,;|\\()\[\]{}<>]+|(?:\.\.\.)|…")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TAGS = {code: code - 0xE0000 for code in range(0xE0020, 0xE007F)}
"""The letters of Unicode that no one sees, each for one of ASCII."""
_ALIKE = str.maketrans(
    "АВСЕНІЈКМОРЅТХавсеһіјкморѕтхуԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѵ"  # Cyrillic and Greek
    "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃᏂհոսօցզᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢı",  # Cherokee, Armenian, and small capitals
    "ABCEHIJKMOPSTXabcehijkmopstxydqwABEZHIKMNOPTYXovABCDEGHiJKLMPRSTVWZhhnuogqABCDEGHIJKLMNOPRSTUVWYZi",
)

_ROT47 = {code: 33 + (code - 33 + 47) % 94 for code in range(33, 127)}


def readings(text: str) -> Iterator[str]:
    """*text* and everything that it may say in disguise, each once, at most `MOST`."""
    seen: set[str] = set()
    waiting = [(text[:LONGEST], 0, True)]
    while waiting and len(seen) < MOST:
        here, depth, decoded = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        yield here
        for new in (new for read in _DECODERS for new in read(here)) if decoded or depth < DEEPEST else ():
            deeper = depth + (len(new) >= len(here))  # it was compressed
            if new != here and len(new) >= 8 and deeper <= DEEPEST:
                waiting.append((new, deeper, True))
        for new in (new for read in _READERS for new in read(here)) if depth < DEEPEST else ():
            if new != here and len(new) >= 8:
                waiting.append((new, depth + 1, False))


def plain(text: str) -> str:
    """*text* without what is invisible, and with the usual letters for those that look like them."""
    seen = INVISIBLE.sub("", text.translate(_TAGS)).translate(_ALIKE)
    if not seen.isascii():
        apart = unicodedata.normalize("NFKD", seen)
        seen = "".join(one for one in apart if not unicodedata.combining(one) and unicodedata.category(one) != "Me")
    return seen.translate(_ALIKE)


def _plain(text: str) -> Iterator[str]:
    if text.isascii():
        return
    yield plain(text)
    if sum(not one.isascii() for one in text) >= 12:  # another alphabet for the same bytes: Braille, selectors, flags
        low = "".join(chr(_byte(ord(one))) for one in text)
        yield "".join(one for one in low if one.isprintable())
    unseen = INVISIBLE.findall(text)
    for zero, _ in _both(sorted(set(unseen))) if len(unseen) >= 84 else ():
        bits = "".join("0" if each == zero else "1" for each in unseen)
        yield from _said(lambda bits=bits: _from_bits(bits))  # type: ignore[misc]


def _byte(code: int) -> int:
    """The byte for which the letter *code* stands in an alphabet of 256, or of the letters of flags."""
    if 0x1F1E6 <= code <= 0x1F1FF:
        return code - 0x1F1E6 + 0x61
    return (code - 0xE0100 + 16 if 0xE0100 <= code <= 0xE01EF else code) & 0xFF


def _both(signs: Sequence[str]) -> tuple[Sequence[str], ...]:
    return (signs, signs[::-1]) if len(signs) == 2 else ()


def _joined(text: str) -> Iterator[str]:
    """Parts that a program would put together."""
    yield _GLUE.sub("", text)
    for one in _SEPARATORS:
        if text.count(one) >= 3:
            yield text.replace(one, "")


def _unescaped(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquoted(text)
    if "&" in text:
        yield html.unescape(text)
    if "\\u{" in text or "\\x{" in text or "U+" in text:
        yield _POINTS.sub(lambda found: chr(min(int(found[1] or found[2], 16), 0x10FFFF)), text)
    if text.count("=") >= 6:  # quoted-printable
        yield _QUOTED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", text)
    if "\\" in text:
        yield _ESCAPED.sub(lambda found: codecs.decode(found[0].encode("ascii"), "unicode_escape"), text)


def _turned(text: str) -> Iterator[str]:
    yield text[::-1]
    yield codecs.encode(text, "rot13")
    yield text.translate(_ROT47)
    for step in range(2, 6) if len(text) >= 40 else ():  # the others only stand between
        for at in range(step):
            if all(len(set(text[other::step])) == 1 for other in range(step) if other != at):
                yield text[at::step]


def _decoded(text: str) -> Iterator[str]:
    for found in _BASE64.finditer(text):
        whole = found[0].rstrip("=").replace("-", "+").replace("_", "/")
        for part in (whole[at:] for at in range(4)):
            part = part[: len(part) - 1] if len(part) % 4 == 1 else part
            yield from _said(lambda part=part: base64.b64decode(part + "=" * (-len(part) % 4), validate=True))  # type: ignore[misc]
    for found in _HEX_ROW.finditer(text):
        for part in (found[0], found[0][1:]):
            yield from _said(lambda part=part: bytes.fromhex(part[: len(part) // 2 * 2]))  # type: ignore[misc]
    for found in _HEX.finditer(text):
        yield from _said(lambda part=found[0]: bytes.fromhex("".join(re.findall(r"[0-9A-Fa-f]{2}", re.sub("0[xX]", "", part)))))  # type: ignore[misc]
    for found in _BASE32.finditer(text.upper() if text.islower() else text):
        part = found[0].rstrip("=")
        yield from _said(lambda part=part: base64.b32decode(part + "=" * (-len(part) % 8)))  # type: ignore[misc]
    for found in _NUMBERS.finditer(text):
        digits = re.findall(r"\d+", found[0].replace("0o", " "))
        for base in (10, 8):
            yield from _said(lambda digits=digits, base=base: bytes(int(one, base) for one in digits))  # type: ignore[misc]
    for found in _45.finditer(text):
        yield from _said(lambda part=found[0]: _from_45(part))  # type: ignore[misc]
    for found in _BITS.finditer(text):
        yield from _said(lambda part=found[0]: _from_bits(part))  # type: ignore[misc]
    if "<~" in text:
        yield from _said(lambda: base64.a85decode(text[text.index("<~") :].strip(), adobe=True))
    for found in _85.finditer(text):
        for decode in (base64.a85decode, base64.b85decode):
            yield from _said(lambda part=found[0], decode=decode: decode(part))  # type: ignore[misc]


def _from_45(text: str) -> bytes:
    """The bytes that *text* is in base45 (RFC 9285)."""
    made = bytearray()
    for at in range(0, len(text) - 1, 3):
        value = sum(_45_SIGNS.index(one) * 45**place for place, one in enumerate(text[at : at + 3]))
        made += value.to_bytes(2 if at + 2 < len(text) else 1, "big")
    return bytes(made)


def _from_bits(text: str) -> bytes:
    """The bytes that are spelled in groups of seven or eight bits, or, without anything between them, of eight."""
    groups = re.findall(r"[01]+", text.replace("0b", " "))
    if len(groups) == 1:
        groups = re.findall(r"[01]{8}", text)
    return bytes(int(one, 2) for one in groups)


def _two_letters(text: str) -> Iterator[str]:
    """Bits that are written with two other signs than 0 and 1."""
    signs = sorted({one for one in text if one.isalnum()})
    if len(signs) == 2 and len(text) >= 84 and set(signs) != {"0", "1"}:
        for zero, one in _both(signs):
            bits = text.translate({ord(zero): "0", ord(one): "1"})
            yield from _said(lambda bits=bits: _from_bits(bits))  # type: ignore[misc]


_DECODERS: tuple[Callable[[str], Iterator[str]], ...] = (_unescaped, _decoded)
_READERS: tuple[Callable[[str], Iterator[str]], ...] = (_plain, _unescaped, _turned, _joined, _two_letters)


def _said(decode: Callable[[], bytes]) -> Iterator[str]:
    """The text that the decoded bytes are, also after they were compressed, or the longer lines between others."""
    try:
        data = decode()
    except (ValueError, OverflowError, binascii.Error):
        return
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        try:
            data = zlib.decompressobj(wbits=47).decompress(data, LONGEST)
        except zlib.error:
            return
    for name in ("utf-8", "utf-32", "utf-16-le"):
        try:
            found = data.decode(name)
        except UnicodeDecodeError:
            continue
        if found.isprintable() or "\n" in found:
            yield found
            return
    for line in _LINES.findall(data):
        yield line.decode("ascii")
