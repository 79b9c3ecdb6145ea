"""NuGet: semantic versions with up to four numbers, labels without regard to case, build metadata ignored (NuGetVersion)."""

from __future__ import annotations

from arcops.late_pattern import late
from tasks.model.versions.scheme import Scheme, SortKey, unparsable
from tasks.model.versions.semver import identifiers

_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VALID = late(rf"(?P<core>[0-9]+(?:\.[0-9]+){{0,3}})(?:-(?P<pre>{_LABELS}))?(?:\+{_LABELS})?")


def _order(version: str) -> SortKey:
    match = _VALID.fullmatch(version)
    if match is None:
        raise unparsable("NuGet", version, "write it like 1.2.3, 1.2.3.4 or 1.2.3-rc.1")
    numbers = [int(part) for part in match["core"].split(".")]
    stage: SortKey = (0, identifiers(match["pre"].lower())) if match["pre"] else (1,)
    return (*(numbers + [0] * (4 - len(numbers))), stage)


def _lenient(version: str) -> SortKey:
    return _order(version.removeprefix("v"))


NUGET = Scheme(name="NuGet", strict=_order, order=_lenient)
