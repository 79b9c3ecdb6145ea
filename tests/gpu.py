"""A node with a fake NVIDIA driver, looked at by the real collectors over NVIDIA's own binding."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from arcops.finding import Finding, Outcome
from arcops.request import Request
from arcops.result import Report
from arcops.tier import Tier
from flows.conclude import conclude
from flows.plan import Plan, make_plan
from flows.policies.reading import load_policy, parse_policy
from flows.runners import direct
from flows.runners.looking import Found, look
from tests.evidence import NOW
from tests.simulators.nvml import Driver, library


def request(driver: Driver) -> Request:
    return Request(
        target=driver.folder,
        named="node-1",
        kind="gpu-node",
        tier=Tier.AIR_GAPPED,
        now=NOW,
        trust=driver.folder / "trust",
        data=driver.folder / "data",
        cache=driver.folder / "cache",
    )


def plan(driver: Driver, policy: str = "") -> Plan:
    """The plan of the shipped policy, or of the text *policy*."""
    return make_plan(request(driver), parse_policy(policy.encode(), where="test") if policy else load_policy("gpu"))


def check(driver: Driver, policy: str = "") -> tuple[Report, Mapping[str, Found]]:
    """The report on *driver*'s node, as every runner would make it: each collector in its own process."""
    driver.write()
    made = plan(driver, policy)
    collected = direct.collect(made, stop=threading.Event())
    return conclude(made, collected, runner="test"), collected


def check_here(driver: Driver, monkeypatch: pytest.MonkeyPatch, policy: str = "") -> tuple[Report, Mapping[str, Found]]:
    """The same in this process, which is faster; the fake library is loaded once, and reads its state at every call."""
    ctypes.CDLL(str(library()))  # from now on the loader takes it for every libnvidia-ml.so.1
    monkeypatch.setenv("NVIDIA_FAKE_STATE", str(driver.state))
    driver.write()
    made = plan(driver, policy)
    collected: dict[str, Found] = {}
    for collector in made.collectors:
        collected[collector.body.KIND] = look(collector, made.request, collected)
    return conclude(made, MappingProxyType(collected), runner="test"), collected


def findings(report: Report) -> Iterable[Finding]:
    return [finding for result in report.results for finding in result.findings]


def outcome(report: Report, rule: str) -> Outcome:
    """The worst that the report says of *rule*."""
    found = [finding.outcome for finding in findings(report) if finding.rule == rule]
    return max(found, key=lambda one: (one.verdict, one is Outcome.FAIL))


def bad(report: Report) -> dict[str, str]:
    """The rules that did not pass, and what was said of the first of each."""
    said: dict[str, str] = {}
    for finding in findings(report):
        if finding.outcome is not Outcome.PASS:
            said.setdefault(finding.rule, finding.text)
    return said


def folder(path: Path) -> Driver:
    """A driver of one healthy H100 in *path*."""
    return Driver(path)
