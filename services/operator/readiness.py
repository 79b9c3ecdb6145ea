"""Is a server ready? Its pods are, of this generation, and it answered a handshake as its resource expects."""

from __future__ import annotations

from manifests.objects import inner
from manifests.server.spec import ServerSpec, ServerType
from services.operator.conditions import Condition, Held, condition_in
from services.operator.keeping_its_word import unlike
from services.operator.observed import Child, Handshake
from services.operator.refusal import Reason

_MOST_SAID = 500


def readiness(
    child: Child | None, shaken: Handshake | None, spec: ServerSpec, generation_of_resource: int, *, written: bool
) -> Condition:
    """The condition ``Ready`` of a server whose Deployment is *child*; *written*: it is applied in this pass."""
    if child is None or written:
        return Condition(type="Ready", held=Held.FALSE, reason=Reason.WAITING, message="Its objects are being applied.")
    generation = inner(child.live, "metadata", "generation")
    seen = inner(child.live, "status", "observedGeneration")
    wanted = _wanted(child)
    if wanted == 0:
        return Condition(type="Ready", held=Held.FALSE, reason=Reason.STOPPED, message="It has no replicas, as asked for.")
    if seen != generation or not rolled_out(child):
        text = f"{count(child, 'readyReplicas')} of {wanted} replica(s) are ready."
        if old := count(child, "replicas") - count(child, "updatedReplicas"):
            text = f"{text} {old} of before are there still, and serve until new ones are ready."
        if why := _hindered(child):
            text = f"{text} {why}"
        return Condition(type="Ready", held=Held.FALSE, reason=Reason.ROLLING, message=text)
    asked = generation_of_resource if spec.type is ServerType.REMOTE else generation
    if shaken is None or shaken.of != asked:
        return Condition(type="Ready", held=Held.FALSE, reason=Reason.WAITING, message="The server was not asked yet.")
    return answered(shaken, spec)


def _hindered(child: Child) -> str:
    """Why Kubernetes makes no pods, or none that get ready, as it says itself: a quota, a rule of the namespace, a deadline."""
    for kind, held in (("ReplicaFailure", "True"), ("Progressing", "False")):
        one = condition_in(inner(child.live, "status"), kind)
        if one.get("status") == held and isinstance(message := one.get("message"), str):
            return f"Kubernetes says: {message[:_MOST_SAID]}"
    return ""


def rolled_out(child: Child) -> bool:
    """Is every pod one of the newest template, and one of them ready? A ready pod beside older ones may be an older one."""
    updated = count(child, "updatedReplicas")
    return updated >= 1 and updated == count(child, "replicas") and count(child, "readyReplicas") >= 1


def answered(shaken: Handshake, spec: ServerSpec) -> Condition:
    """Is what the server said what *spec* expects?"""
    problem = shaken.problem or unlike(
        (shaken.protocol_version,), shaken.capabilities, wanted=spec.protocol_versions, promised=spec.capabilities
    )
    if problem:
        return Condition(type="Ready", held=Held.FALSE, reason=Reason.HANDSHAKE, message=problem)
    return Condition(type="Ready", held=Held.TRUE, reason=Reason.READY, message="The server answered its handshake.")


def _wanted(child: Child) -> int:
    found = inner(child.live, "spec", "replicas")
    return found if isinstance(found, int) else 1


def count(child: Child | None, name: str) -> int:
    """A number of the Deployment's status."""
    found = inner(child.live, "status", name) if child is not None else None
    return found if isinstance(found, int) else 0
