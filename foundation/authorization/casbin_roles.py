"""Roles, as Casbin's RBAC model decides them, compiled once for each policy.

pycasbin evaluates every rule for a question that it denies: 7.6 ms for 1,000 rules. Here the roles that each role inherits, and
the roles that allow or deny each action, are found when the policy is read; a question is then an intersection of sets.
`enforced` asks pycasbin itself. A property test compares the two on random policies, and each policy that is read is compared
in a few places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcops.errors import Broken
from arcops.identity import Identity
from foundation.authorization.decision import Question, Said
from foundation.authorization.naming import caller_name
from foundation.authorization.objects import Objects
from foundation.authorization.role_policy import ROLES, Permission, RolePolicy

LINKS = 9
"""How many links pycasbin 2.8 follows from a caller to a role (``max_hierarchy_level`` is 10, and counts the caller, too)."""
MODEL = Path(__file__).with_name("casbin_model.conf")
_MOST_KEPT = 10_000


Rules = Mapping[str, str]
"""The permission by which each role decides."""


@dataclass(frozen=True, slots=True)
class _Deciding:
    allow: Rules
    deny: Rules


class CasbinRoles:
    """The roles engine, for one policy. It reads no arguments."""

    name = ROLES

    def __init__(self, policy: RolePolicy, objects: Objects) -> None:
        self.policy = policy
        self._objects = objects
        self._groups = {**objects.groups, **policy.groups}
        self._closures = {name: closure(name, policy) for name in policy.roles}
        self._known = {
            (name, action): deciding
            for name, actions in objects.actions.items()
            for action, deciding in self._for_object(name, actions).items()
        }
        self._later: dict[tuple[str, str], _Deciding] = {}
        self._roles: dict[Identity, frozenset[str]] = {}

    def roles_of(self, question: Question) -> frozenset[str]:
        """Every role of the caller, with those that these inherit."""
        found = self._roles.get(question.caller)
        if found is None:
            granted = self.policy.granted(question.caller)
            found = frozenset().union(*(self._closures[one] for one in granted)) if granted else frozenset()
            if len(self._roles) >= _MOST_KEPT:
                self._roles = {}
            self._roles[question.caller] = found
        return found

    def decide(self, question: Question) -> Said:
        """As pycasbin's `enforce` would, and what is shared with the caller is allowed if no role of theirs denies it."""
        roles, rules = self.roles_of(question), self._rules(question.object, question.action)
        if denying := roles & rules.deny.keys():
            role = min(denying)
            return self._said(
                False, f"a role of the caller denies {question.permission}", f"role {role} denies {rules.deny[role]}"
            )
        if allowing := roles & rules.allow.keys():
            role = min(allowing)
            return self._said(
                True, f"a role of the caller allows {question.permission}", f"role {role} allows {rules.allow[role]}"
            )
        for share in question.shared:
            if share.covers(question.caller, roles, self.policy.roles.keys()):
                return self._said(True, "its owner shares it with the caller", f"it is shared with {share}")
        return self._said(
            False, f"this needs the permission {question.permission}, which no role of the caller allows", _roles_said(roles)
        )

    def _said(self, allowed: bool, reason: str, rule: str) -> Said:
        return Said(engine=self.name, allowed=allowed, reason=reason, rule=rule)

    def _rules(self, name: str, action: str) -> _Deciding:
        found = self._known.get((name, action)) or self._later.get((name, action))
        if found is None:  # a tool of a hosted server
            found = self._for_object(name, (action,))[action]
            if len(self._later) >= _MOST_KEPT:
                self._later = {}
            self._later[(name, action)] = found
        return found

    def _for_object(self, name: str, actions: Iterable[str]) -> Mapping[str, _Deciding]:
        found = {action: _Deciding({}, {}) for action in actions}
        for role in self.policy.roles.values():
            for listed, kind in ((role.allows, "allow"), (role.denies, "deny")):
                for one in listed:
                    if self._fits(one.object, name):
                        for action in found if one.action == "*" else (one.action,) if one.action in found else ():
                            getattr(found[action], kind).setdefault(role.name, str(one))
        return found

    def _fits(self, pattern: str, name: str) -> bool:
        if pattern.startswith("@"):
            return name in self._groups.get(pattern[1:], ())
        return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def closure(role: str, policy: RolePolicy) -> frozenset[str]:
    """*role* and the roles that it inherits, as far as Casbin follows them from a caller who has it directly."""
    found, last = {role}, {role}
    for _ in range(LINKS - 1):  # the first link is from the caller to the role
        last = {one for name in last for one in policy.roles[name].inherits} - found
        found |= last
    return frozenset(found)


def enforced(question: Question, policy: RolePolicy, objects: Objects) -> tuple[bool, str]:
    """What pycasbin's own `enforce` decides, and the rule that it names. Slow: it is made for this question alone."""
    enforcer, caller = _enforcer(policy, objects), f"caller:{caller_name(question.caller)}"
    for role in sorted(policy.granted(question.caller)):
        enforcer.get_role_manager().add_link(caller, role)
    allowed, rule = enforcer.enforce_ex(caller, question.object, question.action)
    return bool(allowed), ", ".join(rule)


def probed(engine: CasbinRoles, questions: Iterable[Question], objects: Objects) -> None:
    """Raises `Broken` if *engine* and pycasbin decide one of *questions* differently."""
    for one in questions:
        if engine.decide(one).allowed is not enforced(one, engine.policy, objects)[0]:
            raise Broken(f"the compiled roles and pycasbin differ about {one.permission}; nothing is allowed until they agree")


def _enforcer(policy: RolePolicy, objects: Objects) -> Any:
    """A pycasbin enforcer with all of *policy* but its callers."""
    import casbin  # type: ignore[import-untyped]  # it ships no types; importing it takes a tenth of a second

    model = casbin.Enforcer.new_model(str(MODEL))
    model["p"]["p"].policy = list(_rules(policy))
    # If there is no rule at all, pycasbin evaluates the matcher with empty texts; so there is always one, which fits nothing.
    model["p"]["p"].policy.append(["caller:", "", "", "deny"])
    model["g"]["g"].policy = [[role.name, one] for role in policy.roles.values() for one in role.inherits]
    groups = {**objects.groups, **policy.groups}
    model["g"]["g2"].policy = [[one, f"@{group}"] for group, members in groups.items() for one in members]
    enforcer = casbin.Enforcer(model)
    enforcer.build_role_links()
    return enforcer


def _rules(policy: RolePolicy) -> Iterator[list[str]]:
    def rule(role: str, one: Permission, effect: str) -> list[str]:
        return [role, one.object, one.action, effect]

    for role in policy.roles.values():
        yield from (rule(role.name, one, "allow") for one in role.allows)
        yield from (rule(role.name, one, "deny") for one in role.denies)


def _roles_said(roles: frozenset[str]) -> str:
    shown = sorted(roles)
    return f"roles: {', '.join(shown[:20])}{' …' if len(shown) > 20 else ''}" if shown else "the caller has no role here"
