"""What is wrong with the Cedar policies of a server's resource before anyone calls: those that can match no call, or only fail.

Cedar takes such a policy without a word. A permit that matches nothing lets no one in, and its author is told; a forbid that
matches nothing protects no one, so it is refused. Who calls, and in which groups they are, is known only when they call, so a
user and a group may be any.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foundation.authorization.cedar_entities import Uid
from foundation.authorization.cedar_reading import walk
from foundation.authorization.cedar_tools import ACTION, CALL, GROUP, OF_EACH, TOOL, USER, ToolPolicy, ToolRules

_OURS = frozenset((USER, GROUP, ACTION, TOOL))
_CONTEXT = frozenset(("arguments",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One thing that is wrong, in the policy of this name. ``refused``: the policy may not be used so."""

    policy: str
    said: str
    refused: bool

    def __str__(self) -> str:
        return f"{self.policy}: {self.said}"


def slips(rules: ToolRules) -> tuple[Slip, ...]:
    """Everything that is wrong with *rules*, which can be read."""
    found: list[Slip] = []
    for policy in rules.policies:
        never = tuple(_never(policy, rules))
        found += [Slip(policy=policy.name, said=_matches_nothing(one, policy), refused=not policy.permits) for one in never]
        if not never:  # in one that never matches, nothing is evaluated
            found += [Slip(policy=policy.name, said=one, refused=False) for one in _failing(policy, rules)]
    return tuple(found)


def _matches_nothing(why: str, policy: ToolPolicy) -> str:
    kind = "permit lets no one in" if policy.permits else "forbid protects nothing"
    return f"{why}, so this {kind}"


def _never(policy: ToolPolicy, rules: ToolRules) -> Iterator[str]:
    """Why no call can match the scope of *policy*."""
    est = policy.est
    unknown = sorted({kind for kind in _types(est) if kind not in _OURS and kind not in rules.entities.types})
    for kind in unknown:
        yield f"the type {kind} is not known: calls have {USER}, {GROUP}, {ACTION} and {TOOL}, and entitiesJSON has no {kind}"
    if unknown:
        return
    yield from _principal(est["principal"], rules)
    yield from _action(est["action"], rules)
    yield from _resource(est["resource"], rules)


def _principal(scope: Mapping[str, Any], rules: ToolRules) -> Iterator[str]:
    if (kind := scope.get("entity_type")) not in (None, USER):
        yield f"a principal is never a {kind}; write 'principal is {USER}'"
    for uid in _uids(scope):
        if uid[0] == USER and "|" not in uid[1] and uid[1] != "anonymous":
            yield f'{_shown(uid)} names no caller; a caller is {USER}::"ISSUER|SUB"'
        elif scope["op"] == "==" and uid[0] != USER:
            yield f"a principal is never {_shown(uid)} itself; write 'principal in {_shown(uid)}'"
        elif uid[0] not in (USER, GROUP) and not _anyone_is_in(uid, rules):
            yield f"no {USER} and no {GROUP} of entitiesJSON is in {_shown(uid)}"


def _anyone_is_in(uid: Uid, rules: ToolRules) -> bool:
    return any(uid in rules.entities.above(one.uid) for kind in (USER, GROUP) for one in rules.entities.of(kind))


def _action(scope: Mapping[str, Any], rules: ToolRules) -> Iterator[str]:
    uids = _uids(scope)
    if not uids:
        return
    there = {(ACTION, one) for one in (CALL, *rules.actions.values())}
    reached = there if scope["op"] == "==" else {above for one in there for above in rules.entities.above(one)}
    if not any(uid in reached for uid in uids):
        known = ", ".join(sorted(_shown(one) for one in there))
        yield f"no tool has the action {' or '.join(map(_shown, uids))}; the actions are {known} (authzConfig.inline.actions)"


def _resource(scope: Mapping[str, Any], rules: ToolRules) -> Iterator[str]:
    if (kind := scope.get("entity_type")) not in (None, TOOL):
        yield f"a resource is never a {kind}; write 'resource is {TOOL}'"
    begin = f"{rules.server}/"
    for uid in _uids(scope):
        if uid[0] == TOOL:
            if not uid[1].startswith(begin) or uid[1] == begin:
                yield f'{_shown(uid)} is no tool of this server; its tools are {TOOL}::"{begin}NAME"'
        elif scope["op"] == "==":
            yield f"a resource is never {_shown(uid)} itself; write 'resource in {_shown(uid)}'"
        elif not any(uid in rules.entities.above(one.uid) for one in rules.entities.of(TOOL) if one.uid[1].startswith(begin)):
            yield f'entitiesJSON has no {TOOL}::"{begin}NAME" that is in {_shown(uid)}'


def _failing(policy: ToolPolicy, rules: ToolRules) -> Iterator[str]:
    """What *policy* reads that no call has: then it fails, and the call is denied."""
    known = {
        "principal": OF_EACH | {name for one in rules.entities.of(USER) for name in one.attributes},
        "resource": frozenset(name for one in rules.entities.of(TOOL) for name in one.attributes),
        "context": _CONTEXT,
        "action": frozenset(name for one in rules.entities.of(ACTION) for name in one.attributes),
    }
    asked = {_attribute(one.get("has")) for one in walk(policy.est["conditions"]) if isinstance(one, dict)}
    for one in walk(policy.est["conditions"]):
        found = _attribute(one.get(".")) if isinstance(one, dict) else None
        if found is None or found in asked:
            continue
        variable, name = found
        if variable in known and name not in known[variable]:
            yield (
                f"no {variable} has the attribute {name!r}, so the policy fails and each call that it is about is denied; give "
                f"it in entitiesJSON, or ask '{variable} has {name}' first"
            )


def _attribute(member: object) -> tuple[str, str] | None:
    left = member.get("left") if isinstance(member, dict) else None
    variable = left.get("Var") if isinstance(left, dict) else None
    return (variable, str(member["attr"])) if isinstance(variable, str) and isinstance(member, dict) else None


def _uids(scope: Mapping[str, Any]) -> tuple[Uid, ...]:
    found = [one for one in walk(dict(scope)) if isinstance(one, dict) and one.keys() == {"type", "id"}]
    return tuple((str(one["type"]), str(one["id"])) for one in found)


def _types(est: Mapping[str, Any]) -> set[str]:
    found = {kind for kind, _ in _uids(est)}
    return found | {str(one["entity_type"]) for one in walk(dict(est)) if isinstance(one, dict) and "entity_type" in one}


def _shown(uid: Uid) -> str:
    return f"{uid[0]}::{json.dumps(uid[1])}"
