"""What differs between two artifacts, as text."""

from __future__ import annotations

from arcops.finding import Finding
from artifacts.projections.printable import printable
from capabilities.artifact.compare import Compared, Side
from capabilities.artifact.measured_words import in_words


def print_compared(compared: Compared, tolerance: int) -> None:
    """What changed from A to B, a line each."""
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
    print(f"  {compared.unchanged} finding(s) are the same on both sides")
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
    return f"time at B divided by time at A, with its 95 % interval; a difference within {tolerance} % counts as the same"


def _side(side: Side) -> str:
    report = side.report
    where = f" at {report.site}" if report.site else ""
    return f"{report.verdict.value} {report.subject.name}{where}, judged {report.judged_at:%Y-%m-%d %H:%M} UTC, {side.artifact}"


def _finding(finding: Finding) -> str:
    return f"{finding.outcome.value} {finding.rule}: {finding.text}"
