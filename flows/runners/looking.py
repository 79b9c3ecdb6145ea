"""One collector's look, as evidence or as the reason why there is no evidence. Both runners call this."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from arcops.collector import Collector, never_again
from arcops.errors import ArcOpsError, Refused, Stopped, Unavailable
from arcops.evidence import Body, Cause, Evidence, Missing, Seen, Sighting, without
from arcops.request import Request
from artifacts.wire import digest

AnyCollector = Collector[Body]
Found = Evidence[Body] | Missing
T = TypeVar("T")
B = TypeVar("B", bound=Body)

RETRY_AFTER = (0.2, 1.0)
"""Seconds before a collector that said `Unavailable` tries again. Other errors are not tried again: they would only repeat."""

_TICK = 0.1


def opens_files(collector: AnyCollector, request: Request, collected: Mapping[str, Found]) -> bool:
    """Would *collector* open anything? Not if the evidence that it needs is missing, nor if it says that names are enough."""
    if any(not isinstance(collected.get(need.KIND), Evidence) for need in collector.needs):
        return False
    return not collector.idle(request, Seen(_given(collector, collected), at=request.now, subject_name=request.name))


def look(collector: AnyCollector, request: Request, collected: Mapping[str, Found]) -> Found:
    """What *collector* saw, or why it could not. Raises only what ends the process."""
    return look_and(collector, request, collected, _evidence)


def look_and(
    collector: AnyCollector,
    request: Request,
    collected: Mapping[str, Found],
    make: Callable[[AnyCollector, Sighting[Body], Request], T],
) -> T | Missing:
    """As `look`, with what *make* makes of the sighting as the answer; an error in it is why *collector* could not see."""
    for need in collector.needs:
        answer = collected.get(need.KIND)
        if not isinstance(answer, Evidence):
            why = answer.reason if isinstance(answer, Missing) else "no collector provides it"
            return missing(collector, Cause.ABSENT, without(need.KIND, why))
    evidence = _given(collector, collected)
    found = _look_once(collector, request, evidence, make)
    for seconds in RETRY_AFTER:
        if not isinstance(found, Missing) or found.cause is not Cause.UNAVAILABLE:
            break
        try:
            _wait(seconds, request)
        except Stopped as error:
            return missing(collector, Cause.CANCELLED, str(error))
        found = _look_once(collector, request, evidence, make)
    return found


def _given(collector: AnyCollector, collected: Mapping[str, Found]) -> Mapping[str, Evidence[Body]]:
    """The part of the *collected* evidence that *collector* gets."""
    own = (collector.body,) if collector.again is not never_again else ()
    answers = {body.KIND: collected.get(body.KIND) for body in (*collector.needs, *collector.wants, *own)}
    return {kind: answer for kind, answer in answers.items() if isinstance(answer, Evidence)}


def _look_once(
    collector: AnyCollector, request: Request, evidence: Mapping[str, Evidence[Body]], make: Callable[..., T]
) -> T | Missing:
    try:
        sighting = collector.look(request, Seen(evidence, at=request.now, subject_name=request.name))
        return make(collector, sighting, request)
    except Stopped as error:
        return missing(collector, Cause.CANCELLED, str(error))
    except Unavailable as error:
        return missing(collector, Cause.UNAVAILABLE, str(error))
    except Refused as error:
        return missing(collector, Cause.REFUSED, str(error))
    except (ArcOpsError, Exception) as error:
        return missing(collector, Cause.BROKEN, f"{collector.id} failed: {type(error).__name__}: {error}")


def _wait(seconds: float, request: Request) -> None:
    """Wait, but not longer than the run lasts. Raises `Stopped` if it ends meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        request.progress(0, 0)
        time.sleep(min(left, _TICK))
    request.progress(0, 0)


def as_evidence(collector: Collector[B], sighting: Sighting[B], request: Request, *, at: datetime) -> Evidence[B]:
    """*sighting* with its digest and circumstances. Raises `Refused` if it is not what the collector declared."""
    as_declared(collector, sighting)
    return Evidence(
        kind=collector.body.KIND,
        body=sighting.body,
        digest=digest(sighting.body),
        collector=collector.id,
        version=collector.version,
        at=at,
        tier=request.tier,
        sources=sighting.sources,
    )


def _evidence(collector: AnyCollector, sighting: Sighting[Body], request: Request) -> Evidence[Body]:
    return as_evidence(collector, sighting, request, at=request.now)


def as_declared(collector: Collector[B], sighting: Sighting[B]) -> Sighting[B]:
    """*sighting*. Raises `Refused` if it is not what the collector declared."""
    if not isinstance(sighting, Sighting) or type(sighting.body) is not collector.body:
        raise Refused(f"{collector.id} declared a {collector.body.__name__} and returned something else")
    return sighting


def without_places(found: Found, request: Request) -> Found:
    """*found*; if it is missing, its reason no longer shows paths of this machine.

    The target and what lies beside it are written by their names, and the operator's folders by their purpose: an artifact is
    read by others, on other machines.
    """
    if not isinstance(found, Missing):
        return found
    from foundation.settings import by_purpose  # only for evidence that is missing

    named = [request.target, *request.attached, *([request.declared] if request.declared is not None else [])]
    places = {str(path): path.name for path in named}
    beside = {path.absolute().parent for path in named}
    beside |= {folder.resolve() for folder in beside}
    own = {
        "trust": request.trust,
        "data": request.data,
        "cache": request.cache,
        "store": request.store,
        "memory": request.memory,
    }
    places |= {str(folder): f"({word})" for word, folder in own.items() if folder is not None}
    places |= {f"{folder}{os.sep}": "" for folder in beside if folder.name}
    places |= {os.environ["HOME"].rstrip(os.sep): "~"} if os.environ.get("HOME", "").startswith(os.sep) else {}
    places |= {f"{root.path}{os.sep}": "" for root in request.within or ()}
    places |= {
        os.path.realpath(place): word for place, word in places.items() if os.sep in place and not place.endswith(os.sep)
    }
    reason = by_purpose(found.reason, {place: word for place, word in places.items() if len(place) > 1})
    return found if reason == found.reason else replace(found, reason=reason)


def outcome(found: Found) -> str:
    """The result of looking, in a word: ``seen``, or the cause why not."""
    return found.cause.value if isinstance(found, Missing) else "seen"


def missing(collector: AnyCollector, cause: Cause, reason: str) -> Missing:
    return Missing(kind=collector.body.KIND, collector=collector.id, cause=cause, reason=reason)
