"""The signed statement of a site bundle: what a file brings across an air gap, and what was not given to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from artifacts.canonical import canonical
from artifacts.record import Record
from artifacts.signed_tar import TarPart
from artifacts.typed import dump


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCarried:
    """An image as an OCI layout: the folder's name, and the digest of its index."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelCarried:
    """A Python package: its name and version, and the digest of its file."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBundle:
    """What the tar has. ``version`` is that of ArcOps among the wheels; a bundle without it has none. ``schema`` is the
    revision of the database that the program which made it knows. ``not_given`` are the kinds of pieces that it does not have.
    """

    version: str
    schema: str
    made: datetime
    images: tuple[ImageCarried, ...]
    wheels: tuple[WheelCarried, ...]
    parts: tuple[TarPart, ...]
    not_given: tuple[str, ...]


def content_of(bundle: SiteBundle) -> str:
    """``sha256:…`` of what *bundle* brings: two with the same digest bring the same."""
    listed = canonical([dump(one) for one in bundle.parts])
    return f"sha256:{hashlib.sha256(listed).hexdigest()}"


SITE_BUNDLE: Record[SiteBundle] = Record(
    uri="https://arcops.dev/predicates/site-bundle/v1",
    what="the bundle of a site",
    holds=SiteBundle,
    about=lambda bundle: (f"arcops {bundle.version}" if bundle.version else "content", content_of(bundle)),
)
