"""Bodies made into evidence, as the runner would, for tests that start after collecting."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from arcops.evidence import Body, Evidence, Source
from arcops.gate import Gate
from arcops.judge import judge
from arcops.result import GateResult
from arcops.tier import Tier
from artifacts.wire import digest

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def evidence(body: Body, *, at: datetime = NOW, sources: tuple[Source, ...] = ()) -> Evidence[Body]:
    return Evidence(
        kind=body.KIND,
        body=body,
        digest=digest(body),
        collector="test",
        version="1",
        at=at,
        tier=Tier.AIR_GAPPED,
        sources=sources,
    )


def judged(gate: Gate[object], policy: object, bodies: Iterable[Body], *, subject_name: str = "model") -> GateResult:
    collected = {body.KIND: evidence(body) for body in bodies}
    return judge(gate, policy, collected, at=NOW, subject_name=subject_name)
