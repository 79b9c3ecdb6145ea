"""An evaluation, from the ask to the sealed artifact: the same for every subject and every runner."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Refused, Stopped
from arcops.evidence import Body, Evidence
from arcops.judgeable import Judgeable
from arcops.late_dataclass import dataclass
from arcops.policy import Policy
from arcops.request import Request, unheard
from arcops.result import Report
from arcops.seen.tree import Tree
from artifacts.bundle import seal
from artifacts.store import Store
from artifacts.wire import canonical_bytes
from flows.conclude import conclude
from flows.place import Place
from flows.plan import Plan, make_plan
from flows.runners import direct
from flows.runners.looking import Found
from flows.subjects.evaluation import Evaluation
from flows.subjects.meaning import Meant, meant
from foundation.secrets import key_files
from foundation.telemetry.spans import known, learned, span
from reach.effort import told

if TYPE_CHECKING:
    from artifacts.private_key import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReport:
    """A report as it was signed and kept: ``bundle`` is the artifact's bytes, ``digest`` its name in the store."""

    report: Report
    bundle: bytes
    digest: str


class NotKept(ArcOpsError):
    """The store is damaged, so a result cannot be kept. The request itself is fine."""


def evaluate(
    what: Evaluation,
    subject: Judgeable,
    policy: str | Policy,
    at: Place,
    *,
    runner: str = "",
    seen: Evidence[Body] | None = None,
) -> KeptReport:
    """Judge *subject* here, by threads of this process; returns the report as it was signed, and its name in the store.

    *policy* is the caller's name for it, or the policy itself if it was read before: it is read once. *seen* is evidence that
    the caller has just collected about the same subject, so it is not collected again. Raises `Refused` for
    what cannot be judged. After the work has begun, every error is in the report.
    """
    at = replace(at, signer=cache(at.signer))  # once: its passphrase may come through a pipe
    plan = plan_for(what, subject, policy, at)
    signer = at.signer()
    with _kept_in(at):
        store = Store.at(at.settings)
        store.refuse_clock(plan.request.now)  # now, not after minutes of work that could then not be kept
    with store, span(f"flow {plan.request.kind}", flow=direct.RUNNER):
        learned(run=known().get("run") or _new_run())
        collected = direct.collect(plan, stop=at.stop, seen=seen)
        with told(lambda: _unless(at.stop)):
            report = conclude(plan, collected, runner=runner or direct.RUNNER)
        with _kept_in(at):
            return seal_and_keep(report, collected, policy=plan.policy, signer=signer, store=store, now=at.now)


def look_only(what: Evaluation, subject: Judgeable, policy: str | Policy, at: Place) -> Report:
    """Judge *subject* here as `evaluate` does, but sign and keep nothing: no key is opened, and no store is made.

    What comes back is no evidence for anyone else. Raises `Refused` for what cannot be judged.
    """
    plan = plan_for(what, subject, policy, at, signed=False)
    with span(f"flow {plan.request.kind}", flow=direct.RUNNER):
        collected = direct.collect(plan, stop=at.stop)
        with told(lambda: _unless(at.stop)):
            return conclude(plan, collected, runner=direct.RUNNER)


def plan_for(
    what: Evaluation,
    subject: Judgeable,
    policy: str | Policy,
    at: Place,
    *,
    remark: Callable[[str], None] = unheard,
    signed: bool = True,
) -> Plan:
    """The plan of *what* for *subject* at this place. Raises `Refused` if it cannot be judged, or must not be from here.

    The key is opened after the subject and the policy were found, because a person may be asked for its passphrase. If nothing
    will be *signed*, it is not opened, so no signature counts as this place's own.
    """
    meaning = meant(subject, at)
    read = at.policy(policy) if isinstance(policy, str) else policy
    if meaning.exercise is not None:
        from flows.subjects.gpu import as_strict  # only a benchmark has one

        meaning = replace(meaning, exercise=as_strict(meaning.exercise, read))
    request = replace(request_for(subject.kind, meaning, at, at.signer() if signed else None), remark=remark)
    plan = make_plan(request, read, gates=what.gates(read))
    if request.endpoint is not None and request.named and any(one.body is Tree for one in plan.collectors):
        raise Refused(f"policy {read.name!r} judges a model's files, and none are named; name them as the target")
    return plan


def request_for(kind: str, meaning: Meant, at: Place, signer: Signer | None) -> Request:
    """What collectors may know about a subject of this *kind* at this place."""
    return Request(
        target=meaning.target,
        named=meaning.named,
        kind=kind,
        tier=at.settings.tier,
        now=at.now(),
        trust=at.settings.trust,
        data=at.settings.data,
        cache=at.settings.cache,
        store=at.settings.store,
        memory=at.settings.memory,
        attached=meaning.attached,
        workers=at.settings.workers,
        site=at.settings.site,
        own_key=signer.public.id if signer is not None else "",
        endpoint=meaning.endpoint,
        cluster=meaning.cluster,
        declared=meaning.declared,
        exercise=meaning.exercise,
        secrets=key_files(at.settings.key),
        progress=at.progress,
        within=at.within,
    )


def seal_and_keep(
    report: Report, collected: Mapping[str, Found], *, policy: Policy, signer: Signer, store: Store, now: Callable[[], datetime]
) -> KeptReport:
    """Sign *report*, and put it into *store* together with its evidence and the *policy* that judged it.

    So the store is enough to judge again (`flows.rejudge`). The artifact counts as kept only if all of it is kept. The log gets
    the time of keeping, from the clock *now*, not the time of judging. Raises as `artifacts.store.Store.put` does.
    """
    with span("seal and keep"):
        bundle = seal(report, signer)
        bodies = {found.digest: canonical_bytes(found.body) for found in collected.values() if isinstance(found, Evidence)}
        if policy.written:
            bodies[policy.digest] = policy.written
        entry = store.put(bundle, bodies, at=now(), signer=signer, begun=report.judged_at, report=report)
        learned(artifact=entry.artifact, verdict=report.verdict.value)
    return KeptReport(report=report, bundle=bundle, digest=entry.artifact)


def _new_run() -> str:
    """A random UUID (RFC 9562, version 4). The module ``uuid`` reads the machine's address first, so it is not used."""
    drawn = bytearray(os.urandom(16))
    drawn[6] = drawn[6] & 0x0F | 0x40
    drawn[8] = drawn[8] & 0x3F | 0x80
    text = drawn.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _unless(stop: threading.Event) -> None:
    """Raise if the caller has stopped. So a slow gate ends then, and what it has not judged yet is UNKNOWN."""
    if stop.is_set():
        raise Stopped("the run was stopped")


@contextmanager
def _kept_in(at: Place) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise NotKept(f"{error}; the result could not be kept in the store {at.settings.store}") from error
