"""What in a text is meant for a model and not for the person who reads about a tool: forms of instructions, in every spelling.

Letters that cannot be seen or that imitate others are found by `gates.server.letters`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from gates.server.forms import FORMS
from gates.server.letters import carrying, invisible, mixed, unaccented
from gates.server.tongues import HIDE, IGNORE
from gates.server.unfolded import encoded, spellings

__all__ = ["instructions", "invisible", "misplaced", "mixed", "plainly_named", "together"]

LONGEST, MOST = 20_000, 2_000_000
"""Characters of one text, and of all that a server says, that a person may still read: of 19 servers the longest text of a tool
has 7,000, and the one that says most says 90,000.
"""
_WIDE = re.compile(
    r"[^\S\n]{40,}|\n(?:[^\S\n]*\n){12,}|[\u2800]{4,}|(?:&nbsp;|\u00a0){20,}|(?:<br ?/?>\s*){12,}|(?:\\n){12,}"
    r"|(.)\1{299,}|(.{2,80}?)\2{29,}",
    re.DOTALL,
)
_COMPILED = tuple((re.compile("|".join(those), re.IGNORECASE | re.DOTALL), what) for what, those in FORMS.items())
_TONGUES = tuple(
    (re.compile("|".join(f"(?:{one})" for one in those.values()), re.IGNORECASE | re.DOTALL), what)
    for those, what in (
        (IGNORE, "an instruction to ignore others"),
        (HIDE, "an instruction to hide something from the user"),
    )
)
_NO_LETTER = re.compile(r"[\W\d_]+")
_GLUED = (
    (
        re.compile(
            r"(ignore|disregard|forget)(all|any|the|your|of)*(previous|prior|above|earlier|other)(system)?"
            r"(instruction|rule|prompt|message)"
        ),
        "an instruction to ignore others",
    ),
    (
        re.compile(r"(donot|dont|never)(tell|inform|alert|notify|mention(this|it)?to|show(this|it)?to)(the)?(user|human)"),
        "an instruction to hide something from the user",
    ),
)
"""Forms in a text of which only the letters are left, without what is between them."""
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_SENTENCE = re.compile(
    r"(?<![^\W\d_])[^\W\d_]{2,40}(?:[ ,;:'\u2019]{1,3}[^\W\d_]{1,40}){7}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{16,}"
)
_VALUES = (
    "enum",
    "const",
    "default",
    "pattern",
    "format",
    "required",
    "type",
    "mimeType",
    "uri",
    "uriTemplate",
    "name",
    "version",
)


@lru_cache(maxsize=4096)
def _found(text: str) -> tuple[str, ...]:
    if len(text) > LONGEST:
        return ("more than a person would read",)
    found: dict[str, None] = {}
    if _WIDE.search(text) or carrying(text):
        found["space after which a person would not look"] = None
    said = [*encoded(text)]
    if said:
        found["an encoded text"] = None
    for one in (text, *said):
        for way in spellings(one):
            found |= dict.fromkeys(what for pattern, what in _COMPILED if pattern.search(way))
        found |= dict.fromkeys(_foreign(one))
        letters = _NO_LETTER.sub("", one.casefold())
        found |= dict.fromkeys(what for pattern, what in _GLUED if pattern.search(letters))
    return tuple(found)


def instructions(text: str) -> Iterator[str]:
    """What in *text* looks like a message to a model, one clause each."""
    yield from _found(text)


def _foreign(text: str) -> Iterator[str]:
    plain = unaccented(text.casefold())
    for pattern, what in _TONGUES:
        if pattern.search(plain):
            yield what


def misplaced(where: str, text: str) -> bool:
    """Is *text* a sentence at a place (`TextSaid.where`) that is for a value or a name, which no one writes sentences into?"""
    place = where.rpartition(".")[2]
    return (place in _VALUES or where.endswith(": name of a member")) and bool(_SENTENCE.search(text))


def together(texts: Iterable[str]) -> Iterator[str]:
    """What the *texts* of one definition look like one after the other, and none of them does alone: a message can be spread
    over a title, a description and a parameter.
    """
    found = tuple(texts)
    alone = {what for text in found for what in _found(text)}
    whole = " ".join(found)[:LONGEST]
    for pattern, what in _COMPILED:
        if what not in alone and pattern.search(whole):
            yield what


def plainly_named(name: str) -> bool:
    """Is *name* one that every client can show and no one can take for another?"""
    return bool(_NAME.fullmatch(name))
