"""Single calls, as the Cedar engine decides them, with the arguments in the context.

The policies are parsed once for each epoch (26 times faster than from text), in groups by what their scopes name, because Cedar
evaluates every policy that it is given: 1.26 ms for 1,000. A policy whose scope names another tool can neither decide nor fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from arcops.errors import Refused
from foundation.authorization.cedar_reading import (
    ACTION,
    CALLER,
    GROUP,
    MOST_POLICIES,
    OBJECT,
    ROLE,
    CedarPolicy,
    Names,
    read_policies,
    refuse_unparsable,
)  # fmt: skip
from foundation.authorization.cedar_values import cedar_value
from foundation.authorization.decision import Question, Said
from foundation.authorization.naming import caller_name
from foundation.authorization.role_policy import CEDAR

_MOST_KEPT = 10_000
_MOST_SETS = 8
"""From so many sets of policies on, one evaluation of all of them together costs less."""
_UNDECIDED = "a policy of this site could not be evaluated for this call; its operator sees why with 'arcops access explain'"


class CedarCalls:
    """The Cedar engine, for the policies of one epoch. ``roles_of`` gives all roles of a caller."""

    name = CEDAR

    def __init__(self, files: Sequence[tuple[str, str]], names: Names, roles_of: Callable[[Question], frozenset[str]]) -> None:
        """Raises `Refused` for a file (name, text) that is not sound."""
        self.policies = parse_policies(files, names)
        self._names, self._roles_of = names, roles_of
        self._parsed: dict[tuple[int, ...], Any] = {}
        self._sets: dict[tuple[str, str], _Sets] = {}
        for name, actions in names.objects.actions.items():
            for action in actions:
                self._sets[(name, action)] = self._for_object(name, action)

    def reads(self, question: Question) -> bool:
        """Does a policy that could decide about this caller, action and object read the arguments?"""
        return any(self.policies[one].reads for ids in self._asked(question) for one in ids)

    def decide(self, question: Question) -> Said:
        """As Cedar decides: a forbid that is satisfied, or no permit, denies. So does every error."""
        try:
            return self._decided(question)
        except Refused as error:
            return self._said(False, f"{error}, so no policy of this site can allow the call")
        except BaseException as error:  # a panic of the engine is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            return self._said(False, _UNDECIDED, f"{type(error).__name__}: {error}"[:500])

    def _decided(self, question: Question) -> Said:
        import cedarpy

        chosen = self._asked(question)
        reads = any(self.policies[one].reads for ids in chosen for one in ids)
        context = {"arguments": cedar_value(question.arguments or {})} if reads else {"arguments": {}}
        request = {
            "principal": {"type": CALLER, "id": caller_name(question.caller)},
            "action": {"type": ACTION, "id": question.action},
            "resource": {"type": OBJECT, "id": question.object},
            "context": json.dumps(context),
        }
        entities = json.dumps(self._entities(question))
        permitted = ""
        for ids in chosen:
            answer = cedarpy.is_authorized(request, self._set(ids), entities)
            found = answer.diagnostics
            satisfied = self._named(found.reasons)
            if found.errors or answer.decision is cedarpy.Decision.NoDecision:
                return self._said(False, _UNDECIDED, "; ".join(self._told(one) for one in found.errors)[:1000] or "no decision")
            if answer.decision is cedarpy.Decision.Allow:
                permitted = permitted or satisfied
            elif satisfied:
                return self._said(
                    False, f"a policy of this site forbids {question.permission} in this call", f"forbid {satisfied}"
                )
        if permitted:
            return self._said(True, f"a policy of this site permits {question.permission}", f"permit {permitted}")
        return self._said(False, f"no policy of this site permits {question.permission} in this call", "no permit is satisfied")

    def _said(self, allowed: bool, reason: str, rule: str = "") -> Said:
        return Said(engine=self.name, allowed=allowed, reason=reason, rule=rule or reason)

    def _named(self, reasons: Iterable[str]) -> str:
        return ", ".join(self.policies[int(one)].name for one in sorted(reasons, key=int)[:10])

    def _told(self, error: str) -> str:
        """*error* with the policy's name in it instead of our number for it."""
        before, quote, rest = error.partition("`")
        number, end, after = rest.partition("`")
        known = quote and end and number.isdecimal() and int(number) < len(self.policies)
        return f"{before}{self.policies[int(number)].name}{after}" if known else error

    def _entities(self, question: Question) -> list[Mapping[str, object]]:
        caller, roles = question.caller, sorted(self._roles_of(question))
        groups = sorted(self._groups(question.object))
        return [
            {
                "uid": {"type": CALLER, "id": caller_name(caller)},
                "attrs": {
                    "issuer": caller.issuer,
                    "tenant": caller.tenant,
                    "id": caller.id,
                    "roles": roles,
                    "scopes": sorted(caller.scopes),
                },
                "parents": [{"type": ROLE, "id": one} for one in roles],
            },
            {
                "uid": {"type": OBJECT, "id": question.object},
                "attrs": {"name": question.object},
                "parents": [{"type": GROUP, "id": one} for one in groups],
            },
        ]

    def _groups(self, name: str) -> frozenset[str]:
        return frozenset(group for group, members in self._names.groups.items() if name in members)

    def _asked(self, question: Question) -> list[tuple[int, ...]]:
        """The sets of policies that could decide, each by their numbers."""
        key = (question.object, question.action)
        sets = self._sets.get(key)
        if sets is None:
            if len(self._sets) >= _MOST_KEPT:
                self._sets = {}
            sets = self._sets[key] = self._for_object(*key)
        found = [sets.of_role[role] for role in self._roles_of(question) if role in sets.of_role] if sets.of_role else []
        own = sets.of_caller.get(caller_name(question.caller)) if sets.of_caller else None
        found += [own] if own is not None else []
        return [sets.whole] if len(found) > _MOST_SETS else [sets.anyone, *found]

    def _for_object(self, name: str, action: str) -> _Sets:
        groups = self._groups(name)
        anyone: list[int] = []
        roles: dict[str, list[int]] = {}
        callers: dict[str, list[int]] = {}
        for number, policy in enumerate(self.policies):
            if policy.about(action, name, groups):
                own = roles.setdefault(policy.role, []) if policy.role else anyone
                (callers.setdefault(policy.caller, []) if policy.caller else own).append(number)
        made = _Sets(
            anyone=tuple(anyone),
            of_role={role: tuple(ids) for role, ids in roles.items()},
            of_caller={caller: tuple(ids) for caller, ids in callers.items()},
            whole=tuple(sorted([*anyone, *chain(*roles.values(), *callers.values())])),
        )
        for ids in (made.anyone, made.whole, *made.of_role.values(), *made.of_caller.values()):
            self._set(ids)
        return made

    def _set(self, ids: tuple[int, ...]) -> Any:
        found = self._parsed.get(ids)
        if found is None:
            found = self._parsed[ids] = _parsed({str(one): self.policies[one].body for one in ids})
        return found


