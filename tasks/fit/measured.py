"""What the newest artifact about an endpoint measured: memory while it worked, and how many requests at once it answered."""

from __future__ import annotations

from collections.abc import Sequence

from arcops.errors import ArcOpsError
from arcops.request import Request
from arcops.result import Report
from arcops.seen.fit import MeasuredModel, MeasuredRun
from arcops.seen.fit_wanted import WantedModel
from arcops.seen.inference import Inference, RunKind
from artifacts.statement import READINESS, from_statement
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, vouch
from artifacts.wire import from_json

KIND = "inference-endpoint"


def measured(wanted: Sequence[WantedModel], request: Request) -> tuple[MeasuredModel, ...]:
    """What was measured of each of *wanted* that names an endpoint. An artifact counts if a trusted key signed it, it is not
    revoked, is of this site and still valid; if nothing counts, it says why.
    """
    asked = [one for one in wanted if one.endpoint]
    if not asked:
        return ()
    if request.store is None or not request.store.is_dir():
        return tuple(_nothing(one, "there is no store of artifacts here") for one in asked)
    from tasks.signing.grounds import grounds

    try:
        ground = grounds(request.trust)
        with Store(request.store, memory=request.memory) as store:
            if problems := store.sound(ground.keys, own=True):
                return tuple(_nothing(one, f"the log of artifacts is not complete: {problems[0]}") for one in asked)
            return tuple(_looked_up(one, store, ground, request) for one in asked)
    except ArcOpsError as error:
        return tuple(_nothing(one, str(error)) for one in asked)


def _nothing(one: WantedModel, why: str) -> MeasuredModel:
    return MeasuredModel(model=one.name, problem=why)


def _looked_up(one: WantedModel, store: Store, ground: Grounds, request: Request) -> MeasuredModel:
    entries = [entry for entry in store.entries() if any(about.kind == KIND for about in entry.subjects)]
    why = f"no artifact that counts measured {one.served} at {one.endpoint}; 'arcops inference check' makes one"
    for entry in reversed(entries):
        try:
            vouched = vouch(store.get(entry.artifact), ground, request.now)
            if vouched.predicate_type != READINESS:
                continue
            report = from_statement(vouched.statement)
        except NotVouched:
            continue
        except ArcOpsError as error:
            return _nothing(one, f"{entry.artifact} cannot be read in the store: {error}")
        if report.subject.name != one.endpoint:
            continue
        body = _body(report, store)
        if body is None or one.served not in body.load.models:
            continue
        if report.site != request.site:  # the same address may be another endpoint there
            why = f"{entry.artifact} was measured at the site {report.site or '(none)'}, and this is {request.site or '(none)'}"
            continue
        if report.valid_until <= request.now:  # an older one would say less
            return _nothing(one, f"{entry.artifact} was valid only until {report.valid_until:%Y-%m-%d %H:%M} UTC")
        return _said(one, entry.artifact, report, body)
    return _nothing(one, why)


def _body(report: Report, store: Store) -> Inference | None:
    record = next((record for record in report.evidence if record.kind == Inference.KIND), None)
    if record is None:
        return None
    try:
        return from_json(Inference, store.get(record.digest).decode())
    except (ArcOpsError, UnicodeDecodeError):
        return None


def _said(one: WantedModel, artifact: str, report: Report, body: Inference) -> MeasuredModel:
    loops = [run for run in body.runs if run.kind is RunKind.CLOSED and run.model == one.served]
    return MeasuredModel(
        model=one.name,
        artifact=artifact,
        judged_at=report.judged_at,
        rooms=body.server.memory.rooms,
        served=tuple(body.load.models),
        runs=tuple(
            MeasuredRun(concurrency=run.figure, requests=len(run.shots), whole=sum(shot.whole for shot in run.shots))
            for run in sorted(loops, key=lambda run: run.figure)
        ),
    )
