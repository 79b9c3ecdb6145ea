"""Regular expressions that are compiled at their first use, because a command uses few of those that it imports."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, but later. The result has the methods of a pattern; the functions of `re` do not accept it as one."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, flags))


class _Late:
    """Stands for a pattern. Each method is kept after its first use, so a second use costs nothing more."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:  # called only for what is not kept here yet
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)
        return found
