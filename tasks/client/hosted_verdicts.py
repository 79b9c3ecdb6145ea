"""What the store has about the hosted servers that a draft names: the newest verdict about exactly that lock, if it counts."""

from __future__ import annotations

from datetime import datetime

from arcops.errors import ArcOpsError
from arcops.seen.client import Draft, Hosted, HostedVerdict
from arcops.seen.server import Installation
from arcops.subjects.server import Server
from artifacts.filters import Filter
from artifacts.store import Store
from artifacts.typed import moment
from artifacts.vouch import Grounds, NotVouched, Standing, vouch_report
from artifacts.wire import from_json

MOST = 1000
"""So many of the newest verdicts about servers of one name are looked through."""


def hosted_verdicts(draft: Draft, store: Store, ground: Grounds, now: datetime) -> tuple[HostedVerdict, ...]:
    """The verdict about each hosted server that *draft* names, by the keys and lists of *ground*. No verdict is a problem."""
    named = tuple(dict.fromkeys(one.hosted for one in draft.servers if one.hosted is not None))
    if not named:
        return ()
    problems = store.sound(ground.keys, own=True)
    if problems:
        return unseen(draft, f"the store cannot be relied on: {problems[0]}")
    return tuple(_verdict(one, store, ground, now) for one in named)


def unseen(draft: Draft, why: str) -> tuple[HostedVerdict, ...]:
    """No verdict about any of the hosted servers of *draft*, because of *why*."""
    named = dict.fromkeys(one.hosted for one in draft.servers if one.hosted is not None)
    return tuple(HostedVerdict(name=one.name, lock=one.lock, problem=why) for one in named)


def _verdict(one: Hosted, store: Store, ground: Grounds, now: datetime) -> HostedVerdict:
    """The newest one decides. One that no trusted key signed says nothing; any other doubt stands in the way of an older one,
    because what cannot be read may be RED.
    """

    def doubt(artifact: str, why: str) -> HostedVerdict:
        return HostedVerdict(name=one.name, lock=one.lock, artifact=artifact, problem=why)

    for listed in store.list(Filter(subject=one.name, kind=Server.ABOUT.kind, limit=MOST)):
        try:
            found = vouch_report(store.get(listed.artifact), ground, now)
        except NotVouched as error:
            if error.state.standing is Standing.UNTRUSTED:
                continue
            return doubt(listed.artifact, f"its verdict does not count: {error}")
        except ArcOpsError as error:
            return doubt(listed.artifact, f"its verdict does not count: {error}")
        report = found.report
        said = next((each.digest for each in report.evidence if each.kind == Installation.KIND), "")
        try:
            installed = from_json(Installation, store.get(said)) if said else None
        except ArcOpsError as error:
            return doubt(listed.artifact, f"what was judged last cannot be read: {error}")
        if installed is None:
            return doubt(listed.artifact, "the last verdict about a server of this name does not say what was judged")
        if installed.lock == one.lock:
            ended = f"its verdict was valid until {report.valid_until:%Y-%m-%d %H:%M} UTC" if found.expired(now) else ""
            return HostedVerdict(
                name=one.name,
                lock=one.lock,
                artifact=listed.artifact,
                verdict=report.verdict.value,
                policy=report.policy_name,
                package=installed.package,
                until=moment(report.valid_until),
                problem=ended,
            )
    return doubt("", "the store holds no verdict about it that a trusted key signed: 'arcops host gate' makes one")
