"""One collector's look, made into evidence or into the reason why there is none. Both runners look through here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from arcops.errors import ArcOpsError, Refused, Stopped, Unavailable
from arcops.evidence import Body, Cause, Evidence, Missing, Seen, Sighting
from arcops.request import Request
from artifacts.wire import digest
from flows.plan import AnyCollector

Found = Evidence[Body] | Missing


def look(collector: AnyCollector, request: Request, collected: Mapping[str, Found]) -> Found:
    """What *collector* saw, or why it could not. Raises nothing but what ends the process."""
    for need in collector.needs:
        answer = collected.get(need.KIND)
        if not isinstance(answer, Evidence):
            why = answer.reason if isinstance(answer, Missing) else "no collector answers for it"
            return missing(collector, Cause.ABSENT, f"it rests on evidence {need.KIND!r}, which is missing: {why}")
    bodies = (*collector.needs, *collector.wants)
    given = {body.KIND: collected[body.KIND] for body in bodies if body.KIND in collected}
    evidence = {kind: answer for kind, answer in given.items() if isinstance(answer, Evidence)}
    try:
        sighting = collector.look(request, Seen(evidence, at=request.now, subject_name=request.name))
        return as_evidence(collector, sighting, request, at=request.now)
    except Stopped as error:
        return missing(collector, Cause.CANCELLED, str(error))
    except Unavailable as error:
        return missing(collector, Cause.UNAVAILABLE, str(error))
    except Refused as error:
        return missing(collector, Cause.REFUSED, str(error))
    except (ArcOpsError, Exception) as error:
        return missing(collector, Cause.BROKEN, f"{collector.name} failed: {type(error).__name__}: {error}")


def as_evidence(collector: AnyCollector, sighting: Sighting[Body], request: Request, *, at: datetime) -> Evidence[Body]:
    """*sighting* with its digest and circumstances. Raises `Refused` where it is not what the collector declared."""
    if not isinstance(sighting, Sighting) or type(sighting.body) is not collector.body:
        raise Refused(f"{collector.name} declared a {collector.body.__name__} and returned something else")
    return Evidence(
        kind=collector.body.KIND,
        body=sighting.body,
        digest=digest(sighting.body),
        collector=collector.name,
        version=collector.version,
        at=at,
        tier=request.tier,
        sources=sighting.sources,
    )


def missing(collector: AnyCollector, cause: Cause, reason: str) -> Missing:
    return Missing(kind=collector.body.KIND, collector=collector.name, cause=cause, reason=reason)
