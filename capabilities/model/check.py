"""Check a subject: collect, judge, sign, keep."""

from __future__ import annotations

import os
import stat
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from arcops.endpoint import Endpoint
from arcops.errors import ArcOpsError, Refused, Stopped
from arcops.exercise import Exercise
from arcops.policy import Policy
from arcops.request import LiveCluster, Request
from arcops.result import Report
from arcops.roots import Roots
from artifacts.beneath import open_within, stat_within
from artifacts.bundle import seal_statement
from artifacts.projections.statements import to_vsa
from artifacts.store import Store
from capabilities.contract import Deployed, Left, Place, Scope, tool
from capabilities.kept import kept_bytes, left_about
from flows.conclude import conclude
from flows.evaluate import seal_and_keep
from flows.plan import AnyGate, make_plan
from flows.policies.reading import parse_policy
from flows.policies.registered import named_here, registered_policy
from flows.policies.unread import NOTHING
from flows.runners import direct
from flows.subjects.evaluations import READINESS
from foundation.secrets import key_files
from foundation.telemetry.spans import known, learned, span
from reach.effort import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What to judge, and by which policy."""

    target: Path
    """The model: a directory, or one file, on the machine where the check runs."""
    policy: str = "sovereign"
    """The name of a registered policy, or its digest (sha256:…); on one's own command line also a file."""
    attached: tuple[Path, ...] = ()
    """Signatures, SBOMs and attestations that lie outside of the target."""
    summary: bool = False
    """Also answer with a sealed SLSA verification summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found, and the name of the signed artifact that says so."""

    report: Report
    artifact: str
    """The digest under which the store keeps the sealed report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(Judged):
    """What was found about a model, and the name of the signed artifact that says so."""

    summary: str = ""
    """The sealed SLSA verification summary as JSON, where it was asked for."""


class NotKept(ArcOpsError):
    """The store is damaged, so a result cannot be kept. Nothing is wrong with the request."""


def _parameters(ask: Check, at: Place) -> Mapping[str, object]:
    return {
        "target": str(at.reach(ask.target)),
        "policy": worker_policy(ask.policy, at),
        "attached": [str(at.reach(one)) for one in ask.attached],
    }


def _answer(ask: Check, left: Left, at: Place) -> Checked:
    name = at.reach(ask.target).name
    return _checked(ask, left_about(left, at, name=name, kind=READINESS.kind), left.artifact, at)


@tool(
    title="Check a model",
    scope=Scope.CHECK,
    reads_only=True,
    long=True,
    deployed=Deployed(name="readiness/readiness", parameters=_parameters, answer=_answer),
)
def check_model(ask: Check, at: Place) -> Checked:
    """Judge a model by a policy and keep a signed artifact of the verdict: GREEN, AMBER or RED.

    Collects evidence about the files, signatures, SBOM, advisories and licence; what could not be seen is RED. What goes wrong
    after the check has begun is in the report. A check that is stopped leaves an artifact, too, and it is RED.
    """
    report, digest = evaluate(ask.target, "model", ask.policy, ask.attached, at)
    return _checked(ask, report, digest, at)


def evaluate(
    target: Path,
    kind: str,
    policy: str | Policy,
    attached: tuple[Path, ...],
    at: Place,
    *,
    named: str = "",
    endpoint: Endpoint | None = None,
    cluster: LiveCluster | None = None,
    declared: Path | None = None,
    gates: Iterable[AnyGate] | None = None,
    exercise: Exercise | None = None,
) -> tuple[Report, str]:
    """Run the plan of *policy* on *target* here; returns the report as it was signed, and its digest in the store.

    A subject that is no path, such as a node, is *named*; its *target* is the root of its files.
    An *endpoint* is what an inference endpoint's collector loads, an *exercise* what a machine does to be measured, a
    *cluster* what is asked instead of the target, and *declared* what the subject is held against. Only *gates* judge, where
    any are given. *policy* is what the caller calls it, or the value where it was read before: it is read once.
    """
    signer = at.signer()
    request = Request(
        target=target if named else _target(target, at.within),
        named=named,
        kind=kind,
        tier=at.settings.tier,
        now=at.now(),
        trust=at.settings.trust,
        data=at.settings.data,
        cache=at.settings.cache,
        store=at.settings.store,
        memory=at.settings.memory,
        attached=tuple(_attached(path, at.within) for path in attached),
        workers=at.settings.workers,
        site=at.settings.site,
        own_key=signer.public.id,
        endpoint=endpoint,
        cluster=cluster,
        declared=declared,
        exercise=exercise,
        secrets=key_files(at.settings.key),
        progress=at.progress,
        within=at.within,
    )
    read = allowed_policy(policy, at) if isinstance(policy, str) else policy
    plan = make_plan(request, read, gates=gates)
    with _kept_in(at.settings.store):
        store = Store.at(at.settings)
        store.refuse_clock(request.now)  # now, and not only once the work of minutes is to be kept
    with store, span(f"flow {kind}", flow=direct.RUNNER):
        learned(run=known().get("run") or str(uuid.uuid4()))
        collected = direct.collect(plan, stop=at.stop)
        with told(lambda: _unless(at.stop)):
            report = conclude(plan, collected, runner=direct.RUNNER)
        with _kept_in(at.settings.store):
            sealed = seal_and_keep(report, collected, policy=plan.policy, signer=signer, store=store, now=at.now)
    return sealed.report, sealed.digest


def _unless(stop: threading.Event) -> None:
    """Raise where the caller has stopped: a gate that judges for long ends then, and what it had not judged is UNKNOWN."""
    if stop.is_set():
        raise Stopped("the run was told to end")


def allowed_policy(policy: str, at: Place) -> Policy:
    """The policy that *policy* means at this place. From afar only registered ones count, never a file.

    Raises `Refused` where there is none such.
    """
    if at.roots is not None:
        return registered_policy(policy, at.settings.policies)
    return named_here(policy, at.settings.policies)


def worker_policy(policy: str, at: Place) -> str:
    """*policy* as a worker is told of it: by its digest, so that what judges is what was meant.

    Raises `Refused` as `allowed_policy` does, and where it isn't registered: a worker takes no other.
    """
    meant = allowed_policy(policy, at)
    try:
        return registered_policy(meant.digest, at.settings.policies).digest
    except Refused as error:
        raise Refused(
            f"policy {meant.name!r} ({meant.digest}) is not registered, and workers judge by registered policies alone; "
            f"'arcops policy register {policy}' registers it ({error})"
        ) from error


def judging_policy(report: Report, at: Place) -> Policy | None:
    """The policy that judged *report*, from the store by the digest that it names; none where nobody could read it then."""
    if report.policy_digest == NOTHING:
        return None
    return parse_policy(kept_bytes(report.policy_digest, at), where=report.policy_digest, as_then=True)


def _checked(ask: Check, report: Report, digest: str, at: Place) -> Checked:
    if not ask.summary:
        return Checked(report=report, artifact=digest)
    judged = judging_policy(report, at)
    summary = to_vsa(
        report,
        resource_uri=f"urn:arcops:{report.subject.kind}:{quote(report.subject.name, safe='')}",
        artifact=digest,
        amber_passes=judged is not None and judged.amber_passes,
    )
    return Checked(report=report, artifact=digest, summary=seal_statement(summary, at.signer()).decode())


def _target(path: Path, within: Roots) -> Path:
    """*path* as the subject's, with a name of its own. Raises `Refused` where it can be no model."""
    found = stat_within(path, within)
    if found is None:
        raise Refused(f"{path} does not exist; give the path of a model directory or file")
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
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


def _attached(path: Path, within: Roots) -> Path:
    """*path* as an attached file. Raises `Refused` where it is none, and `OSError` where it cannot be opened."""
    try:
        descriptor = open_within(path, os.O_RDONLY | os.O_NONBLOCK, within)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{path} does not exist; attach a file with a signature, an SBOM or an attestation") from None
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
