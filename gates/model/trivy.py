"""Does Trivy, if it is installed, find the subject free of known vulnerabilities, with recent data?

Why: Sites that run Trivy already trust its data for their operating systems and packages. But its exit code is 0 with findings,
its report looks the same for "clean" and for "nothing to scan", and it scans without a warning with a database that is a year
old.

Judged: That packages were seen at all, by the run over the subject's files or by the run over each SBOM; that every database
has a date and is not older than the policy allows; each vulnerability by its severity; secrets and failed configuration checks.

Fix: Update the named package to the named version; import a newer database; add an SBOM or a lock file if no package was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.seen.trivy import Scan, ScannedTarget, Severity, TrivyDatabase, TrivyScan, TrivyVulnerability
from arcops.subjects.model import Model
from arcops.verdict import Verdict

SCANNED = Rule(
    id="trivy/scanned",
    asks="Did Trivy find packages to scan?",
    fix="Add an SBOM or lock files that name the subject's packages; a scan without packages proves nothing.",
)
DATABASE = Rule(
    id="trivy/database",
    asks="Is every database that Trivy used dated and recent enough?",
    fix="Download Trivy's databases on a machine with a network, and import them into the data directory.",
)
VULNERABILITIES = Rule(
    id="trivy/vulnerabilities",
    asks="Is the subject free of known vulnerabilities of the severities that the policy names?",
    fix="Update the package to a fixed version, or waive this advisory with an owner, a reason and an end date.",
)
SECRETS = Rule(
    id="trivy/secrets",
    asks="Is the subject free of strings that look like credentials?",
    fix="Remove the credential and revoke it: everyone who has the subject has the credential too.",
)
MISCONFIGURATIONS = Rule(
    id="trivy/misconfigurations",
    asks="Do the configuration files of the subject pass Trivy's checks?",
    fix="Run 'trivy config' over the subject to see each failed check, and correct the files.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrivyPolicy:
    """``fail`` and ``warn`` are severities; one in neither is only counted. ``ignore_unfixed`` ignores what has no fix yet.

    ``max_database_age_days`` counts from the day the database was made, not from the day it was downloaded.
    """

    fail: tuple[Severity, ...] = (Severity.UNKNOWN, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
    warn: tuple[Severity, ...] = (Severity.LOW,)
    ignore_unfixed: bool = False
    max_database_age_days: int = 7

    def __post_init__(self) -> None:
        if self.max_database_age_days < 0:
            raise Refused(f"the policy of gate 'trivy' allows a database of {self.max_database_age_days} days; use 0 or more")


_SBOM = Scan(mode="sbom", path="model.cdx.json")
_FOUND = TrivyVulnerability(
    id="CVE-2024-0001",
    package="torch",
    installed="2.0.0",
    severity=Severity.HIGH,
    target="model.cdx.json",
    purl="pkg:pypi/torch@2.0.0",
    fixed="2.2.0",
    status="fixed",
    source="ghsa",
)
# The caller chooses the moment at which examples are judged, so their database may be of any age before it.
_ANY_AGE = TrivyPolicy(max_database_age_days=36_500)


def clean() -> TrivyScan:
    """One SBOM that was scanned; nothing was found."""
    return TrivyScan(
        tool="0.68.1",
        scans=(Scan(mode="fs", path="."), _SBOM),
        targets=(ScannedTarget(scan=_SBOM, target="Python", category="lang-pkgs", type="python-pkg", packages=4),),
        vulnerabilities=(),
        misconfigurations=0,
        secrets=0,
        databases=(TrivyDatabase(name="trivy-db", updated=datetime(2026, 1, 1, tzinfo=UTC)),),
    )


def found() -> TrivyVulnerability:
    """A vulnerability of high severity that has a fix."""
    return _FOUND


def examples() -> Iterator[Example[TrivyPolicy]]:
    body = clean()

    def example(name: str, verdict: Verdict, scan: TrivyScan, policy: TrivyPolicy = _ANY_AGE) -> Example[TrivyPolicy]:
        return Example(name=name, verdict=verdict, evidence=(scan,), policy=policy)

    yield example("Packages were scanned and nothing was found", Verdict.GREEN, body)
    low = replace(_FOUND, severity=Severity.LOW)
    yield example("A vulnerability of low severity", Verdict.AMBER, replace(body, vulnerabilities=(low,)))
    yield example("A configuration check failed", Verdict.AMBER, replace(body, misconfigurations=1))
    yield example("A vulnerability of high severity", Verdict.RED, replace(body, vulnerabilities=(_FOUND,)))
    yield example("Something looks like a credential", Verdict.RED, replace(body, secrets=1))
    yield example("Trivy found nothing to scan", Verdict.RED, replace(body, scans=body.scans[:1], targets=()))
    yield example("The database has no date", Verdict.RED, replace(body, databases=(TrivyDatabase(name="trivy-db"),)))
    year_old = (TrivyDatabase(name="trivy-db", updated=datetime(2020, 1, 1, tzinfo=UTC)),)
    yield example("The database is years old", Verdict.RED, replace(body, databases=year_old), TrivyPolicy())


@gate(
    "trivy",
    judges=(Model,),
    needs=(TrivyScan,),
    policy=TrivyPolicy,
    rules=(SCANNED, DATABASE, VULNERABILITIES, SECRETS, MISCONFIGURATIONS),
    examples=examples,
)
def trivy(seen: Seen, policy: TrivyPolicy) -> Iterator[Finding]:
    found = seen[TrivyScan]
    yield from _scanned(found)
    yield from _databases(found, seen, policy)
    yield from _vulnerabilities(found, policy)
    count = found.body.secrets
    if count:
        yield SECRETS.fails(f"Trivy found {count} string(s) that look like credentials.", found)
    else:
        yield SECRETS.passes("Trivy found nothing that looks like a credential.", found)
    count = found.body.misconfigurations
    if count:
        yield MISCONFIGURATIONS.warns(f"{count} configuration check(s) of Trivy failed.", found)
    else:
        yield MISCONFIGURATIONS.passes("No configuration check of Trivy failed.", found)


def _scanned(found: Evidence[TrivyScan]) -> Iterator[Finding]:
    seen_in = {target.scan for target in found.body.targets if target.holds_packages}
    blind = [scan for scan in found.body.scans if scan.mode == "sbom" and scan not in seen_in]
    for scan in blind:
        yield SCANNED.fails(
            f"Trivy found no package in the SBOM {scan.path}, so nothing in it was scanned.", found, about=scan.path
        )
    if not seen_in and not blind:
        yield SCANNED.fails("Nothing was scanned: Trivy found no package in the subject.", found)
    if seen_in and not blind:
        count = sum(1 for target in found.body.targets if target.holds_packages)
        yield SCANNED.passes(f"Trivy scanned the packages of {count} target(s).", found)


def _databases(found: Evidence[TrivyScan], seen: Seen, policy: TrivyPolicy) -> Iterator[Finding]:
    most = timedelta(days=policy.max_database_age_days)
    if not found.body.databases:
        yield DATABASE.fails("Trivy named no database, so the age of its data is unknown.", found)
    for database in found.body.databases:
        updated = database.updated
        if updated is None:
            yield DATABASE.fails(
                f"The database {database.name} has no date, so its age is unknown.", found, about=database.name
            )
        elif updated > seen.at + timedelta(days=1):
            text = f"The database {database.name} is dated {updated:%Y-%m-%d}, which is in the future, so its age is unknown."
            yield DATABASE.fails(text, found, about=database.name)
        elif seen.at - updated > most:
            text = (
                f"The database {database.name} is from {updated:%Y-%m-%d}, {(seen.at - updated).days} days old; "
                f"the policy allows {policy.max_database_age_days}."
            )
            yield DATABASE.fails(text, found, about=database.name)
        else:
            yield DATABASE.passes(f"The database {database.name} is from {updated:%Y-%m-%d}.", found, about=database.name)


def _vulnerabilities(found: Evidence[TrivyScan], policy: TrivyPolicy) -> Iterator[Finding]:
    passed = 0
    clean = True
    for vulnerability in _distinct(found.body):
        judged = not (policy.ignore_unfixed and not vulnerability.fixed)
        if judged and vulnerability.severity in policy.fail:
            clean = False
            yield VULNERABILITIES.fails(_text(vulnerability), found, about=_about(vulnerability))
        elif judged and vulnerability.severity in policy.warn:
            clean = False
            yield VULNERABILITIES.warns(_text(vulnerability), found, about=_about(vulnerability))
        else:
            passed += 1
    if clean:
        beside = f"; {passed} others that the policy does not count" if passed else ""
        yield VULNERABILITIES.passes(f"Trivy reported no vulnerability that the policy counts{beside}.", found)


def _distinct(body: TrivyScan) -> list[TrivyVulnerability]:
    """One of each advisory and package, the most severe, however many targets hold it; one without a fix comes first."""
    order = list(Severity)
    worst: dict[str, TrivyVulnerability] = {}
    for found in sorted(body.vulnerabilities, key=lambda each: (-order.index(each.severity), not each.fixed, each.target)):
        worst.setdefault(_about(found), found)
    return [worst[about] for about in sorted(worst)]


def _about(found: TrivyVulnerability) -> str:
    return f"{found.id} in {found.purl or f'{found.package}@{found.installed}'}"


def _text(found: TrivyVulnerability) -> str:
    repaired = f"fixed in {found.fixed}" if found.fixed else f"no fix is known{f' ({found.status})' if found.status else ''}"
    return f"{found.id} ({found.severity.value}) is in {found.package} {found.installed} of {found.target}; {repaired}."
