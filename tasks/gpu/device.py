"""One device that is asked. If the driver gave no handle for it, every answer is the reason why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arcops.seen.gpu import Count, Flag, Text, Unread
from tasks.gpu.asking import Nvml, as_count, as_flag, as_text


class AskedDevice:
    """``handle`` is the binding's handle of the device, or an `Unread`."""

    def __init__(self, nvml: Nvml, handle: Any) -> None:
        self.nvml = nvml
        self.handle = handle

    @property
    def library(self) -> Any:
        return self.nvml.library

    def ask(self, name: str, *arguments: object) -> Any:
        """What the binding's function *name* answers of this device, or an `Unread`."""
        return self.handle if isinstance(self.handle, Unread) else self.nvml.ask(name, self.handle, *arguments)

    def count(self, name: str, *arguments: object, least: int = 0, most: int = 2**53 - 1) -> Count:
        return as_count(self.ask(name, *arguments), name, least=least, most=most)

    def flag(self, name: str, *arguments: object) -> Flag:
        return as_flag(self.ask(name, *arguments), name)

    def text(self, name: str, *arguments: object) -> Text:
        return as_text(self.ask(name, *arguments), name)

    def pair(self, name: str, *arguments: object) -> tuple[Any, Any]:
        """Two values that one function answers, for `as_count` and `as_flag`; if there are no values, both are the reason."""
        answer = self.ask(name, *arguments)
        if isinstance(answer, Unread):
            return answer, answer
        first, second = answer
        return first, second

    def fields(self, wanted: Mapping[str, int], *, scope: int | None = None) -> dict[str, Count]:
        return self.nvml.fields(self.handle, wanted, scope=scope)
