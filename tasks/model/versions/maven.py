"""Maven: the Version Order Specification of the POM reference (maven.apache.org/pom.html).

A version is cut at dots, hyphens and between digits and letters; empty pieces are 0. Pieces without meaning (0, ``final``,
``ga``, ``release``) are dropped at the end and before every hyphen or qualifier. Then pieces are compared in this order: known
qualifiers in their own order, the end, ``sp``, other qualifiers by alphabet, numbers after a hyphen, numbers after a dot.
"""

from __future__ import annotations

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_VALID = late(r"[0-9A-Za-z][0-9A-Za-z._+~-]*")
_MOVING = late(r"[^0-9]*|.*[.-]\+")
"""What a build resolves by itself, such as ``LATEST``, ``latest.release`` and ``1.+``: no release is called so."""
_PIECE = late(r"[0-9]+|[^0-9.-]+|[.-]")
_KNOWN = ("alpha", "beta", "milestone", "rc", "snapshot")
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone"}
_NOTHING = {"", "final", "ga", "release"}
_BELOW, _END, _ABOVE, _SP, _OTHER, _AFTER_HYPHEN, _AFTER_DOT = range(len(_KNOWN), len(_KNOWN) + 7)


@dataclass(frozen=True, slots=True)
class _Token:
    hyphen: bool
    number: int | None
    word: str = ""

    @property
    def nothing(self) -> bool:
        return not self.number and (self.number is not None or self.word in _NOTHING)

    @property
    def cuts(self) -> bool:
        """Is a piece without meaning before this one dropped?"""
        return self.hyphen or self.number is None


def _strict(version: str) -> SortKey:
    if not _VALID.fullmatch(version) or _MOVING.fullmatch(version):
        raise unparsable("Maven", version, "it may have only letters, digits and . - _ + ~, and must name one release")
    return _order(version)


def _order(version: str) -> SortKey:
    key: list[int | str] = []
    rank = _END  # the rank of the rest of the version, seen from its end, compared with an empty rest
    kept: list[_Token] = []
    tokens = _tokens(version.lower())
    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        if not (index and token.nothing and (not kept or kept[-1].cuts)):
            kept.append(token)
    pieces: list[tuple[int | str, ...]] = []
    for token in kept:
        piece = _piece(token, rank)
        pieces.append(piece)
        rank = _BELOW if piece[0] <= _BELOW else _ABOVE  # type: ignore[operator]  # a piece starts with its rank, an integer
    for piece in reversed(pieces):
        key += piece
    return (*key, _END)


def _piece(token: _Token, rank: int) -> tuple[int | str, ...]:
    if token.number is not None:
        return (_AFTER_HYPHEN if token.hyphen else _AFTER_DOT, token.number)
    if token.word in _NOTHING:
        return (rank,)
    if token.word in _KNOWN:
        return (_KNOWN.index(token.word),)
    return (_SP,) if token.word == "sp" else (_OTHER, token.word)


def _tokens(version: str) -> list[_Token]:
    tokens: list[_Token] = []
    hyphen, empty = False, True
    for piece in _PIECE.findall(version):
        if piece in ".-":
            if empty:
                tokens.append(_Token(hyphen, 0))
            hyphen, empty = piece == "-", True
            continue
        if not empty:
            hyphen = True  # between digits and letters there is an implied hyphen
        if piece[0] in "0123456789":
            if not empty and tokens[-1].word in _SHORT:
                tokens[-1] = _Token(tokens[-1].hyphen, None, _SHORT[tokens[-1].word])
            tokens.append(_Token(hyphen, int(piece)))
        else:
            tokens.append(_Token(hyphen, None, "rc" if piece == "cr" else piece))
        empty = False
    if empty:
        tokens.append(_Token(hyphen, 0))
    return tokens


MAVEN = Scheme(name="Maven", strict=_strict, order=_order)
