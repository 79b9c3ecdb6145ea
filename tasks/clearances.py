"""The sealed artifacts in the store about the models that workloads name, by the log, each vouched for or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.clearances import Clearance, Clearances, Doubt
from arcops.seen.workloads import Workloads
from arcops.signer import Signer
from artifacts.statement import READINESS, from_statement
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch


@dataclass(slots=True)
class _Found:
    """What was found so far."""

    counting: list[Clearance] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


@collector(Clearances, version="2", needs=(Workloads,))
def clearances(request: Request, seen: Seen) -> Sighting[Clearances]:
    """Look every model up. Raises `Refused` if there is no store or no trust to look in."""
    from tasks.grounds import grounds
    from tasks.trust import load_trust

    if request.store is None or not request.store.is_dir():
        raise Refused("there is no store of artifacts here; check the model first, or import a mirror")
    ground = grounds(request.trust)
    models = sorted({model for workload in seen[Workloads].body.workloads for model in workload.models})
    found = _Found()
    with Store(request.store) as store:
        problems = tuple(_problems(store, ground, request, seen))
        for model in models:
            for position, artifact in _about(store, model):
                request.progress(0, 0)
                _look(store, model, position, artifact, ground, seen, found)
    body = Clearances(
        found=tuple(found.counting),
        unproven=tuple(sorted(found.unproven)),
        doubts=tuple(found.doubts),
        problems=problems,
        own_key=request.own_key,
    )
    return Sighting(body=body, sources=(load_trust(request.trust).source(),))


def _about(store: Store, model: str) -> Iterator[tuple[int, str]]:
    from artifacts.index import Filter

    for listed in reversed(store.list(Filter(digest=model))):
        yield listed.position, listed.artifact


def _problems(store: Store, ground: Grounds, request: Request, seen: Seen) -> Iterator[str]:
    yield from ()


def _look(store: Store, model: str, position: int, artifact: str, ground: Grounds, seen: Seen, found: _Found) -> None:
    """Put the artifact at *position* of the log where it belongs: what may be a RED is never passed over."""

    def doubt(said: str) -> None:
        found.doubts.append(Doubt(model=model, artifact=artifact, said=said))

    try:
        data = store.get(artifact)
        vouched = vouch(data, ground, seen.at)
    except NotVouched as error:
        if error.state.standing in (Standing.UNTRUSTED, Standing.REVOKED):
            found.unproven.append(artifact)
        else:
            doubt(str(error))
        return
    except ArcOpsError:
        doubt("the log names it, and the store no longer holds it as it was")
        return
    if vouched.predicate_type != READINESS:
        return
    try:
        report = from_statement(vouched.statement)
    except Refused as error:
        doubt(f"a trusted key signed it, and it does not hold together: {error}")
        return
    if model not in {str(digest) for digest in report.subject.digests}:
        doubt("the log says that it is about this model, and it is not")
        return
    found.counting.append(
        Clearance(
            model=model,
            kind=report.subject.kind,
            name=report.subject.name,
            artifact=artifact,
            position=position,
            verdict=report.verdict,
            policy_name=report.policy_name,
            policy_digest=report.policy_digest,
            judged_at=report.judged_at,
            valid_until=report.valid_until,
            signers=tuple(Signer(key=key) for key in vouched.signers),
        )
    )
