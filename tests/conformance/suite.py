"""The official suite, run against a URL, and what it found.

Only what passed counts as passed: a warning fails a scenario as a failure does, and so does a check that was skipped, unless
the suite itself says that it judges no one by it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.kit import Kit

NOT_JUDGED = {"tasks-status-notifications": "the suite has no check of it yet"}
_TIMEOUT_MS = 60_000
_MOST_SECONDS = 1200.0
_FINE = ("SUCCESS", "INFO")
_FOLDER = re.compile(r"server-(.+?)-\d{4}-\d\d-\d\dT[\d-]+Z")
_LISTED = re.compile(r"^\s+- (\S+) \[", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario: how many checks passed, and what is to be said of those that did not."""

    name: str
    passed: int
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not self.wrong and (self.passed > 0 or self.name in NOT_JUDGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What ran under one title, and what is wrong with the run itself."""

    title: str
    scenarios: tuple[Scenario, ...]
    wrong: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return bool(self.scenarios) and not self.wrong and all(one.good for one in self.scenarios)

    def lines(self) -> list[str]:
        """For people: a count, and everything that is wrong."""
        judged = [one for one in self.scenarios if one.name not in NOT_JUDGED]
        passed, checks = sum(one.good for one in judged), sum(one.passed for one in judged)
        said = [f"{self.title}: {passed} of {len(judged)} scenarios passed, {checks} checks"]
        said += [f"  not judged: {one.name}: {NOT_JUDGED[one.name]}" for one in self.scenarios if one.name in NOT_JUDGED]
        said += [f"  WRONG {what}" for what in self.wrong]
        said += [f"  WRONG {one.name}: {what}" for one in self.scenarios for what in one.wrong or _silent(one)]
        return said if self.scenarios else [*said, "  WRONG no scenario ran"]


def _silent(one: Scenario) -> tuple[str, ...]:
    return () if one.good else ("not one check passed",)


def whole(kit: Kit, url: str, revision: str, out: Path) -> Outcome:
    """Every scenario that the suite has for *revision*."""
    listed = set(_LISTED.findall(kit.run("conformance", "list", "--server", "--spec-version", revision).stdout))
    done = _conformance(kit, url, out, "--suite", "all", "--spec-version", revision)
    scenarios = found(out)
    wrong = [f"{name} did not run" for name in sorted(listed - {one.name for one in scenarios})]
    if not listed:
        wrong.append("the suite lists no scenario")
    if done.returncode:
        wrong.append(f"the suite ended with {done.returncode}: {done.stderr[-500:]}")
    return Outcome(title=f"{revision}, everything", scenarios=scenarios, wrong=tuple(wrong))


def some(kit: Kit, url: str, title: str, names: Sequence[str], revision: str, out: Path) -> Outcome:
    """The scenarios *names*, each by itself; *revision* is nothing for those of an extension."""
    wrong = []
    for name in names:
        done = _conformance(kit, url, out, "--scenario", name, *(("--spec-version", revision) if revision else ()))
        if done.returncode:
            wrong.append(f"{name} ended with {done.returncode}: {done.stderr[-500:]}")
    scenarios = found(out)
    wrong += [f"{name} did not run" for name in names if name not in {one.name for one in scenarios}]
    return Outcome(title=title, scenarios=scenarios, wrong=tuple(wrong))


def tasks_scenarios(kit: Kit) -> list[str]:
    """The suite's scenarios of the tasks extension."""
    listed = _LISTED.findall(kit.run("conformance", "list", "--server").stdout)
    return [name for name in listed if name.startswith("tasks-")]


def found(out: Path) -> tuple[Scenario, ...]:
    """What the suite has written below *out*."""
    scenarios = []
    for folder in sorted(out.glob("server-*")):
        match = _FOLDER.fullmatch(folder.name)
        name = match[1] if match else folder.name
        scenarios.append(_read(name, folder / "checks.json"))
    return tuple(scenarios)


def _read(name: str, file: Path) -> Scenario:
    checks = json.loads(file.read_text()) if file.exists() else []
    unfit = [one for one in checks if one["status"] not in _FINE]
    if name in NOT_JUDGED:
        unfit = [one for one in unfit if one["status"] != "SKIPPED"]
    return Scenario(
        name=name,
        passed=sum(one["status"] == "SUCCESS" for one in checks),
        wrong=tuple(f"{one['status']} {one['id']}: {str(one.get('errorMessage', ''))[:300]}" for one in unfit),
    )


def _conformance(kit: Kit, url: str, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    out.mkdir(parents=True, exist_ok=True)
    return kit.run(
        "conformance", "server", "--url", url, "--timeout", str(_TIMEOUT_MS), "-o", str(out), *more, seconds=_MOST_SECONDS
    )
