"""The roles of a site: ``roles.yaml``, read strictly. What is wrong in it is refused with its place, never left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.authorization.objects import ACTIONS, Objects

if TYPE_CHECKING:
    from foundation.strict_yaml import JSON

DEEPEST = 8
"""The most links between roles in a chain. Casbin follows nine links and no more, and the first is from the caller to a role,
so a longer chain would show roles in a listing that `enforce` does not count."""
MOST_ROLES = 2_000
MOST_RULES = 20_000
MOST_CALLERS = 20_000
_MOST_VALUES = 100_000
ROLES, CEDAR = "roles", "cedar"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_PERMISSION = re.compile(r"(?P<object>@?[a-z0-9_./-]{1,200}\*?|\*):(?P<action>[a-z_]{1,40}|\*)", re.ASCII)
_MOST_WORD = 1_000

Triple = tuple[str, str, str]
"""Issuer, tenant and id of a caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """``object:action``. The object is a name, a ``@group``, or the beginning of names and ``*``; the action may be ``*``."""

    object: str
    action: str

    def __str__(self) -> str:
        return f"{self.object}:{self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """``inherits`` names the roles whose permissions it has, too. A denied permission counts more than every allowed one.

    ``issuers`` are those whose tokens may grant the role by its name; without any, each trusted issuer may.
    ``shipped``: it comes with ArcOps. It counts only for a caller whose token says one of ``acr`` and all of ``amr``, if any
    are named, here or in a role that it inherits.
    """

    name: str
    doc: str = ""
    inherits: tuple[str, ...] = ()
    allows: tuple[Permission, ...] = ()
    denies: tuple[Permission, ...] = ()
    issuers: tuple[str, ...] = ()
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    shipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePolicy:
    """All roles by name, the groups of objects, the roles that callers have here, and which engines are asked.

    ``scopes`` are the words that, as a scope of a token, grant the role of the same name.
    """

    roles: Mapping[str, Role]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    callers: Mapping[Triple, frozenset[str]] = field(default_factory=dict)
    engines: frozenset[str] = frozenset((ROLES, CEDAR))
    scopes: frozenset[str] = frozenset()

    def granted(self, caller: Identity) -> frozenset[str]:
        """The roles that *caller* has directly, and that count: they have proven who they are as each demands."""
        return frozenset(one for one in self.named(caller) if self._proven(caller, self.roles[one]))

    def named(self, caller: Identity) -> frozenset[str]:
        """The roles that *caller* is given: by a scope, by a role in the token, or by name in this policy."""
        named = {one for one in caller.roles if one in self.roles and self._may_grant(caller.issuer, self.roles[one])}
        here = self.callers.get((caller.issuer, caller.tenant, caller.id), frozenset())
        return frozenset(named) | (caller.scopes & self.scopes & self.roles.keys()) | here

    def unproven(self, caller: Identity) -> tuple[Role, ...]:
        """The roles that *caller* is given and that do not count, each with all that it inherits."""
        lacking = sorted(self.named(caller) - self.granted(caller))
        return tuple(one for name in lacking for one in self._with_inherited(self.roles[name]))

    def _proven(self, caller: Identity, role: Role) -> bool:
        """Has *caller* proven who they are as *role* and all that it inherits demand?"""
        return not any(
            (one.acr and caller.acr not in one.acr) or not caller.amr.issuperset(one.amr) for one in self._with_inherited(role)
        )

    def _with_inherited(self, role: Role) -> Iterator[Role]:
        seen, left = {role.name}, [role]
        while left:
            yield (one := left.pop())
            following = [name for name in one.inherits if name not in seen]
            seen.update(following)
            left += [self.roles[name] for name in following]

    @staticmethod
    def _may_grant(issuer: str, role: Role) -> bool:
        return not role.issuers or issuer in role.issuers


def parse_roles(data: bytes, *, where: str, objects: Objects, shipped: RolePolicy) -> RolePolicy:
    """The policy in *data*, with the roles that are *shipped*, of which it may replace some.

    Raises `Refused` with the file's name and what is wrong: unknown keys, names and objects, cycles, chains that are too deep.
    """
    from foundation.strict_yaml import load_all  # late: a process that reads no such file does without YAML

    documents = load_all(data, what=where, most_values=_MOST_VALUES)
    if len(documents) != 1:
        raise Refused(f"{where} has {len(documents)} documents instead of one; write one")
    try:
        return _policy(documents[0], objects, shipped)
    except Refused as error:
        raise Refused(f"{where}: {error}") from error


def _policy(document: JSON, objects: Objects, shipped: RolePolicy) -> RolePolicy:
    top = _members(document, "the file", ("callers", "engines", "groups", "roles"))
    groups = _groups(top.get("groups"), objects)
    known = {**objects.groups, **groups}
    roles = {**shipped.roles, **{name: _role(name, one, objects, known) for name, one in _named(top.get("roles"), "roles")}}
    for role in roles.values():
        for one in role.inherits:
            if one not in roles:
                raise Refused(f"the role {role.name!r} inherits {one!r}, which is no role{_near(one, roles)}")
    refuse_cycles({name: role.inherits for name, role in roles.items()})
    _refuse_lost_denials(roles)
    if len(roles) > MOST_ROLES or sum(len(one.allows) + len(one.denies) for one in roles.values()) > MOST_RULES:
        raise Refused(f"there are more than {MOST_ROLES} roles or {MOST_RULES} permissions; allow groups of tools")
    return RolePolicy(
        roles=roles,
        groups=groups,
        callers=_callers(top.get("callers"), roles),
        engines=_engines(top.get("engines")),
        scopes=shipped.scopes,
    )


def _refuse_lost_denials(roles: Mapping[str, Role]) -> None:
    """Raises `Refused` if a role that denies something counts only for some: then the others could do more."""
    denies: dict[str, bool] = {}
    demands: dict[str, bool] = {}

    def look(name: str) -> tuple[bool, bool]:
        if name not in denies:
            role = roles[name]
            below = [look(one) for one in role.inherits]
            denies[name] = bool(role.denies) or any(one for one, _ in below)
            demands[name] = bool(role.acr or role.amr) or any(two for _, two in below)
        return denies[name], demands[name]

    for name in sorted(roles):
        if look(name) == (True, True):
            raise Refused(
                f"the role {name!r} denies something and demands acr or amr, so it would deny nothing to who proved less; "
                "put the denial into a role without acr and amr"
            )


def refuse_cycles(links: Mapping[str, Iterable[str]]) -> None:
    """Raises `Refused` if following *links* comes back to a role, or passes more than `DEEPEST` of them in a chain."""
    depth: dict[str, int] = {}
    for start in sorted(links):
        path: list[tuple[str, list[str]]] = [(start, sorted(links[start]))] if start not in depth else []
        while path:
            name, left = path[-1]
            if not left:
                path.pop()
                depth[name] = max((depth[one] + 1 for one in links[name]), default=0)
                if depth[name] > DEEPEST:
                    raise Refused(f"the role {name!r} inherits through more than {DEEPEST} roles; use fewer levels")
                continue
            following = left.pop()
            on_path = [one for one, _ in path]
            if following in on_path:
                circle = [*on_path[on_path.index(following) :], following]
                raise Refused(f"roles inherit in a circle: {' → '.join(circle[:12])}; remove one of these links")
            if following not in depth:
                path.append((following, sorted(links[following])))


def _engines(value: JSON) -> frozenset[str]:
    if value is None:
        return frozenset((ROLES, CEDAR))
    asked = {}
    for name, on in _members(value, "engines", (ROLES, CEDAR)).items():
        if not isinstance(on, bool):
            raise Refused(f"engines: {name} is {_shown(on)}; write true or false")
        asked[name] = on
    found = frozenset(name for name in (ROLES, CEDAR) if asked.get(name, True))
    if not found:
        raise Refused("engines: both are switched off, so nothing would decide; switch one on, or remove the file")
    return found


def _groups(value: JSON, objects: Objects) -> Mapping[str, frozenset[str]]:
    groups: dict[str, frozenset[str]] = {}
    for name, members in _named(value, "groups"):
        if name in objects.groups:
            raise Refused(f"the group {name!r} comes with ArcOps; choose another name")
        for one in (listed := _texts(members, f"the group {name!r}")):
            _exists(one, f"the group {name!r}", objects)
        groups[name] = frozenset(listed)
    return groups


def _role(name: str, value: JSON, objects: Objects, groups: Mapping[str, frozenset[str]]) -> Role:
    where = f"the role {name!r}"
    members = _members(value, where, ("acr", "allows", "amr", "denies", "doc", "inherits", "issuers"))
    doc = members.get("doc", "")
    if not isinstance(doc, str) or len(doc) > _MOST_WORD:
        raise Refused(f"{where}: doc is not a text of at most {_MOST_WORD} characters")
    return Role(
        name=name,
        doc=doc,
        inherits=_texts(members.get("inherits", []), f"{where}: inherits"),
        allows=_permissions(members.get("allows", []), f"{where}: allows", objects, groups),
        denies=_permissions(members.get("denies", []), f"{where}: denies", objects, groups),
        issuers=_texts(members.get("issuers", []), f"{where}: issuers", empty="issuers" not in members),
        acr=_texts(members.get("acr", []), f"{where}: acr", empty="acr" not in members),
        amr=_texts(members.get("amr", []), f"{where}: amr", empty="amr" not in members),
    )


def _permissions(value: JSON, where: str, objects: Objects, groups: Mapping[str, frozenset[str]]) -> tuple[Permission, ...]:
    return tuple(_permission(one, where, objects, groups) for one in _texts(value, where))


def _permission(text: str, where: str, objects: Objects, groups: Mapping[str, frozenset[str]]) -> Permission:
    found = _PERMISSION.fullmatch(text)
    if found is None:
        raise Refused(f"{where}: {_shown(text)} is no permission; write object:action, such as check_model:call or @read:call")
    name, action = found["object"], found["action"]
    if action not in (*ACTIONS, "*"):
        raise Refused(f"{where}: the action {action!r} in {text!r} is not known; use one of: {', '.join(ACTIONS)}, *")
    if name.startswith("@"):
        if name[1:] not in groups:
            raise Refused(f"{where}: the group {name!r} in {text!r} is not known{_near(name[1:], groups)}")
    elif name.endswith("*"):
        begin = name[:-1]
        beneath = any(begin.startswith(one) or one.startswith(begin) for one in objects.beneath)
        if not beneath and not any(one.startswith(begin) for one in objects.actions):
            raise Refused(f"{where}: {text!r} fits no tool; 'arcops access roles' lists what there is")
    else:
        actions = _exists(name, where, objects)
        if action not in (*actions, "*"):
            raise Refused(f"{where}: {name} has no action {action!r}; it has: {', '.join(sorted(actions))}")
    return Permission(object=name, action=action)


def _exists(name: str, where: str, objects: Objects) -> frozenset[str]:
    """The actions of the object *name*. One that does not exist is a slip, and may leave a denial without effect."""
    actions = objects.of(name)
    if not actions:
        raise Refused(f"{where}: there is no tool {_shown(name)}{_near(name, objects.actions)}")
    return actions


def _callers(value: JSON, roles: Mapping[str, Role]) -> Mapping[Triple, frozenset[str]]:
    if value is None:
        return {}
    if not isinstance(value, list) or len(value) > MOST_CALLERS:
        raise Refused(f"callers is not a list of at most {MOST_CALLERS} callers")
    callers: dict[Triple, frozenset[str]] = {}
    for number, one in enumerate(value, start=1):
        where = f"caller {number}"
        members = _members(one, where, ("id", "issuer", "roles", "tenant"))
        triple = (
            _word(members.get("issuer"), f"{where}: issuer"),
            _word(members.get("tenant", ""), f"{where}: tenant", empty=True),
            _word(members.get("id"), f"{where}: id"),
        )
        if triple[0].startswith(RESERVED):
            raise Refused(f"{where}: {RESERVED} is this machine's own user, who is not restricted by files; remove the entry")
        if triple in callers:
            raise Refused(f"{where} is there twice; write all roles of a caller in one entry")
        named = _texts(members.get("roles"), f"{where}: roles")
        for name in named:
            if name not in roles:
                raise Refused(f"{where} has the role {_shown(name)}, which is no role{_near(name, roles)}")
        callers[triple] = frozenset(named)
    return callers


RESERVED = "arcops:this-machine"
"""The issuer of the user of this machine. No token has it."""


def _members(value: JSON, where: str, known: tuple[str, ...]) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise Refused(f"{where} is not a mapping with {', '.join(known)}")
    for name in value:
        if name not in known:
            raise Refused(f"{where} has the key {_shown(name)}, which is not known; use: {', '.join(known)}")
    return value


def _named(value: JSON, where: str) -> list[tuple[str, JSON]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise Refused(f"{where} is not a mapping by name")
    for name in value:
        if not _NAME.fullmatch(name):
            raise Refused(f"{where}: {_shown(name)} is no name; use small letters, digits and hyphens, beginning with a letter")
    return list(value.items())


def _texts(value: JSON, where: str, *, empty: bool = True) -> tuple[str, ...]:
    if not isinstance(value, list) or (not value and not empty):
        raise Refused(f"{where} is not a list{'' if empty else ' with at least one entry'}")
    found = tuple(_word(one, where) for one in value)
    if len(set(found)) != len(found):
        raise Refused(f"{where} has an entry twice")
    return found


def _word(value: JSON, where: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > _MOST_WORD or not (value or empty):
        raise Refused(f"{where}: {_shown(value)} is not a printable text of at most {_MOST_WORD} characters")
    return value


def _shown(value: object) -> str:
    return repr(value)[:100]


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
