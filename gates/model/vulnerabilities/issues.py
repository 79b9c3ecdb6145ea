"""From advisories to issues: one vulnerability in one package is reported once, even if several databases describe it."""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter

from arcops.late_dataclass import dataclass
from arcops.seen.vulnerabilities import Certainty, Match
from gates.model.vulnerabilities.names import groups, named, names_of
from gates.model.vulnerabilities.vex import Opinions

_about = attrgetter("about")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One vulnerability in one package. ``about`` is ``ADVISORY in PURL``; ``score`` is the worst known one."""

    about: str
    text: str
    standing: Certainty
    score: int | None
    fixed: tuple[str, ...]


def issues(matches: tuple[Match, ...], heard: Opinions) -> tuple[Issue, ...]:
    """The issues that no VEX statement excuses, in order of package and name."""
    if heard.opinions:
        grouped = groups([match for match, names in named(matches) if heard.excuse(match, names) is None])
    else:
        grouped = groups(matches)
        if any(len(group) > 2 for group in grouped):  # those of two are in order already
            grouped = groups([match for group in grouped for match in group])
    return tuple(sorted([_issue(group, heard) for group in grouped], key=_about))


def _issue(group: list[Match], heard: Opinions) -> Issue:
    certain = [match for match in group if match.affected is Certainty.YES]
    speaking = certain or group
    first = speaking[0]
    if len(group) == 1:
        worst, fixed = first.score, first.fixed
    else:
        worst = max((match.score for match in speaking if match.score is not None), default=None)
        fixed = tuple(dict.fromkeys(version for match in speaking for version in match.fixed))
    name = _called(tuple([(match.advisory, match.aliases) for match in group]))
    severity = "no severity is given" if worst is None else f"CVSS {worst // 10}.{worst % 10}"
    verb = "covers" if certain else "may cover"
    parts = [f"{name} ({severity}) {verb} {first.purl}: the version {first.reason}"]
    if fixed:
        parts.append(f"fixed in {', '.join(fixed)}")
    opinion = heard.about(first, names_of(first)) if heard.opinions else None
    if opinion is not None:
        parts.append(f"{opinion.path} says {opinion.status.value}")
    return Issue(
        about=f"{name} in {first.purl}",
        text="; ".join(parts) + ".",
        standing=Certainty.YES if certain else Certainty.UNKNOWN,
        score=worst,
        fixed=fixed,
    )


@lru_cache(maxsize=16384)
def _called(group: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """The usual name: every CVE of the group, or else every GHSA, or else every id. All of them, so that a waiver that names
    one never covers another that is added later."""
    names = {name for advisory, aliases in group for name in (advisory, *aliases)}
    for prefix in ("CVE-", "GHSA-"):
        chosen = sorted(name for name in names if name.startswith(prefix))
        if chosen:
            return "+".join(chosen)
    return "+".join(sorted({advisory for advisory, _ in group}))
