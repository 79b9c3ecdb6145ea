"""What the flow ``release-readiness`` adds to each part of a release, on PostgreSQL.

    python -m benches.release_flow [--valid N] [--running N] [--rounds N]

Two releases: one whose parts are all valid, beside the same check without Prefect; and one whose parts all run as runs of
their own deployments, which a worker begins as processes: how long the flow took besides these runs. The flow is in this
process, which is warm.

However it ends, it leaves no process.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import shutil
import statistics
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benches.engine import Rounds
from benches.release import described
from tests.flows.site import Site, now, reaching, site
from tests.leftovers import begin_below_wardens
from tests.models import good_model
from tests.postgres import postgres

AIM = 120
"""Milliseconds for each part."""
QUICK = "name: quick\nvalidFor: P1D\ngates: {integrity: {}}\n"


def to_run(at: Site, parts: int) -> Path:
    """The description of a release of so many models whose parts run each time, because none is valid for as long as the policy
    ``running`` wants.
    """
    policies, digest = at.bench.settings.policies, f"sha256:{hashlib.sha256(QUICK.encode()).hexdigest()}"
    rule = f"{{flow: supply-chain, policies: ['{digest}'], signers: [{{key: own}}]}}"
    (policies / "quick.yaml").write_text(QUICK)
    (policies / "running.yaml").write_text(
        f"name: running\nvalidFor: P7D\ngates: {{release: {{margin: P2D, parts: [{rule}]}}}}\n"
    )
    one = good_model(at.bench, signed=False, now=now())
    models = [at.folder / f"model-{number}" for number in range(parts)]
    for number, model in enumerate(models):
        shutil.copytree(one, model)
        (model / "README.md").write_text(f"---\nlicense: mit\n---\n# Model {number}\n")
    description = at.folder / "running.yaml"
    listed = "".join(f"  {model.name}: {{flow: supply-chain, target: {model}, policy: quick}}\n" for model in models)
    description.write_text(f"name: running\nsite: lab\nparts:\n{listed}")
    return description


class Waited:
    """How long the flow took besides the runs of its parts, each round: from its call to the first of them, and from the end of
    the last of them to its own. The first round does not count.
    """

    def __init__(self, at: Site, parts: int) -> None:
        self._at, self._parts, self._seen = at, parts, Rounds()
        self._besides: list[float] = []

    async def round(self, work: Coroutine[Any, Any, object]) -> None:
        with self._seen.one():
            began = datetime.now(UTC)
            await work
            ended = datetime.now(UTC)
        wanted = {"flows": {"name": {"any_": ["supply-chain"]}}, "sort": "START_TIME_DESC", "limit": self._parts}
        runs = self._at.ask("/flow_runs/filter", wanted)
        first, last = min(_moment(one["created"]) for one in runs), max(_moment(one["end_time"]) for one in runs)
        assert began < first < last < ended, "these are runs of another release"
        self._besides.append((first - began + (ended - last)).total_seconds())

    def tell(self) -> None:
        each = [1000 * one / self._parts for one in self._besides[1:]]
        print(
            f"{self._parts} parts that run: {self._seen.spent.wall:.2f} s; besides their own runs "
            f"{statistics.median(each):.0f} ms a part (aim {AIM}; {min(each):.0f} to {max(each):.0f}), "
            f"{self._seen.spent.calls} API calls",
            flush=True,
        )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valid", type=int, default=200)
    parser.add_argument("--running", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name, postgres() as url, site(Path(name), url) as at:
        os.environ.update({name: value for name, value in at.environment.items() if name.startswith("ARCOPS_")})
        description, _ = described(at.bench, at.folder, given.valid, "lab")
        with reaching(at.api):
            from prefect.events.worker import EventsWorker

            asyncio.run(rounds(at, description, given.valid, to_run(at, given.running), given.running, given.rounds))
            EventsWorker.drain_all(timeout=60, at_exit=False)  # or this process tries for minutes after the server has ended


async def rounds(at: Site, valid: Path, many: int, running: Path, few: int, times: int) -> None:
    """Measure and tell: the release of *many* parts that are *valid*, and the one of *few* that are *running*."""
    from prefect.context import AsyncClientContext, SyncClientContext

    from capabilities.release.check import CheckRelease, check_release
    from flows.prefect.release import release_readiness

    place = replace(at.bench.place(), settings=replace(at.bench.settings, site="lab"), now=now)
    plain, flow, waited = Rounds(), Rounds(), Waited(at, few)
    with SyncClientContext.get_or_create():
        async with AsyncClientContext.get_or_create():
            for _ in range(times + 1):
                with plain.one():
                    check_release(CheckRelease(description=valid, policy="ours"), place)
                with flow.one():
                    await release_readiness(description=str(valid), policy="ours", return_state=True)
            more = [1000 * (two - one) / many for one, two in zip(plain.walls, flow.walls, strict=True)]
            print(
                f"{many} valid parts: {flow.spent.wall:.2f} s, without Prefect {plain.spent.wall:.2f} s, so it adds "
                f"{statistics.median(more):.1f} ms a part (aim {AIM}), {flow.spent.calls} API calls",
                flush=True,
            )
            for _ in range(times + 1):
                await waited.round(release_readiness(description=str(running), policy="running", return_state=True))
    waited.tell()


if __name__ == "__main__":
    begin_below_wardens()
    main()
