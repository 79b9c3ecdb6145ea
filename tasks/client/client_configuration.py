"""The collector of a draft, and of what it gives for each client under the organisation's rules."""

from __future__ import annotations

from amend.client.materialising import configured
from arcops.collector import collector
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.client import ClientConfiguration
from tasks.client.reading import MOST_BYTES, read_draft, read_policy_set
from tasks.files.reading import read_limited


@collector("client-configuration", ClientConfiguration, version="1")
def look(request: Request, seen: Seen) -> Sighting[ClientConfiguration]:
    """Read the draft and the policy set beside it, and make what each client would read. Raises `Refused` if one is wrong."""
    source = read_limited(request, request.target, MOST_BYTES)
    draft = read_draft(source, request.target.name)
    policy, digest = None, ""
    sources: tuple[Source, ...] = ()
    if request.declared is not None:
        path = request.declared
        policy, digest = read_policy_set(read_limited(request, path, MOST_BYTES), path.name)
        sources = (Source(name=policy.named, kind=SourceKind.TRUST, digest=digest),)
    body = configured(source.decode(), draft, policy, digest, claims=(), at=request.now)
    return Sighting(body=body, sources=sources)
