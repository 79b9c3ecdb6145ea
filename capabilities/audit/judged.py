"""For which controls the artifacts in the store are evidence: those whose signer counts here, by the gates that judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from arcops.control import Control, Framework
from arcops.verdict import Verdict
from artifacts.filters import Filter
from artifacts.index import Listed
from artifacts.store import Store
from artifacts.vouch import Standing
from capabilities.artifact.review import Reviewer
from capabilities.artifact.standing import grounds
from flows.place import Place
from flows.plan import all_gates

MOST_NAMED = 3
_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """A control and a gate whose results are evidence for it: how often it judged, with which verdict, and the newest artifacts
    that say so, the newest first.
    """

    framework: str
    control: str
    gate: str
    green: int
    amber: int
    red: int
    named: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)


class Judged:
    """The artifacts at *at* that were judged from *since* until *until*, looked at once.

    ``first`` is when the oldest was judged whose signer counts here now; ``left_out`` are the others, by the state of their
    signature.
    """

    def __init__(self, at: Place, since: datetime | None, until: datetime | None) -> None:
        self.first: datetime | None = None
        self.left_out: Counter[Standing] = Counter()
        self._gates: dict[str, _Seen] = {}
        with Store.at(at.settings) as store:
            index, reviewed = store.listing(), Reviewer(store, grounds(at), at.now())
            with index.steady():
                offset = 0
                while found := index.find(Filter(judged_from=since, judged_before=until, offset=offset, limit=_PAGE)):
                    offset += len(found)
                    for one in found:
                        self._add(one, reviewed(one).signature.standing)

    def rows(self) -> Iterator[JudgedRow]:
        """By control, then by gate."""
        speaking = {(control, gate.id) for gate in all_gates() for control in gate.speaks_to}
        for control, gate in sorted(speaking, key=_in_order):
            seen = self._gates.get(gate, _Seen())
            yield JudgedRow(
                framework=control.framework.value,
                control=control.number,
                gate=gate,
                green=seen.verdicts[Verdict.GREEN],
                amber=seen.verdicts[Verdict.AMBER],
                red=seen.verdicts[Verdict.RED],
                named=tuple(seen.named),
            )

    def _add(self, one: Listed, standing: Standing) -> None:
        if not one.gates:
            return  # it is of another kind than a report
        if standing is not Standing.VERIFIED:
            self.left_out[standing] += 1
            return
        if one.judged_at is not None:
            self.first = one.judged_at if self.first is None else min(self.first, one.judged_at)
        for gate in one.gates:
            seen = self._gates.setdefault(gate.gate, _Seen())
            seen.verdicts[gate.verdict] += 1
            if len(seen.named) < MOST_NAMED:
                seen.named.append(one.artifact)


def _in_order(pair: tuple[Control, str]) -> tuple[int, str, str]:
    control, gate = pair
    return list(Framework).index(control.framework), control.number, gate