class _Sets:
    """The numbers of the policies about one object and action: for any caller, for a role, for one caller; and all of them."""

    __slots__ = ("anyone", "of_caller", "of_role", "whole")

    def __init__(
        self,
        *,
        anyone: tuple[int, ...],
        of_role: Mapping[str, tuple[int, ...]],
        of_caller: Mapping[str, tuple[int, ...]],
        whole: tuple[int, ...],
    ) -> None:
        self.anyone, self.of_role, self.of_caller, self.whole = anyone, of_role, of_caller, whole


def parse_policies(files: Sequence[tuple[str, str]], names: Names) -> tuple[CedarPolicy, ...]:
    """The policies in *files* (name, text). Raises `Refused` naming the file that is not sound, and why."""
    import cedarpy

    found: list[CedarPolicy] = []
    for where, text in files:
        refuse_unparsable(text, where)
        try:
            est = cedarpy.policies_to_json_str(text)
        except ValueError as error:
            raise Refused(f"{where} is not in the policy language Cedar: {' '.join(str(error).split())[:300]}") from error
        found += read_policies(est, where, names)
        if len(found) > MOST_POLICIES:
            raise Refused(f"there are more than {MOST_POLICIES} Cedar policies; write one for a group or a role")
    return tuple(found)


def _parsed(policies: Mapping[str, object]) -> Any:
    import cedarpy

    return cedarpy.PolicySet.from_json_str(json.dumps({"templates": {}, "staticPolicies": policies, "templateLinks": []}))
