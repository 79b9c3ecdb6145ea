"""The verdicts in the store about releases of the models that workloads name, and whether what they cite still counts.

A release is never edited: what happens to a part later (a revoked signer, a RED) reaches it here, at the moment of the
decision, by following what it cites (`arcops.seen.release`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.result import Report
from arcops.seen.release import ReleaseParts
from arcops.seen.releases import ReleaseDoubt, Releases, ReleaseSeen
from arcops.seen.workloads import Workloads
from arcops.signer import ProvenSigner
from artifacts.store import Store
from tasks.signing.logged import LoggedArtifacts, Opened, made_from, newest

KIND = "release"


@collector("releases", Releases, version="1", needs=(Workloads,))
def releases(request: Request, seen: Seen) -> Sighting[Releases]:
    """Look every release of a named model up. Raises `Refused` if there is no store or no trust to look in."""
    from tasks.signing.grounds import grounds
    from tasks.signing.trust import load_trust

    if request.store is None or not request.store.is_dir():
        raise Refused("no artifact store was found; check the release first, or import a mirror")
    ground = grounds(request.trust)
    models = {model for workload in seen[Workloads].body.workloads for model in workload.models}
    found: list[ReleaseSeen] = []
    doubts: list[ReleaseDoubt] = []
    with Store(request.store, memory=request.memory) as store:
        problems = store.sound(ground.keys, own=True)
        log = LoggedArtifacts(store=store, ground=ground, at=seen.at)
        if not problems:
            log.read()
        for one, parts in _newest(log, seen, doubts):
            request.progress(0, 0)
            if parts.model in models:
                found.append(_seen(one, parts, log))
    body = Releases(
        found=tuple(sorted(found, key=lambda one: one.position)),
        doubts=tuple(doubts),
        problems=problems,
        site=request.site,
        own_key=request.own_key,
    )
    return Sighting(body=body, sources=(load_trust(request.trust).source(),))


def _newest(log: LoggedArtifacts, seen: Seen, doubts: list[ReleaseDoubt]) -> Iterator[tuple[Opened, ReleaseParts]]:
    """The newest verdict about each release by each policy, with what it was made from.

    A release is what its name says: its plan may change, and the model that it is about; then the older model keeps its own.
    """
    by_what: dict[tuple[str, str, str, str], list[Opened]] = defaultdict(list)
    made_from: dict[str, ReleaseParts] = {}
    for _, entry in log.by_kind[KIND]:
        one = log.opened(entry.artifact)
        report = one.report
        if report is None:
            if one.doubt:
                doubts.append(ReleaseDoubt(artifact=entry.artifact, said=one.doubt))
            continue
        parts = _parts(report, log.store)
        if parts is None or f"sha256:{parts.plan}" not in {str(digest) for digest in report.subject.digests}:
            doubts.append(ReleaseDoubt(artifact=one.artifact, said="the store does not hold what it was made from"))
            continue
        made_from[one.artifact] = parts
        by_what[report.subject.name, parts.model, report.policy_digest, report.site].append(one)
    for all_of_it in by_what.values():
        one = newest(all_of_it, seen.skew)[-1]
        yield one, made_from[one.artifact]


def _parts(report: Report, store: Store) -> ReleaseParts | None:
    try:
        return made_from(report, store)
    except Refused:
        return None


def _seen(one: Opened, parts: ReleaseParts, log: LoggedArtifacts) -> ReleaseSeen:
    report = one.report
    if report is None:
        raise Refused("an artifact without a report is no verdict about a release")
    return ReleaseSeen(
        model=parts.model,
        plan=f"sha256:{parts.plan}",
        name=report.subject.name,
        site=report.site,
        artifact=one.artifact,
        position=one.position,
        verdict=report.verdict,
        policy_name=report.policy_name,
        policy_digest=report.policy_digest,
        judged_at=report.judged_at,
        valid_until=report.valid_until,
        signers=tuple(ProvenSigner(key=key) for key in one.signers),
        withdrawn=tuple(f"{part.part}: {said}" for part in parts.parts for said in log.withdrawn(part, parts.site)),
    )
