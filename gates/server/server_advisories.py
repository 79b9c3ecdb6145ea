"""Are the packages that a server would bring free of known vulnerabilities?

Why: a published advisory describes an attack, and a server brings dozens of packages that no one chose one by one. A clean
answer is worth only as much as the data behind it.

Judged: whether an advisory covers a package of the lock at or above the policy's CVSS score (an unknown severity counts as the
worst); whether every comparison gave a result and every package was compared; and how old, how large and how readable the
advisory data is. Of an image, the packages that its own lists name are compared (dpkg, apk, RPM, Python, Node): what no list
names is not seen, so an image is never GREEN here.

Fix: host a newer version; import newer data with 'arcops data import FILE' (PyPI's and npm's full exports of OSV); or write a
waiver with owner, reason and end date for exactly this advisory and package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from arcops.control import gdpr, nist, soc
from arcops.errors import Refused
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import Example, gate
from arcops.seen.server import Packages, Pinned, ServerAdvisories, Within
from arcops.seen.vulnerabilities import Certainty, Database, Match, Vulnerabilities
from arcops.subjects.server import Server
from arcops.verdict import Verdict
from gates.listing import answered, listed
from gates.words import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAdvisoriesPolicy:
    """Scores are CVSS base scores in tenths, 0 to 100: at ``fail_at`` or above an advisory fails, at ``warn_at`` or above it
    warns; one without a score that can be read fails. ``folders_warn`` is for a folder, an image and a server of another
    machine, whose packages no lock lists. ``unfixed_warn``: an advisory that knows of no fixed version warns, whatever its
    score, because no newer version of anything could be had.
    """

    fail_at: int = 0
    warn_at: int = 0
    max_data_age_days: int = 7
    min_advisories: int = 1000
    max_unreadable_per_thousand: int = 0
    folders_warn: bool = False
    unfixed_warn: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.warn_at <= self.fail_at <= 101:
            raise Refused(f"warnAt {self.warn_at} and failAt {self.fail_at} must be tenths with 0 <= warnAt <= failAt <= 101")
        if self.max_data_age_days < 0 or self.min_advisories < 0 or not 0 <= self.max_unreadable_per_thousand <= 1000:
            raise Refused("maxDataAgeDays, minAdvisories and maxUnreadablePerThousand must not be negative")


KNOWN = Rule(
    id="server-advisories/known",
    asks="Is every package of the lock free of known vulnerabilities that the policy does not accept?",
    fix="Host a version that needs the fixed one, or replace the server.",
)
DECIDED = Rule(
    id="server-advisories/decided",
    asks="Could every advisory about a package be compared with its version?",
    fix="Import the advisory data again; if it stays, the advisory does not say which versions it is about.",
)
COVERED = Rule(
    id="server-advisories/covered",
    asks="Was every package of the lock compared with the advisories of its index?",
    fix="Import the advisories of the index: arcops data import FILE.",
)
DATA = Rule(
    id="server-advisories/data",
    asks="Is the advisory data recent, large enough to be the whole export, and readable?",
    fix="Fetch a newer OSV export and import it: arcops data import FILE.",
)


@gate(
    "server-advisories",
    judges=(Server,),
    needs=(Packages, ServerAdvisories),
    policy=ServerAdvisoriesPolicy,
    rules=(KNOWN, DECIDED, COVERED, DATA),
    examples=lambda: _examples(),
    speaks_to=nist("RA-5", "SI-2") + soc("CC7.1") + gdpr("Art. 32(1)(d)"),
)
def server_advisories(seen: Seen, policy: ServerAdvisoriesPolicy) -> Iterator[Finding]:
    """Judge every match, then the data behind the answer."""
    packages, found = seen[Packages], seen[ServerAdvisories]
    yield from _known(found, policy)
    undecided = (
        DECIDED.unknown(f"{_about(one)}: {shown(one.reason)}.", found, about=_about(one))
        for one in found.body.found.matches
        if one.affected is Certainty.UNKNOWN
    )
    yield from listed(undecided, DECIDED.passes("Every advisory about a package was compared with its version.", found))
    yield from _covered(packages, found, policy)
    yield from _data(found, policy, seen)


def _about(match: Match) -> str:
    return f"{match.advisory} in {match.purl}"


def _known(found: Evidence[ServerAdvisories], policy: ServerAdvisoriesPolicy) -> Iterator[Finding]:
    answers: list[Finding] = []
    for one in found.body.found.matches:
        if one.affected is not Certainty.YES:
            continue
        score = "an unknown score" if one.score is None else f"CVSS {one.score // 10}.{one.score % 10}"
        aliases = f" ({', '.join(one.aliases)})" if one.aliases else ""
        text = f"{shown(one.advisory)}{shown(aliases)} covers {shown(one.purl)}: {score}."
        fix = f"Host a version that needs {' or '.join(one.fixed)}." if one.fixed else "No fixed version is known."
        if policy.unfixed_warn and not one.fixed:
            answers.append(KNOWN.warns(text, found, about=_about(one), fix=fix))
        elif one.score is None or one.score >= policy.fail_at:
            answers.append(KNOWN.fails(text, found, about=_about(one), fix=fix))
        elif one.score >= policy.warn_at:
            answers.append(KNOWN.warns(text, found, about=_about(one), fix=fix))
    yield from listed(answers, KNOWN.passes("No advisory that the policy does not accept covers a package.", found))


def _covered(
    packages: Evidence[Packages], found: Evidence[ServerAdvisories], policy: ServerAdvisoriesPolicy
) -> Iterator[Finding]:
    body = found.body.found
    if not packages.body.listed:
        yield from _unlisted(packages, found, COVERED.warns if policy.folders_warn else COVERED.fails)
        return
    wrong = [
        COVERED.fails(f"{shown(one.purl or one.name)} was not compared: it {shown(one.reason)}.", found, about=one.purl)
        for one in (*body.unmatched, *body.not_applicable)
    ]
    total = len(packages.body.packages)
    told = body.compared + len(body.unmatched) + len(body.not_applicable)
    if total != told or not total:
        wrong.append(COVERED.unknown(f"The lock has {total} packages, and {told} were looked at.", packages, found))
    yield from listed(wrong, COVERED.passes(f"All {total} packages were compared.", packages, found))


def _unlisted(
    packages: Evidence[Packages], found: Evidence[ServerAdvisories], answer: Callable[..., Finding]
) -> Iterator[Finding]:
    """What no lock lists is never seen whole; of an image, what its own lists name was compared."""
    within, body = packages.body.within, found.body.found
    if not within:
        yield answer("What it is made of is listed nowhere, so no advisory could be compared with it.", packages, found)
    else:
        text = (
            f"{body.compared} of {len(within)} packages that the image itself lists were compared; no one vouches for the list."
        )
        yield answer(text, packages, found, fix="Look yourself at what else is in the image: no list names it.")
    yield from (answer(f"A part of the image was not compared: {shown(one)}.", packages) for one in packages.body.unread)
    others = Counter(one.reason for one in (*body.unmatched, *body.not_applicable))
    for reason, count in sorted(others.items()):
        yield answer(f"{count} packages of the image were not compared, because each {shown(reason)}.", found, about=reason)
    told = body.compared + others.total()
    if told != len(within):
        yield COVERED.unknown(f"The image lists {len(within)} packages, and {told} were looked at.", packages, found)


def _data(found: Evidence[ServerAdvisories], policy: ServerAdvisoriesPolicy, seen: Seen) -> Iterator[Finding]:
    wrong: list[Finding] = []
    for one in found.body.found.databases:
        about, name = one.ecosystem, f"The {shown(one.ecosystem)} data"
        if one.dated is None:
            wrong.append(DATA.unknown(f"{name} has no date.", found, about=about))
        elif one.dated > seen.at + seen.skew:
            wrong.append(DATA.unknown(f"{name} is of {one.dated:%Y-%m-%d}, which is in the future.", found, about=about))
        elif seen.at - one.dated > timedelta(days=policy.max_data_age_days):
            text = f"{name} is of {one.dated:%Y-%m-%d}, older than {policy.max_data_age_days} days."
            wrong.append(DATA.fails(text, found, about=about))
        if one.advisories < policy.min_advisories:
            text = f"{name} has {one.advisories} advisories, fewer than {policy.min_advisories}: it may be a sample."
            wrong.append(DATA.fails(text, found, about=about))
        everything = one.advisories + one.withdrawn + one.unreadable
        if one.unreadable * 1000 > policy.max_unreadable_per_thousand * everything:
            text = f"{one.unreadable} of {everything} advisories of {shown(one.ecosystem)} cannot be read."
            wrong.append(DATA.fails(text, found, about=about))
    count = len(found.body.found.databases)
    yield from answered(wrong, DATA.passes(f"{count} sets of advisories were used, recent, whole and readable.", found))


def _examples() -> Iterator[Example[ServerAdvisoriesPolicy]]:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    purl = "pkg:pypi/mcp@1.0"
    packages = Packages(packages=(Pinned(purl=purl, name="mcp", version="1.0", digests=("sha256:1",), root=True),))
    data = Database(ecosystem="PyPI", dated=day, imported=day, sha256="22" * 32, advisories=20_000)
    clean = Vulnerabilities(databases=(data,), compared=1)
    match = Match(
        purl=purl,
        version="1.0",
        ecosystem="PyPI",
        components=("lock#mcp",),
        advisory="GHSA-1",
        aliases=("CVE-1",),
        vector="",
        score=53,
        fixed=("1.1",),
        affected=Certainty.YES,
        reason="is in an affected range",
    )
    policy = ServerAdvisoriesPolicy(fail_at=70, warn_at=40)

    def example(
        name: str,
        verdict: Verdict,
        found: Vulnerabilities,
        by: ServerAdvisoriesPolicy = policy,
        listed_in: Packages = packages,
    ) -> Example[ServerAdvisoriesPolicy]:
        return Example(name=name, verdict=verdict, evidence=(listed_in, ServerAdvisories(found=found)), policy=by)

    yield example("no known vulnerability", Verdict.GREEN, clean)
    yield example("below the score that warns", Verdict.GREEN, replace(clean, matches=(replace(match, score=20),)))
    yield example("below the score that fails", Verdict.AMBER, replace(clean, matches=(match,)))
    yield example("above it", Verdict.RED, replace(clean, matches=(replace(match, score=90),)))
    yield example("without a score", Verdict.RED, replace(clean, matches=(replace(match, score=None),)))
    unknown = replace(match, affected=Certainty.UNKNOWN, reason="cannot be read")
    yield example("undecided", Verdict.RED, replace(clean, matches=(unknown,)))
    yield example("old data", Verdict.RED, replace(clean, databases=(replace(data, dated=datetime(2024, 1, 1, tzinfo=UTC)),)))
    yield example("data of the future", Verdict.RED, replace(clean, databases=(replace(data, dated=day.replace(year=2030)),)))
    yield example("sample data", Verdict.RED, replace(clean, databases=(replace(data, advisories=5),)))
    yield example("unreadable data", Verdict.RED, replace(clean, databases=(replace(data, unreadable=1),)))
    yield example("a package that was not looked at", Verdict.RED, replace(clean, compared=0))
    folder, nothing = Packages(packages=(), listed=False), Vulnerabilities(databases=(), compared=0)
    yield example("a folder, which warns", Verdict.AMBER, nothing, replace(policy, folders_warn=True), folder)
    yield example("a folder", Verdict.RED, nothing, policy, folder)
    libc = Within(purl="pkg:deb/debian/libc6@2.41", name="libc6", version="2.41", place="var/lib/dpkg/status")
    image, warned = Packages(packages=(), listed=False, within=(libc,)), replace(policy, folders_warn=True)
    of_image = replace(clean, databases=(replace(data, ecosystem="Debian"),))
    old = replace(match, purl=libc.purl, version="2.41", ecosystem="Debian", fixed=("2.41-1",), score=90)
    yield example("an image, which warns", Verdict.AMBER, of_image, warned, image)
    yield example("an image with an old package", Verdict.RED, replace(of_image, matches=(old,)), warned, image)
    unfixed = replace(of_image, matches=(replace(old, fixed=()),))
    yield example("what is fixed nowhere", Verdict.RED, unfixed, warned, image)
    yield example("what is fixed nowhere, which warns", Verdict.AMBER, unfixed, replace(warned, unfixed_warn=True), image)
    yield example("an image that was not looked at", Verdict.RED, replace(of_image, compared=0), warned, image)
    yield example("an image with a list that is not read", Verdict.RED, of_image, policy, replace(image, unread=("RPM",)))
