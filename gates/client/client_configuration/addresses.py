"""The parts of an address that a judge asks for, without the standard library's module, which opens connections."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#]*)@)?(\[[^\]]*\]|[^:/?#\[\]]*)(?::([0-9]{1,5}))?(/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?\Z"
)
_CODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``user`` is everything before an ``@``; ``pairs`` are the parameters of query and fragment, decoded."""

    scheme: str
    user: str
    host: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def here(self) -> bool:
        """Is it this machine, in a spelling that no one reads otherwise?"""
        return self.host in ("localhost", "127.0.0.1", "[::1]")


def address(text: str) -> Address | None:
    """The parts of *text*; ``None`` if it is no plain address, so that it is not known where it leads."""
    found = _FORM.match(text)
    if found is None or not found[3] or "\\" in text:
        return None
    pairs = tuple(
        (unquoted(name), unquoted(value))
        for part in (found[6] or "", found[7] or "")
        for name, equals, value in (one.partition("=") for one in re.split("[&;]", part))
        if equals
    )
    return Address(scheme=found[1].lower(), user=found[2] or "", host=found[3].lower(), pairs=pairs)


def unquoted(text: str) -> str:
    """*text* with ``%41`` and ``+`` as what they stand for in a query."""
    return _CODED.sub(lambda one: bytes.fromhex(one[0].replace("%", "")).decode("utf-8", "replace"), text.replace("+", " "))
