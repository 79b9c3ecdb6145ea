"""What people see of a run in Prefect: its report, its findings, and a link to the artifact's evidence page.

All of it is a view. To decide anything, open the sealed artifact in the store by the digest in the report's description.
"""

from __future__ import annotations

import asyncio
import json
import re
from uuid import UUID

from arcops.finding import Outcome
from arcops.verdict import Verdict
from artifacts.projections.markdown import to_markdown
from flows.evaluate import KeptReport
from flows.prefect.api import ArtifactCreate, Completed, Failed, FlowRunContext, State, get_client

REPORT = "arcops-report"
"""The start of the key of the report's artifact; the subject's name follows."""

REPORT_TYPE = "markdown"

_MOST_ROWS = 500
_MOST_MARKDOWN = 500_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


async def show(sealed: KeptReport, *, note: str, public_url: str, run: UUID | None = None) -> None:
    """Put *sealed* on the page of *run*, or of the calling run. *note* is a sentence that is not part of the artifact."""
    context = FlowRunContext.get()
    if run is None and context is not None and context.flow_run is not None:
        run = context.flow_run.id
    subject = _slug(sealed.report.subject.name)
    markdown = to_markdown(sealed.report).decode()
    if len(markdown) > _MOST_MARKDOWN:
        markdown = markdown[:_MOST_MARKDOWN] + "\n\n… shortened; the artifact has all of it.\n"
    views = [
        ArtifactCreate(
            type=REPORT_TYPE,
            key=f"{REPORT}-{subject}",
            description=sealed.digest,
            data=f"{note}\n\n{markdown}" if note else markdown,
            flow_run_id=run,
        ),
        ArtifactCreate(
            type="table",
            key=f"arcops-findings-{subject}",
            description="What is not well, the worst first.",
            data=json.dumps(_rows(sealed), ensure_ascii=False),
            flow_run_id=run,
        ),
    ]
    if public_url:
        page = f"{public_url.rstrip('/')}/artifacts/{sealed.digest}"
        views.append(
            ArtifactCreate(
                type="markdown",
                key=f"arcops-evidence-{subject}",
                description="The signed artifact. Its signature is checked when you open the page.",
                data=f"[Evidence page]({page})",
                flow_run_id=run,
            )
        )
    async with get_client() as client:
        await asyncio.gather(*(client.create_artifact(view) for view in views))


def as_state(sealed: KeptReport) -> State[None]:
    """The end state that people see: named by the verdict, and failed only for RED."""
    report = sealed.report
    worst_first = sorted(report.results, key=lambda result: result.verdict, reverse=True)
    message = "; ".join(f"{result.gate} {result.verdict.value}" for result in worst_first) + f"; artifact {sealed.digest}"
    if report.verdict is Verdict.RED:
        return Failed(name=Verdict.RED.value, message=message)
    return Completed(name=report.verdict.value, message=message)


def artifact_named(description: str | None) -> str:
    """The digest that a report's description names, or empty."""
    return description if description and _DIGEST.match(description) else ""


def _rows(sealed: KeptReport) -> list[list[str]]:
    findings = [finding for result in sealed.report.results for finding in result.findings]
    bad = sorted(
        (finding for finding in findings if finding.outcome is not Outcome.PASS),
        key=lambda finding: finding.outcome.verdict,
        reverse=True,
    )
    rows = [[one.outcome.value, one.rule, one.about[:200], one.text[:1000], one.fix[:1000]] for one in bad[:_MOST_ROWS]]
    return [
        ["Outcome", "Rule", "About", "Finding", "Fix"],
        *(rows or [["PASS", "all", "", f"{len(findings)} rules passed", ""]]),
    ]


def _slug(name: str) -> str:
    """*name* as Prefect allows it in a key. Different names may share one key, which then shows the newest."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:80].strip("-") or "subject"
