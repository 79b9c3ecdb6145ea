"""The sealed artifacts in the store about the models that workloads name, as the log lists them, each trusted or not."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.clearances import Clearance, Clearances, Doubt
from arcops.seen.workloads import Workloads
from arcops.signer import ProvenSigner
from artifacts.entries import Logged
from artifacts.statement import READINESS, from_statement
from artifacts.store import Store
from artifacts.vouch import Grounds, NotVouched, Standing, vouch


@dataclass(slots=True)
class _Found:
    """What was found so far."""

    counting: list[Clearance] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


@collector("clearances", Clearances, version="2", needs=(Workloads,))
def clearances(request: Request, seen: Seen) -> Sighting[Clearances]:
    """Look every model up. Raises `Refused` if there is no store or no trust to look in."""
    from tasks.signing.grounds import grounds
    from tasks.signing.trust import load_trust

    if request.store is None or not request.store.is_dir():
        raise Refused("no artifact store was found; check the model first, or import a mirror")
    ground = grounds(request.trust)
    models = sorted({model for workload in seen[Workloads].body.workloads for model in workload.models})
    found = _Found()
    with Store(request.store, memory=request.memory) as store:
        problems = store.sound(ground.keys, own=True)
        for model in models if not problems else ():
            for logged in store.about(model):
                request.progress(0, 0)
                _look(store, model, logged, ground, seen, found)
    body = Clearances(
        found=tuple(found.counting),
        unproven=tuple(sorted(found.unproven)),
        doubts=tuple(found.doubts),
        problems=problems,
        own_key=request.own_key,
    )
    return Sighting(body=body, sources=(load_trust(request.trust).source(),))


def _look(store: Store, model: str, logged: Logged, ground: Grounds, seen: Seen, found: _Found) -> None:
    """Put the artifact that the log names into the right list: one that may be RED is never left out."""
    artifact = logged.entry.artifact

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
        doubt("the log names it, but the store does not hold it unchanged")
        return
    if vouched.predicate_type != READINESS:
        return
    try:
        report = from_statement(vouched.statement)
    except Refused as error:
        doubt(f"a trusted key signed it, but its content is not consistent: {error}")
        return
    if model not in {str(digest) for digest in report.subject.digests}:
        doubt("the log says that it is about this model, but it is about another subject")
        return
    found.counting.append(
        Clearance(
            model=model,
            kind=report.subject.kind,
            name=report.subject.name,
            artifact=artifact,
            position=logged.position,
            verdict=report.verdict,
            policy_name=report.policy_name,
            policy_digest=report.policy_digest,
            judged_at=report.judged_at,
            valid_until=report.valid_until,
            signers=tuple(ProvenSigner(key=key) for key in vouched.signers),
        )
    )
