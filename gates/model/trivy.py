"""Does Trivy, if it is installed, find the subject free of known vulnerabilities, with recent data?

Why: Sites that run Trivy already trust its data for their operating systems and packages. But its exit code is 0 with findings,
its report looks the same for "clean" and for "nothing to scan", it scans without a warning with a database that is a year
old, and it leaves out packages of a system that it does not know.

Judged: That packages were seen at all, by the runs over the subject's lock files and over what is installed in it or by the run
over each SBOM; that Trivy knew each operating system and had advisories for it; that no file that names packages was left out;
that Trivy warned of nothing; that every database has a date and is not older than the policy allows; each vulnerability by its
severity; secrets and failed configuration checks. Trivy looks for secrets in text files only, and not in folders such as `.git`
and `tests`, in Markdown or in lock files; other tools must do that.

Fix: Update the named package to the named version; import a newer database; add an SBOM or a lock file if no package was seen;
let Trivy itself make the SBOM of an operating system.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from arcops.control import nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.seen.trivy import Scan, ScannedSystem, ScannedTarget, Severity, TrivyDatabase, TrivyScan, TrivyVulnerability
from arcops.subjects.model import Model
from arcops.verdict import Verdict

SCANNED = Rule(
    id="trivy/scanned",
    asks="Did Trivy find packages to scan, and compare all that it found?",
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


_OVER_THE_SUBJECT = {"fs": "what lock files name", "rootfs": "what is installed"}
_OWN_SBOM = (
    "Let Trivy itself make the SBOM of the system ('trivy rootfs --format cyclonedx'), or remove the gate from the policy."
)
# What Trivy warns of at each run, offline or without consequence for what it finds, or what its report says too.
_HARMLESS = (
    "Falling back to embedded checks",  # those inside the program, of the day that it was made
    "License detection is skipped",
    "license information",
    "Third-party SBOM may lead to inaccurate",  # what that means is judged by the source packages
    "Recommend using Trivy to generate SBOMs",
    "The vulnerability detection may be insufficient",
    "This OS version is no longer supported",
    'Unsupported os family="none"',
    "The size of the scanned file is too large",  # it is scanned all the same
)
_NOT_COMPARED = (
    "Unsupported os",
    "is not on the EOL list",
    "not for vulnerability scanning",
    "not supported for vulnerability",
)
_OF_CONFIGURATION = (
    "[misconfig]",
    "[checks-client]",
    "[rego]",
    "[terraform",
    "[helm",
    "[kubernetes",
    "[dockerfile",
    "[cloudformation",
)
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
        scans=(Scan(mode="fs", path="."), Scan(mode="rootfs", path="."), _SBOM),
        targets=(ScannedTarget(scan=_SBOM, target="Python", category="lang-pkgs", type="python-pkg", packages=4),),
        vulnerabilities=(),
        misconfigurations=0,
        secrets=0,
        databases=(TrivyDatabase(name="trivy-db", updated=datetime(2026, 1, 1, tzinfo=UTC)),),
        systems=(),
        warnings=(),
        unlisted=(),
        excused=(),
        checks_work=True,
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
    excused = replace(body, excused=("Dockerfile",))
    yield example("A comment in a file keeps Trivy from checking it", Verdict.AMBER, excused)
    yield example("A file that names packages was left out", Verdict.AMBER, replace(body, unlisted=("requirements.txt",)))
    yield example("Trivy found nothing to scan", Verdict.RED, replace(body, scans=body.scans[:2], targets=()))
    yield example("Trivy did not look at what is installed", Verdict.RED, replace(body, scans=(body.scans[0], _SBOM)))
    unknown = ScannedSystem(scan=_SBOM, family="none")
    yield example("Packages of a system that Trivy does not know", Verdict.RED, replace(body, systems=(unknown,)))
    ended = ScannedSystem(scan=_SBOM, family="alpine", release="3.18.5", ended=True)
    yield example("A system that gets no security updates any more", Verdict.RED, replace(body, systems=(ended,)))
    broken = replace(body, checks_work=False)
    yield example("The checks of configuration files find nothing anywhere", Verdict.RED, broken)
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
    speaks_to=nist("RA-5", "CM-6", "IA-5(7)") + soc("CC7.1"),
)
def trivy(seen: Seen, policy: TrivyPolicy) -> Iterator[Finding]:
    found = seen[TrivyScan]
    yield from _scanned(found)
    yield from _databases(found, seen, policy)
    yield from _vulnerabilities(found, policy)
    yield from _secrets(found)
    yield from _misconfigurations(found)


def _scanned(found: Evidence[TrivyScan]) -> Iterator[Finding]:
    body = found.body
    findings = [*_not_run(found), *_unseen(found), *_warnings(found, SCANNED)]
    yield from findings
    for path in body.unlisted:
        text = f"{path} names packages, but Trivy listed none of it: it may hold none, or what Trivy cannot read."
        yield SCANNED.warns(text, found, about=path, fix="Pin each package to one version, or add an SBOM.")
    holding = [target for target in body.targets if target.holds_packages]
    if holding and not findings and not body.unlisted:
        modes = [target.scan.mode for target in holding]
        told = f"lock files: {modes.count('fs')}, installed: {modes.count('rootfs')}, SBOMs: {modes.count('sbom')}"
        yield SCANNED.passes(f"Trivy scanned the packages of {len(holding)} target(s) ({told}).", found)


def _not_run(found: Evidence[TrivyScan]) -> Iterator[Finding]:
    body = found.body
    seen_in = {target.scan for target in body.targets if target.holds_packages}
    blind = [scan for scan in body.scans if scan.mode == "sbom" and scan not in seen_in]
    for scan in blind:
        yield SCANNED.fails(
            f"Trivy found no package in the SBOM {scan.path}, so nothing in it was scanned.", found, about=scan.path
        )
    if not seen_in and not blind:
        yield SCANNED.fails("Nothing was scanned: Trivy found no package in the subject.", found)
    for mode, what in _OVER_THE_SUBJECT.items():
        if seen_in and not any(scan.mode == mode for scan in body.scans):
            yield SCANNED.unknown(f"Trivy did not run as '{mode}', so {what} was not seen.", found, about=mode)


def _unseen(found: Evidence[TrivyScan]) -> Iterator[Finding]:
    """Packages that Trivy met and did not compare with advisories, though it had some for others."""
    for system in found.body.systems:
        about = f"{system.scan.mode} {system.scan.path}"
        name = f"{system.family} {system.release}".strip()
        if system.family == "none":
            text = (
                f"'trivy {about}' met packages of an operating system that it does not know, and left them out; "
                "they were compared with nothing."
            )
            yield SCANNED.unknown(text, found, about=about, fix=_OWN_SBOM)
        elif system.ended:
            text = f"{name} gets no security updates any more, so new vulnerabilities in it are not recorded."
            yield SCANNED.fails(text, found, about=name, fix="Move to a release that is maintained.")
    for target in found.body.targets:
        if target.misnamed:
            text = (
                f"{target.misnamed} package(s) of {target.target} come from a source package that Trivy did not ask for; "
                "advisories of this system name source packages."
            )
            yield SCANNED.unknown(text, found, about=target.target, fix=_OWN_SBOM)


def _warnings(found: Evidence[TrivyScan], rule: Rule) -> Iterator[Finding]:
    """Those about what *rule* asks. If Trivy says that it did not look, the answer is not known; any other is shown."""
    for warning in found.body.warnings:
        about = f"{warning.scan.mode} {warning.scan.path}"
        if _concerns(warning.text) is not rule or any(words in warning.text for words in _HARMLESS):
            continue
        said = f"'trivy {about}' warned: {warning.text}"
        if rule is not SCANNED or any(words in warning.text for words in _NOT_COMPARED):
            yield rule.unknown(f"{said}. So it is not known what is there.", found, about=about)
        else:
            yield rule.warns(f"{said}.", found, about=about, fix="Find out what Trivy left out, and give it another SBOM.")


def _concerns(text: str) -> Rule:
    if text.startswith("[secret]"):
        return SECRETS
    return MISCONFIGURATIONS if text.startswith(_OF_CONFIGURATION) else SCANNED


def _secrets(found: Evidence[TrivyScan]) -> Iterator[Finding]:
    count = found.body.secrets
    warned = list(_warnings(found, SECRETS))
    yield from warned
    if count:
        yield SECRETS.fails(f"Trivy found {count} string(s) that look like credentials.", found)
    elif not warned:
        yield SECRETS.passes("In the files in which Trivy looks for them, nothing looks like a credential.", found)


def _misconfigurations(found: Evidence[TrivyScan]) -> Iterator[Finding]:
    body = found.body
    warned = list(_warnings(found, MISCONFIGURATIONS))
    yield from warned
    if not body.checks_work:
        yield MISCONFIGURATIONS.unknown(
            "The configuration checks in Trivy's data directory find nothing in a file with a known fault.",
            found,
            fix="Remove the folder 'policy' from Trivy's data directory; then Trivy uses the checks inside it.",
        )
    for path in body.excused:
        text = f"A comment in {path} may tell Trivy to leave out checks, and Trivy does not say which."
        yield MISCONFIGURATIONS.warns(text, found, about=path, fix="Remove the comment, or read the file.")
    if body.misconfigurations:
        yield MISCONFIGURATIONS.warns(f"{body.misconfigurations} configuration check(s) of Trivy failed.", found)
    elif body.checks_work and not body.excused and not warned:
        count = sum(target.category == "config" for target in body.targets)
        yield MISCONFIGURATIONS.passes(f"No configuration check of Trivy failed; {count} file(s) were checked.", found)


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
