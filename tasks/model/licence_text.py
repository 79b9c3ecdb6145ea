"""Licence texts, recognised and never guessed.

A text is reduced to its words (lower case, letters and digits only, one spelling of licence, ``https`` as ``http``), so layout,
comment signs and typography do not count. A text that is known whole is recognised by the SHA-256 of its words: if one word
changes, it is another, unknown licence. A text that names its licensor, or that was not available whole when this was written,
is recognised by phrases that it must and must not hold, and by its length in words. In both cases only a heading, copyright
lines and the licence's own appendix may be around it.

Digests are of the texts in Debian's ``/usr/share/common-licenses`` and in PyPI packages (November 2026).
"""

from __future__ import annotations

import hashlib

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.licence import parse_licence
from tasks.model.licence_texts import TEXTS, KnownText

_WORD = late(r"[a-z0-9]+")
# A heading with one of these phrases is not only a heading: it restricts the licence that follows. The last three are also
# parts of names, so a line that is only a copyright notice may hold them.
_NARROWING = late(
    r"\b(commercial|noncommercial|commons clause|personal use|prohibited|forbidden|must not|may not|shall not|only for"
    r"|not permitted|except|restrictions?|restricted|additional terms|exhibit|in addition)\b"
)
_NARROWING_OR_NAME = late(r"\b(research|educational|evaluation)\b")
_COPYRIGHT = late(r"\W*(portions )?(copyright|\(c\)|©)\b.*")

_SPDX_LINE = late(r"SPDX-License-Identifier:[ \t]*([^\r\n]{1,200})")
_CC_LINK = late(r"creativecommons\.org/(?:licenses/(by(?:-nc)?(?:-sa|-nd)?)/(\d\.\d)|publicdomain/zero/(1\.0))")
_APACHE_NOTICE = (
    "licensed under the apache license version 2 0 the license you may not use this",
    "distributed on an as is basis without warranties or conditions of any kind either express or implied",
)
_BUILT_ON = (
    (late(r"\bis licensed under the llama (\d(?: \d)?) community license copyright\b"), "llama"),
    (late(r"\bgemma is provided under and subject to the gemma terms of use found at\b"), "gemma"),
)
_SHORT = 120


def recognise(text: str) -> str:
    """The SPDX expression that the licence file *text* is known to be, or ``""`` if it is unknown."""
    said = _words(text)
    found = {known.name for known in TEXTS if _is(known, text, said)}
    if len(found) == 1:
        return found.pop()
    return "" if found else _from_notice(text, said)


def recognise_notice(text: str) -> str:
    """The licence that the attribution file *text* declares, in the sentence that the licence itself asks for, or ``""``."""
    said = _words(text)
    for sentence, name in _BUILT_ON:
        match = sentence.search(said)
        if match is not None:
            return name + (match.group(1).replace(" ", ".") if match.groups() else "")
    return ""


def _words(text: str) -> str:
    return " ".join(_WORD.findall(_spelled(text)))


def _spelled(text: str) -> str:
    return text.lower().replace("licence", "license").replace("https:", "http:").replace("++", " plus plus ")


def _is(known: KnownText, text: str, said: str) -> bool:
    start = said.find(known.start)
    if start < 0 or len(said[:start].split()) > known.heading:
        return False
    if known.preamble not in said[:start] if known.preamble else _narrows(text, said[:start]):
        return False
    end = said.find(known.end, start) + len(known.end) if known.end else len(said)
    if known.end and end < len(known.end):
        return False
    rest = said[end:].strip()
    if rest and not (known.appendix and rest.startswith(known.appendix) and len(rest.split()) <= known.tail):
        return False
    body = said[start:end]
    if known.sha256:
        return hashlib.sha256(body.encode()).hexdigest() in known.sha256
    low, high = known.length
    return (
        low <= len(body.split()) <= high
        and all(phrase in body for phrase in known.holds)
        and not any(phrase in body for phrase in known.lacks)
    )


def _narrows(text: str, heading: str) -> bool:
    """Does *heading*, the first words of *text*, restrict the licence below it?"""
    if _NARROWING.search(heading):
        return True
    left = len(heading.split())
    for line in text.splitlines():
        words = _words(line).split()[:left]
        left -= len(words)
        if _COPYRIGHT.fullmatch(line.lower()) is None and _NARROWING_OR_NAME.search(" ".join(words)):
            return True
        if left <= 0:
            break
    return False


def _from_notice(text: str, said: str) -> str:
    """What a short file that points to its licence says: an SPDX line, one Creative Commons address, or Apache's own notice."""
    if len(said.split()) > _SHORT:
        return ""
    stated = {line.strip() for line in _SPDX_LINE.findall(text)}
    if stated:
        try:
            return str(parse_licence(stated.pop())) if len(stated) == 1 else ""
        except Refused:
            return ""
    links = {
        f"CC-{kind.upper()}-{version}" if kind else f"CC0-{zero}" for kind, version, zero in _CC_LINK.findall(text.lower())
    }
    if len(links) == 1:
        return links.pop()
    if all(phrase in said for phrase in _APACHE_NOTICE) and not links:
        return "Apache-2.0"
    return ""
