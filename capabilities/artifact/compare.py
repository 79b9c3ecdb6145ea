"""Compare two artifacts: what changed between yesterday's GREEN and today's RED, or between two sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.evidence import Missing
from arcops.finding import Finding
from arcops.result import EvidenceRecord, Report
from arcops.verdict import Verdict
from artifacts.bundle import MOST_BYTES, read_envelope
from artifacts.envelope import strict_json
from artifacts.objects import digest_of
from artifacts.statement import from_statement
from artifacts.store import Store
from artifacts.vouch import SignatureState, signature_of
from capabilities.artifact.places import FieldChanged, differing
from capabilities.artifact.significance import FigureCompared, differences, measures
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, tool
from capabilities.kept import sealed_bytes
from flows.place import Place

MOST_BODY = 4 * 1024 * 1024
_MOST_MEASURED = 64 * 1024 * 1024
"""An inference check of 2,000 requests with 512 tokens each has some 8 MiB of raw times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """Two artifacts. The order matters: *a* is the earlier or local one; *b* is the later or the other site's."""

    a: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The first artifact (before, or here): the digest (sha256:…) of one in the store, or the text of a sealed one (a file on
    the command line)."""
    b: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The second artifact (after, or at the other site), given in the same way."""
    tolerance: int = field(default=5, metadata=shaped(least=0, most=100))
    """By how many percent two measured times may differ and still count as the same; 0 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two artifacts, with the state of its signature now."""

    artifact: str
    report: Report
    signature: SignatureState


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCompared:
    """A gate's verdict on both sides; empty on a side that did not ask the gate."""

    gate: str
    a: Verdict | None
    b: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChanged:
    """The same rule about the same thing, with another answer."""

    a: Finding
    b: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceChanged:
    """Evidence of one kind that differs between the two sides."""

    kind: str
    a: EvidenceRecord | None
    b: EvidenceRecord | None
    fields: tuple[FieldChanged, ...] = ()
    """What differs inside the evidence: the first 200 places."""
    more: int = 0
    """How many more places differ."""
    note: str = ""
    """Why the inside of the evidence is not shown, if it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuresCompared:
    """What evidence of one kind measured on both sides, and whether the difference is significant."""

    kind: str
    figures: tuple[FigureCompared, ...]
    note: str = ""
    """Why nothing is compared, if nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What differs. An empty list means that nothing of its kind differs."""

    a: Side
    b: Side
    same_subject: bool
    """Both judged the same content, by its digests."""
    same_policy: bool
    gates: tuple[GateCompared, ...]
    """Every gate of either side."""
    appeared: tuple[Finding, ...]
    """Findings that only *b* has, the worst first."""
    went: tuple[Finding, ...]
    """Findings that only *a* has, the worst first."""
    changed: tuple[FindingChanged, ...]
    unchanged: int
    """How many findings are the same on both sides."""
    evidence: tuple[EvidenceChanged, ...]
    measured: tuple[MeasuresCompared, ...]
    """Measured times of both sides. Empty if no side measured any, or if the evidence is byte for byte the same."""
    missing_appeared: tuple[Missing, ...]
    missing_went: tuple[Missing, ...]


@tool(title="Compare two artifacts", scope=Scope.READ, reads_only=True, usual=True)
def compare_artifacts(ask: Compare, at: Place) -> Compared:
    """Show what changed from artifact A to artifact B: verdicts, findings, evidence down to the field, and the policy.

    For measured times it says whether B is slower or faster than A beyond the tolerance, by a 95 percent interval.
    Each side comes with the state of its signature; do not rely on a side whose signature is not verified.
    """
    if not 0 <= ask.tolerance <= 100:
        raise Refused(f"the tolerance is {ask.tolerance} percent; use 0 to 100")
    ground = grounds(at)

    def side(artifact: str, name: str) -> Side:
        data = sealed_bytes(artifact, at)
        try:
            report = from_statement(read_envelope(data).payload)
        except Refused as error:
            raise Refused(f"{name} is not a readiness report that can be compared: {error}") from error
        return Side(artifact=digest_of(data), report=report, signature=signature_of(data, ground, at.now()))

    a, b = side(ask.a, "A"), side(ask.b, "B")
    went, appeared, changed, unchanged = _findings(a.report, b.report)
    gates = {side: {result.gate: result.verdict for result in one.report.results} for side, one in (("a", a), ("b", b))}
    with Store.at(at.settings) as store:
        evidence = tuple(_evidence(a.report, b.report, store))
        measured = tuple(_measured(a.report, b.report, store, ask.tolerance))
    return Compared(
        a=a,
        b=b,
        same_subject=set(a.report.subject.digests) == set(b.report.subject.digests),
        same_policy=a.report.policy_digest == b.report.policy_digest,
        gates=tuple(
            GateCompared(gate=gate, a=gates["a"].get(gate), b=gates["b"].get(gate))
            for gate in sorted(gates["a"].keys() | gates["b"].keys())
        ),
        appeared=appeared,
        went=went,
        changed=changed,
        unchanged=unchanged,
        evidence=evidence,
        measured=measured,
        missing_appeared=tuple(one for one in b.report.missing if one not in a.report.missing),
        missing_went=tuple(one for one in a.report.missing if one not in b.report.missing),
    )


def _findings(a: Report, b: Report) -> tuple[tuple[Finding, ...], tuple[Finding, ...], tuple[FindingChanged, ...], int]:
    """The findings that went, that appeared, that changed, and the number of equal ones. Citations are compared as evidence."""
    before, after = Counter(_said(a)), Counter(_said(b))
    unchanged = sum((before & after).values())
    gone, new = list((before - after).elements()), list((after - before).elements())
    changed: list[FindingChanged] = []
    waiting: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in new:
        waiting.setdefault(_key(finding), []).append(finding)
    went: list[Finding] = []
    for finding in gone:
        partners = waiting.get(_key(finding))
        if partners:
            changed.append(FindingChanged(a=finding, b=partners.pop(0)))
        else:
            went.append(finding)
    appeared = [finding for rest in waiting.values() for finding in rest]
    changed.sort(key=lambda one: (_badness(one.b), _badness(one.a)), reverse=True)
    return (
        tuple(sorted(went, key=_badness, reverse=True)),
        tuple(sorted(appeared, key=_badness, reverse=True)),
        tuple(changed),
        unchanged,
    )


def _said(report: Report) -> Iterator[Finding]:
    return (replace(finding, cites=()) for result in report.results for finding in result.findings)


def _key(finding: Finding) -> tuple[str, str, str]:
    return (finding.rule, finding.about, finding.location.path if finding.location else "")


def _badness(finding: Finding) -> Verdict:
    return finding.outcome.verdict


def _evidence(a: Report, b: Report, store: Store) -> Iterator[EvidenceChanged]:
    before, after = ({record.kind: record for record in report.evidence} for report in (a, b))
    for kind in sorted(before.keys() | after.keys()):
        old, new = before.get(kind), after.get(kind)
        if old is None or new is None:
            yield EvidenceChanged(kind=kind, a=old, b=new)
        elif old.digest != new.digest:
            yield _inside(kind, old, new, store)
        elif (old.version, old.sources) != (new.version, new.sources) or not _same_collector(old, new):
            yield EvidenceChanged(
                kind=kind, a=old, b=new, note="The body is the same; only its collector or its sources differ."
            )


def _same_collector(old: EvidenceRecord, new: EvidenceRecord) -> bool:
    """Did the same collector look? The first releases wrote the path of its code instead of its id, and code moves."""
    return old.collector == new.collector or any(one.collector.startswith("tasks.") for one in (old, new))


def _inside(kind: str, old: EvidenceRecord, new: EvidenceRecord, store: Store) -> EvidenceChanged:
    bodies: list[object] = []
    for record in (old, new):
        try:
            data = store.get(record.digest)
        except Refused:
            note = f"The body {record.digest} is not in this store, or was changed there."
            return EvidenceChanged(kind=kind, a=old, b=new, note=note)
        if len(data) > MOST_BODY:
            note = f"The body {record.digest} has {len(data)} bytes, which is too large to compare here."
            return EvidenceChanged(kind=kind, a=old, b=new, note=note)
        try:
            bodies.append(strict_json(data, "the evidence"))
        except Refused:
            note = f"The body {record.digest} is not JSON, so its inside cannot be compared."
            return EvidenceChanged(kind=kind, a=old, b=new, note=note)
    fields, more = differing(*bodies)
    return EvidenceChanged(kind=kind, a=old, b=new, fields=fields, more=more)


def _measured(a: Report, b: Report, store: Store, tolerance: int) -> Iterator[MeasuresCompared]:
    before, after = ({record.kind: record for record in report.evidence if measures(record.kind)} for report in (a, b))
    for kind in sorted(before.keys() | after.keys()):
        old, new = before.get(kind), after.get(kind)
        if old is None or new is None:
            yield MeasuresCompared(kind=kind, figures=(), note=f"Only {'A' if new is None else 'B'} measured this.")
        elif old.digest != new.digest:
            try:
                bodies = _whole(old, "A", store), _whole(new, "B", store)
                yield MeasuresCompared(kind=kind, figures=differences(kind, *bodies, tolerance))
            except Refused as error:
                yield MeasuresCompared(kind=kind, figures=(), note=f"Not compared: {error}.")


def _whole(record: EvidenceRecord, name: str, store: Store) -> bytes:
    try:
        data = store.get(record.digest)
    except Refused:
        raise Refused(
            f"what {name} measured ({record.digest}) is not in this store, or was changed there; "
            "a sealed file does not contain its evidence, so import the other site's store with 'arcops store import'"
        ) from None
    if len(data) > _MOST_MEASURED:
        raise Refused(f"what {name} measured has {len(data)} bytes, which is too large to compare here")
    return data
