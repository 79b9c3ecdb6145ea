"""What each page shows: a call of a tool, and its answer as a page. Blocking; `adapters.web.pages` runs it in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from adapters.web.asked import PAGE, digest, listing, number, text
from adapters.web.body import lay_out
from adapters.web.replies import FOREVER, Problem, Reply
from adapters.web.words import render
from arcops.errors import Refused, Unavailable
from arcops.finding import Finding, Outcome
from arcops.result import EvidenceRecord, GateResult, Report
from artifacts.bundle import MEDIA_TYPE
from artifacts.vouch import Standing
from capabilities.artifact.compare import Compare, compare_artifacts
from capabilities.artifact.examine import Examine, Examined, examine_artifact
from capabilities.artifact.figures import MOST_DAYS, AskFigures, success_figures
from capabilities.artifact.review import review_artifacts
from capabilities.artifact.standing import Ledgered
from capabilities.artifact.verify import Fetch, fetch_artifact
from capabilities.kept import ChangedBytes, NotThere
from capabilities.network.map import BODIES as MAPPED
from capabilities.place import Place
from capabilities.policy.explain import explained

MOST_SHOWN = 500
"""Findings of one gate on one page; the artifact itself has all of them."""
MOST_BODY = 8 * 1024 * 1024
PATIENCE = 10.0
"""Seconds to wait for a turn at measuring the figures, which reads thousands of artifacts."""
_DAYS = 90
_MEASURING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, without HTTP. ``base`` is the prefix of the pages' addresses; ``picked`` are digests ticked in the list."""

    at: Place
    base: str
    query: Mapping[str, str]
    picked: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateShown:
    """A gate's findings in the order of need: what is not well first. ``left`` is how many are not shown."""

    result: GateResult
    bad: tuple[Finding, ...]
    good: tuple[Finding, ...]
    left: int


