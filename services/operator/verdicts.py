"""What the gate says of images: a sealed artifact for each digest, checked when it was read, and not older than it may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from arcops.verdict import Verdict

_BY_DIGEST = re.compile(r"(?P<name>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerdict:
    """The verdict on one image.

    ``signer`` is who sealed it, ``trusted`` whether their key may judge images here, ``valid_until`` when it ends.
    ``artifact`` is the digest of the sealed bytes. ``entry_point`` is the image's own command, `None` if it was not recorded.
    """

    digest: str
    verdict: Verdict
    signer: str
    trusted: bool
    valid_until: datetime
    artifact: str
    entry_point: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What is known here. ``images`` is by digest; ``tags`` says which digest a tag had when an image was judged."""

    images: Mapping[str, ImageVerdict] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    amber_passes: bool = False

    def of(self, image: str) -> ImageVerdict | None:
        """The verdict on the *image*, whose reference has a digest."""
        found = _BY_DIGEST.match(image)
        return self.images.get(found["digest"]) if found else None

    def refusal(self, image: str, now: datetime) -> str:
        """Why *image* may not run now, in a sentence; empty if it may."""
        found = _BY_DIGEST.match(image)
        if found is None:
            known = self.tags.get(image)
            write = f"write {image.partition('@')[0]}@{known}" if known else "write its digest (NAME@sha256:…)"
            return f"{image} names no image by its digest, and a tag is another image tomorrow; {write}"
        one = self.images.get(found["digest"])
        if one is None:
            return f"no artifact of the gate says anything about {found['digest']}; judge the image, and bring its artifact"
        if not one.trusted:
            return f"the artifact about {found['digest']} is signed by {one.signer}, who may not judge images here"
        if now >= one.valid_until:
            return f"the artifact about {found['digest']} was valid until {one.valid_until:%Y-%m-%d %H:%M} UTC; judge it again"
        if one.verdict is not Verdict.GREEN and not (one.verdict is Verdict.AMBER and self.amber_passes):
            return f"the gate's verdict on {found['digest']} is {one.verdict.value}"
        return ""
