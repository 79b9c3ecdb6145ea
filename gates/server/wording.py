"""What in a text is meant for a model and not for the person who reads about a tool: invisible letters, hidden instructions.

Sources: Unicode 16 categories and its "Default_Ignorable_Code_Point"; published attacks on tool descriptions ("tool
poisoning"), whose forms are listed, not whose words are understood: a text that is not listed can still lie.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_LINE = "\n\t\r"
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0"
    "\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\u2028\u2029]"
)
_WIDE = re.compile(r"[^\S\n]{40,}|\n(?:[^\S\n]*\n){12,}|[\u2800]{4,}")
_FORMS = {
    "a tag for a model": (
        r"<\s*/?\s*(important|system|instructions?|secret|hidden|admin|assistant|user|prompt)\b[^>\n]{0,40}>",
    ),
    "a comment that a page does not show": (r"<!--", r"\[//\]: #", r"\[comment\]:"),
    "an instruction to ignore others": (
        r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(previous|prior|above|earlier|other|system|all)\b.{0,30}"
        r"\b(instructions?|rules?|prompts?|messages?|guidelines?|polic(y|ies))",
    ),
    "an instruction to hide something from the user": (
        r"\b(do not|don'?t|never|without)\b.{0,30}\b(tell|mention|inform|reveal|show|notify|alert|ask)(ing)?\b.{0,30}"
        r"\b(user|human|person|operator)\b",
    ),
    "an instruction about calls of other tools": (
        r"\b(before|prior to|instead of|whenever|after)\b.{0,60}\b(using|calling|invoking|running) "
        r"(this|any|the|other|another)\b.{0,40}\b(tool|function)s?\b.{0,80}\b(must|read|send|call|include|pass|first)\b",
    ),
    "the place of a secret": (
        r"(~|\$HOME|/root|/home/[^\s/]+)/\.(ssh|aws|gnupg|kube|config|docker|netrc|npmrc|pypirc|cursor|claude)\b",
        r"\bid_(rsa|ed25519|ecdsa)\b",
        r"/etc/(shadow|passwd)\b",
        r"\b(mcp|claude_desktop_config)\.json\b",
    ),
    "an instruction to send something away": (
        r"\b(send|post|upload|forward|exfiltrate|bcc)\b.{0,80}(https?://|\b[\w.+-]+@[\w-]+\.[a-z]{2,})",
    ),
    "a picture from elsewhere": (r"!\[[^\]]{0,200}\]\(\s*(https?:)?//",),
    "an encoded text": (r"\bdata:[a-z]+/[a-z0-9.+-]+;base64,", r"[A-Za-z0-9+/]{400,}={0,2}"),
    "a control sequence of a terminal": (r"\x1b\[",),
    "an instruction to a model": (
        r"\byou (are now|must now|will now act as)\b",
        r"\bnew (system )?instructions?\s*:",
        r"\b(system prompt|developer mode)\b",
    ),
}
_COMPILED = tuple((re.compile("|".join(those), re.IGNORECASE | re.DOTALL), what) for what, those in _FORMS.items())
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
_WORD = re.compile(r"[^\W\d_]{2,}")


def invisible(text: str) -> str:
    """Which letter of *text* cannot be seen, as ``U+200B NAME``; empty if none."""
    for letter in text:
        category = unicodedata.category(letter)
        plain = letter in _LINE or 32 <= ord(letter) < 127
        if not plain and (category in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp") or _IGNORED.match(letter)):
            return f"U+{ord(letter):04X} {unicodedata.name(letter, category)}"
    return ""


def instructions(text: str) -> Iterator[str]:
    """What in *text* looks like a message to a model, one clause each."""
    if _WIDE.search(text):
        yield "space after which a person would not look"
    plain = unicodedata.normalize("NFKC", text)
    for pattern, what in _COMPILED:
        if pattern.search(plain):
            yield what


def mixed(text: str) -> str:
    """A word of *text* whose letters are of several scripts that look alike; empty if there is no such word."""
    if text.isascii():
        return ""
    for word in _WORD.findall(text):
        found = {script for letter in word for script in _SCRIPTS if unicodedata.name(letter, "").startswith(script)}
        if len(found) > 1:
            return str(word)
    return ""


def plainly_named(name: str) -> bool:
    """Is *name* one that every client can show and no one can take for another?"""
    return bool(_NAME.fullmatch(name))
