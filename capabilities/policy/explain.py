"""Explain a gate or a rule: what it asks, why, and how to fix it. All of it comes from the gates themselves."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from flows.place import Place
from flows.plan import AnyGate, all_gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """What to explain."""

    name: str = field(default="", metadata=shaped(positional=True))
    """A gate (`signatures`), a rule (`signatures/signed`), or nothing for every gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplained:
    """One rule: its question, to which yes is good, and what to do if the answer is no."""

    rule: str
    asks: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateExplained:
    """One gate. ``doc`` is its own page: *Why*, *Judged*, *Fix*."""

    gate: str
    doc: str
    rules: tuple[RuleExplained, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The gates that were asked for."""

    gates: tuple[GateExplained, ...]


@tool(title="Explain a gate or rule", scope=Scope.READ, reads_only=True, usual=True)
def explain_rule(ask: Explain, at: Place) -> Explained:
    """Show what a gate or a rule asks, why it matters, and how to fix a bad answer; without a name, every gate."""
    return Explained(gates=explained(ask.name))


def explained(name: str = "") -> tuple[GateExplained, ...]:
    """The gate *name*, the one rule *name* of its gate, or every gate. Raises `arcops.errors.Refused` for an unknown name."""
    known = sorted(all_gates(), key=lambda gate: gate.id)
    if not name:
        return tuple(_explained(gate) for gate in known)
    gate_id, slash, _ = name.partition("/")
    for gate in known:
        if gate.id == gate_id:
            found = _explained(gate)
            rules = tuple(rule for rule in found.rules if not slash or rule.rule == name)
            if rules:
                return (GateExplained(gate=gate.id, doc=found.doc, rules=rules),)
    raise Refused(f"there is no gate or rule {name!r}; 'arcops explain' without a name lists them")


def _explained(gate: AnyGate) -> GateExplained:
    judged = gate.rule(f"{gate.id}/judged")
    rules = (*gate.rules, *((judged,) if judged else ()))
    return GateExplained(
        gate=gate.id,
        doc=inspect.cleandoc(gate.doc),
        rules=tuple(RuleExplained(rule=rule.id, asks=rule.asks, fix=rule.fix) for rule in rules),
    )
