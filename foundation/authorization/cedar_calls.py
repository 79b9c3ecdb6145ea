"""Single calls, as the Cedar engine decides them, with the arguments in the context.

The policies are parsed once for each epoch (26 times faster than from text), in groups by what their scopes name, because Cedar
evaluates every policy that it is given: 1.26 ms for 1,000. A policy whose scope names another tool can neither decide nor fail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.authorization.cedar_reading import (
    ACTION,
    CALLER,
    GROUP,
    MOST_POLICIES,
    OBJECT,
    ROLE,
    CedarPolicy,
    Names,
    Statement,
    read_policy,
    statements,
)  # fmt: skip
from foundation.authorization.cedar_values import cedar_value
from foundation.authorization.decision import Question, Said
from foundation.authorization.naming import caller_name
from foundation.authorization.role_policy import CEDAR

_MOST_KEPT = 10_000
_CEDARS = re.compile(r"policy[0-9]+", re.ASCII)
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
        self._pairs: dict[tuple[Identity, str], Any] = {}
        self._about: dict[tuple[str, str], _About] = {}
        for name, actions in names.objects.actions.items():
            for action in actions:
                self._about[(name, action)] = self._for_object(name, action)

    def decide(self, question: Question) -> Said:
        """As Cedar decides: a forbid that is satisfied, or no permit, denies. So does every error."""
        try:
            return self._decided(question)
        except Refused as error:
            return replace(self._said(False, f"{error}, so no policy of this site can allow the call"), reads=True)
        except BaseException as error:
            if not is_failure(error):
                raise
            return replace(self._said(False, _UNDECIDED, f"{type(error).__name__}: {error}"[:500]), reads=True, failed=True)

    def _decided(self, question: Question) -> Said:
        chosen, conditional = self._chosen(question)
        reads = any(one.reads for one in chosen)
        found = self._by(chosen, conditional, question, reads)
        return replace(found, reads=True) if reads and (found.allowed or self._possible(chosen, question)) else found

    def _possible(self, chosen: list[_Part], question: Question) -> bool:
        """Could the call be allowed with other arguments? A policy that reads them is taken for one that allows it then; the
        others say the same whatever the arguments are.
        """
        if any(one.forbidding for one in chosen):
            return False
        conditional = sorted(number for one in chosen for number in one.conditional)
        permitted = any(one.permitting for one in chosen) or any(
            self.policies[one].reads and self.policies[one].permits for one in conditional
        )
        if others := tuple(one for one in conditional if not self.policies[one].reads):
            answer = self._evaluated(self._request(question, reads=False), others, self._entities(question))
            if answer.diagnostics.errors or (answer.diagnostics.reasons and not answer.allowed):
                return False
            permitted = permitted or bool(answer.allowed)
        return permitted

    def _by(self, chosen: list[_Part], conditional: list[tuple[int, ...]], question: Question, reads: bool) -> Said:
        permission = question.permission
        for one in chosen:
            if one.forbidding:
                return self._said(False, f"a policy of this site forbids {permission}", f"forbid {self._named(one.forbidding)}")
        permitted = next((self._named(one.permitting) for one in chosen if one.permitting), "")
        if conditional:
            request, entities = self._request(question, reads=reads), self._entities(question)
            for ids in conditional:
                answer = self._evaluated(request, ids, entities)
                satisfied = self._named(_number(one, ids) for one in answer.diagnostics.reasons)
                if errors := "; ".join(self._told(one, ids) for one in answer.diagnostics.errors):
                    return self._said(False, _UNDECIDED, errors[:1000])
                if answer.allowed:
                    permitted = permitted or satisfied
                elif answer.decision.value != "Deny":
                    return self._said(False, _UNDECIDED, "the engine made no decision")
                elif satisfied:
                    return self._said(False, f"a policy of this site forbids {permission} in this call", f"forbid {satisfied}")
        if permitted:
            return self._said(True, f"a policy of this site permits {permission}", f"permit {permitted}")
        return self._said(False, f"no policy of this site permits {permission} in this call", "no permit is satisfied")

    def _evaluated(self, request: Mapping[str, object], ids: tuple[int, ...], entities: Any) -> Any:
        import cedarpy

        return cedarpy.is_authorized(dict(request), self._set(ids), entities)

    def _request(self, question: Question, *, reads: bool) -> Mapping[str, object]:
        context = {"arguments": cedar_value(question.arguments or {}) if reads else {}}
        return {
            "principal": {"type": CALLER, "id": caller_name(question.caller)},
            "action": {"type": ACTION, "id": question.action},
            "resource": {"type": OBJECT, "id": question.object},
            "context": json.dumps(context),
        }

    def _said(self, allowed: bool, reason: str, rule: str = "") -> Said:
        return Said(engine=self.name, allowed=allowed, reason=reason, rule=rule or reason)

    def _named(self, numbers: Iterable[int]) -> str:
        return ", ".join(self.policies[one].name for one in sorted(numbers)[:10])

    def _told(self, error: str, ids: tuple[int, ...]) -> str:
        """*error* with the policy's name in it instead of Cedar's number for it."""
        before, _, rest = error.partition("`")
        number, end, after = rest.partition("`")
        return f"{before}{self.policies[_number(number, ids)].name}{after}" if end and _CEDARS.fullmatch(number) else error

    def _entities(self, question: Question) -> Any:
        """The caller and the object, as Cedar knows them; parsed once for each pair."""
        key = (question.caller, question.object)
        found = self._pairs.get(key)
        if found is None:
            import cedarpy

            if len(self._pairs) >= _MOST_KEPT:
                self._pairs = {}
            found = self._pairs[key] = cedarpy.Entities.from_json_str(self._written(question))
        return found

    def _written(self, question: Question) -> str:
        caller, roles = question.caller, sorted(self._roles_of(question))
        groups = sorted(self._groups(question.object))
        found = [
            {
                "uid": {"type": CALLER, "id": caller_name(caller)},
                "attrs": {
                    "issuer": caller.issuer,
                    "tenant": caller.tenant,
                    "id": caller.id,
                    "roles": roles,
                    "scopes": sorted(caller.scopes),
                    "acr": caller.acr,
                    "amr": sorted(caller.amr),
                },
                "parents": [{"type": ROLE, "id": one} for one in roles],
            },
            {
                "uid": {"type": OBJECT, "id": question.object},
                "attrs": {"name": question.object},
                "parents": [{"type": GROUP, "id": one} for one in groups],
            },
        ]
        return json.dumps(found)

    def _groups(self, name: str) -> frozenset[str]:
        return frozenset(group for group, members in self._names.groups.items() if name in members)

    def _chosen(self, question: Question) -> tuple[list[_Part], list[tuple[int, ...]]]:
        """What could decide: parts whose scopes all fit, and the numbers of the policies that the engine has to evaluate."""
        key = (question.object, question.action)
        about = self._about.get(key)
        if about is None:  # a tool of a hosted server
            if len(self._about) >= _MOST_KEPT:
                self._about = {}
            about = self._about[key] = self._for_object(*key)
        parts = [about.anyone]
        if about.of_role:
            parts += [about.of_role[role] for role in self._roles_of(question) if role in about.of_role]
        if about.of_caller and (own := about.of_caller.get(caller_name(question.caller))):
            parts.append(own)
        conditional = [one.conditional for one in parts if one.conditional]
        return parts, [about.conditional] if len(conditional) > _MOST_SETS else conditional

    def _for_object(self, name: str, action: str) -> _About:
        groups = self._groups(name)
        anyone: list[int] = []
        roles: dict[str, list[int]] = {}
        callers: dict[str, list[int]] = {}
        for number, policy in enumerate(self.policies):
            if policy.about(action, name, groups):
                own = roles.setdefault(policy.role, []) if policy.role else anyone
                (callers.setdefault(policy.caller, []) if policy.caller else own).append(number)
        made = _About(
            anyone=self._part(anyone),
            of_role={role: self._part(numbers) for role, numbers in roles.items()},
            of_caller={caller: self._part(numbers) for caller, numbers in callers.items()},
        )
        for ids in (made.conditional, *(part.conditional for part in made.parts)):
            self._set(ids)
        return made

    def _part(self, numbers: Iterable[int]) -> _Part:
        known = [(one, self.policies[one]) for one in numbers]
        return _Part(
            permitting=tuple(one for one, policy in known if policy.bare and policy.permits),
            forbidding=tuple(one for one, policy in known if policy.bare and not policy.permits),
            conditional=tuple(one for one, policy in known if not policy.bare),
            reads=any(policy.reads for _, policy in known),
        )

    def _set(self, ids: tuple[int, ...]) -> Any:
        found = self._parsed.get(ids)
        if found is None:
            import cedarpy

            found = self._parsed[ids] = cedarpy.PolicySet.from_str("\n".join(self.policies[one].text for one in ids))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Policies, by their numbers, whose scopes fit: without any condition, they permit or forbid; the others are evaluated."""

    permitting: tuple[int, ...]
    forbidding: tuple[int, ...]
    conditional: tuple[int, ...]
    reads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """The policies about one object and action: for any caller, for a role, for one caller."""

    anyone: _Part
    of_role: Mapping[str, _Part]
    of_caller: Mapping[str, _Part]

    @property
    def parts(self) -> tuple[_Part, ...]:
        return (self.anyone, *self.of_role.values(), *self.of_caller.values())

    @property
    def conditional(self) -> tuple[int, ...]:
        """The numbers of all that have conditions. Those for other callers do not fit, and decide nothing."""
        return tuple(sorted(chain.from_iterable(one.conditional for one in self.parts)))


