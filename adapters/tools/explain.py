"""Explain a gate or a rule: what it asks, why, and how to mend it. All of it comes from the gates themselves."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from arcops.errors import Refused
from flows.plan import AnyGate, all_gates


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplained:
    rule: str
    asks: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateExplained:
    """``doc`` is the gate's own page: *Why*, *Judged*, *Fix*."""

    gate: str
    doc: str
    rules: tuple[RuleExplained, ...]


def explain(name: str = "") -> tuple[GateExplained, ...]:
    """The gate *name*, the one rule *name* of its gate, or every gate. Raises `arcops.errors.Refused` for an unknown name."""
    known = sorted(all_gates(), key=lambda gate: gate.id)
    if not name:
        return tuple(_explained(gate) for gate in known)
    gate_id, slash, _ = name.partition("/")
    for gate in known:
        if gate.id == gate_id:
            explained = _explained(gate)
            rules = tuple(rule for rule in explained.rules if not slash or rule.rule == name)
            if rules:
                return (GateExplained(gate=gate.id, doc=explained.doc, rules=rules),)
    raise Refused(f"there is no gate or rule {name!r}; 'arcops explain' without a name lists them")


def _explained(gate: AnyGate) -> GateExplained:
    judged = gate.rule(f"{gate.id}/judged")
    rules = (*gate.rules, *((judged,) if judged else ()))
    return GateExplained(
        gate=gate.id,
        doc=inspect.cleandoc(gate.doc),
        rules=tuple(RuleExplained(rule=rule.id, asks=rule.asks, fix=rule.fix) for rule in rules),
    )
