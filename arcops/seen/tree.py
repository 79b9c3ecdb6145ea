"""The files of a model: every file under the target, read once."""

from __future__ import annotations

from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass
from arcops.seen.content import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSeen:
    """One regular file. ``path`` is relative to the target, with ``/``; ``size`` is bytes; ``sha256`` lower-case hex."""

    path: str
    size: int
    sha256: str
    executable: bool
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSeen:
    """A symbolic link: its target, and whether that is outside of the model. Links are never followed."""

    path: str
    target: str
    escapes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A thing under the target that could not be read as a file, or that changed while it was read."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Body):
    """The whole target. ``files``, ``links`` and ``troubles`` are sorted by path (by code point).

    ``root`` is lower-case hex SHA-256 over the concatenated raw SHA-256 digests of ``files`` in that order, the digest that
    OpenSSF Model Signing v1 gives a model of these files.
    """

    KIND: ClassVar[str] = "tree"

    root: str
    files: tuple[FileSeen, ...]
    links: tuple[LinkSeen, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    def file(self, path: str) -> FileSeen | None:
        return next((file for file in self.files if file.path == path), None)

    @property
    def names_subject(self) -> str:
        return self.root