def artifacts(asked: Asked) -> Reply:
    """The list."""
    wanted = listing(asked.query)
    found = review_artifacts(wanted.what, asked.at)
    pages = max(1, -(-found.total // PAGE))
    if wanted.page > pages:
        raise Problem(
            404, "There is no such page", f"There are {pages} pages, and this is number {wanted.page}.", "Start at the first."
        )
    body = render("artifacts.html", base=asked.base, here="artifacts", found=found, wanted=wanted, pages=pages, page_size=PAGE)
    return Reply(body=body)


def artifact(asked: Asked) -> Reply:
    """One artifact."""
    examined = _examined(asked, asked.digest)
    report = examined.report
    values = {
        "examined": examined,
        "holds": _holds(examined),
        "gates": tuple(_gate(result) for result in _by_need(report)) if report else (),
        "asks": _asks(),
        "kinds": {record.digest: record.kind for record in report.evidence} if report else {},
        "maps": tuple(record for record in report.evidence if record.kind in MAPPED) if report else (),
    }
    return Reply(body=render("artifact.html", base=asked.base, here="artifacts", **values))


def artifact_bytes(asked: Asked) -> Reply:
    """The artifact's exact bytes."""
    return _bytes(asked, "artifact", "sigstore.json", MEDIA_TYPE)


def evidence(asked: Asked) -> Reply:
    """One evidence body, and the artifact that names it if the reader comes from one."""
    body = _kept(asked, "evidence")
    owner, record = owner_of(asked)
    laid_out = None
    if len(body) <= MOST_BODY:
        try:
            laid_out = lay_out(json.loads(body))
        except (ValueError, RecursionError):
            laid_out = None
    values = {"digest": asked.digest, "size": len(body), "owner": owner, "record": record, "laid_out": laid_out}
    values["mapped"] = record is not None and record.kind in MAPPED
    return Reply(body=render("evidence.html", base=asked.base, here="artifacts", **values))


def evidence_bytes(asked: Asked) -> Reply:
    """The evidence body's exact bytes."""
    return _bytes(asked, "evidence", "json", "application/json")


def compare(asked: Asked) -> Reply:
    """Two artifacts, or the form that asks for them."""
    a, b = text(asked.query, "a"), text(asked.query, "b")
    if asked.picked:
        if len(asked.picked) != 2:
            said = f"{len(asked.picked)} artifacts were ticked."
            raise Problem(400, "Two artifacts are needed", said, "Go back, and tick exactly two in the list.")
        b, a = asked.picked  # the list has the newest first, and the older one is A
    if not a or not b:
        return Reply(body=render("compare.html", base=asked.base, here="compare", a=a, b=b, compared=None))
    for one in (a, b):
        digest(one, "an artifact")
    try:
        ask = Compare(a=a, b=b)
        compared = compare_artifacts(ask, asked.at)
    except Refused as error:
        raise _compare_problem(asked, a, b) from error
    turned = [one for one in compared.changed if one.a.outcome is not one.b.outcome]
    reworded = [one for one in compared.changed if one.a.outcome is one.b.outcome]
    values = {"a": a, "b": b, "compared": compared, "turned": turned, "reworded": reworded, "tolerance": ask.tolerance}
    return Reply(body=render("compare.html", base=asked.base, here="compare", **values))


def figures(asked: Asked) -> Reply:
    """The success figures."""
    days = number(asked.query, "days", _DAYS, most=MOST_DAYS)
    production = text(asked.query, "production")
    ask = AskFigures(days=days, production=tuple(production.replace(",", " ").split()))
    if not _MEASURING.acquire(timeout=PATIENCE):
        raise Unavailable("too many figures are being measured now")
    try:
        found = success_figures(ask, asked.at)
    finally:
        _MEASURING.release()
    return Reply(body=render("figures.html", base=asked.base, here="figures", found=found, days=days, production=production))


def _examined(asked: Asked, artifact: str) -> Examined:
    digest(artifact, "an artifact")
    try:
        return examine_artifact(Examine(artifact=artifact), asked.at)
    except NotThere as error:
        raise Problem(
            404,
            "There is no such artifact",
            f"{error}.",
            "It may be kept at another site, or be evidence of an artifact. Choose one from the list.",
        ) from error


def _kept(asked: Asked, what: str) -> bytes:
    digest(asked.digest, what)
    try:
        return fetch_artifact(Fetch(artifact=asked.digest), asked.at).text.encode()
    except ChangedBytes as error:
        raise Problem(
            409,
            "These bytes were changed",
            f"What the store keeps as {asked.digest} no longer matches this digest, so it is not shown.",
            "Restore the store from a copy, and run 'arcops store check' to see what else changed.",
        ) from error
    except NotThere as error:
        raise Problem(
            404,
            f"There is no such {what}",
            f"The store has nothing under {asked.digest}.",
            "It may be kept at another site; 'arcops store import' imports what that site exported.",
        ) from error


def _bytes(asked: Asked, what: str, suffix: str, kind: str) -> Reply:
    name = f"arcops-{asked.digest.removeprefix('sha256:')[:16]}.{suffix}"
    body = _kept(asked, what)
    return Reply(
        body=body,
        kind=kind,
        keep=FOREVER,
        tag=f'"{asked.digest}"',
        more={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def owner_of(asked: Asked) -> tuple[Examined | None, EvidenceRecord | None]:
    """The artifact that the reader comes from, if it really names this evidence."""
    owner = text(asked.query, "of")
    if not owner:
        return None, None
    examined = _examined(asked, owner)
    named = examined.report.evidence if examined.report else ()
    record = next((one for one in named if one.digest == asked.digest), None)
    return (examined, record) if record else (None, None)


def _compare_problem(asked: Asked, a: str, b: str) -> Problem:
    for name, one in (("A", a), ("B", b)):
        examined = _examined(asked, one)
        if examined.report is None:
            return Problem(409, f"{name} cannot be compared", examined.problem, "Open it by itself, or choose another one.")
    return Problem(400, "These cannot be compared", "They are not two readiness reports.", "Choose two others from the list.")


def _holds(examined: Examined) -> bool:
    """May a reader rely on the verdict as it stands?"""
    verified = examined.signature.standing is Standing.VERIFIED
    return verified and not examined.expired and examined.ledger.state not in (Ledgered.BROKEN, Ledgered.ABSENT)


def _by_need(report: Report) -> list[GateResult]:
    return sorted(report.results, key=lambda result: result.verdict, reverse=True)


def _gate(result: GateResult) -> GateShown:
    ordered = sorted(result.findings, key=lambda finding: _ORDER[finding.outcome])
    bad = tuple(finding for finding in ordered if finding.outcome is not Outcome.PASS)
    good = tuple(finding for finding in ordered if finding.outcome is Outcome.PASS)
    shown_bad, shown_good = bad[:MOST_SHOWN], good[:MOST_SHOWN]
    left = len(ordered) - len(shown_bad) - len(shown_good)
    return GateShown(result=result, bad=shown_bad, good=shown_good, left=left)


_ORDER = {Outcome.FAIL: 0, Outcome.UNKNOWN: 1, Outcome.WARN: 2, Outcome.PASS: 3}


@cache
def _asks() -> Mapping[str, str]:
    """The question of each rule of this version; an artifact may come from a version with other rules."""
    return {rule.rule: rule.asks for gate in explained() for rule in gate.rules}
