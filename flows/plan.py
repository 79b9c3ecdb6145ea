"""A plan: which collectors and which gates answer for this request under this policy. One value, two runners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import gates as gates_room
import tasks as tasks_room
from arcops.collector import Collector
from arcops.discovery import declared
from arcops.errors import Broken, Refused
from arcops.evidence import Body
from arcops.gate import Gate
from arcops.policy import Policy
from arcops.request import Request
from gates.attachments import attachments

AnyCollector = Collector[Body]
AnyGate = Gate[object]


def all_gates() -> tuple[AnyGate, ...]:
    """Every gate in the room `gates`."""
    return declared(gates_room, Gate)


def all_collectors() -> tuple[AnyCollector, ...]:
    """Every collector in the room `tasks`."""
    return declared(tasks_room, Collector)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``collectors`` come in an order in which each follows what it needs; ``gates`` in the order of their ids."""

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

    A need for which no collector exists stays in the plan's gates and is UNKNOWN when they are judged. Raises `Refused`
    where the policy names none of *gates*.
    """
    known = tuple(all_gates() if gates is None else gates)
    chosen = tuple(gate for gate in sorted(known, key=lambda gate: gate.id) if gate.id in policy.gates)
    if not chosen:
        names = ", ".join(sorted(policy.gates))
        raise Refused(f"policy {policy.name!r} names only gates that do not judge this kind of subject ({names})")
    if request.attached:
        # Whoever attaches a file means it, so somebody must answer for it whatever the policy names.
        policy = replace(policy, gates={attachments.id: attachments.policy(), **policy.gates})
        others = (gate for gate in chosen if gate.id != attachments.id)
        chosen = tuple(sorted((*others, cast(AnyGate, attachments)), key=lambda gate: gate.id))
    by_kind = _by_kind(all_collectors() if collectors is None else collectors)
    return Plan(request=request, policy=policy, collectors=_closure(chosen, by_kind), gates=chosen)


def _by_kind(collectors: Iterable[AnyCollector]) -> dict[str, AnyCollector]:
    by_kind: dict[str, AnyCollector] = {}
    for found in collectors:
        twin = by_kind.setdefault(found.body.KIND, found)
        if twin is not found:
            raise Broken(f"both {twin.code} and {found.code} collect evidence {found.body.KIND!r}")
    return by_kind


def _closure(gates: Iterable[AnyGate], by_kind: dict[str, AnyCollector]) -> tuple[AnyCollector, ...]:
    ordered: dict[str, AnyCollector] = {}

    def add(kind: str, asking: tuple[str, ...]) -> None:
        if kind in asking:
            raise Broken(f"collectors need one another in a circle: {' → '.join((*asking, kind))}")
        if kind in ordered or kind not in by_kind:
            return
        found = by_kind[kind]
        for need in found.needs if found.follows else (*found.needs, *found.wants):
            add(need.KIND, (*asking, kind))
        ordered[kind] = found

    for gate in gates:
        for body in (*gate.needs, *gate.wants):
            add(body.KIND, ())
    return tuple(sorted(ordered.values(), key=lambda found: found.follows))


def rests_on(gate: AnyGate, body: type[Body]) -> bool:
    """Does *gate* judge evidence that rests, directly or through other collectors, on *body*?"""
    by_kind = _by_kind(all_collectors())
    return body.KIND in {need.KIND for need in gate.needs} | {found.body.KIND for found in _closure([gate], by_kind)}


def needs_kind(gate: AnyGate, prefix: str) -> bool:
    """Does *gate* need evidence of a kind whose name begins with *prefix*?"""
    return any(body.KIND.startswith(prefix) for body in gate.needs)
