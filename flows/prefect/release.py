"""The flow ``release-readiness``: the parts that are missing or about to end run as runs of their own deployments, side by side
and each on its own pool; then all parts are judged together.

If this run is lost, the runs of its parts go on, and the next one takes what they left.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from arcops.errors import ArcOpsError
from flows.place import Place
from flows.prefect.api import State, flow
from flows.prefect.flow import begun, evaluated, here
from flows.prefect.side_by_side import Asked, runs_of
from flows.subjects.release.describing import Described
from flows.subjects.release.evaluation import RELEASE
from flows.subjects.release.planning import Step, described_here, plan_of, release_policy, steps
from foundation.telemetry import traces
from foundation.telemetry.spans import span
from tasks.release.planned import PlannedPart, write_plan

Description = Annotated[
    str, Field(title="Description", description="The file that describes the release.", min_length=1, max_length=4096)
]
Policy = Annotated[
    str, Field(title="Policy", description="A registered policy, or its digest (sha256:…).", min_length=1, max_length=200)
]
Minutes = Annotated[int, Field(title="Minutes", description="How long to wait for the parts that run.", ge=1, le=24 * 60)]


@flow(name="release-readiness", persist_result=False, validate_parameters=True)
async def release_readiness(description: Description, policy: Policy = "release", minutes: Minutes = 120) -> State[None]:
    """Judge whether a model is ready to ship on a site; run what is missing first."""
    at = here()
    traces.begin(os.environ, at.settings.tier)
    run, parent = begun()
    named = {"name": Path(description[:200]).name or "release", "target": description, "policy": policy}
    try:
        with span("flow release-readiness", parent=parent, flow="release-readiness", run=run):
            return await _judged(at, named, minutes, run)
    finally:
        await asyncio.to_thread(traces.flush)


async def _judged(at: Place, named: dict[str, str], minutes: int, run: str) -> State[None]:
    try:
        described, found = await asyncio.to_thread(_planned, Path(named["target"]), named["policy"], at)
    except (ArcOpsError, OSError) as error:
        return await evaluated(at, RELEASE, named, run, refusal=error)
    parts = await _all_done(found, minutes)
    with tempfile.TemporaryDirectory() as folder:
        plan = write_plan(plan_of(described, parts), Path(folder))
        judged = {"name": described.head.name, "target": str(plan), "policy": named["policy"]}
        return await evaluated(replace(at, roots=None), RELEASE, judged, run)  # the plan is ours, and in no served folder


def _planned(path: Path, policy: str, at: Place) -> tuple[Described, tuple[Step, ...]]:
    described = described_here(at.reach(path), at)
    return described, steps(described, at, release_policy(at.policy(policy)), own_key=at.signer().public.id)


async def _all_done(found: Sequence[Step], minutes: int) -> list[PlannedPart]:
    """Every part, after its run if it runs. What a run left is found by the collector, which trusts only the log."""
    parts = [one.planned for one in found]
    wanted: dict[int, Asked] = {}
    for number, step in enumerate(found):
        one = step.described
        if step.runs:
            try:
                told = {**one.what.told(one.subject), "policy": step.planned.policy}
                wanted[number] = Asked(deployment=f"{one.what.flow}/{one.what.flow}", parameters=told)
            except ArcOpsError as error:
                parts[number] = replace(parts[number], problem=str(error))
    ended = await runs_of(tuple(wanted.values()), minutes=minutes)
    for number, run in zip(wanted, ended, strict=True):
        changed = replace(parts[number], problem=run.problem) if run.problem else replace(parts[number], run=run.run)
        parts[number] = changed
    return parts
