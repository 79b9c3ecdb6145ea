"""The collector of a draft, and of what it gives for each client under the organisation's rules."""

from __future__ import annotations

from amend.client.materialising import configured
from arcops.collector import collector
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.client import ClientConfiguration, Draft, HostedVerdict
from tasks.client.families import families_and_sources
from tasks.client.reading import MOST_BYTES, read_draft, read_policy_set
from tasks.files.reading import read_limited


@collector("client-configuration", ClientConfiguration, version="2")
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
    hosted = _hosted(draft, request)
    families, described = families_and_sources(request.trust, draft.clients)
    sources = (*sources, *described)
    body = configured(source.decode(), draft, policy, digest, claims=(), at=request.now, hosted=hosted, families=families)
    return Sighting(body=body, sources=sources)


def _hosted(draft: Draft, request: Request) -> tuple[HostedVerdict, ...]:
    if not any(one.hosted for one in draft.servers):
        return ()
    from artifacts.store import Store
    from tasks.client.hosted_verdicts import hosted_verdicts, unseen
    from tasks.signing.grounds import grounds

    if request.store is None or not request.store.is_dir():
        return unseen(draft, "there is no store here: 'arcops host gate' makes a verdict")
    with Store(request.store, memory=request.memory) as store:
        return hosted_verdicts(draft, store, grounds(request.trust), request.now)
