"""A proposal: an advisory speaks against what a hosted server is made of, and this is the version that was judged in its place,
or what has to be done so that there can be one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from artifacts.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchProposal:
    """``version`` of ``server`` counts, and ``known`` speaks against its ``package``; ``fixes`` say where each of it is fixed.

    Version ``proposed`` was judged (``verdict``); it is 0 if none could be proposed, and ``missing`` says why, or why it may
    not run. ``base`` is the image that an image was built on, and ``newerBase`` the digest of a newer one that is there.
    ``content`` is a digest of all of it but the time, ``raised``. ``action`` says what to do.
    """

    site: str
    server: str
    version: int
    package: str
    known: str
    fixes: tuple[str, ...]
    proposed: int
    verdict: str
    missing: str
    base: str
    newer_base: str
    raised: datetime
    content: str
    action: str


PATCH_PROPOSAL: Record[PatchProposal] = Record(
    uri="https://arcops.dev/predicates/patch-proposal/v1",
    what="the proposal of a patched version",
    holds=PatchProposal,
    about=lambda one: (f"servers/{one.server}", one.content),
)
