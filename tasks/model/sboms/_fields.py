"""Values from untrusted JSON: each is read by its type, and empty if it has another type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.subject import Digest

Table = dict[str, object]

_MOST_PROBLEMS = 20
_LONGEST = 240
_ALGORITHM = late(r"[^a-z0-9]")


def table(value: object, key: str) -> Table:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def tables(value: object, key: str) -> Iterator[Table]:
    found = value.get(key) if isinstance(value, dict) else None
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            yield item


def word(found: object) -> str:
    """*found* without the space around it; empty if it is no string."""
    return found.strip() if isinstance(found, str) else ""


def text(value: object, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found.strip() if isinstance(found, str) else ""


def texts(value: object, key: str) -> tuple[str, ...]:
    found = value.get(key) if isinstance(value, dict) else None
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """The non-empty *values*, each once, sorted."""
    return tuple(sorted({value for value in values if value}))


def unique_in_order(values: Iterable[str]) -> tuple[str, ...]:
    """The non-empty *values*, each once, as they came."""
    return tuple(dict.fromkeys(filter(None, values)))


def moment(stamp: str) -> datetime | None:
    """*stamp* (RFC 3339) in UTC; ``None`` if it is not a time, or has no time zone."""
    try:
        parsed = datetime.fromisoformat(stamp.strip().upper())
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def digest(algorithm: str, value: str) -> Digest | None:
    """A digest under in-toto's name for its algorithm (``SHA-256``, ``SHA256`` and ``sha256`` are ``sha256``)."""
    name = _ALGORITHM.sub("", algorithm.lower())
    if name.startswith("sha3") and name not in ("sha384", "sha3"):
        name = f"sha3_{name[4:]}"
    try:
        return Digest(algorithm=name, value=value.strip().lower())
    except Refused:
        return None


def digests(found: Iterable[Digest | None]) -> tuple[Digest, ...]:
    return tuple(sorted({one for one in found if one is not None}, key=str))


def short(message: str, most: int = _LONGEST) -> str:
    """*message* on one line, cut to *most* characters."""
    line = " ".join(message.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def few(problems: Iterable[str]) -> tuple[str, ...]:
    """The first problems, and a sentence with the number of the others."""
    listed = list(dict.fromkeys(short(problem) for problem in problems))
    if len(listed) > _MOST_PROBLEMS:
        listed = [*listed[:_MOST_PROBLEMS], f"and {len(listed) - _MOST_PROBLEMS} more problems of this document."]
    return tuple(listed)
