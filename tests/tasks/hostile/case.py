"""One file that can run code, what must be found in it, and its twin that cannot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``rule`` is one that must fail. ``twin`` is the path and bytes of the harmless twin."""

    family: str
    path: str
    data: bytes
    rule: str
    twin: tuple[str, bytes]

    @property
    def name(self) -> str:
        return f"{self.family}: {self.path}"


def named(family: str, path: str, text: str, *, rule: str = "weights/formats") -> Case:
    """A file whose name alone lets a tool run it; the same words as Markdown run nowhere."""
    return Case(family=family, path=path, data=text.encode(), rule=rule, twin=("notes/words.md", text.encode()))


def against(family: str, path: str, bad: str | bytes, good: str | bytes, *, rule: str) -> Case:
    """Two contents of one file."""
    raw, twin = (value.encode() if isinstance(value, str) else value for value in (bad, good))
    return Case(family=family, path=path, data=raw, rule=rule, twin=(path, twin))


def converted(family: str, path: str, data: bytes, *, rule: str) -> Case:
    """A format that runs code, or that nothing here reads; the same as safetensors, as the fix says."""
    return Case(family=family, path=path, data=data, rule=rule, twin=(f"{path}.safetensors", b"\x02" + bytes(7) + b"{}"))
