"""Text as the numbers of word pieces, as BERT's uncased models were trained with.

Source: Devlin et al. 2018 (arXiv:1810.04805) and its reference tokenizer: clean, apart at spaces, CJK and punctuation, lower
case without accents, then the longest pieces that the vocabulary has.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence

_MOST_WORD = 100
_CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2FA1F), (0xF900, 0xFAFF))


def vocabulary(text: str) -> Mapping[str, int]:
    """The pieces of a ``vocab.txt``, one a line, by their numbers."""
    return {piece: number for number, piece in enumerate(text.splitlines())}


def pieces(text: str, known: Mapping[str, int], most: int) -> Sequence[int]:
    """The numbers of the pieces of *text*, with those that begin and end it, at most *most* of them."""
    unknown, found = known["[UNK]"], [known["[CLS]"]]
    for word in _words(text):
        found += _split(word, known, unknown)
        if len(found) >= most - 1:
            break
    return (*found[: most - 1], known["[SEP]"])


def _words(text: str) -> Iterator[str]:
    clean = "".join(_cleaned(one) for one in text)
    for word in clean.split():
        plain = "".join(one for one in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(one) != "Mn")
        held = ""
        for one in plain:
            if _punctuation(one):
                yield from (held, one) if held else (one,)
                held = ""
            else:
                held += one
        if held:
            yield held


def _cleaned(one: str) -> str:
    if one in "\t\n\r" or unicodedata.category(one) == "Zs":
        return " "
    if one in "\0\ufffd" or unicodedata.category(one).startswith("C"):
        return ""
    return f" {one} " if any(low <= ord(one) <= high for low, high in _CJK) else one


def _punctuation(one: str) -> bool:
    code = ord(one)
    return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126 or unicodedata.category(one)[0] == "P"


def _split(word: str, known: Mapping[str, int], unknown: int) -> list[int]:
    if len(word) > _MOST_WORD:
        return [unknown]
    found, at = [], 0
    while at < len(word):
        for end in range(len(word), at, -1):
            number = known.get(word[at:end] if at == 0 else f"##{word[at:end]}")
            if number is not None:
                found.append(number)
                at = end
                break
        else:
            return [unknown]
    return found
