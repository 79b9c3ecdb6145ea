"""Does a rule of an AuthorizationPolicy name its callers? Judged by who could call, not by whether a field is there."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.mesh import MeshAction, MeshMatch, MeshRule, MeshSeen, MeshTerms
from arcops.seen.network import Network
from gates.network.mesh.blocks import wide_blocks
from gates.network.words import place
from gates.words import shown

CALLERS = Rule(
    id="mesh/callers",
    asks="Does every rule that allows requests name the callers?",
    fix="Name the callers under 'from': principals or namespaces, without wildcards.",
)
_KEYS = {
    "source.principal": "principals",
    "source.namespace": "namespaces",
    "source.ip": "ipBlocks",
    "remote.ip": "remoteIpBlocks",
    "request.auth.principal": "requestPrincipals",
}
"""Conditions that say who calls, each with the field of a source that says the same."""
_NAMING = ("principals", "namespaces", "serviceAccounts", "ipBlocks", "remoteIpBlocks", "requestPrincipals")
_WIDEST = {4: 8, 6: 32}
"""Blocks of addresses that are wider than this name no caller."""


def findings(evidence: Evidence[Network], said: MeshSeen) -> Iterator[Finding]:
    for one in said.authorizations:
        for rule in one.rules if one.action is MeshAction.ALLOW else ():
            why = _open_to(rule)
            if why:
                text = f"{place(rule.at)}: {rule.field} of {one.title} {why}."
                yield CALLERS.fails(shown(text), evidence, about=one.title, location=rule.at)


def _open_to(rule: MeshRule) -> str:
    """The callers to which *rule* is open, in words, if it does not name them; else empty."""
    conditions = [(_KEYS[one.attribute], one) for one in rule.conditions if one.attribute in _KEYS and not one.but_not]
    if any(not _too_wide(name, one.values) for name, one in conditions):
        return ""
    whys = [why for term in rule.sources if (why := _of_source(term))]
    if not rule.sources or any(not _names_any(term) for term in rule.sources):
        wide = next((_too_wide(name, one.values) for name, one in conditions), "")
        limited = "to make these requests" if rule.limited else "to make any request"
        return f"allows {wide or 'any caller'} {limited}"
    return f"allows {whys[0]}" if whys else ""


def _names_any(term: MeshTerms) -> bool:
    return any(one.attribute in _NAMING and not one.but_not for one in term.of)


def _of_source(term: MeshTerms) -> str:
    """The callers to which one source is open, if none of its fields names callers: each of them narrows it."""
    fields: list[MeshMatch] = [one for one in term.of if one.attribute in _NAMING and not one.but_not]
    wide = [_too_wide(one.attribute, one.values) for one in fields]
    return wide[0] if wide and all(wide) else ""


def _too_wide(attribute: str, values: tuple[str, ...]) -> str:
    """The callers that *values* let in, in words, if they do not name them."""
    for value in values:
        if value == "*":
            return "every identity of the mesh" if attribute != "requestPrincipals" else "everybody with a token"
        if attribute == "principals" and "*" in value and not _of_one_namespace(value):
            return f"every identity that matches {value}"
        if attribute == "requestPrincipals" and "*" in value:
            return f"everybody with a token that matches {value}"
        if attribute == "namespaces" and "*" in value:
            return f"every namespace that matches {value}, also one that somebody makes"
    if attribute in ("ipBlocks", "remoteIpBlocks"):
        found = wide_blocks(values, _WIDEST)
        return f"callers of {found}" if found else ""
    return ""


def _of_one_namespace(principal: str) -> bool:
    """Does *principal*, a pattern that ends in ``*``, mean accounts of one namespace?"""
    before, _, rest = principal.partition("/ns/")
    namespace, account, name = rest.partition("/sa/")
    return bool(account) and "*" not in before + namespace and name.endswith("*")
