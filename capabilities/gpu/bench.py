"""Measure this machine, and make baselines from what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.subjects.gpu import ExercisedNode
from artifacts.bundle import MOST_BYTES
from capabilities.contract import Scope, tool
from capabilities.judging import Judged, judged
from capabilities.kept import kept_bytes, opened, sealed_bytes
from flows.place import Place
from flows.subjects.gpu import GPU_BENCHMARK, NODE_BENCHMARK


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchNode(ExercisedNode):
    """What to measure, how long, against which baseline, and by which policy to judge it."""

    policy: str = ""
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file. Empty: gpu-bench or
    cpu-bench."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBaseline:
    """The artifact to make a baseline from."""

    artifact: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """A kept artifact of a benchmark that was not RED: its digest sha256:…, or the text of the artifact itself (a file on the
    command line)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBaseline:
    """The sealed baseline: one file, which needs no other."""

    text: str
    subject: str
    """The node that it was measured on."""
    figures: int
    """How many figures it holds."""
    key_id: str
    """The key that signed it."""


# Not ``deployed``, like ``check_gpus``: the caller means this machine. The flows ``gpu-benchmark`` and
# ``node-benchmark`` measure a worker's machine.
@tool(title="Benchmark this node", scope=Scope.CHECK, long=True)
def bench_node(ask: BenchNode, at: Place) -> Judged:
    """Measure the GPUs (or the processor) of this machine, and keep a signed artifact: GREEN, AMBER or RED.

    It runs sessions of memory copies and matrix products, each in a process of its own, with a canary between them, and checks
    every result. It runs more sessions until each figure is decided against the baseline. It uses the devices fully for minutes
    and disturbs other work on them. Without a GPU the artifact is BLOCKED and RED, unless the processor is asked for. Without a
    baseline it is AMBER at best; a baseline can be made from it.
    """
    what = NODE_BENCHMARK if ask.cpu else GPU_BENCHMARK
    return judged(what, ask, ask.policy or what.default_policy, at)


@tool(title="Make a benchmark baseline", scope=Scope.PUBLISH, idempotent=True)
def make_baseline(ask: MakeBaseline, at: Place) -> MadeBaseline:
    """Make a signed baseline from what a kept benchmark artifact measured, for machines of the same model.

    A trusted key must have signed the artifact, its evidence must be kept here unchanged, and its verdict must not be RED. The
    run must not have been disturbed, because a slow baseline would hide slow machines.
    """
    from arcops.seen.baseline import Baseline, canary_times, known_figures
    from arcops.seen.benchmark import Benchmark
    from arcops.verdict import Verdict
    from artifacts.baseline import baseline_statement
    from artifacts.bundle import seal_statement
    from artifacts.objects import digest_of
    from artifacts.wire import from_json

    data = sealed_bytes(ask.artifact, at)
    report = opened(ask.artifact, at)
    if report.verdict is Verdict.RED:
        raise Refused("the artifact is RED, so the machine was not well; make a baseline from one that is GREEN or AMBER")
    for finding in (finding for result in report.results for finding in result.findings):
        if finding.rule == "benchmark/canary" and finding.outcome is not Outcome.PASS:
            raise Refused(f"the run was disturbed, so no baseline can be made from it; measure again. {finding.text}")
    record = next((record for record in report.evidence if record.kind == Benchmark.KIND), None)
    if record is None or not any(result.gate == "benchmark" for result in report.results):
        raise Refused("the artifact is not of a benchmark, so no baseline can be made from it; run 'arcops gpu bench'")
    body = from_json(Benchmark, kept_bytes(record.digest, at))
    if not body.exercise.fresh:
        raise Refused(
            "all sessions of the artifact shared one process, so it does not show how much the machine varies; measure again"
        )
    baseline = Baseline(
        subject=report.subject,
        site=report.site,
        artifact=digest_of(data),
        evidence=record.digest,
        verdict=report.verdict,
        measured_at=record.at,
        exercise=body.exercise,
        machines=body.machines,
        figures=known_figures(body),
        canary=canary_times(body),
    )
    signer = at.signer()
    return MadeBaseline(
        text=seal_statement(baseline_statement(baseline), signer).decode(),
        subject=report.subject.name,
        figures=len(baseline.figures),
        key_id=signer.public.id,
    )
