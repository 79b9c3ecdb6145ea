"""Cedar policies, read strictly: before the engine parses a file, and after, what each policy names and needs.

Cedar policy JSON (EST): https://docs.cedarpolicy.com/policies/json-format.html
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from arcops.errors import Refused
from foundation.authorization.objects import ACTIONS, Objects

MOST_BYTES = 1024 * 1024
MOST_POLICIES = 5_000
DEEPEST = 50
LONGEST = 16 * 1024
"""Characters of one policy. With `DEEPEST` this bounds how deep its expressions can be: cedarpy 4.12.2 ends the whole process
with a segmentation fault for 1,000 nested brackets, or 10,000 nested ``if``."""
CALLER, ROLE, ACTION, OBJECT, GROUP = "Caller", "Role", "Action", "Object", "Group"
ATTRIBUTES = {
    "principal": frozenset(("issuer", "tenant", "id", "roles", "scopes", "acr", "amr")),
    "resource": frozenset(("name",)),
    "context": frozenset(("arguments",)),
    "action": frozenset[str](),
}
_LONG_PATH = re.compile(rf"(?:\.\s*[A-Za-z_]\w*\s*){{{DEEPEST + 1}}}", re.ASCII)
"""More names in a path than there may be: cedarpy 4.12.2 writes ``has a.b.c`` out once for each beginning of the path."""
_LEXED = re.compile(r"""//[^\n]*|"(?:[^"\\]|\\.)*"|[()\[\]{};]|"|[^/"()\[\]{};]+|/""", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What exists: the objects with their groups, and the roles."""

    objects: Objects
    groups: Mapping[str, frozenset[str]]
    roles: Iterable[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CedarPolicy:
    """One policy: its name for people, its text, and when it can decide anything.

    ``actions``, ``object`` and ``group`` are what its scope names, ``caller`` and ``role`` those of its principal; ``None`` or
    empty for any. ``bare``: it has no condition, so its scope alone decides. ``reads``: it reads the arguments.
    """

    name: str
    text: str
    permits: bool
    bare: bool
    actions: frozenset[str] | None = None
    object: str = ""
    group: str = ""
    caller: str = ""
    role: str = ""
    reads: bool = False

    def about(self, action: str, name: str, groups: frozenset[str]) -> bool:
        """Could it decide about *action* on the object *name*, which is in *groups*?"""
        if self.actions is not None and action not in self.actions:
            return False
        return (not self.object or self.object == name) and (not self.group or self.group in groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The text of one policy, and the line on which it begins."""

    text: str
    line: int


def statements(text: str, where: str) -> tuple[Statement, ...]:
    """The policies in *text*, which Cedar has not parsed yet.

    Raises `Refused` for brackets that are nested too deep, for a path of too many names, and for a policy that is too long for
    the parser.
    """
    found: list[Statement] = []
    path: list[str] = []  # what stands outside of comments and texts, to look for long paths
    depth = length = begins = 0
    for token in _LEXED.finditer(text):
        lexed = token[0]
        if lexed.startswith("//") or (not length and not lexed.strip()):
            begins = begins if length else token.end()
            continue
        length += len(lexed)
        if lexed in "([{":
            depth += 1
        elif lexed in ")]}":
            depth = max(0, depth - 1)
        path.append('""' if lexed.startswith('"') else lexed)
        ends = lexed == ";" and depth == 0
        if depth > DEEPEST or length > LONGEST or (ends and _LONG_PATH.search("".join(path))):
            raise Refused(f"{where} has a policy (line {_line(text, begins)}) {_TOO_DEEP}")
        if ends:
            found.append(Statement(text=text[begins : token.end()], line=_line(text, begins)))
            length, begins = 0, token.end()
            path.clear()
    if _LONG_PATH.search("".join(path)):
        raise Refused(f"{where} has a policy (line {_line(text, begins)}) {_TOO_DEEP}")
    if length:
        found.append(Statement(text=text[begins:], line=_line(text, begins)))
    return tuple(found)


def _line(text: str, begins: int) -> int:
    """The number of the line on which a policy stands whose text, after spaces, begins at *begins*."""
    spaces = len(text[begins : begins + LONGEST]) - len(text[begins : begins + LONGEST].lstrip())
    return text.count("\n", 0, begins + spaces) + 1


_TOO_DEEP = (
    f"that is longer than {LONGEST} characters, or nested too deep (brackets, or names with points between them: {DEEPEST}); "
    "write it as several policies"
)


def read_policy(statement: Statement, est: str, where: str, names: Names) -> CedarPolicy:
    """The policy of *statement*, of which Cedar made the JSON *est*. Raises `Refused` for what is not known here.

    A tool, role, action or attribute that does not exist is a slip: Cedar would leave the policy without effect.
    """
    try:
        document = json.loads(est)
    except RecursionError as error:
        raise Refused(f"{where} has a policy (line {statement.line}) {_TOO_DEEP}") from error
    if document["templates"] or document["templateLinks"]:
        raise Refused(f"{where} has a template (?principal, ?resource), which nothing here links; write the policy out")
    (body,) = document["staticPolicies"].values()
    label = body.get("annotations", {}).get("id") or f"line {statement.line}"
    return _policy(body, statement.text, f"{where}: {label}", names)


def _policy(body: Mapping[str, Any], text: str, where: str, names: Names) -> CedarPolicy:
    _refuse_unknown(body, where, names)
    principal, action, resource = (_scope(body[part]) for part in ("principal", "action", "resource"))
    return CedarPolicy(
        name=where,
        text=text,
        permits=body["effect"] == "permit",
        bare=not body["conditions"],
        actions=frozenset(one for _, one in action) if action else None,
        object=next((one for kind, one in resource if kind == OBJECT), ""),
        group=next((one for kind, one in resource if kind == GROUP), ""),
        caller=next((one for kind, one in principal if kind == CALLER), ""),
        role=next((one for kind, one in principal if kind == ROLE), ""),
        reads=any(one == {"Var": "context"} for one in walk(body["conditions"])),
    )


def _scope(part: object) -> tuple[tuple[str, str], ...]:
    """The entities of one part of a scope, such as ``resource in Group::"read"``: type and id."""
    found = [one for one in walk(part) if isinstance(one, dict) and one.keys() == {"type", "id"}]
    return tuple((str(one["type"]), str(one["id"])) for one in found)


def _refuse_scope(body: Mapping[str, Any], where: str) -> None:
    """A scope that fits no question: ``principal == Role::…`` instead of ``in``, ``resource is Group``."""
    for part, own, above in (("principal", CALLER, ROLE), ("action", ACTION, ""), ("resource", OBJECT, GROUP)):
        scope = body[part]
        fitting = (own,) if scope["op"] == "==" or not above else (own, above)
        for kind in [kind for kind, _ in _scope(scope)] + ([] if "entity_type" not in scope else [scope["entity_type"]]):
            if kind not in (fitting if kind != scope.get("entity_type") else (own,)):
                write = f'{part} == {own}::"…"' + (f' or {part} in {above}::"…"' if above else "")
                raise Refused(f"{where}: the scope asks for a {part} that is a {kind}, which it never is; write {write}")


def _refuse_unknown(body: Mapping[str, Any], where: str, names: Names) -> None:
    _refuse_scope(body, where)
    for one in walk(body):
        if not isinstance(one, dict):
            continue
        if one.keys() == {"type", "id"}:
            _refuse_entity(str(one["type"]), str(one["id"]), where, names)
        if "entity_type" in one and one["entity_type"] not in (CALLER, ROLE, ACTION, OBJECT, GROUP):
            raise Refused(f"{where}: the type {one['entity_type']!r} is not known; use Caller, Role, Action, Object or Group")
        for operator in (".", "has"):
            member = one.get(operator)
            if isinstance(member, dict) and isinstance(member.get("left"), dict):
                _refuse_attribute(member["left"].get("Var"), str(member.get("attr")), where)


def _refuse_attribute(variable: object, attribute: str, where: str) -> None:
    known = ATTRIBUTES.get(str(variable))
    if known is not None and attribute not in known:
        shown = f"; it has: {', '.join(sorted(known))}" if known else ""
        raise Refused(f"{where}: {variable} has no attribute {attribute!r}{shown}")


def _refuse_entity(kind: str, name: str, where: str, names: Names) -> None:
    known: Iterable[str]
    if kind == OBJECT:
        if names.objects.of(name):
            return
        known = names.objects.actions
    elif kind == CALLER:
        return
    elif kind in (ROLE, ACTION, GROUP):
        known = names.roles if kind == ROLE else ACTIONS if kind == ACTION else names.groups
        if name in known:
            return
    else:
        raise Refused(f"{where}: the type {kind!r} is not known; use Caller, Role, Action, Object or Group")
    near = difflib.get_close_matches(name, list(known), n=1)
    raise Refused(f"{where}: there is no {kind}::{json.dumps(name)}{f'; did you mean {near[0]!r}?' if near else ''}")


def walk(value: object) -> Iterator[object]:
    """*value* and every value in it."""
    left = [value]
    while left:
        one = left.pop()
        yield one
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
