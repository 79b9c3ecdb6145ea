"""The files that were attached to a check, and the collectors that read each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentSeen:
    """One attached file. ``name`` is its file name, ``size`` its bytes; ``read_as`` are the kinds of evidence that it became
    part of, sorted. ``problem`` says why it could not be read; ``sha256`` is then empty.
    """

    name: str
    size: int
    sha256: str = ""
    read_as: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments(Body):
    """Every attached file once, in the order in which they were given; empty if nothing was attached."""

    KIND: ClassVar[str] = "attachments"

    files: tuple[AttachmentSeen, ...]
