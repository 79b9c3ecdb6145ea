"""A text as a model may read it: with its markup gone, its escapes and codes undone, its letters in a row, or backwards.

A model reads many spellings of one sentence. Each of these is looked through for the same forms.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator

from gates.server.letters import as_latin

_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<!--|-->")
_EMPHASIS = re.compile(r"[*_`~\\|]+")
_APART = re.compile(r"(?<![^\W_])[^\W_]([ .\-_*|/\u00b7\u2022])(?:[^\W_]\1){2,}[^\W_](?![^\W_])")
_ESCAPED = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\x([0-9a-fA-F]{2})|\\([nrt])|U\+([0-9a-fA-F]{4,6})")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX = re.compile(r"(?<![0-9a-zA-Z])(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,]{0,2}){12,}(?![0-9a-zA-Z])")
_BITS = re.compile(r"(?<!\d)(?:[01]{8}[ ,]?){6,}(?!\d)")
_CODES = re.compile(r"(?<!\d)(?:\d{2,3}[ ,]{1,2}){11,}\d{2,3}(?!\d)")
_WORDS = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,40}(?:[ ,.:;'!?-]{1,3}[^\W\d_]{1,40}){2}")
_AS_LETTERS = str.maketrans("013457@$", "oieastas")
_DIGIT_IN_WORD = re.compile(r"[a-z][013457@$]+[a-z]", re.IGNORECASE)


def spellings(text: str) -> Iterator[str]:
    """*text* as it is, and in each other way in which a model may read it, without repetitions."""
    seen: set[str] = set()
    for one in _ways(text):
        if one not in seen:
            seen.add(one)
            yield one


def encoded(text: str) -> Iterator[str]:
    """What is said in Base64, hexadecimal, bits or numbers in *text*, if it says a sentence; a digest or a picture does not."""
    for found in _BASE64.finditer(text):
        run = found[0].replace("-", "+").replace("_", "/").rstrip("=")
        try:
            yield from _sentence(base64.b64decode(run + "=" * (-len(run) % 4)))
        except binascii.Error:
            continue
    for found in _HEX.finditer(text):
        digits = re.sub(r"0x|\\x|[ :,]", "", found[0])
        yield from _sentence(bytes.fromhex(digits[: len(digits) // 2 * 2]))
    for found in _BITS.finditer(text):
        yield from _sentence(bytes(int(one, 2) for one in re.findall(r"[01]{8}", found[0])))
    for found in _CODES.finditer(text):
        numbers = [int(one) for one in re.findall(r"\d+", found[0])]
        if all(one < 256 for one in numbers):
            yield from _sentence(bytes(numbers))


def _ways(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", text)
    yield plain
    bare = _EMPHASIS.sub("", _TAG.sub("", html.unescape(plain)))
    yield bare
    if not bare.isascii():
        yield as_latin(bare)
    if "%" in bare:
        yield _PERCENT.sub(_of_percent, bare)
    if _ESCAPED.search(plain):
        yield _ESCAPED.sub(_letter, plain)
    if _APART.search(plain):
        yield _APART.sub(lambda found: found[0].replace(found[1], ""), plain)
    if _DIGIT_IN_WORD.search(bare):
        yield bare.translate(_AS_LETTERS)
    yield codecs.encode(bare, "rot13")
    yield bare[::-1]


def _of_percent(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace")


def _letter(found: re.Match[str]) -> str:
    number = found[1] or found[2] or found[4]
    if not number:
        return " "
    code = int(number, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _sentence(data: bytes) -> Iterator[str]:
    try:
        said = data.decode()
    except UnicodeDecodeError:
        return
    letters = sum(one.isalpha() or one in " .,:;!?'\n-" for one in said)
    if _WORDS.search(said) and letters * 10 >= len(said) * 8:
        yield said
