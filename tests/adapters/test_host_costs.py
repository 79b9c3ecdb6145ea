"""What a host measures, from outside: costs, quotas and figures of real calls, through a restart; and how fast a status is."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from services.host.figures.figures import percentile
from tests.adapters.test_host_serve import RED, Client, Home, home, said
from tests.waiting import until

__all__ = ["home"]  # a fixture
REFUSED = 2
CARD = "currency: EUR\ncards: [{from: 2026-01-01, call: 0.5, model: m, models: [{name: m, input: 1, output: 1}]}]\n"


def shown(home: Home, *line: str) -> Any:
    return json.loads(home.arcops("host", *line, "--format", "json"))


def figure(home: Home, key: str) -> Any:
    return next(one for one in shown(home, "figures")["figures"] if one["key"] == key)


@pytest.mark.requirement("HOST-KPI/figures-of-hosting", "HOST-NFR/limits-of-time-and-cost", "HOST-026-028/cost-events")
def test_calls_are_priced_limited_and_measured(home: Home, tmp_path: Path) -> None:
    card = tmp_path / "rates.yaml"
    card.write_text(CARD)
    rates = {"ARCOPS_HOST_RATES": str(card)}
    home.allow()
    assert figure(home, "jit-provisioning-duration")["said"] == "no records yet"
    with home.serving(**rates) as host:
        client = Client(host)
        assert client.begin().status_code == 200
        for number in range(4):
            assert client.call("echo", a=number) == {"a": number}
        os.kill(client.call("place")["pid"], signal.SIGKILL)
        until(lambda: client.status["state"] == "Error", "the crash shows")
        assert client.begin().status_code == 200
        assert client.call("echo", a=2) == {"a": 2}
        home.arcops("host", "quota", "set", "small", "--calls", "8", "--per", "month")

        done = 6

        def refused() -> bool:
            nonlocal done
            answer = client.post("tools/call", {"name": "echo", "arguments": {}})
            done += answer.status_code == 200
            return answer.status_code == 429 and "the quota 'small-calls-month' of 8 calls" in said(answer)["error"]["message"]

        until(refused, "the quota counts, also what was called before it was set")
    (sum_,) = until(lambda: shown(home, "cost", "show", "small")["sums"], "the events are in the database")
    assert (sum_["calls"], sum_["currency"], sum_["unpriced"]) == (done, "EUR", 0)
    assert sum_["price"].startswith(f"{done / 2}00")  # calls at a half, and a few tokens
    (row, *_) = csv.DictReader(io.StringIO(home.arcops("host", "cost", "export")))
    assert (row["ResourceId"], row["BillingCurrency"]) == ("small", "EUR")
    bill = tmp_path / "bill.csv"
    tokens = sum_["argumentTokens"] + sum_["resultTokens"]
    bill.write_text(f"day,model,tokens\n{row['ChargePeriodStart'][:10]},m,{tokens + 1}\n")
    assert "within 5 %" in home.arcops("host", "cost", "reconcile", str(bill))
    bill.write_text(f"day,model,tokens\n{row['ChargePeriodStart'][:10]},m,{tokens * 2}\n")
    assert "not within 5 %" in home.arcops("host", "cost", "reconcile", str(bill), expect=RED)
    use = shown(home, "quota", "show", "small")["uses"][0]
    assert (use["used"], use["percent"], use["caller"]) == (done, done * 100 // 8, "nearby")
    assert "calls are refused until" in use["action"]
    assert figure(home, "invocation-audit-coverage")["said"] == "100 %"
    counted = home.arcops("audit", "query", "--tool", "echo", "--outcome", "done", "--format", "json")
    assert len(json.loads(counted)["records"]) == done - 1, "the audit log has each of them, too"
    assert figure(home, "jit-provisioning-duration")["records"] == 1
    assert figure(home, "crash-auto-recovery-latency")["records"] == 1
    assert figure(home, "rate-limit-effectiveness")["records"] == 1
    assert figure(home, "cost-event-fidelity")["met"] is False, "the newest reconciliation counts"
    assert figure(home, "tier-change-restore-time")["said"] == "no records yet"

    with home.serving(**rates) as host:  # a restart forgets nothing of what was used
        client = Client(host)
        assert client.begin().status_code == 200
        until(lambda: client.post("tools/call", {"name": "echo"}).status_code == 429, "it is used up still")


def test_a_rate_card_that_is_wrong_lets_no_host_start(home: Home, tmp_path: Path) -> None:
    from tests.adapters.test_host_serve import _refused

    (tmp_path / "rates.yaml").write_text(CARD.replace("EUR", "euro"))
    assert "three capital letters" in _refused(home, ARCOPS_HOST_RATES=str(tmp_path / "rates.yaml"))
    assert "ARCOPS_HOST_COSTS is 'perhaps'" in _refused(home, ARCOPS_HOST_COSTS="perhaps")


@pytest.mark.site
@pytest.mark.requirement("HOST-017/status-is-fast")
def test_a_status_is_shown_in_time(home: Home) -> None:
    """P95 under 200 ms, also while calls come; a machine that has much else to do gets three tries."""
    home.allow()
    with home.serving() as host:
        client = Client(host)
        assert client.begin().status_code == 200
        worst = []
        for _ in range(3):
            took = []
            for number in range(200):
                if number % 5 == 0:
                    client.call("echo", a=number)
                begun = time.perf_counter()
                assert host.get("/small/status").json()["state"] == "Running"
                took.append(time.perf_counter() - begun)
            worst.append(percentile(took, 0.95))
            if worst[-1] < 0.2:
                break
        assert min(worst) < 0.2, worst
