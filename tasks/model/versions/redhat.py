"""RPM: ``[epoch:]version[-release]``, each part ordered by rpmvercmp (rpm.org, ``rpm-version(7)``).

A part is cut into numbers and words; all other characters only separate, except ``~`` (before the end of the part) and ``^``
(after the end, before every other part). Numbers come after words.
"""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable

_VALID = late(r"(?:[0-9]+:)?[A-Za-z0-9._+~^]+(?:-[A-Za-z0-9._+~^]+)*")
_EPOCH = late(r"([0-9]*):")
_TOKEN = late(r"[~^]|[0-9]+|[A-Za-z]+")
_TILDE, _END, _CARET, _WORD, _NUMBER = range(5)


def _strict(version: str) -> SortKey:
    if not _VALID.fullmatch(version):
        raise unparsable("RPM", version, "write it as [epoch:]version[-release] with letters, digits and . _ + ~ ^")
    return _order(version)


def _order(version: str) -> SortKey:
    found = _EPOCH.match(version)
    epoch, rest = (found[1] or "0", version[found.end() :]) if found else ("0", version)
    number, dash, release = rest.rpartition("-")
    if not dash:
        return (int(epoch), _part(rest), ())
    return (int(epoch), _part(number), _part(release))


def _part(text: str) -> SortKey:
    key: list[int | str] = []
    for token in _TOKEN.findall(text):
        if token == "~":  # noqa: S105  # a piece of a version, not a password
            key.append(_TILDE)
        elif token == "^":  # noqa: S105  # a piece of a version, not a password
            key.append(_CARET)
        elif token[0] in "0123456789":
            key += (_NUMBER, int(token))
        else:
            key += (_WORD, token)
    return (*key, _END)


REDHAT = Scheme(name="RPM", strict=_strict, order=_order)
