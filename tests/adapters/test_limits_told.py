"""What the operator sees of limits, of remotes and of hosted servers: in readiness, and in the metrics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx2
import pytest
from prometheus_client.core import Metric
from starlette.applications import Starlette

from adapters.http.health import Health
from adapters.http.metrics import _hosted, _limits, _remotes
from foundation.egress.remotes import Remotes, Tolerance
from foundation.limits.deciding import Told
from services.host.hosted import Shown, State

pytestmark = pytest.mark.requirement("HOST-025/rate-limits", "BASE-9/remotes-that-do-not-answer-are-left-alone")


def values(metrics: list[Metric]) -> dict[str, float]:
    return {
        f"{one.name}{''.join(f'[{label}]' for label in one.labels.values())}": one.value
        for metric in metrics
        for one in metric.samples
        if not one.name.endswith("_created")
    }


def ready(health: Health) -> httpx2.Response:
    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=Starlette(routes=health.routes()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get("/readyz")

    return asyncio.run(ask())


def test_what_every_instance_would_say_is_a_note_and_the_instance_is_ready() -> None:
    health = Health(probes={"limits": lambda: ""}, notes={"limits": lambda: "the counts are lost", "remotes": lambda: ""})
    health.started = True
    answer = ready(health)
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "parts": {"limits": "ok"}, "notes": {"limits": "the counts are lost"}}
    health.probes = {"limits": lambda: "the file is wrong"}
    assert ready(health).status_code == 503


def test_decisions_are_counted_and_a_loss_shows() -> None:
    told = Told(let=3, limited=2, over_quota=1, unknown=4, alone=5, lost="gone")
    assert values(list(_limits(told))) == {
        "arcops_limit_decisions_total[let]": 3,
        "arcops_limit_decisions_total[limit]": 2,
        "arcops_limit_decisions_total[quota]": 1,
        "arcops_limit_decisions_total[unknown]": 4,
        "arcops_limit_alone_total": 5,
        "arcops_limit_shared": 0,
    }


def test_remotes_are_counted_by_phase_and_never_named() -> None:
    remotes = Remotes(tolerance=Tolerance(failures=2, first=3600.0, most=3600.0))
    for name, times in (("https://a:443", 2), ("https://b:443", 1)):
        for _ in range(times):
            with pytest.raises(OSError, match="gone"), remotes.asking(name, (OSError,)):
                raise OSError("gone")
    found = values(list(_remotes(remotes)))
    assert found == {
        "arcops_remotes[closed]": 1,
        "arcops_remotes[open]": 1,
        "arcops_remotes[half-open]": 0,
        "arcops_remotes_opened_total": 1,
    }


def test_hosted_servers_are_counted_by_their_names_and_states() -> None:
    at = datetime(2026, 11, 29, tzinfo=UTC)
    servers = {
        "time": Shown(state=State.RUNNING, reason="", since=at, pids=(7, 8), calls=5, restarts=1),
        "git": Shown(state=State.ERROR, reason="a secret reason", since=at),
    }
    found = {name: value for name, value in values(list(_hosted(servers))).items() if value}
    assert found == {
        "arcops_hosted_state[git][Error]": 1,
        "arcops_hosted_state[time][Running]": 1,
        "arcops_hosted_processes[time]": 2,
        "arcops_hosted_calls_total[time]": 5,
        "arcops_hosted_restarts_total[time]": 1,
    }
