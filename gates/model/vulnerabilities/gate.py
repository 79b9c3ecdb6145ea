"""Are the packages that the SBOMs list free of known vulnerabilities?

Why: a model is served by packages, and a published advisory describes an attack. A clean answer is worth only as much as the
data behind it: an old or tiny database, or a component that was not compared, looks exactly like safety.

Judged: whether an advisory covers a listed package at or above the policy's CVSS score (an unknown severity counts as the
worst); whether every comparison gave a result; whether every package was compared, and there was at least one; how old, how
large and how readable the advisory data is; and which VEX statements count. A VEX statement counts only if an allowed signer
signed it, it names a product by package URL, and it gives a reason. The latest statement wins.

Fix: upgrade to a fixed version and make the SBOM again; import newer data with 'arcops data import FILE'; have the supplier
sign a VEX statement; or write a waiver with owner, reason and end date for exactly this advisory and package.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum

from arcops.control import gdpr, nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Sboms
from arcops.seen.vex import Vex
from arcops.seen.vulnerabilities import Certainty, Database, Vulnerabilities
from arcops.signer import SignerRule
from arcops.subjects.model import Model
from gates.model.vulnerabilities.issues import Issue, issues
from gates.model.vulnerabilities.vex import Opinions, opinions


class Level(Enum):
    """How grave a problem is."""

    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class VulnerabilitiesPolicy:
    """Scores are CVSS base scores in tenths, 0 to 100: at ``fail_at`` or above a vulnerability fails, at ``warn_at`` or above
    it warns. ``max_unreadable_per_thousand`` is how many of a thousand advisories may be unreadable. ``vex_signers`` are the
    signers whose VEX statements count: by default, no VEX statement counts.
    """

    fail_at: int = 0
    warn_at: int = 0
    unknown_severity: Level = Level.FAIL
    unmatched: Level = Level.FAIL
    require_packages: bool = True
    max_data_age_days: int = 7
    min_advisories: int = 1000
    small_data: Level = Level.FAIL
    max_unreadable_per_thousand: int = 0
    vex_signers: tuple[SignerRule, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.warn_at <= self.fail_at <= 101:
            raise Refused(
                f"warnAt {self.warn_at} and failAt {self.fail_at} must be CVSS scores in tenths with"
                " 0 <= warnAt <= failAt <= 101 (70 is 7.0; 101 never fails on a score)"
            )
        if self.max_data_age_days < 0 or self.min_advisories < 0 or not 0 <= self.max_unreadable_per_thousand <= 1000:
            raise Refused(
                "maxDataAgeDays, minAdvisories and maxUnreadablePerThousand must not be negative; the last is at most 1000"
            )


KNOWN = Rule(
    id="vulnerabilities/known",
    asks="Is every listed package free of known vulnerabilities that the policy does not accept?",
    fix="Upgrade to a fixed version, or replace the package.",
)
UNDECIDED = Rule(
    id="vulnerabilities/undecided",
    asks="Could every advisory about a listed package be compared with the package's version?",
    fix="State the exact name and version as the registry writes them, or get a signed VEX statement about the advisory.",
)
COVERAGE = Rule(
    id="vulnerabilities/coverage",
    asks="Is at least one package listed, and was every listed package compared with its ecosystem's advisories?",
    fix="Give the component a package URL with a version, and import its ecosystem's advisories: arcops data import FILE.",
)
DATA_AGE = Rule(
    id="vulnerabilities/data-age",
    asks="Is all the advisory data recent enough?",
    fix="Fetch a newer OSV export of the ecosystem and run: arcops data import FILE.",
)
DATA_SIZE = Rule(
    id="vulnerabilities/data-size",
    asks="Is the advisory data large enough to be each ecosystem's full export?",
    fix="Import the ecosystem's full OSV export, or lower 'minAdvisories' if the ecosystem really has so few advisories.",
)
DATA_SOUND = Rule(
    id="vulnerabilities/data-sound",
    asks="Could all advisories in the data be read?",
    fix="Fetch the export again; if it still cannot be read, try a newer ArcOps.",
)
VEX = Rule(
    id="vulnerabilities/vex",
    asks="Do all VEX statements count: are they valid, and signed by a signer that the policy allows?",
    fix="Have an allowed signer sign the statement, or add the signer to 'vexSigners'.",
)


@gate(
    "vulnerabilities",
    judges=(Model,),
    needs=(Sboms, Vulnerabilities),
    wants=(Vex,),
    policy=VulnerabilitiesPolicy,
    rules=(KNOWN, UNDECIDED, COVERAGE, DATA_AGE, DATA_SIZE, DATA_SOUND, VEX),
    speaks_to=nist("RA-5", "SI-2") + soc("CC7.1") + gdpr("Art. 32(1)(d)"),
)
def vulnerabilities(seen: Seen, policy: VulnerabilitiesPolicy) -> Iterator[Finding]:
    """Judge every advisory that no VEX statement excuses, then the data behind the answer."""
    found, listed, said = seen[Vulnerabilities], seen[Sboms], seen.get(Vex)
    heard = opinions(said, listed.body, policy.vex_signers, at=seen.at, named=(seen.subject_name, seen.subject_digests))
    open_issues = issues(found.body.matches, heard)
    yield from _known(found, open_issues, policy)
    yield from _undecided(found, open_issues)
    yield from _coverage(found, listed, policy)
    yield from _data(found, policy, seen)
    yield from _vex(found, said, heard)


def _known(
    found: Evidence[Vulnerabilities], open_issues: tuple[Issue, ...], policy: VulnerabilitiesPolicy
) -> Iterator[Finding]:
    clean = True
    for issue in open_issues:
        if issue.standing is not Certainty.YES:
            continue
        clean = False
        fix = f"Upgrade to {' or '.join(issue.fixed)}." if issue.fixed else "No fixed version is known: replace the package."
        if issue.score is None:
            answer = KNOWN.fails if policy.unknown_severity is Level.FAIL else KNOWN.warns
        elif issue.score >= policy.fail_at:
            answer = KNOWN.fails
        elif issue.score >= policy.warn_at:
            answer = KNOWN.warns
        else:
            yield KNOWN.passes(f"{issue.text} The policy warns from {_tenths(policy.warn_at)}.", found, about=issue.about)
            continue
        yield answer(issue.text, found, about=issue.about, fix=fix)
    if clean:
        yield KNOWN.passes(f"No known advisory covers any of the {found.body.compared} compared package(s).", found)


def _undecided(found: Evidence[Vulnerabilities], open_issues: tuple[Issue, ...]) -> Iterator[Finding]:
    undecided = [issue for issue in open_issues if issue.standing is Certainty.UNKNOWN]
    for issue in undecided:
        yield UNDECIDED.unknown(issue.text, found, about=issue.about)
    if not undecided:
        yield UNDECIDED.passes("For every advisory about a compared package, it is known whether it covers the version.", found)


def _coverage(found: Evidence[Vulnerabilities], listed: Evidence[Sboms], policy: VulnerabilitiesPolicy) -> Iterator[Finding]:
    body, sound = found.body, True
    for document in listed.body.documents:
        if document.problems:
            sound = False
            yield COVERAGE.unknown(
                f"{document.path} breaks its specification, so it is unknown whether it lists every package.",
                listed,
                about=document.path,
                fix="Make a valid SBOM; the findings of the gate 'sbom' say what is wrong.",
            )
    everything = [one for document in listed.body.documents for one in (*document.components, document.root) if one is not None]
    total = len(everything) + sum(len(one.also) for one in everything)
    told = body.compared + len(body.unmatched) + len(body.not_applicable)
    if total != told:
        sound = False
        yield COVERAGE.unknown(
            f"The SBOMs list {total} components, but the comparison reports {told}.",
            found,
            listed,
        )
    for one in body.unmatched:
        sound = False
        answer = COVERAGE.fails if policy.unmatched is Level.FAIL else COVERAGE.warns
        name = one.purl or f"{one.name} ({one.component})"
        yield answer(
            f"Component {name} was not compared with any advisory: it {one.reason}.",
            found,
            listed,
            about=one.purl or one.component,
        )
    if not body.compared and policy.require_packages:
        sound = False
        yield COVERAGE.fails(
            f"Nothing was compared: none of the {total} listed components is a package that could be compared.",
            found,
            listed,
            fix="Make an SBOM that lists the packages that serve the model, with package URLs and versions.",
        )
    if sound:
        yield COVERAGE.passes(
            f"All {body.compared} listed package(s) were compared; {len(body.not_applicable)} other component(s) are not"
            " packages.",
            found,
            listed,
        )


def _data(found: Evidence[Vulnerabilities], policy: VulnerabilitiesPolicy, seen: Seen) -> Iterator[Finding]:
    if not found.body.databases:
        for rule in (DATA_AGE, DATA_SIZE, DATA_SOUND):
            yield rule.passes("No advisory data was used, because no imported data covers the listed packages.", found)
    for database in found.body.databases:
        yield _age(found, database, policy, seen)
        small = database.advisories < policy.min_advisories
        size = f"The {database.ecosystem} data holds {database.advisories} valid advisories"
        if small:
            answer = DATA_SIZE.fails if policy.small_data is Level.FAIL else DATA_SIZE.warns
            yield answer(f"{size}, fewer than {policy.min_advisories}, so it may be a sample.", found, about=database.ecosystem)
        else:
            yield DATA_SIZE.passes(f"{size}.", found, about=database.ecosystem)
        lost, everything = database.unreadable, database.advisories + database.withdrawn + database.unreadable
        text = f"{lost} of the {everything} advisories of the {database.ecosystem} data could not be read"
        if lost * 1000 > policy.max_unreadable_per_thousand * everything:
            allowed = policy.max_unreadable_per_thousand
            yield DATA_SOUND.fails(f"{text}; the policy allows {allowed} in a thousand.", found, about=database.ecosystem)
        else:
            yield DATA_SOUND.passes(f"{text}.", found, about=database.ecosystem)


def _age(found: Evidence[Vulnerabilities], database: Database, policy: VulnerabilitiesPolicy, seen: Seen) -> Finding:
    name, dated = database.ecosystem, database.dated
    if dated is None:
        return DATA_AGE.fails(f"The {name} data does not say when it was made.", found, about=name)
    if dated > seen.at:
        return DATA_AGE.fails(
            f"The {name} data is dated {dated:%Y-%m-%d}, in the future.",
            found,
            about=name,
            fix="Correct the clock, or fetch the export again.",
        )
    days = (seen.at - dated).days
    if seen.at - dated > timedelta(days=policy.max_data_age_days):
        return DATA_AGE.fails(
            f"The {name} data was last changed on {dated:%Y-%m-%d}, {days} days ago;"
            f" the policy allows {policy.max_data_age_days}.",
            found,
            about=name,
        )
    return DATA_AGE.passes(f"The {name} data was last changed on {dated:%Y-%m-%d}, {days} day(s) ago.", found, about=name)


def _vex(found: Evidence[Vulnerabilities], said: Evidence[Vex] | None, heard: Opinions) -> Iterator[Finding]:
    if said is None:
        yield VEX.passes("There is no VEX statement, so none was applied.", found)
        return
    for about, text in heard.ignored:
        yield VEX.warns(text, said, about=about)
    for about, text in heard.applied(found.body.matches):
        yield VEX.passes(text, said, found, about=about)
    if not heard.ignored:
        yield VEX.passes(f"All {heard.counted} VEX statements count.", said)


def _tenths(score: int) -> str:
    return f"{score // 10}.{score % 10}"
