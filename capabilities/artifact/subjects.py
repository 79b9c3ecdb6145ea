"""What is kept, by subject: the newest state of each, and the history of one. Each signature is checked now.

The pages show this. It is not a tool: agents and the command line ask `review_artifacts`.

The state at a site is that of its newest entry in the log, because a signer's clock does not decide. If another entry says that
it was judged later, an older artifact was imported since; then the worse of the two counts (docs/adr/0011). The state of a
subject is the worst of its sites'. What another site or policy says is never hidden: if it differs, it is named beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from arcops.errors import Refused
from arcops.verdict import Verdict
from artifacts.index import Choices, Filter, Index, Listed
from artifacts.listed import Stands, SubjectIndexed
from artifacts.searched import digest_part
from artifacts.store import Store
from capabilities.artifact.oddities import Oddities, oddities
from capabilities.artifact.review import Reviewed, Reviewer
from capabilities.artifact.standing import grounds
from flows.place import Place

MOST_SUBJECTS = 100
TREND = 6
"""Of each subject, so many judgements are shown, the newest last."""
SORTS = ("judged", "verdict", "subject", "kept")
_MOST_FOUND = 20
_MOST_OTHERS = 5
_MORE = 25
"""So many older rows are read beyond a page of a history, to find the previous one at each site."""
_MOST_HISTORY = 200
_MOST_COUNTED = 5000

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSubjects:
    """Which subjects: those whose newest state is as ``state`` says; its ``search`` is among all their artifacts.

    ``sort`` is one of `SORTS`: judged last, worst, by name, most kept. ``back`` turns the order round.
    """

    state: Filter = field(default_factory=Filter)
    sort: str = SORTS[0]
    back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReviewed:
    """One subject. ``newest`` is its state; ``others`` are the newest of other sites and policies that have another verdict, at
    most 5; ``trend`` are its last judgements, the oldest first; ``kept`` is how many artifacts about it there are.
    """

    subject: str
    kind: str
    kept: int
    newest: Reviewed
    others: tuple[Reviewed, ...]
    trend: tuple[Reviewed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictCount:
    """How many subjects have an artifact with this verdict as their newest state; empty: one without a verdict."""

    verdict: Verdict | None
    subjects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectsReviewed:
    """The subjects that were asked for, on one page; ``total`` is how many there are in all.

    ``counts`` are what the newest artifacts of all subjects say that the search finds, before other filters: no signature was
    checked to count them. ``found`` are artifacts, at most 20, if the search is the beginning of a digest; ``more`` is how many
    others there are. ``evidence`` is the digest that was searched for, if no artifact was found and it is kept as evidence.
    ``odd`` is what is odd about the whole store.
    """

    subjects: tuple[SubjectReviewed, ...]
    total: int
    counts: tuple[VerdictCount, ...]
    choices: Choices
    found: tuple[Reviewed, ...] = ()
    more: int = 0
    evidence: str = ""
    odd: Oddities = field(default_factory=Oddities)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One judgement in a history, and what differs from the ``previous`` one at the same site: ``turned`` are the gates that
    now say something else, ``from_verdict`` what the artifact said before.
    """

    reviewed: Reviewed
    previous: str = ""
    from_verdict: Verdict | None = None
    turned: tuple[GateTurned, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTurned:
    """A gate that says something else than before; ``None`` if it was not asked then, or is not now."""

    gate: str
    before: Verdict | None
    now: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectHistory:
    """All that is kept about a subject, the newest first, on one page. ``states`` are its newest, one for each site and policy,
    the worst first.
    """

    subject: str
    kind: str
    kinds: tuple[str, ...]
    """Every kind of subject that has this name."""
    sites: tuple[str, ...]
    total: int
    states: tuple[Reviewed, ...]
    counts: tuple[VerdictCount, ...]
    """How many of its artifacts say what, at most of the newest 5,000; no signature was checked to count them."""
    rows: tuple[HistoryRow, ...]


def review_subjects(ask: AskSubjects, at: Place) -> SubjectsReviewed:
    """The subjects of what is kept, with their newest state."""
    with Store.at(at.settings) as store:
        index, review = store.listing(), Reviewer(store, grounds(at), at.now())
        with index.steady():
            grouped = _grouped(index.subjects(Filter(search=ask.state.search)))
            places = _Places(index, grouped.values())
            states = {key: places.state(parts) for key, parts in grouped.items()}
            asked = replace(ask.state, search="")
            narrowed = asked != Filter(limit=asked.limit, offset=asked.offset)
            fit = index.matching(asked) if narrowed else frozenset(states.values())
            ordered = sorted((key for key in grouped if states[key] in fit), key=lambda key: (key[0].lower(), key))
            if ask.sort != "subject":
                ordered.sort(key=lambda key: places.rank(ask.sort, states[key], grouped[key]), reverse=not ask.back)
            elif ask.back:
                ordered.reverse()
            first = max(0, ask.state.offset)
            shown = ordered[first : first + max(1, min(ask.state.limit, MOST_SUBJECTS))]
            others = {key: places.others(grouped[key], states[key]) for key in shown}
            trends = {key: index.last(*key, TREND) for key in shown}
            beside = (position for each in (others, trends) for positions in each.values() for position in positions)
            rows = index.at(sorted({*(states[key] for key in shown), *beside}))
            found, more = _found(index, review, ask.state.search)
            return SubjectsReviewed(
                subjects=tuple(
                    SubjectReviewed(
                        subject=key[0],
                        kind=key[1],
                        kept=sum(one.kept for one in grouped[key]),
                        newest=review(rows[states[key]]),
                        others=tuple(review(rows[one]) for one in others[key]),
                        trend=tuple(review(rows[one]) for one in trends[key]),
                    )
                    for key in shown
                ),
                total=len(ordered),
                counts=_counts(places.stands[position].verdict for position in states.values()),
                choices=index.choices(),
                found=found,
                more=more,
                evidence="" if found else _evidence(store, ask.state.search),
                odd=oddities(store, index),
            )


def subject_history(what: Filter, at: Place) -> SubjectHistory:
    """All that is kept about the subject that *what* names, the newest first; its other fields narrow the rows."""
    limit = max(1, min(what.limit, _MOST_HISTORY))
    what = replace(what, offset=max(0, what.offset), limit=limit + _MORE)
    with Store.at(at.settings) as store:
        index, review = store.listing(), Reviewer(store, grounds(at), at.now())
        with index.steady():
            named = index.subjects(Filter(subject=what.subject))
            parts = [one for one in named if what.kind in ("", one.kind)]
            places = _Places(index, [parts])
            states = index.at(places.all(parts))
            found = index.find(what)
            return SubjectHistory(
                subject=what.subject,
                kind=what.kind,
                kinds=tuple(sorted({one.kind for one in named})),
                sites=tuple(sorted({one.site for one in parts})),
                total=index.count(what),
                states=tuple(review(states[position]) for position in places.all(parts)),
                counts=_counts(one.verdict for one in index.find(replace(what, offset=0, limit=_MOST_COUNTED))),
                rows=tuple(_history(review, found, number) for number in range(min(len(found), limit))),
            )


class _Places:
    """What stands at the positions that matter for the states of subjects."""

    def __init__(self, index: Index, groups: Iterable[Sequence[SubjectIndexed]]) -> None:
        positions = {position for parts in groups for one in parts for position in (one.newest, one.latest)}
        self.stands: Mapping[int, Stands] = index.stands(sorted(positions))

    def state(self, parts: Sequence[SubjectIndexed]) -> int:
        """The position of the state of a subject that has these *parts*: the worst of its sites', and of these the newest."""
        sites: dict[str, list[SubjectIndexed]] = {}
        for one in parts:
            sites.setdefault(one.site, []).append(one)
        return max(map(self._newest, sites.values()), key=self._need)

    def all(self, parts: Sequence[SubjectIndexed]) -> list[int]:
        """The position of the newest of each of *parts*, the worst first."""
        return sorted({self._newest([one]) for one in parts}, key=self._need, reverse=True)

    def others(self, parts: Sequence[SubjectIndexed], state: int) -> list[int]:
        """Of `all`, those with another verdict than what stands at *state*."""
        found = [one for one in self.all(parts) if self.stands[one].verdict is not self.stands[state].verdict]
        return found[:_MOST_OTHERS]

    def rank(self, sort: str, position: int, parts: Sequence[SubjectIndexed]) -> tuple[int, str, int]:
        """What *sort* compares, the greatest first."""
        stands = self.stands[position]
        match sort:
            case "verdict":
                return _badness(stands.verdict), stands.judged, position
            case "kept":
                return sum(one.kept for one in parts), "", 0
            case _:
                return 0, stands.judged, position

    def _newest(self, parts: Sequence[SubjectIndexed]) -> int:
        newest = max(one.newest for one in parts)
        latest = max((one.latest for one in parts), key=lambda one: (self.stands[one].judged, one))
        return max(newest, latest, key=lambda one: (_badness(self.stands[one].verdict), one))

    def _need(self, position: int) -> tuple[int, int]:
        return _badness(self.stands[position].verdict), position


def _badness(verdict: Verdict | None) -> int:
    return 3 if verdict is None else {Verdict.GREEN: 0, Verdict.AMBER: 1, Verdict.RED: 2}[verdict]


def _grouped(found: Iterable[SubjectIndexed]) -> dict[_Key, list[SubjectIndexed]]:
    grouped: dict[_Key, list[SubjectIndexed]] = {}
    for one in found:
        grouped.setdefault((one.subject, one.kind), []).append(one)
    return grouped


def _found(index: Index, review: Reviewer, search: str) -> tuple[tuple[Reviewed, ...], int]:
    """The artifacts whose own digest, or whose subject's, begins with *search*."""
    if not digest_part(search):
        return (), 0
    what = Filter(search=digest_part(search), limit=_MOST_FOUND)
    found = index.find(what)
    return tuple(map(review, found)), index.count(what) - len(found)


def _evidence(store: Store, search: str) -> str:
    """The whole digest in *search*, if the store keeps something under it; its content is not read."""
    digest = f"sha256:{digest_part(search).removeprefix('sha256:')}"
    try:
        return digest if store.path(digest).exists() else ""
    except Refused:  # it is not a whole digest
        return ""


def _counts(verdicts: Iterable[Verdict | None]) -> tuple[VerdictCount, ...]:
    found: dict[Verdict | None, int] = {}
    for verdict in verdicts:
        found[verdict] = found.get(verdict, 0) + 1
    ordered = sorted(found, key=_badness, reverse=True)
    return tuple(VerdictCount(verdict=verdict, subjects=found[verdict]) for verdict in ordered)


def _history(review: Reviewer, found: tuple[Listed, ...], number: int) -> HistoryRow:
    this = found[number]
    before = next((one for one in found[number + 1 :] if (one.site, one.kind) == (this.site, this.kind)), None)
    if before is None:
        return HistoryRow(reviewed=review(this))
    then, now = ({gate.gate: gate.verdict for gate in one.gates} for one in (before, this))
    turned = tuple(
        GateTurned(gate=gate, before=then.get(gate), now=now.get(gate))
        for gate in sorted(then.keys() | now.keys())
        if then.get(gate) is not now.get(gate)
    )
    return HistoryRow(reviewed=review(this), previous=before.artifact, from_verdict=before.verdict, turned=turned)
