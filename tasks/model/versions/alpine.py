"""Alpine, Wolfi and Chainguard: apk-package(5) versions, ``1.2.3a_rc1~hash-r4``, ordered as apk-tools 3 does.

apk-tools 2 also took a number after a letter (``6.6.2p1``), and Alpine's older releases use that, so it is read here, too.

If two versions differ in the kind of the next part, the earlier kind is the newer version (a number is newer than a letter, a
letter than a suffix …). A suffix of a pre-release is the oldest, and a part that apk cannot read is older than the end.
"""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_BEFORE, _INVALID, _END, _REVISION, _HASH, _SUFFIX_NUMBER, _AFTER, _LETTER, _NUMBER = range(9)
_PRE = ("alpha", "beta", "pre", "rc")
_POST = ("cvs", "svn", "git", "hg", "p")
_FIRST = late(r"[0-9]+")
_NEXT = late(
    r"\.(?P<number>[0-9]+)|(?P<letter>[a-z])(?P<letter_number>[0-9]*)|_(?P<suffix>[a-z]+)(?P<suffix_number>[0-9]*)"
    r"|~(?P<hash>[0-9a-fA-F]+)|-r(?P<revision>[0-9]+)"
)
# The position of each kind in the grammar; the positions in a version must not go back.
_STAGE = {"number": 0, "letter_number": 1, "suffix": 2, "suffix_number": 2, "hash": 3, "revision": 4}


def _strict(version: str) -> SortKey:
    key, valid = _read(version)
    if not valid:
        raise unparsable("Alpine", version, "apk-package(5) versions are written like 1.2.3a_rc1-r4")
    return key


def _order(version: str) -> SortKey:
    return _read(version)[0]


def _read(version: str) -> tuple[SortKey, bool]:
    """The key, and whether apk reads the whole text. The key ends at the first part that apk cannot read."""
    first = _FIRST.match(version)
    if first is None:
        return (0, version), False
    key: list[int | str | SortKey] = [1, int(first[0])]
    stage, at = 0, first.end()
    while at < len(version):
        found = _NEXT.match(version, at)
        kind = found.lastgroup if found else None
        if found is None or kind is None or not _follows(kind, stage):
            return (*key, _INVALID), False
        if kind == "number":
            # Like Gentoo: with a leading zero it is a fraction, compared as text, and so before every other number.
            key += (_NUMBER, (0, found["number"]) if found["number"][0] == "0" else (1, int(found["number"])))
        elif kind == "letter_number":
            key += (_LETTER, found["letter"])
            if found["letter_number"]:
                key += (_NUMBER, (1, int(found["letter_number"])))
        elif kind == "suffix_number":
            name, number = found["suffix"], found["suffix_number"]
            if name in _PRE:
                key += (_BEFORE, _PRE.index(name))
            elif name in _POST:
                key += (_AFTER, _POST.index(name))
            else:
                return (*key, _INVALID), False
            if number:
                key += (_SUFFIX_NUMBER, int(number))
        elif kind == "hash":
            key += (_HASH, found["hash"])
        else:
            key += (_REVISION, int(found["revision"]))
        stage, at = _STAGE[kind], found.end()
    return (*key, _END), True


def _follows(kind: str, stage: int) -> bool:
    """Numbers and suffixes may repeat; a letter, a hash and a revision come once, and no kind comes after a later kind."""
    own = _STAGE[kind]
    return own > stage or (own == stage and kind in ("number", "suffix_number"))


ALPINE = Scheme(name="Alpine", strict=_strict, order=_order)
