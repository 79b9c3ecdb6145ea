"""What each page shows: a call of a tool, and its answer as a page. Blocking; `adapters.web.pages` runs it in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from adapters.web.asked import SUBJECTS, ListingAsked, digest, listing, number, text
from adapters.web.body import lay_out
from adapters.web.grouping import by_need
from adapters.web.replies import FOREVER, Problem, Reply, json_reply
from adapters.web.runs import run_of
from adapters.web.words import render
from arcops.errors import Refused, Unavailable
from arcops.result import EvidenceRecord
from artifacts.bundle import MEDIA_TYPE
from artifacts.vouch import Standing
from artifacts.wire import to_json
from capabilities.artifact.compare import Compare, compare_artifacts
from capabilities.artifact.examine import Examine, Examined, examine_artifact
from capabilities.artifact.figures import MOST_DAYS, AskFigures, success_figures
from capabilities.artifact.review import Reviewed, review_artifacts
from capabilities.artifact.standing import Ledgered
from capabilities.artifact.subjects import SORTS, AskSubjects, review_subjects, subject_history
from capabilities.artifact.verify import Fetch, fetch_artifact
from capabilities.contract import Scope, Tool
from capabilities.kept import ChangedBytes, NotThere
from capabilities.network.map import BODIES as MAPPED
from capabilities.place import Place
from capabilities.policy.explain import explained
from foundation.login.person import Person

MOST_BODY = 8 * 1024 * 1024
PATIENCE = 10.0
"""Seconds to wait for a turn at measuring the figures, which reads thousands of artifacts."""
_DAYS = 90
_MEASURING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, without HTTP. ``base`` is the prefix of the pages' addresses; ``picked`` are digests ticked in the list.

    ``as_json`` asks for the answer behind a page. ``engine`` is the address of Prefect's pages, or empty.
    ``person`` is who is logged in, and ``may`` says why they may not call a tool (`foundation.login.person.MAY`). ``about`` is
    the page itself, as feedback names it.
    """

    at: Place
    base: str
    query: Mapping[str, str]
    picked: tuple[str, ...] = ()
    digest: str = ""
    as_json: bool = False
    engine: str = ""
    person: Person | None = None
    may: Callable[[Tool[Any, Any], object], str] | None = None
    about: str = ""

    def why_not(self, tool: Tool[Any, Any], ask: object) -> str:
        """Why no button for *tool* is shown; empty if one is. Whether it may be done is decided again when it is pressed."""
        if self.person is None or self.may is None:
            return "no one is logged in"
        if tool.scope is Scope.TRUST and not self.at.may_trust:
            return "the operator of this site lets no one change this over the network (ARCOPS_REMOTE_TRUST)"
        return self.may(tool, ask)


def shown(asked: Asked, template: str, here: str, answer: object, **values: object) -> Reply:
    """*answer* as it is asked for: in JSON, or as the page *template* with *values*, which belongs to *here* in the menu."""
    if asked.as_json:
        return json_reply(to_json(answer))
    values.setdefault("about", asked.about)
    return Reply(body=render(template, base=asked.base, here=here, person=asked.person, **values))


def pages_of(total: int, wanted: ListingAsked) -> int:
    """How many pages *total* rows have. Raises `Problem` (404) if there is no such page."""
    pages = max(1, -(-total // wanted.what.limit))
    if wanted.page > pages:
        raise Problem(
            404, "There is no such page", f"There are {pages} pages, and this is number {wanted.page}.", "Start at the first."
        )
    return pages


def subjects(asked: Asked) -> Reply:
    """What is kept, by subject."""
    wanted = listing(asked.query, SUBJECTS, SORTS)
    found = review_subjects(AskSubjects(state=wanted.what, sort=wanted.sort, back=wanted.back), asked.at)
    pages = pages_of(found.total, wanted)
    return shown(asked, "subjects.html", "subjects", found, found=found, wanted=wanted, pages=pages)


def subject(asked: Asked) -> Reply:
    """One subject: its newest states, and its history."""
    wanted = listing(asked.query)
    name, kind = text(asked.query, "name"), wanted.what.kind
    what = replace(wanted.what, subject=name, search="")
    if not name:
        raise Problem(400, "Which subject?", "The address names no subject.", "Choose one from the list of subjects.")
    found = subject_history(what, asked.at)
    if not found.kinds or kind not in ("", *found.kinds):
        said = f"Nothing is kept about the {kind or 'subject'} {name!r}."
        raise Problem(404, "There is no such subject", said, "It may be kept at another site. Choose one from the list.")
    wanted = replace(wanted, typed={**wanted.typed, "name": name})
    pages = pages_of(found.total, wanted)
    return shown(asked, "subject.html", "subjects", found, found=found, wanted=wanted, pages=pages, holds=row_holds)


def artifacts(asked: Asked) -> Reply:
    """Every artifact, as a list."""
    wanted = listing(asked.query)
    found = review_artifacts(wanted.what, asked.at)
    pages = pages_of(found.total, wanted)
    return shown(asked, "artifacts.html", "artifacts", found, found=found, wanted=wanted, pages=pages)


def artifact(asked: Asked) -> Reply:
    """One artifact."""
    examined = _examined(asked, asked.digest)
    report = examined.report
    values = {
        "examined": examined,
        "holds": _holds(examined),
        "gates": by_need(report) if report else (),
        "asks": _asks(),
        "kinds": {record.digest: record.kind for record in report.evidence} if report else {},
        "maps": tuple(record for record in report.evidence if record.kind in MAPPED) if report else (),
        "run": run_of(report, asked.at.settings, asked.engine) if report else "",
    }
    return shown(asked, "artifact.html", "artifacts", examined, **values)


def artifact_bytes(asked: Asked) -> Reply:
    """The artifact's exact bytes."""
    return _bytes(asked, "artifact", "sigstore.json", MEDIA_TYPE)


def evidence(asked: Asked) -> Reply:
    """One evidence body, and the artifact that names it if the reader comes from one."""
    body = _kept(asked, "evidence")
    owner, record = owner_of(asked)
    content, laid_out = None, None
    if len(body) <= MOST_BODY:
        with suppress(ValueError, RecursionError):
            content = json.loads(body, parse_constant=_no_number)
            laid_out = lay_out(content)
    if asked.as_json:
        named = {"artifact": owner.artifact, "record": to_json(record)} if owner and record else {}
        return json_reply({"digest": asked.digest, "size": len(body), **named, "body": content if laid_out else None})
    values = {"digest": asked.digest, "size": len(body), "owner": owner, "record": record, "laid_out": laid_out}
    values["mapped"] = record is not None and record.kind in MAPPED
    return Reply(body=render("evidence.html", base=asked.base, here="artifacts", person=asked.person, **values))


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


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
    if (not a or not b) and asked.as_json:
        raise Problem(400, "Two artifacts are needed", "The address names fewer.", "Give their digests as 'a' and 'b'.")
    if not a or not b:
        nothing = {"a": a, "b": b, "compared": None}
        return Reply(body=render("compare.html", base=asked.base, here="compare", person=asked.person, **nothing))
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
    return shown(asked, "compare.html", "compare", compared, **values)


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
    return shown(asked, "figures.html", "figures", found, found=found, days=days, production=production)


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


def row_holds(one: Reviewed) -> bool:
    """May a reader rely on the verdict in this row of a list?"""
    return one.signature.standing is Standing.VERIFIED and not one.expired


@cache
def _asks() -> Mapping[str, str]:
    """The question of each rule of this version; an artifact may come from a version with other rules."""
    return {rule.rule: rule.asks for gate in explained() for rule in gate.rules}
