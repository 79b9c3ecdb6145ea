"""The collector of a site's baseline: an attached file, whose signature is checked against the trust folder."""

from __future__ import annotations

import hashlib

from arcops.collector import collector
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.baseline import Baselines
from arcops.signer import ProvenSigner
from tasks.files.reading import MIB, read_limited

_MOST = 8 * MIB


@collector("benchmark-baseline", Baselines, version="1")
def baselines(request: Request, seen: Seen) -> Sighting[Baselines]:
    """The one baseline among the attached files. Raises `Refused` if the request asks for no exercise."""
    if request.exercise is None:
        raise Refused(f"a {request.kind} cannot be benchmarked, so it has no baseline")
    if not request.attached:
        return Sighting(body=Baselines())
    if len(request.attached) > 1:
        return Sighting(body=Baselines(said=f"{len(request.attached)} baselines were given; give one"))
    return _proven(request)


def _proven(request: Request) -> Sighting[Baselines]:
    from artifacts.baseline import baseline_from
    from artifacts.vouch import taken_back, vouch
    from tasks.signing.grounds import grounds
    from tasks.signing.trust import load_trust

    file = ""
    sources: tuple[Source, ...] = ()
    try:
        data = read_limited(request, request.attached[0], _MOST)
        file = hashlib.sha256(data).hexdigest()
        sources = (load_trust(request.trust).source(),)
        ground = grounds(request.trust)
        vouched = vouch(data, ground, request.now)
        baseline = baseline_from(vouched.statement)
        gone = taken_back(baseline.artifact, ground)
        if gone:
            raise Refused(f"it was made from an artifact that does not count any more: {gone}")
    except (ArcOpsError, OSError) as error:
        return Sighting(body=Baselines(file=file, said=str(error)), sources=sources)
    dated = Source(name="baseline", kind=SourceKind.DATA, digest=f"sha256:{file}", dated=baseline.measured_at)
    body = Baselines(baseline=baseline, signers=tuple(ProvenSigner(key=key) for key in vouched.signers), file=file)
    return Sighting(body=body, sources=(*sources, dated))
