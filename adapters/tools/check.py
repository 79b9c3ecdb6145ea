"""Check a subject: collect, judge, sign, keep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from arcops.errors import Refused
from arcops.request import Request, silent
from arcops.result import Report
from artifacts.bundle import seal_statement
from artifacts.private_key import Signer
from artifacts.projections.statements import to_vsa
from artifacts.store import Store
from flows import direct
from flows.conclude import conclude
from flows.evaluation import seal_and_keep
from flows.plan import make_plan
from flows.policies import load_policy
from foundation.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``policy`` is the name of a shipped policy or a path; ``attached`` are evidence files that lie outside ``target``;
    ``kind`` is what the artifact calls its subject.
    """

    target: Path
    policy: str
    attached: tuple[Path, ...] = ()
    kind: str = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """``artifact`` is the sealed report in the store, ``digest`` its name there; ``summary`` is it as a sealed SLSA VSA."""

    report: Report
    bundle: bytes
    summary: bytes
    artifact: Path
    digest: str


def check(
    ask: Check,
    *,
    settings: Settings,
    signer: Signer,
    now: datetime,
    stop: threading.Event,
    progress: Callable[[int, int], None] = silent,
) -> Checked:
    """Check ``ask.target`` and seal the result. Raises `arcops.errors.Refused` where there is nothing to check.

    What goes wrong after that is in the report, and RED.
    """
    for path in (ask.target, *ask.attached):
        if not path.exists():
            raise Refused(f"{path} does not exist; give the path of what is to be checked")
    request = Request(
        target=ask.target.absolute(),
        kind=ask.kind,
        tier=settings.tier,
        now=now,
        trust=settings.trust,
        data=settings.data,
        cache=settings.cache,
        store=settings.store,
        attached=tuple(path.absolute() for path in ask.attached),
        workers=settings.workers,
        progress=progress,
    )
    plan = make_plan(request, load_policy(ask.policy))
    store = Store(settings.store)
    collected = direct.collect(plan, stop=stop)
    sealed = seal_and_keep(conclude(plan, collected, runner=direct.RUNNER), collected, signer=signer, store=store)
    summary = to_vsa(
        sealed.report,
        resource_uri=f"urn:arcops:{request.kind}:{quote(request.name, safe='')}",
        artifact=sealed.digest,
        amber_passes=plan.policy.amber_passes,
    )
    return Checked(
        report=sealed.report,
        bundle=sealed.bundle,
        summary=seal_statement(summary, signer),
        artifact=store.path(sealed.digest),
        digest=sealed.digest,
    )