def parse_policies(files: Sequence[tuple[str, str]], names: Names) -> tuple[CedarPolicy, ...]:
    """The policies in *files* (name, text). Raises `Refused` naming the file that is not sound, and why."""
    found: list[CedarPolicy] = []
    for where, text in files:
        for one in statements(text, where):
            found.append(read_policy(one, est_of(one, where), where, names))
        if len(found) > MOST_POLICIES:
            raise Refused(f"there are more than {MOST_POLICIES} Cedar policies; write one for a group or a role")
    return tuple(found)


def est_of(one: Statement, where: str) -> str:
    """The policy *one* in JSON, as the engine reads it. Raises `Refused`, which names its file, if the engine does not."""
    import cedarpy

    try:
        return str(cedarpy.policies_to_json_str(one.text))
    except BaseException as error:
        if not is_failure(error):
            raise
        said = " ".join(str(error).split())[:300]
        raise Refused(f"{where} (line {one.line}) is not in the policy language Cedar: {said}") from error


def _number(cedars: str, ids: tuple[int, ...]) -> int:
    """Our number for the policy that Cedar calls ``policy3``: the fourth of the set *ids*."""
    return ids[int(cedars.removeprefix("policy"))]


def is_failure(error: BaseException) -> bool:
    """Is *error* one of the engine? A panic of Rust code is no `Exception`."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
