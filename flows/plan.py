"""A plan: which collectors and which gates answer this request under this policy. One value for both runners."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from arcops.collector import Collector
from arcops.discovery import declared, named
from arcops.errors import Broken, Refused
from arcops.evidence import Body
from arcops.gate import Gate
from arcops.late_dataclass import dataclass
from arcops.policy import Policy
from arcops.request import Request
from arcops.seen.approvals import ApprovalsSeen

AnyCollector = Collector[Body]
AnyGate = Gate[object]

ATTACHMENTS = "attachments"
"""The gate that judges attached files, whatever the policy names."""


def all_gates() -> tuple[AnyGate, ...]:
    """Every gate in the room `gates`, in the order of ids."""
    return tuple(sorted(declared("gates", Gate), key=lambda one: one.id))


def all_collectors() -> tuple[AnyCollector, ...]:
    """Every collector in the room `tasks`, in the order of ids. Raises `Broken` if two collect one kind of evidence."""
    found = declared("tasks", Collector)
    _by_kind(found)
    return tuple(sorted(found, key=lambda one: one.id))


@cache
def gate_named(gate_id: str) -> AnyGate | None:
    """The gate with this id, or ``None``. No other gate is imported."""
    return next((one for one in named("gates", Gate, gate_id) if one.id == gate_id), None)


@cache
def collector_of(kind: str) -> AnyCollector | None:
    """The collector of evidence of this *kind*, or ``None``. Only this collector and those that it needs are imported."""
    return next((one for one in named("tasks", Collector, kind) if kind == one.body.KIND), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``collectors`` are ordered so that each comes after those it needs; ``gates`` are ordered by id."""

    request: Request
    policy: Policy
    collectors: tuple[AnyCollector, ...]
    gates: tuple[AnyGate, ...]


def make_plan(
    request: Request,
    policy: Policy,
    *,
    gates: Iterable[AnyGate] | None = None,
    collectors: Iterable[AnyCollector] | None = None,
) -> Plan:
    """The plan that answers every gate of *policy* among *gates* (by default all there are).

    If no collector exists for a need, the need stays in the plan's gates and is UNKNOWN when they are judged. Raises `Refused`
    if the policy names none of *gates*, and if an extra is missing that one of the gates or collectors needs.
    """
    known = gates_of(policy) if gates is None else gates
    chosen = tuple(gate for gate in sorted(known, key=lambda gate: gate.id) if gate.id in policy.gates)
    if not chosen:
        names = ", ".join(sorted(policy.gates))
        raise Refused(f"policy {policy.name!r} has no gate that judges this kind of subject; it names {names}")
    if request.attached:
        # An attached file was attached on purpose, so a gate must judge it whatever the policy names.
        attachments = _attachments()
        policy = replace(policy, gates={attachments.id: attachments.policy(), **policy.gates})
        others = (gate for gate in chosen if gate.id != attachments.id)
        chosen = tuple(sorted((*others, attachments), key=lambda gate: gate.id))
    answers = collector_of if collectors is None else _by_kind(collectors).get
    asked = _approvals(policy)
    request = replace(request, waivers=asked)
    needed = _closure(chosen, answers, (ApprovalsSeen.KIND,) if asked else ())
    extras = [extra for gate in chosen for extra in gate.takes] + [extra for one in needed for extra in one.takes]
    if extras:
        from arcops.extras import refuse_without  # most plans take none

        refuse_without(extras)
    if not any(gate.looks_inside for gate in chosen):
        request = replace(request, described=False)
    return Plan(request=request, policy=policy, collectors=needed, gates=chosen)


def gates_of(policy: Policy) -> tuple[AnyGate, ...]:
    """The gates that *policy* names. Gates that this version lacks are left out; a policy that was read names no such gate."""
    return tuple(gate for gate_id in policy.gates if (gate := gate_named(gate_id)) is not None)


def _approvals(policy: Policy) -> tuple[str, ...]:
    """The digests of the waivers of *policy* whose approvals are looked for: all of them, or none if it demands none."""
    if not policy.approvals.needed or not policy.waivers:
        return ()
    from artifacts.waiver_approval import waiver_digest  # most policies demand none

    return tuple(waiver_digest(waiver) for waiver in policy.waivers)


def _attachments() -> AnyGate:
    gate = gate_named(ATTACHMENTS)
    if gate is None:
        raise Broken(f"the gate {ATTACHMENTS!r} is missing, so attached files would not be judged")
    return gate


def _by_kind(collectors: Iterable[AnyCollector]) -> dict[str, AnyCollector]:
    by_kind: dict[str, AnyCollector] = {}
    for found in collectors:
        twin = by_kind.setdefault(found.body.KIND, found)
        if twin is not found:
            raise Broken(f"both {twin.id} and {found.id} collect evidence {found.body.KIND!r}")
    return by_kind


def _closure(
    gates: Iterable[AnyGate], answers: Callable[[str], AnyCollector | None], also: tuple[str, ...] = ()
) -> tuple[AnyCollector, ...]:
    ordered: dict[str, AnyCollector] = {}

    def add(kind: str, asking: tuple[str, ...]) -> None:
        if kind in asking:
            raise Broken(f"collectors need one another in a circle: {' → '.join((*asking, kind))}")
        found = None if kind in ordered else answers(kind)
        if found is None:
            return
        for need in found.needs if found.follows else (*found.needs, *found.wants):
            add(need.KIND, (*asking, kind))
        ordered[kind] = found

    for gate in gates:
        for body in (*gate.needs, *gate.wants):
            add(body.KIND, ())
    for kind in also:
        add(kind, ())
    return tuple(sorted(ordered.values(), key=lambda found: found.follows))
