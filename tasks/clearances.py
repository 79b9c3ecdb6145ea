"""The sealed artifacts in the store about the models that workloads name, with their signatures checked against the trust."""

from __future__ import annotations

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.clearances import Clearance, Clearances
from arcops.seen.workloads import Workloads
from arcops.signer import Signer


@collector(Clearances, version="1", needs=(Workloads,))
def clearances(request: Request, seen: Seen) -> Sighting[Clearances]:
    """Look every model up. Raises `Refused` where there is no store or no trust to look in."""
    from artifacts.bundle import open_sealed
    from artifacts.index import Filter
    from artifacts.store import Store
    from tasks.trust import load_trust

    if request.store is None or not request.store.is_dir():
        raise Refused("there is no store of artifacts here; check the model first, or import a mirror")
    trust = load_trust(request.trust)
    models = sorted({model for workload in seen[Workloads].body.workloads for model in workload.models})
    found: list[Clearance] = []
    unproven: list[str] = []
    with Store(request.store) as store:
        for model in models:
            for listed in store.list(Filter(digest=model)):
                request.progress(0, 0)
                try:
                    sealed = open_sealed(store.get(listed.artifact), trust.keys)
                except Refused:
                    unproven.append(listed.artifact)
                    continue
                report = sealed.report
                if model not in {str(digest) for digest in report.subject.digests}:
                    unproven.append(listed.artifact)  # the index said otherwise, and the index is nobody's word
                    continue
                found.append(
                    Clearance(
                        model=model,
                        name=report.subject.name,
                        artifact=listed.artifact,
                        verdict=report.verdict,
                        policy_name=report.policy_name,
                        policy_digest=report.policy_digest,
                        judged_at=report.judged_at,
                        valid_until=report.valid_until,
                        signers=tuple(Signer(key=key) for key in sealed.signers),
                    )
                )
    found.sort(key=lambda one: (one.model, one.judged_at, one.artifact))
    return Sighting(body=Clearances(found=tuple(found), unproven=tuple(sorted(unproven))), sources=(trust.source(),))
