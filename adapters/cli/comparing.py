"""``arcops compare`` and ``arcops store review``, ``examine``, ``figures``: every signature is checked at that moment."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.exits import BY_VERDICT, GREEN, RED
from adapters.cli.files import artifact_text
from adapters.cli.plain import print_plain, printable
from arcops.errors import Refused
from arcops.finding import Finding
from artifacts.index import Filter
from artifacts.vouch import Standing
from capabilities.artifact.compare import Compare, Compared, Side, compare_artifacts
from capabilities.artifact.examine import Examine, Examined, examine_artifact
from capabilities.artifact.figures import AskFigures, success_figures, worded
from capabilities.artifact.measured_words import in_words
from capabilities.artifact.review import review_artifacts
from capabilities.artifact.standing import Ledgered


def compare(a: str, b: str, tolerance: int, form: str) -> int:
    if not a or not b:
        raise Refused("the name of an artifact is empty; was a variable not set?")
    ask = Compare(a=artifact_text(Path(a)), b=artifact_text(Path(b)), tolerance=tolerance)
    compared = answer(compare_artifacts, ask, surroundings.place())
    if form == "json":
        _print_json(compared)
    else:
        _print_compared(compared, tolerance)
    unverified = [side for side in (compared.a, compared.b) if side.signature.standing is not Standing.VERIFIED]
    for side in unverified:
        print(f"NOT VERIFIED: {printable(f'{side.artifact}: {side.signature.said}')}", file=sys.stderr)
    return RED if unverified else GREEN


def examine(artifact: str, form: str) -> int:
    examined = answer(examine_artifact, Examine(artifact=artifact), surroundings.place())
    if form == "json":
        _print_json(examined)
    else:
        if examined.report is not None:
            print_plain(examined.report)
        for line in _standing(examined):
            print(printable(line))
    if examined.report is None or not _holds(examined):
        return RED
    return BY_VERDICT[examined.report.verdict]


def review(subject: str, site: str, gate: str, limit: int, form: str) -> None:
    ask = Filter(subject_part=subject, site=site, gate=gate, limit=limit)
    found = answer(review_artifacts, ask, surroundings.place())
    if form == "json":
        _print_json(found)
        return
    for one in found.artifacts:
        listed, verified = one.listed, one.signature.standing is Standing.VERIFIED
        verdict = (listed.verdict.value if listed.verdict else "-") if verified else "NOT VERIFIED"
        state = " (no longer valid)" if one.expired else ""
        print(
            printable(f"{listed.at:%Y-%m-%d %H:%M} {verdict:5} {listed.subject} {listed.site or '-'} {listed.artifact}{state}")
        )
    print(f"{len(found.artifacts)} of {found.total}")


def figures(days: int, production: tuple[str, ...], form: str) -> None:
    measured = answer(success_figures, AskFigures(days=days, production=production), surroundings.place())
    if form == "json":
        _print_json(measured)
        return
    print(f"from {measured.begin:%Y-%m-%d} to {measured.end:%Y-%m-%d %H:%M} UTC")
    for figure in measured.figures:
        print(f"\n{figure.title}: {worded(figure)}\n  {printable(figure.said)}\n  {figure.definition}")
    if measured.unvouched:
        print(f"\n{measured.unvouched} artifact(s) were passed over: nobody vouches for them here.")
    if measured.problem:
        print(printable(f"\nNothing can be verified here: {measured.problem}"), file=sys.stderr)


def _print_json(value: object) -> None:
    from artifacts.wire import to_json

    print(json.dumps(to_json(value), indent=1))


def _holds(examined: Examined) -> bool:
    verified = examined.signature.standing is Standing.VERIFIED
    return verified and not examined.expired and examined.ledger.state not in (Ledgered.BROKEN, Ledgered.ABSENT)


def _standing(examined: Examined) -> Iterable[str]:
    if examined.problem:
        yield examined.problem
    verified = examined.signature.standing is Standing.VERIFIED
    yield f"signature: {'verified' if verified else 'NOT VERIFIED'}. {examined.signature.said}"
    yield from (f"  {line}" for line in (*examined.signature.revoked, *examined.signature.caveats))
    if examined.expired and examined.report is not None:
        yield f"NO LONGER VALID: it held until {examined.report.valid_until:%Y-%m-%d %H:%M} UTC; check again"
    yield f"ledger: {examined.ledger.state.value}. {examined.ledger.said}"


def _print_compared(compared: Compared, tolerance: int) -> None:
    for name, side in (("A", compared.a), ("B", compared.b)):
        print(printable(f"{name}  {_side(side)}"))
    print(f"   the subject is {'the same' if compared.same_subject else 'NOT the same'} by its digests")
    print(f"   the policy is {'the same' if compared.same_policy else 'NOT the same'}")
    for gate in compared.gates:
        if gate.a is not gate.b:
            before, after = (one.value if one else "not asked" for one in (gate.a, gate.b))
            print(printable(f"gate {gate.gate}: {before} → {after}"))
    for one in compared.appeared:
        print(printable(f"+ {_finding(one)}"))
    for one in compared.went:
        print(printable(f"- {_finding(one)}"))
    for changed in compared.changed:
        print(printable(f"~ {_finding(changed.a)}"))
        print(printable(f"→ {_finding(changed.b)}"))
    print(f"  {compared.unchanged} finding(s) say the same on both sides")
    for measured in compared.measured:
        print(printable(f"measured {measured.kind}: {measured.note or _how(tolerance)}"))
        for figure in measured.figures:
            print(printable(f"    {in_words(figure)}"))
    for evidence in compared.evidence:
        where = "differs" if evidence.a and evidence.b else "is in B only" if evidence.b else "is in A only"
        print(printable(f"evidence {evidence.kind} {where}. {evidence.note}".rstrip()))
        for field in evidence.fields:
            print(printable(f"    {field.path}: {field.a or '(nothing)'} → {field.b or '(nothing)'}"))
        if evidence.more:
            print(f"    … and {evidence.more} more")
    for sign, gaps in (("+", compared.missing_appeared), ("-", compared.missing_went)):
        for gap in gaps:
            print(printable(f"{sign} missing {gap.kind} ({gap.cause.value}): {gap.reason}"))


def _how(tolerance: int) -> str:
    return f"time at B over time at A with its 95 % interval; within {tolerance} % is the same"


def _side(side: Side) -> str:
    report = side.report
    where = f" at {report.site}" if report.site else ""
    return f"{report.verdict.value} {report.subject.name}{where}, judged {report.judged_at:%Y-%m-%d %H:%M} UTC, {side.artifact}"


def _finding(finding: Finding) -> str:
    return f"{finding.outcome.value} {finding.rule}: {finding.text}"
