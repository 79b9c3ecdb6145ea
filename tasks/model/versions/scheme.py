"""A versioning scheme: the order of one ecosystem's versions, as keys that compare like tuples.

A scheme has two orders. `Scheme.key` accepts only what the ecosystem's own tools accept as a version, and a verdict may use it:
everything else is `Unparsable`, so unknown. `Scheme.lenient` orders every text, as the old tools did; it is for sorting and
display, never for "not affected".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from arcops.errors import Refused

SortKey: TypeAlias = "tuple[int | str | SortKey, ...]"
"""Keys of one scheme are totally ordered and hashable; keys of different schemes must not be compared."""

ZERO: SortKey = (-1,)
"""Before every version of every scheme: OSV's ``introduced: "0"`` (OSV schema 1.7, ``affected[].ranges[].events``)."""

LONGEST = 512
"""Characters. Released versions in all registries are much shorter; the limit keeps every key cheap to make and to compare."""


class Unparsable(Refused):
    """This text is not a version by the rules of its ecosystem, so its place in the order is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # each is made once, and `ranges` asks for its hash often
class Scheme:
    """One ecosystem's order.

    ``strict`` and ``order`` make the keys and raise `Unparsable`; every key starts with an integer that is not negative, so
    `ZERO` comes before it. If both answer, they agree, except as the scheme's module says.
    """

    name: str
    strict: Callable[[str], SortKey]
    order: Callable[[str], SortKey]

    def key(self, version: str) -> SortKey:
        """The key of *version* by the documented rules. Raises `Unparsable`; time is linear in the length."""
        if not version.isascii() or not version.isprintable() or " " in version:
            raise unparsable(self.name, version, "it holds a space, a control character or a character outside ASCII")
        return self.strict(self._bounded(version))

    def lenient(self, version: str) -> SortKey:
        """The sort key of *version*, valid or not. Raises `Unparsable` if it is too long or has no order."""
        return self.order(self._bounded(version))

    def _bounded(self, version: str) -> str:
        if not version:
            raise unparsable(self.name, version, "it is empty")
        if len(version) > LONGEST:
            raise unparsable(self.name, f"{version[:40]}…", f"it has {len(version)} characters; the limit is {LONGEST}")
        return version


def unparsable(scheme: str, version: str, why: str) -> Unparsable:
    """The error for *version*, in one sentence that can be shown."""
    return Unparsable(f"{version!r} is not a {scheme} version: {why}; so it is unknown whether it is affected")
