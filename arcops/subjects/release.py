"""The subject *release*."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped
from arcops.judgeable import Judgeable, judgeable


@judgeable(kind="release", policy="release")
@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Judgeable):
    """A model on a site, with every part that must be ready. Its check runs the parts first, so it has its own capability."""

    target: Path = field(metadata=shaped(least=1, most=4096))
    """The plan of the release, as its check writes it."""
    name: str = field(metadata=shaped(least=1, most=200))
    """Its name in the artifact."""
