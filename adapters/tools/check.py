"""Check a subject: collect, judge, sign, keep."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from arcops.errors import ArcOpsError, Refused
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


class NotKept(ArcOpsError):
    """The store is damaged, so a result cannot be kept. Nothing is wrong with the request."""


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
    request = Request(
        target=_target(ask.target),
        kind=ask.kind,
        tier=settings.tier,
        now=now,
        trust=settings.trust,
        data=settings.data,
        cache=settings.cache,
        store=settings.store,
        attached=tuple(_attached(path) for path in ask.attached),
        workers=settings.workers,
        progress=progress,
    )
    plan = make_plan(request, load_policy(ask.policy))
    with _kept_in(settings.store):
        store = Store(settings.store)
    with store:
        collected = direct.collect(plan, stop=stop)
        report = conclude(plan, collected, runner=direct.RUNNER)
        with _kept_in(settings.store):
            sealed = seal_and_keep(report, collected, signer=signer, store=store)
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


def _target(path: Path) -> Path:
    """*path* as the subject's, with a name of its own. Raises `Refused` where it can be no model."""
    if not path.exists():
        raise Refused(f"{path} does not exist; give the path of a model directory or file")
    if not (path.is_dir() or path.is_file()):
        raise Refused(f"{path} is neither a directory nor a file; give the path of a model")
    absolute = path.absolute()
    if absolute.name in ("", ".."):
        absolute = absolute.resolve()
    if not absolute.name:
        raise Refused(f"{path} is the whole file system, which is no model; give the path of a model directory or file")
    try:
        absolute.name.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(f"the name of {path} is not UTF-8, so no report could name it; rename it") from None
    return absolute


def _attached(path: Path) -> Path:
    """*path* as an attached file. Raises `Refused` where it is none, and `OSError` where it cannot be opened."""
    if not path.exists():
        raise Refused(f"{path} does not exist; attach a file with a signature, an SBOM or an attestation")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        raise Refused(f"{path} is not a file with content; attach a file with a signature, an SBOM or an attestation")
    return path.absolute()


@contextmanager
def _kept_in(store: Path) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise NotKept(f"{error}; the result could not be kept in the store {store}") from error
