"""One pass over one resource: what is wanted, what must be written for it, and what its status is. Pure.

The caller applies ``writes`` in their order, then the deletions, the status and the events; a pass that was cut off
anywhere is repeated from the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from arcops.errors import Broken
from manifests.objects import Json, KubeObject, ObjectName, frozen_mapping, inner, thawed
from manifests.server.names import DIGEST_ANNOTATION, SETTINGS_ANNOTATION
from manifests.server.objects import server_objects
from manifests.server.plan import ServerPlan
from manifests.server.spec import ServerType
from services.operator import remote
from services.operator.adding import added
from services.operator.conditions import Condition, Held, condition_in, conditions
from services.operator.covering import covers
from services.operator.observed import Child, Observed
from services.operator.others import opened_by_others
from services.operator.planning import Planned, namespace_of, plan
from services.operator.proof import prove
from services.operator.readiness import answered, count, readiness
from services.operator.refusal import Reason, Refusal
from services.operator.resource import Problems, ServerResource
from services.operator.site import Site
from services.operator.verdicts import Verdicts

LOOK_AGAIN = 300.0
LOOK_AGAIN_SOON = 5.0
_PATIENCE = timedelta(minutes=5)


class Weight(StrEnum):
    """The type of an event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is told once, beside the resource."""

    weight: Weight
    reason: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """An object of ours that is no longer wanted, exactly the one with this uid."""

    name: ObjectName
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a pass made of its plan, so that the next one need not make the same again.

    ``standing`` are the objects that were seen to be as they are wanted: each by its name, uid and resource version.
    """

    plan: ServerPlan
    objects: tuple[KubeObject, ...]
    proven: int
    standing: frozenset[tuple[ObjectName, str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be.

    ``objects`` are all that are wanted, ``writes`` those that must be applied now. ``status`` is the whole status;
    ``status_changed``: it is another one than before. ``ready`` is the condition of this name; ``refused``: nothing is made
    of the resource, for its reason. ``proven`` is how many connections the engine asked to prove the policies.
    ``look_again_seconds``: without any news, look again then. ``made`` is for the next pass over this resource.
    """

    objects: tuple[KubeObject, ...]
    writes: tuple[KubeObject, ...]
    deletions: tuple[Deletion, ...]
    status: Mapping[str, Json]
    status_changed: bool
    events: tuple[Event, ...]
    ready: Condition
    refused: bool
    proven: int
    look_again_seconds: float
    made: Made | None = None


def reconcile(
    resource: ServerResource | Problems,
    observed: Observed,
    site: Site,
    verdicts: Verdicts,
    now: datetime,
    before: Made | None = None,
) -> Outcome:
    """What is to be made of *resource*, which was *observed* so, at a *site*, by *verdicts*, *now*.

    What an earlier pass made, *before*, changes nothing but how long it takes: equal plans have equal objects and proofs.
    """
    if isinstance(resource, Problems):
        generation = resource.identity.generation if resource.identity else 0
        uid = resource.identity.uid if resource.identity else ""
        return _refused(Refusal(reason=Reason.INVALID, text=str(resource)), uid, generation, observed, now, site)
    identity = resource.identity
    if not site.supported:
        why = Refusal(reason=Reason.DISABLED, text="the feature gate MCPServerSupport is off", stops=True)
        return _refused(why, identity.uid, identity.generation, observed, now, site)
    if resource.spec.type is ServerType.REMOTE:
        if closed := remote.refusal(resource.spec, namespace_of(identity, site), site):
            return _refused(closed, identity.uid, identity.generation, observed, now, site)
        if not remote.needs_relay(resource.spec):
            return _remote(resource, observed, now)
    planned = plan(resource, observed, site, verdicts, now)
    if isinstance(planned, Refusal):
        return _refused(planned, identity.uid, identity.generation, observed, now, site)
    if observed.policies is None:
        unseen = "the network policies of others cannot be looked at, which could open more"
        return _refused(Refusal(reason=Reason.WAITING, text=unseen), identity.uid, identity.generation, observed, now, site)
    if more := opened_by_others(planned.plan, observed.policies):
        opened = Refusal(reason=Reason.NOT_ENFORCEABLE, text=more, stops=True)
        return _refused(opened, identity.uid, identity.generation, observed, now, site)
    if before is not None and before.plan == planned.plan:
        made = before
    else:
        objects = server_objects(planned.plan)
        try:
            made = Made(plan=planned.plan, objects=objects, proven=prove(planned.plan, objects))
        except Broken as error:
            broken = Refusal(reason=Reason.NOT_ENFORCEABLE, text=str(error))
            return _refused(broken, identity.uid, identity.generation, observed, now, site)
    if taken := _taken(made.objects, identity.uid, observed):
        return _refused(taken, identity.uid, identity.generation, observed, now, site)
    return _applied(resource, planned, made, observed, site, verdicts, now)


def _taken(objects: tuple[KubeObject, ...], uid: str, observed: Observed) -> Refusal | None:
    """Objects of others that have a name of ours are never touched."""
    for one in objects:
        found = observed.children.get(one.name)
        if found is not None and found.owner != uid:
            text = f"{one.name} is there already and not of this resource; rename this resource, or remove the other object"
            return Refusal(reason=Reason.NAME_TAKEN, text=text)
    return None


def _applied(
    resource: ServerResource,
    planned: Planned,
    made: Made,
    observed: Observed,
    site: Site,
    verdicts: Verdicts,
    now: datetime,
) -> Outcome:
    identity, spec, objects = resource.identity, resource.spec, made.objects
    standing = frozenset(_standing(made, observed, site.allowed_prefixes))
    names = {name for name, _, _ in standing}
    writes = tuple(one for one in objects if one.name not in names)
    wanted = {one.name for one in objects}
    deletions = _ours(identity.uid, observed, keep=wanted)
    deployment = next(one.name for one in objects if one.name.kind == "Deployment")
    child = observed.children.get(deployment)
    applied = deployment in {one.name for one in writes}
    ready = readiness(child, observed.handshake, spec, identity.generation, written=applied)
    judged = verdicts.of(spec.image)
    status: dict[str, Json] = {
        "observedGeneration": identity.generation,
        "verdict": judged.verdict.value if judged else "",
        "replicas": count(child, "replicas"),
        "readyReplicas": count(child, "readyReplicas"),
        "enforcement": list(planned.enforcement),
    }
    if observed.handshake is not None and not observed.handshake.problem:
        status |= {"protocolVersion": observed.handshake.protocol_version, "server": observed.handshake.server}
    if ready.held is Held.TRUE:
        status["url"] = f"http://{identity.name}.{namespace_of(identity, site)}.svc:{spec.port}/mcp"
    accepted = Condition(
        type="Accepted", held=Held.TRUE, reason="Valid", message="Everything that is asked for can be enforced."
    )
    found: tuple[Condition, ...] = (accepted, ready)
    if planned.reads_limited is not None:
        found = (*found, _reads(limited=planned.reads_limited))
    again = LOOK_AGAIN if ready.held is Held.TRUE else LOOK_AGAIN_SOON
    for image in filter(None, map(verdicts.of, spec.images)):
        again = min(again, max(1.0, (image.valid_until - now).total_seconds()))
    outcome = _outcome(objects, writes, deletions, status, found, identity.generation, observed, now, again=again)
    return replace(outcome, proven=made.proven, made=replace(made, standing=standing))


def _reads(*, limited: bool) -> Condition:
    """Kubernetes cannot limit what a program reads of its own image; a profile that does is not one of ours."""
    if limited:
        return Condition(
            type="ReadsLimited", held=Held.TRUE, reason="AppArmor", message="The site's AppArmor profile limits it."
        )
    text = "The profile limits volumes; files of the image itself can be read, because Kubernetes cannot forbid that."
    return Condition(type="ReadsLimited", held=Held.FALSE, reason="NotEnforceable", message=text)


def _remote(resource: ServerResource, observed: Observed, now: datetime) -> Outcome:
    identity, shaken = resource.identity, observed.handshake
    fresh = shaken is not None and shaken.of == identity.generation
    status: dict[str, Json] = {"observedGeneration": identity.generation}
    if shaken is None or not fresh:
        ready = Condition(type="Ready", held=Held.FALSE, reason=Reason.WAITING, message="The server was not asked yet.")
    else:
        ready = answered(shaken, resource.spec)
        if ready.held is Held.TRUE:
            status |= {"url": resource.spec.url, "protocolVersion": shaken.protocol_version, "server": shaken.server}
    accepted = Condition(type="Accepted", held=Held.TRUE, reason="Valid", message="A remote server has no pods here.")
    again = LOOK_AGAIN if ready.held is Held.TRUE else LOOK_AGAIN_SOON
    deletions = _ours(identity.uid, observed, keep=frozenset())
    return _outcome((), (), deletions, status, (accepted, ready), identity.generation, observed, now, again=again)


def _refused(why: Refusal, uid: str, generation: int, observed: Observed, now: datetime, site: Site) -> Outcome:
    found = (
        Condition(type="Accepted", held=Held.FALSE, reason=why.reason, message=why.text),
        Condition(type="Ready", held=Held.FALSE, reason=why.reason, message=why.text),
    )
    stopped = tuple(one for one in _ours(uid, observed, keep=frozenset()) if one.name.kind == "Deployment")
    status: dict[str, Json] = {"observedGeneration": generation}
    again = LOOK_AGAIN_SOON if why.reason is Reason.WAITING else LOOK_AGAIN
    held = _waits(why, observed.status, now) or all(_is_held(one, uid, observed, site) for one in stopped)
    gone = stopped if why.stops or not held else ()
    return _outcome((), (), gone, status, found, generation, observed, now, again=again)


def _waits(why: Refusal, before: Mapping[str, Json], now: datetime) -> bool:
    """Is what lacks on its way, such as keys that an operator that has just begun fetches? Then nothing ends for some time."""
    ready = condition_in(before, "Ready")
    since = ready.get("lastTransitionTime") if ready.get("status") == Held.FALSE.value else None
    try:
        begun = datetime.fromisoformat(since) if isinstance(since, str) else now
    except ValueError:
        return False
    return why.reason is Reason.WAITING and now - begun < _PATIENCE


def _is_held(deployment: Deletion, uid: str, observed: Observed, site: Site) -> bool:
    """Do pods that run, while their resource is refused, still run under what they were made under? A mistake in a resource
    ends nothing, but no one keeps by it what the settings do not give any more, or runs without a policy.
    """
    name = deployment.name
    policy = ObjectName(api_version="networking.k8s.io/v1", kind="NetworkPolicy", namespace=name.namespace, name=name.name)
    there, holds = observed.children[name], observed.children.get(policy)
    made_under = inner(there.live, "metadata", "annotations", SETTINGS_ANNOTATION)
    return holds is not None and holds.owner == uid and made_under == site.digest(name.namespace)


def _outcome(
    objects: tuple[KubeObject, ...],
    writes: tuple[KubeObject, ...],
    deletions: tuple[Deletion, ...],
    status: dict[str, Json],
    found: tuple[Condition, ...],
    generation: int,
    observed: Observed,
    now: datetime,
    *,
    again: float,
) -> Outcome:
    whole = {**status, "conditions": conditions(found, observed.status, generation, now)}
    ready = next(one for one in found if one.type == "Ready")
    changed = thawed(whole) != thawed(observed.status)
    events = (_event(ready),) if _turned(ready, observed.status) else ()
    return Outcome(
        objects=objects,
        writes=writes,
        deletions=deletions,
        status=frozen_mapping(whole),
        status_changed=changed,
        events=events,
        ready=ready,
        proven=0,
        refused=any(one.type == "Accepted" and one.held is Held.FALSE for one in found),
        look_again_seconds=again,
    )


def _event(ready: Condition) -> Event:
    quiet = ready.held is Held.TRUE or ready.reason in (Reason.WAITING, Reason.ROLLING)
    return Event(weight=Weight.NORMAL if quiet else Weight.WARNING, reason=ready.reason, text=ready.message)


def _turned(ready: Condition, before: Mapping[str, Json]) -> bool:
    """Is *ready* another one than *before*? Only then is it told."""
    one = condition_in(before, "Ready")
    return (one.get("status"), one.get("reason"), one.get("message")) != (ready.held, ready.reason, ready.message)


def _standing(made: Made, observed: Observed, prefixes: tuple[str, ...]) -> Iterator[tuple[ObjectName, str, str]]:
    """The objects that are there as they are wanted; one that was, and has the same version, still is."""
    for one in made.objects:
        found = observed.children.get(one.name)
        if found is None:
            continue
        place = one.name, found.uid, found.resource_version
        if place in made.standing or (unchanged(one, found) and _as_wanted(found.live, one.value, prefixes)):
            yield place


def _as_wanted(live: Mapping[str, Json], wanted: Mapping[str, Json], prefixes: tuple[str, ...]) -> bool:
    return covers(live, wanted) and not added(live, wanted, prefixes)


def unchanged(wanted: KubeObject, found: Child) -> bool:
    """Is *found* what was applied, so that what differs from *wanted* was changed by someone else?"""
    return _digest(found.live) == _digest(wanted.value)


def _digest(value: Mapping[str, Json]) -> Json:
    return inner(value, "metadata", "annotations", DIGEST_ANNOTATION)


def _ours(uid: str, observed: Observed, *, keep: frozenset[ObjectName] | set[ObjectName]) -> tuple[Deletion, ...]:
    found = (one for one in observed.children.values() if uid and one.owner == uid and one.name not in keep)
    return tuple(Deletion(name=one.name, uid=one.uid) for one in sorted(found, key=lambda one: str(one.name)))
