"""Regular expressions that are compiled when they are first asked, for a command uses few of those that it imports."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, later. What it gives has the methods of a pattern; functions of `re` itself do not take it for one."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, flags))


class _Late:
    """Stands for a pattern. What was asked of it once lies in it, so that asking again costs nothing more."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:  # called only for what does not lie here yet
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)
        return found
