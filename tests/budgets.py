"""What the tests of each folder may cost, in seconds of CPU, and what holds them to it.

CPU and not the clock, because a machine is shared: the time of the test process and of the children that it waited for. A whole
run (`make test`, `make test-site`) prints what each folder took, and fails if one took more than this file says. The
figures are measured on a quiet machine, and half as much again; on a slower machine they grow by as much as `pace` finds.
"""

from __future__ import annotations

import hashlib
import heapq
import resource
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

CORES = 2
MOST_MINUTES = 14
"""What `make test` and `make test-site` may take each, on so many cores. Twelve are wanted: docs/critiques.md."""


@dataclass(frozen=True)
class Budget:
    """Seconds of CPU for one folder: in ``make test``, and in ``make test-site``."""

    tests: float
    site: float = 0.0


BEGINNING = Budget(150, 40)
"""For importing and collecting everything, which each worker does for itself: of all workers together."""

BUDGETS: dict[str, Budget] = {
    "adapters": Budget(tests=600, site=620),
    "amend": Budget(tests=10),
    "arcops": Budget(tests=8),
    "artifacts": Budget(tests=79),
    "conformance": Budget(tests=14),
    "deployments": Budget(tests=0, site=270),
    "flows": Budget(tests=104, site=400),
    "foundation": Budget(tests=114, site=75),
    "foundry": Budget(tests=2),
    "gates": Budget(tests=55),
    "house": Budget(tests=135, site=165),
    "reach": Budget(tests=35),
    "released": Budget(tests=5),
    "services": Budget(tests=140, site=70),
    "tasks": Budget(tests=200),
}

_WORK = 0.03
"""Seconds of CPU that `pace` took on the machine on which the budgets were measured."""
_SLOWEST = 10


def pace() -> float:
    """How many times as long as the machine of the budgets this one takes for the same work; at least 1."""
    took = []
    for _ in range(5):
        began = time.process_time()
        words = [f"{number * 7919 % 10007:05}" for number in range(20_000)]
        words.sort()
        hashlib.sha256("".join(words).encode()).digest()
        took.append(time.process_time() - began)
    return max(1.0, min(took) / _WORK)


def spent_so_far() -> float:
    """Seconds of CPU of this process, and of its children that ended and were waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass
class Folder:
    """What the tests of one folder took, and which took most."""

    seconds: float = 0.0
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, seconds: float, slowest: Iterable[tuple[float, str]]) -> None:
        self.seconds += seconds
        self.slowest = heapq.nlargest(_SLOWEST, [*self.slowest, *slowest])


def said(
    spent: Mapping[str, Folder], beginning: float, budgets: Mapping[str, float], most: float
) -> tuple[list[str], list[str]]:
    """The table of what was spent, and a paragraph for each folder that is over its budget."""
    table = [f"{'folder':14} {'CPU s':>7} {'budget':>7}"]
    over: list[str] = []
    for name, folder in [*sorted(spent.items()), ("(beginning)", Folder(beginning))]:
        budget = most if name == "(beginning)" else budgets.get(name, 0.0)
        table.append(f"{name:14} {folder.seconds:7.1f} {budget:7.1f}")
        if folder.seconds > budget:
            over.append(f"{name}: {folder.seconds:.1f} seconds of CPU, and its budget is {budget:.1f} (tests/budgets.py)")
            over += [f"    {seconds:6.1f} {test}" for seconds, test in folder.slowest]
    total = beginning + sum(folder.seconds for folder in spent.values())
    table.append(f"{'together':14} {total:7.1f} {most + sum(budgets.values()):7.1f}")
    return table, over


class Spending:
    """The plug-in: counts in each worker, and judges when all workers have ended."""

    def __init__(self, config: pytest.Config, budgets: Mapping[str, Budget], beginning: Budget) -> None:
        self._config = config
        self._budgets = budgets
        self._beginning = beginning
        self._spent: dict[str, Folder] = {}
        self._began = 0.0
        self._table: list[str] = []
        self._over: list[str] = []

    @property
    def _whole(self) -> str:
        """``tests`` or ``site`` if this run is all of them, else nothing."""
        chosen = self._config.option
        if self._config.args_source is not pytest.Config.ArgsSource.TESTPATHS or chosen.keyword or chosen.deselect:
            return ""
        return {"not site": "tests", "site": "site"}.get(chosen.markexpr, "")

    def pytest_collection_finish(self) -> None:
        self._began = spent_so_far()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        before = spent_so_far()
        done = yield
        seconds = spent_so_far() - before
        folder = item.path.relative_to(self._config.rootpath).parts[1]
        self._spent.setdefault(folder, Folder()).add(seconds, [(seconds, item.nodeid)])
        return done

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist ended: what it counted is added here."""
        told = getattr(node, "workeroutput", {}).get("spent")
        if told is not None:
            self._began += told["began"]
            for name, (seconds, slowest) in told["folders"].items():
                self._spent.setdefault(name, Folder()).add(seconds, [(one, test) for one, test in slowest])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        output = getattr(self._config, "workeroutput", None)
        if output is not None:
            folders = {name: (one.seconds, one.slowest) for name, one in self._spent.items()}
            output["spent"] = {"began": self._began, "folders": folders}
            return
        kind = self._whole
        if not kind or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        factor = pace()
        budgets = {name: getattr(one, kind) * factor for name, one in self._budgets.items()}
        self._table, self._over = said(self._spent, self._began, budgets, getattr(self._beginning, kind) * factor)
        if self._over and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._table:
            terminalreporter.section("seconds of CPU")
            for line in self._table:
                terminalreporter.write_line(line)
        if self._over:
            terminalreporter.section("over budget", red=True)
            for line in self._over:
                terminalreporter.write_line(line, red=True)
