"""Calls of one server's tools, as Cedar policies in the words of MCPServer resources decide them (OME OEP-0005, authzConfig).

The principal is ``User::"ISSUER|SUB"``, in the ``Group`` of each role that its issuer grants; the action is what the server's
map says of the tool, ``Action::"call"`` without one; the resource is ``Tool::"SERVER/TOOL"``. Attributes and further parents of
all three come from the operator's entities. Arguments are in ``context.arguments``, as `foundation.authorization.cedar_values`
writes them. An error in a policy, and every answer but a decision, denies.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.authorization.cedar_calls import est_of, is_failure
from foundation.authorization.cedar_entities import Entities, Entity, Uid, read_entities
from foundation.authorization.cedar_reading import MOST_POLICIES, statements, walk
from foundation.authorization.cedar_values import cedar_value
from foundation.authorization.decision import Question, Said
from foundation.authorization.naming import user_name

CEDAR = "cedar"
USER, GROUP, ACTION, TOOL = "User", "Group", "Action", "Tool"
CALL = "call"
"""The action of a tool for which the server's map has none."""
ANYONE = Identity(issuer="anonymous", tenant="", id="anonymous")
"""Everyone who calls a server without an issuer: ``User::"anonymous"``."""
OF_EACH = frozenset(("issuer", "tenant", "id", "roles", "scopes", "acr", "amr"))
"""The attributes of every principal."""
_MOST_KEPT = 512
_UNDECIDED = (
    "a policy of this server could not be evaluated for this call, so it is denied; its operator finds the reason in the log"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPolicy:
    """One policy: its name for people, its ``text``, what Cedar reads in it (EST), and whether it ``reads`` the arguments."""

    name: str
    text: str
    est: Mapping[str, Any]
    reads: bool

    @property
    def permits(self) -> bool:
        """Is it a permit, and no forbid?"""
        return bool(self.est["effect"] == "permit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRules:
    """What decides about the calls of ``server``: policies, entities, and the action of each tool that has its own."""

    server: str
    policies: tuple[ToolPolicy, ...]
    entities: Entities
    actions: Mapping[str, str]

    def resource(self, tool: str) -> Uid:
        """The uid of *tool*."""
        return TOOL, f"{self.server}/{tool}"

    def action(self, tool: str) -> str:
        """The id of the action that a call of *tool* is."""
        return self.actions.get(tool, CALL)


def read_rules(policies: Sequence[tuple[str, str]], entities: str, *, server: str, actions: Mapping[str, str]) -> ToolRules:
    """The rules of *policies* (name, text; each may hold several) and *entities* (JSON). Raises `Refused` if one is wrong."""
    found: list[ToolPolicy] = []
    for where, text in policies:
        for one in statements(text, where):
            document = json.loads(est_of(one, where))
            if document["templates"] or document["templateLinks"]:
                raise Refused(f"{where} has a template (?principal, ?resource), which nothing here links; write the policy out")
            (est,) = document["staticPolicies"].values()
            label = est.get("annotations", {}).get("id") or f"line {one.line}"
            reads = any(each == {"Var": "context"} for each in walk(est["conditions"]))
            found.append(ToolPolicy(name=f"{where}: {label}", text=one.text, est=est, reads=reads))
        if len(found) > MOST_POLICIES:
            raise Refused(f"there are more than {MOST_POLICIES} Cedar policies; write one for a group of callers")
    if not found:
        raise Refused("there is no Cedar policy, so nothing would be allowed; write a permit, or leave the policies out")
    rules = ToolRules(server=server, policies=tuple(found), entities=read_entities(entities, "entitiesJSON"), actions=actions)
    _parsed_entities([one.written() for one in rules.entities.all.values()])
    return rules


class CedarTools:
    """As `foundation.authorization.decision.Authorizer`, by ``rules``."""

    name = CEDAR

    def __init__(self, rules: ToolRules) -> None:
        import cedarpy

        self.rules = rules
        self._reads = any(one.reads for one in rules.policies)
        self._policies = cedarpy.PolicySet.from_str("\n".join(one.text for one in rules.policies))
        self._others = {uid: one for uid, one in rules.entities.all.items() if uid[0] not in (USER, TOOL)}
        self._base = _parsed_entities([one.written() for one in self._others.values()])
        self._apart = len(self._others) == len(rules.entities.all)
        self._kept: OrderedDict[tuple[Identity, str], Any] = OrderedDict()

    def decide(self, question: Question) -> Said:
        """As Cedar decides; it never raises for a question."""
        try:
            return self._decided(question)
        except Refused as error:
            return self._said(False, f"{error}, so no policy of this server can allow the call")
        except BaseException as error:
            if not is_failure(error):
                raise
            return self._said(False, _UNDECIDED, f"{type(error).__name__}: {error}"[:500])

    def _decided(self, question: Question) -> Said:
        import cedarpy

        tool = question.object.removeprefix(f"servers/{self.rules.server}/")
        context = {"arguments": cedar_value(question.arguments or {})} if self._reads else {}
        kind, id = principal(question.caller)
        request = {
            "principal": {"type": kind, "id": id},
            "action": {"type": ACTION, "id": self.rules.action(tool)},
            "resource": dict(zip(("type", "id"), self.rules.resource(tool), strict=True)),
            "context": json.dumps(context),
        }
        answer = cedarpy.is_authorized(request, self._policies, self._entities(question.caller, tool))
        by = ", ".join(self._named(one) for one in answer.diagnostics.reasons[:10])
        if answer.diagnostics.errors:
            return self._said(False, _UNDECIDED, "; ".join(map(str, answer.diagnostics.errors))[:1000])
        if answer.allowed:
            return self._said(True, f"a policy of this server permits {tool}", f"permit {by}")
        if answer.decision.value != "Deny":
            return self._said(False, _UNDECIDED, "the engine made no decision")
        if by:
            return self._said(False, f"a policy of this server forbids {tool} in this call", f"forbid {by}")
        return self._said(False, f"no policy of this server permits {tool} in this call", "no permit is satisfied")

    def _said(self, allowed: bool, reason: str, rule: str = "") -> Said:
        return Said(engine=self.name, allowed=allowed, reason=reason, rule=rule or reason, reads=self._reads)

    def _named(self, cedars: str) -> str:
        number = cedars.removeprefix("policy")
        return self.rules.policies[int(number)].name if number.isdigit() else cedars

    def _entities(self, caller: Identity, tool: str) -> Any:
        """All entities, with the caller and the tool; put together once for each pair."""
        key = (caller, tool)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        known = self.rules.entities.all
        made = (user(caller), Entity(uid=self.rules.resource(tool)))
        mine = {one.uid: one.with_more(known.get(one.uid)) for one in made}
        if self._apart:
            found = self._base.with_added_json_str(json.dumps([one.written() for one in mine.values()]))
        else:
            found = _parsed_entities([one.written() for one in {**known, **mine}.values()])
        self._kept[key] = found
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found


class EveryCall:
    """For a server without policies: every caller who is let in may call every tool."""

    name = CEDAR

    def decide(self, question: Question) -> Said:
        """As `Authorizer.decide`."""
        return Said(engine=self.name, allowed=True, reason="no policy limits the calls of this server", rule="no policy")


def principal(caller: Identity) -> Uid:
    """The uid of *caller*."""
    return USER, ANYONE.id if caller == ANYONE else user_name(caller)


def user(caller: Identity) -> Entity:
    """*caller* as Cedar knows them, by what their issuer says."""
    attributes: dict[str, object] = {
        "issuer": caller.issuer,
        "tenant": caller.tenant,
        "id": caller.id,
        "roles": sorted(caller.roles),
        "scopes": sorted(caller.scopes),
        "acr": caller.acr,
        "amr": sorted(caller.amr),
    }
    return Entity(uid=principal(caller), attributes=attributes, parents=frozenset((GROUP, one) for one in caller.roles))


def _parsed_entities(written: Sequence[Mapping[str, object]]) -> Any:
    import cedarpy

    try:
        return cedarpy.Entities.from_json_str(json.dumps(written))
    except BaseException as error:
        if not is_failure(error):
            raise
        raise Refused(f"entitiesJSON is not what Cedar reads: {' '.join(str(error).split())[:300]}") from error
