"""How each success figure is measured. If there is nothing to measure, the figure says so; it is never zero then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from arcops.finding import Finding, Outcome
from arcops.late_pattern import late
from arcops.verdict import Verdict
from capabilities.artifact.vouched import MOST, Kept, VouchedReports

INFERENCE = "inference"
ADMISSION = "admission"
NETWORK = "network"
GPU = "gpu"
GPU_NODE = "gpu-node"
EGRESS = "network/egress"
ISOLATED = "network/isolated"
_OBJECT = late(r"\S+ (?P<namespace>[^\s/]+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFigure:
    """What was measured: ``value``, or ``None`` and why; over how many things; from which artifacts, the newest first."""

    said: str
    value: int | None = None
    of: int = 0
    artifacts: tuple[str, ...] = ()


def first_inference(vouched: VouchedReports, production: tuple[str, ...]) -> MeasuredFigure:
    """Seconds from the first artifact about a model to the first that shows it answering: the median over models."""
    shown = vouched.judged_by(lambda gate: _named(gate, INFERENCE))
    took: dict[str, int] = {}
    rests: list[Kept] = []
    alone = 0
    for kept in shown:
        model = str(kept.report.subject.digests[0])
        if model in took or not _answers(kept):
            continue
        known = vouched.about(model)
        first = next((one for one in known if _answers(one)), kept)
        if first.artifact != kept.artifact:
            continue  # it answered before the period began, so its time belongs there
        if known[0].artifact == kept.artifact:
            alone += 1
            continue
        took[model] = int((kept.report.judged_at - known[0].report.judged_at).total_seconds())
        rests.append(kept)
    if not took:
        why = (
            f"{alone} model(s) answered without an earlier artifact to measure from"
            if alone
            else "No artifact shows a model that answers"
        )
        return MeasuredFigure(said=f"{why}.{_cut(vouched)}")
    ordered = sorted(took.values())
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2
    passed = f" {alone} more had no earlier artifact to measure from." if alone else ""
    return MeasuredFigure(
        value=middle,
        of=len(took),
        said=f"The median over {len(took)} model(s).{passed}{_cut(vouched)}",
        artifacts=_newest(rests),
    )


def deployed_after_passing(vouched: VouchedReports, production: tuple[str, ...]) -> MeasuredFigure:
    """Of the models that workloads asked to run, how many had passed when they were first asked for."""
    asked: dict[tuple[str, ...], Outcome] = {}
    rests: list[Kept] = []
    for kept in vouched.judged_by(lambda gate: gate == ADMISSION):
        rests.append(kept)
        for finding in _findings(kept, ADMISSION):
            where = (kept.report.site, kept.report.subject.name)
            if finding.rule == f"{ADMISSION}/cleared" and finding.about:
                asked.setdefault(("model", finding.about), finding.outcome)
            elif finding.rule == f"{ADMISSION}/named" and finding.outcome is not Outcome.PASS:
                asked.setdefault(("workload", *where, finding.about), finding.outcome)
            elif finding.outcome is Outcome.UNKNOWN and finding.rule not in (f"{ADMISSION}/cleared", f"{ADMISSION}/named"):
                asked.setdefault(("unseen", *where), finding.outcome)
    if not asked:
        return MeasuredFigure(said=f"No workload was checked at admission.{_cut(vouched)}")
    passed = sum(outcome is Outcome.PASS for outcome in asked.values())
    nameless = sum(kind == "workload" for kind, *_ in asked)
    unseen = sum(kind == "unseen" for kind, *_ in asked)
    said = f"{passed} of {len(asked)} had passed when first asked for."
    if nameless:
        said += f" {nameless} workload(s) named no model."
    if unseen:
        said += f" {unseen} request(s) could not be read in full."
    return MeasuredFigure(value=passed, of=len(asked), said=said + _cut(vouched), artifacts=_newest(rests))


def wildcard_egress(vouched: VouchedReports, production: tuple[str, ...]) -> MeasuredFigure:
    """Production namespaces from which pods may connect to anywhere, by the newest artifact of each site and subject."""
    newest: dict[tuple[str, str], Kept] = {}
    for kept in vouched.judged_by(lambda gate: gate == NETWORK):
        newest[(kept.report.site, kept.report.subject.name)] = kept
    looked = {where: kept for where, kept in newest.items() if any(one.rule == EGRESS for one in _findings(kept, NETWORK))}
    bad: set[tuple[str, str]] = set()
    doubts = len(newest) - len(looked)
    for (site, _), kept in looked.items():
        for finding in _findings(kept, NETWORK):
            found = _namespace_left_open(finding)
            if found is not None and _is_production(found, production):
                bad.add((site, found))
        doubts += any(one.rule in (EGRESS, ISOLATED) and one.outcome is Outcome.UNKNOWN for one in _findings(kept, NETWORK))
    if not looked:
        why = f"{doubts} check(s) of networks could not answer" if doubts else "No network was checked"
        return MeasuredFigure(said=f"{why}.{_cut(vouched)}")
    more = f" {doubts} check(s) could not see everything, so there may be more." if doubts else ""
    scope = f"namespaces named {', '.join(production)}" if production else "every namespace counted as production"
    return MeasuredFigure(
        value=len(bad),
        of=len(looked),
        said=f"By the newest check of {len(looked)} network(s), {scope}.{more}{_cut(vouched)}",
        artifacts=_newest(looked.values()),
    )


def _namespace_left_open(finding: Finding) -> str | None:
    """The namespace whose pods may connect to anywhere by *finding*; ``(not named)`` if the finding names it in no known way.

    Gate 'network' writes ``NetworkPolicy shop/web`` about a policy that opens egress, and ``Deployment shop/web egress`` about
    pods that no policy restricts. If only the namespace's next pod would be open, it is a warning and does not count yet.
    """
    if finding.outcome not in (Outcome.FAIL, Outcome.WARN) or finding.rule not in (EGRESS, ISOLATED):
        return None
    if finding.rule == ISOLATED and (not finding.about.endswith(" egress") or finding.about.startswith("Namespace ")):
        return None
    named = _OBJECT.match(finding.about)
    return named["namespace"] if named else "(not named)"


def gpu_reproduced(vouched: VouchedReports, production: tuple[str, ...]) -> MeasuredFigure:
    """Of the sites that used one policy for GPU nodes: those at which every node is GREEN."""
    newest: dict[tuple[str, str, str], Kept] = {}
    nowhere = 0
    for kept in vouched.judged_by(lambda gate: _named(gate, GPU)):
        report = kept.report
        if report.subject.kind != GPU_NODE:
            continue
        if not report.site:
            nowhere += 1
            continue
        newest[(report.policy_digest, report.site, report.subject.name)] = kept
    sites: dict[str, set[str]] = {}
    for policy, site, _ in newest:
        sites.setdefault(policy, set()).add(site)
    pairs = {(policy, site) for policy, names in sites.items() if len(names) > 1 for site in names}
    left = f" {nowhere} artifact(s) name no site (ARCOPS_SITE) and were left out." if nowhere else ""
    if not pairs:
        return MeasuredFigure(said=f"No two sites judged GPU nodes by the same policy.{left}{_cut(vouched)}")
    counted = {key: kept for key, kept in newest.items() if key[:2] in pairs}
    bad = {key[:2] for key, kept in counted.items() if kept.report.verdict is not Verdict.GREEN}
    return MeasuredFigure(
        value=len(pairs - bad),
        of=len(pairs),
        said=f"{len(counted)} node(s) at {len({site for _, site in pairs})} sites.{left}{_cut(vouched)}",
        artifacts=_newest(counted.values()),
    )


def _named(gate: str, family: str) -> bool:
    return gate == family or gate.startswith(f"{family}-")


def _answers(kept: Kept) -> bool:
    """Did a gate of inference see the model answer?"""
    verdicts = [result.verdict for result in kept.report.results if _named(result.gate, INFERENCE)]
    return bool(verdicts) and Verdict.RED not in verdicts


def _findings(kept: Kept, gate: str) -> Iterable[Finding]:
    return (finding for result in kept.report.results if result.gate == gate for finding in result.findings)


def _is_production(namespace: str, production: tuple[str, ...]) -> bool:
    return not production or namespace == "(not named)" or any(fnmatchcase(namespace, pattern) for pattern in production)


def _newest(kept: Iterable[Kept]) -> tuple[str, ...]:
    ordered = sorted(kept, key=lambda one: (one.report.judged_at, one.artifact), reverse=True)
    return tuple(dict.fromkeys(one.artifact for one in ordered))


def _cut(vouched: VouchedReports) -> str:
    return f" Only the newest {MOST} artifacts of a kind were read." if vouched.cut else ""
