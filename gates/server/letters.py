"""Letters of a text that a person cannot see, or takes for others: invisible ones, look-alikes of another script, odd spaces.

Sources: Unicode 16 categories and its "Default_Ignorable_Code_Point"; Unicode TR 39 for which letters look alike (those of the
scripts that text about tools is imitated with, not all of it).
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_LINE = "\n\t\r"
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0"
    "\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\u2028\u2029]"
)
_PRESENTED = "\ufe0f"
"""It asks for a symbol in colour, and says nothing after anything else."""
_ODD_SPACES = re.compile(r"[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]{8,}")
_ACCENTED = re.compile(r"[\u00c0-\u024f\u0300-\u03ff\u0591-\u06ff\u1e00-\u1fff]+")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "OSAGE")
_WORD = re.compile(r"[^\W\d_]{2,}")
_ALIKE = {
    "A": "\u0410\u0391\u1d00",
    "B": "\u0412\u0392\u0299",
    "C": "\u0421\u1d04",
    "D": "\u1d05",
    "E": "\u0415\u0395\u1d07",
    "F": "\ua730",
    "G": "\u0262",
    "H": "\u041d\u0397\u029c",
    "I": "\u0406\u0399\u026a",
    "J": "\u0408\u1d0a",
    "K": "\u041a\u039a\u1d0b",
    "L": "\u029f",
    "M": "\u041c\u039c\u1d0d",
    "N": "\u039d\u0274",
    "O": "\u041e\u039f\u1d0f",
    "P": "\u0420\u03a1\u1d18",
    "R": "\u0280",
    "S": "\u0405\ua731",
    "T": "\u0422\u03a4\u1d1b",
    "U": "\u1d1c",
    "V": "\u1d20",
    "W": "\u1d21",
    "X": "\u0425\u03a7",
    "Y": "\u04ae\u03a5\u028f",
    "Z": "\u0396\u1d22",
    "a": "\u0430\u03b1\u0251",
    "c": "\u0441",
    "d": "\u0501",
    "e": "\u0435",
    "g": "\u0581\u0261",
    "h": "\u04bb\u0570",
    "i": "\u0456\u0269\u0131",
    "j": "\u0458",
    "l": "\u04cf",
    "n": "\u0578",
    "o": "\u043e\u03bf\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "s": "\u0455",
    "t": "\u03c4",
    "u": "\u03c5\u057d",
    "v": "\u03bd",
    "w": "\u051d",
    "x": "\u0445",
    "y": "\u0443",
}
"""Letters of Latin, each with letters of Cyrillic, Greek and Armenian, of phonetics and small capitals that look like it."""
_LIKE_LATIN = str.maketrans({one: latin for latin, those in _ALIKE.items() for one in those})


def invisible(text: str) -> str:
    """Which letter of *text* cannot be seen, as ``U+200B NAME``; empty if none."""
    before = ""
    for letter in text:
        category = unicodedata.category(letter)
        plain = letter in _LINE or 32 <= ord(letter) < 127
        hidden = not plain and (category in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp") or _IGNORED.match(letter))
        if hidden or (letter == _PRESENTED and not _symbol(before)):
            return f"U+{ord(letter):04X} {unicodedata.name(letter, category)}"
        before = letter
    return ""


def _symbol(letter: str) -> bool:
    return bool(letter) and (unicodedata.category(letter) in ("So", "Sm", "Po") or letter in "0123456789#*")


def mixed(text: str) -> str:
    """A word of *text* that is not what it seems: its letters are of several scripts, or all of another script than the words
    around it and each like a Latin one; empty if there is no such word.
    """
    if text.isascii():
        return ""
    imitating = ""
    honest: set[str] = set()
    for found in _WORD.finditer(text):
        word = found[0]
        if word.isascii():
            honest.add("LATIN")
            continue
        scripts = {script for letter in word for script in _SCRIPTS if unicodedata.name(letter, "").startswith(script)}
        if len(scripts) > 1 and not _symbols(word, scripts):
            return word
        if scripts and scripts != {"LATIN"} and len(word) > 2 and as_latin(word).isascii():
            imitating = imitating or word
        else:
            honest |= scripts
    return imitating if honest == {"LATIN"} else ""


def _symbols(word: str, scripts: set[str]) -> bool:
    """Are the Greek letters of a Latin *word* those of formulas, which look like no Latin letter, as in a change of time?"""
    greek = [letter for letter in word if unicodedata.name(letter, "").startswith("GREEK")]
    return scripts == {"LATIN", "GREEK"} and not any(as_latin(letter).isascii() for letter in greek)


def as_latin(text: str) -> str:
    """*text* as a person sees it at a glance: without accents, with each letter that looks like a Latin one as that."""
    if text.isascii():
        return text
    return _bare(text.translate(_LIKE_LATIN))


def unaccented(text: str) -> str:
    """*text* without the accents of Latin, Greek, Arabic and Hebrew; those of other scripts are parts of their letters."""
    return text if text.isascii() else _ACCENTED.sub(lambda found: _bare(found[0]), text)


def _bare(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if unicodedata.category(letter) != "Mn")


def carrying(text: str) -> bool:
    """Has *text* a run of spaces of several kinds, which can carry a message?"""
    for found in _ODD_SPACES.finditer(text):
        run = found[0]
        if sum(one != other for one, other in pairwise(run)) >= 4:
            return True
    return False
