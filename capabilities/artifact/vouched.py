"""Reports of the store whose signatures hold, and nothing else: the basis of figures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from arcops.errors import Refused, Stopped
from arcops.result import Report
from artifacts.index import Filter
from artifacts.statement import READINESS
from artifacts.store import Store
from artifacts.vouch import Grounds, vouch_report

MOST = 5000
"""Each one is read and its signatures are checked. Only the newest are read; a figure says if there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A report that a key trusted here signed, its artifact, and the artifact's place in the log, which tells apart what was
    judged in one second.
    """

    artifact: str
    report: Report
    position: int


class VouchedReports:
    """The vouched reports of *store*, judged between *begin* and *end*. Raises `Stopped` once *stop* is set."""

    def __init__(self, store: Store, ground: Grounds, *, begin: datetime, end: datetime, stop: threading.Event) -> None:
        self._store = store
        self._ground = ground
        self.begin = begin
        self.end = end
        self._stop = stop
        self.unvouched: set[str] = set()
        self.cut = False
        """There were more than `MOST`, so the oldest were not read."""

    def judged_by(self, wanted: Callable[[str], bool]) -> tuple[Kept, ...]:
        """Those that a gate with a *wanted* id judged, in the period, in the order of judging."""
        gates = [gate for gate in self._store.choices().gates if wanted(gate)]
        found = {
            kept.artifact: kept
            for gate in gates
            for kept in self._open(Filter(gate=gate, judged_from=self.begin, judged_before=self._after, limit=MOST + 1))
        }
        return _in_order(found.values())

    def about(self, digest: str) -> tuple[Kept, ...]:
        """Those about the subject with *digest*, judged at any time up to the period's end, in the order of judging."""
        found = self._open(Filter(digest=digest, judged_before=self._after, limit=MOST + 1))
        return _in_order(one for one in found if digest in {str(named) for named in one.report.subject.digests})

    @property
    def _after(self) -> datetime:
        return self.end + timedelta(seconds=1)

    def _open(self, what: Filter) -> Iterator[Kept]:
        for number, listed in enumerate(self._store.list(what)):
            if self._stop.is_set():
                raise Stopped("the figures were not finished: the work was stopped")
            if number >= MOST:
                self.cut = True
                return
            if listed.predicate_type != READINESS:
                continue
            try:
                report = vouch_report(self._store.get(listed.artifact), self._ground, self.end).report
            except Refused:
                self.unvouched.add(listed.artifact)
                continue
            yield Kept(artifact=listed.artifact, report=report, position=listed.position)


def _in_order(found: Iterable[Kept]) -> tuple[Kept, ...]:
    return tuple(sorted(found, key=lambda kept: (kept.report.judged_at, kept.position, kept.artifact)))
