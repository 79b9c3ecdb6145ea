"""Cedar in the words of MCPServer resources: what decides, what denies because it cannot be decided, and what lint tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.authorization.authorizing import decide
from foundation.authorization.cedar_lint import slips
from foundation.authorization.cedar_tools import ANYONE, CedarTools, EveryCall, read_rules
from foundation.authorization.decision import Decision, Question, Said
from foundation.authorization.given import GivenAuthorization

pytestmark = pytest.mark.requirement("OPER-6/cedar-decides-each-call")
ISSUER = "https://login.example"
ADA = Identity(issuer=ISSUER, tenant="", id="ada", roles=frozenset(("developers",)))
EVE = Identity(issuer=ISSUER, tenant="", id="eve")
ANY = "permit (principal, action, resource);"
STORY = (
    """permit(
        principal in Group::"developers", action in [Action::"read", Action::"query"], resource in ResourceType::"database"
    ) when { principal.department == resource.department };""",
    'permit(principal in Group::"admins", action, resource);',
)
"""The policies of OEP-0005, story 3."""
GROUPS = [
    {"uid": {"type": "Group", "id": "developers"}, "attrs": {}, "parents": []},
    {"uid": {"type": "Group", "id": "admins"}, "attrs": {}, "parents": []},
]
WHOLE = [
    *GROUPS,
    {"uid": {"type": "User", "id": f"{ISSUER}|ada"}, "attrs": {"department": "a"}, "parents": []},
    {
        "uid": {"type": "Tool", "id": "db/select"},
        "attrs": {"department": "a"},
        "parents": [{"type": "ResourceType", "id": "database"}],
    },
]


def engine(*policies: str, entities: Any = (), actions: Mapping[str, str] | None = None, server: str = "db") -> CedarTools:
    named = [(f"policy {number}", text) for number, text in enumerate(policies, 1)]
    text = entities if isinstance(entities, str) else json.dumps(list(entities))
    return CedarTools(read_rules(named, text, server=server, actions=actions or {}))


def said(by: CedarTools, caller: Identity = ADA, tool: str = "select", arguments: Any = None) -> Said:
    return by.decide(Question(caller=caller, action="call", object=f"servers/db/{tool}", arguments=arguments))


def allowed(by: CedarTools, **more: Any) -> bool:
    return said(by, **more).allowed


def test_the_story_of_the_oep_works_with_the_entities_that_it_lacks() -> None:
    actions = {"select": "query"}
    assert not allowed(engine(*STORY, entities=GROUPS, actions=actions)), "as it stands, developers are always denied"
    whole = engine(*STORY, entities=WHOLE, actions=actions)
    assert allowed(whole)
    assert not allowed(whole, caller=EVE)
    assert not allowed(whole, tool="drop")
    assert allowed(whole, caller=Identity(issuer=ISSUER, tenant="", id="root", roles=frozenset(("admins",))), tool="drop")
    assert not allowed(engine(*STORY, entities=WHOLE)), "without an action of its own, a tool is called"


@pytest.mark.parametrize(
    ("policy", "caller", "tool", "wanted"),
    [
        (f'permit (principal == User::"{ISSUER}|ada", action, resource);', ADA, "select", True),
        (f'permit (principal == User::"{ISSUER}|ada", action, resource);', EVE, "select", False),
        ('permit (principal == User::"anonymous", action, resource);', ANYONE, "select", True),
        ('permit (principal == User::"anonymous", action, resource);', ADA, "select", False),
        ('permit (principal, action == Action::"call", resource == Tool::"db/select");', EVE, "select", True),
        ('permit (principal, action == Action::"call", resource == Tool::"db/select");', EVE, "selects", False),
        ('permit (principal in Group::"developers", action, resource);', ADA, "x", True),
        ('permit (principal in Group::"developers", action, resource);', EVE, "x", False),
        ('permit (principal, action, resource) when { principal.issuer == "https://login.example" };', EVE, "x", True),
        ('permit (principal, action, resource) when { principal.roles.contains("developers") };', EVE, "x", False),
    ],
)
def test_who_may_call_what(policy: str, caller: Identity, tool: str, wanted: bool) -> None:
    assert allowed(engine(policy), caller=caller, tool=tool) is wanted


def test_a_group_of_groups() -> None:
    entities = [{"uid": {"type": "Group", "id": "developers"}, "parents": [{"type": "Group", "id": "staff"}]}]
    by = engine('permit (principal in Group::"staff", action, resource);', entities=entities)
    assert allowed(by)
    assert not allowed(by, caller=EVE)


def test_two_callers_are_never_one() -> None:
    by = engine(f'permit (principal == User::"{ISSUER}|a|b", action, resource);')
    assert allowed(by, caller=Identity(issuer=ISSUER, tenant="a", id="b"))
    for other in (Identity(issuer=ISSUER, tenant="", id="a|b"), Identity(issuer=f"{ISSUER}|a", tenant="", id="b")):
        assert not allowed(by, caller=other)


LIMIT = "permit (principal, action, resource) when { context.arguments has rows && context.arguments.rows < 10 };"
PRICE = 'permit (principal, action, resource) when { context.arguments.price.lessThan(decimal("9.99")) };'


@pytest.mark.parametrize(
    ("policy", "arguments", "wanted", "why"),
    [
        (LIMIT, {"rows": 5}, True, "permits"),
        (LIMIT, {"rows": 50}, False, "no policy"),
        (LIMIT, {"rows": 5, "note": None, "deep": {"a": [1, "x", True]}}, True, "permits"),
        (LIMIT, {"rows": None}, False, "no policy"),
        (LIMIT, {}, False, "no policy"),
        (LIMIT, None, False, "no policy"),
        (LIMIT, {"rows": 5, "ratio": 0.25}, True, "permits"),
        (PRICE, {"price": 1.5}, True, "permits"),
        (PRICE, {"price": 100.0}, False, "no policy"),
        (PRICE, {"price": 1}, False, "could not be evaluated"),
        (LIMIT, {"rows": 2**63}, False, "more than 64 bits"),
        (LIMIT, {"rows": 5, "x": 1e300}, False, "too large"),
        (LIMIT, {"rows": 5, "x": float("nan")}, False, "too large"),
        (LIMIT, {"rows": 5, "x": 0.123456}, False, "more than 4 digits"),
        (LIMIT, {"rows": 5, "x": {"__entity": {"type": "Group", "id": "admins"}}}, False, "would not read as data"),
        (LIMIT, {"rows": 5, "x": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}}, False, "would not read as data"),
        (LIMIT, {"rows": 5, "x": [{"__expr": "1"}]}, False, "would not read as data"),
        (LIMIT, {"rows": 5, "x": [None]}, False, "null in a list"),
        (LIMIT, {"rows": 5, "x": "\ud800"}, False, "surrogate"),
        (LIMIT, {"rows": "5"}, False, "could not be evaluated"),
    ],
)
def test_arguments_are_data(policy: str, arguments: Any, wanted: bool, why: str) -> None:
    found = said(engine(policy), arguments=arguments)
    assert found.allowed is wanted
    assert why in found.reason
    assert found.reads


def test_what_no_policy_reads_denies_no_ordinary_call() -> None:
    found = said(engine(ANY), arguments={"x": 0.123456, "y": None, "z": {"__entity": 1}})
    assert found.allowed
    assert not found.reads


@pytest.mark.parametrize(
    "policies",
    [
        (ANY, "forbid (principal, action, resource) when { resource.secret };"),
        (ANY, "forbid (principal, action, resource) when { context.arguments.x > 1 };"),
        (ANY, "permit (principal, action, resource) when { principal.nothing };"),
        (ANY, "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };"),
    ],
)
def test_an_error_in_one_policy_denies_though_another_permits(policies: Sequence[str]) -> None:
    found = said(engine(*policies), arguments={"x": "text"})
    assert not found.allowed
    assert "could not be evaluated" in found.reason


def test_a_forbid_counts_more() -> None:
    by = engine(ANY, 'forbid (principal, action, resource == Tool::"db/drop");')
    assert allowed(by)
    assert "forbids drop" in said(by, tool="drop").reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_no_arguments_are_more_than_a_no(value: Any) -> None:
    by = engine("permit (principal, action, resource) when { context.arguments has never };")
    assert said(by, arguments={"x": value}).allowed is False


@pytest.mark.parametrize(
    ("policies", "entities", "why"),
    [
        (("permit (principal, action, resource)",), "[]", "not in the policy language"),
        (("",), "[]", "there is no Cedar policy"),
        (("permit (principal == ?principal, action, resource);",), "[]", "template"),
        ((f"permit (principal, action, resource) when {{ {'(' * 1000} true {')' * 1000} }};",), "[]", "nested too deep"),
        ((ANY,), "{", "entitiesJSON"),
        ((ANY,), "{}", "not a list"),
        ((ANY,), '[{"uid": "x"}]', "a uid that is not"),
        ((ANY,), '[{"uid": {"type": "Group", "id": "a"}, "more": 1}]', "not an object with uid"),
        ((ANY,), json.dumps([GROUPS[0], GROUPS[0]]), "twice"),
        ((ANY,), '[{"uid": {"type": "no such type!", "id": "a"}}]', "not what Cedar reads"),
        ((ANY,), '[{"uid": {"type": "Group", "id": "a"}, "parents": [{"type": "Group", "id": "a"}]}]', "above itself"),
        ((ANY,), '[{"uid": {"type": "Group", "id": "a"}, "attrs": {"x": null}}]', "not what Cedar reads"),
        ((ANY,), '[{"uid": {"type": "Group", "id": "a"}, "attrs": {"x": 1.5}}]', "not what Cedar reads"),
        ((ANY,), '[{"uid": {"type": "Group", "id": "a"}, "uid": {"type": "Group", "id": "b"}}]', "entitiesJSON"),
        ((ANY,), json.dumps([{"uid": {"type": "Group", "id": "x" * 300_000}}]), "more than"),
    ],
)
def test_what_cannot_be_read_is_refused(policies: Sequence[str], entities: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        engine(*policies, entities=entities)


def lint(policy: str, entities: Any = (), actions: Mapping[str, str] | None = None) -> list[tuple[str, bool]]:
    return [(one.said, one.refused) for one in slips(engine(policy, entities=entities, actions=actions).rules)]


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ('principal in Team::"a", action, resource', "the type Team is not known"),
        ("principal is Robot, action, resource", "the type Robot is not known"),
        ("principal is Group, action, resource", "a principal is never a Group"),
        ('principal == Group::"developers", action, resource', "a principal is never Group"),
        ('principal == User::"ada", action, resource', "names no caller"),
        ('principal, action == Action::"query", resource', "no tool has the action"),
        ('principal, action in [Action::"query", Action::"read"], resource', "no tool has the action"),
        ('principal, action, resource == Tool::"select"', "is no tool of this server"),
        ('principal, action, resource == Tool::"other/select"', "is no tool of this server"),
        ('principal, action, resource in ResourceType::"database"', "the type ResourceType is not known"),
        ("principal, action, resource is Group", "a resource is never a Group"),
        ('principal, action, resource in Group::"developers"', "that is in Group"),
    ],
)
def test_a_policy_that_can_match_nothing_is_told(scope: str, why: str) -> None:
    ((told, refused),) = lint(f"permit ({scope});")
    assert why in told
    assert told.endswith("so this permit lets no one in")
    assert not refused
    ((told, refused),) = lint(f"forbid ({scope});")
    assert told.endswith("so this forbid protects nothing")
    assert refused


@pytest.mark.parametrize(
    "policy",
    [
        ANY,
        f'permit (principal == User::"{ISSUER}|x", action == Action::"call", resource == Tool::"db/anything");',
        'permit (principal in Group::"any", action in [Action::"call"], resource is Tool);',
        'permit (principal is User in Group::"a", action, resource) when { principal has x && principal.x };',
        "forbid (principal, action, resource) unless { context.arguments has x && context.arguments.x > 1 };",
    ],
)
def test_a_sound_policy_is_not_told_of(policy: str) -> None:
    assert lint(policy) == []


def test_what_always_fails_is_told() -> None:
    ((told, refused),) = lint("permit (principal, action, resource) when { principal.department == 1 };")
    assert "no principal has the attribute 'department'" in told
    assert not refused
    assert lint("permit (principal, action, resource) when { principal.department == 1 };", WHOLE) == []


def test_the_story_of_the_oep_is_told_what_it_lacks() -> None:
    told = [str(one) for one in slips(engine(*STORY, entities=GROUPS).rules)]
    assert any("ResourceType is not known" in one for one in told)
    assert slips(engine(*STORY, entities=WHOLE, actions={"select": "query"}).rules) == ()


def decided(at: GivenAuthorization, caller: Identity = ADA, tool: str = "select") -> Decision:
    return decide(caller, "call", f"servers/db/{tool}", {}, at)


def test_a_policy_is_given_taken_and_wrong() -> None:
    at = GivenAuthorization()
    assert not decided(at).allowed
    at.give((EveryCall(),), "1")
    assert decided(at).allowed
    at.give((engine('permit (principal, action, resource == Tool::"db/select");'),), "2")
    assert decided(at).allowed
    assert not decided(at, tool="drop").allowed
    at.deny("it is gone")
    assert not decided(at).allowed
    assert not decide(ADA, "approve", "servers/db/x", {}, at).allowed
    assert not decide(Identity(issuer="arcops:local", tenant="", id="x"), "call", "servers/db/x", {}, at).allowed
