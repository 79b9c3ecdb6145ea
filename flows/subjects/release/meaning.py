"""What is meant by a release: its plan, under the release's own name."""

from __future__ import annotations

from arcops.subjects.release import Release
from flows.place import Place
from flows.subjects.meaning import Meant, existing, means


@means(Release)
def planned(found: Release, at: Place) -> Meant:
    """The plan of a release."""
    return Meant(target=existing(found.target, at), named=found.name)
