"""Cedar: a policy is evaluated only if its scope could fit, and the decision is that of the engine with all of them."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from foundation.authorization.cedar_calls import CedarCalls
from foundation.authorization.cedar_reading import DEEPEST, LONGEST, Names, statements
from foundation.authorization.cedar_values import cedar_value
from foundation.authorization.decision import Question
from foundation.authorization.naming import caller_name
from tests.examples import share
from tests.foundation.authorization.sites import ANY, OBJECTS, caller

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")

ROLES = ("a", "b", "c")
NAMES = Names(objects=OBJECTS, groups={**OBJECTS.groups, "own": frozenset(("check_gpus",))}, roles=ROLES)
ADA = caller("a", "b")
PRINCIPALS = ("principal", *(f'principal in Role::"{one}"' for one in ROLES), f'principal == Caller::"{caller_name(ADA)}"',
              'principal == Caller::"https://login.example.org|acme|bob"', 'principal is Caller in Role::"b"')  # fmt: skip
ACTIONS = ("action", 'action == Action::"call"', 'action in [Action::"connect", Action::"approve"]')
RESOURCES = ("resource", 'resource == Object::"check_model"', 'resource in Group::"check"', 'resource in Group::"own"',
             'resource is Object in Group::"read"', 'resource == Object::"servers/time/now"')  # fmt: skip
CONDITIONS = ("", "when { context.arguments.n > 1 }", "unless { context.arguments has n }",
              'when { principal.tenant == "acme" }',
              'when { principal.roles.contains("b") }', "when { 1 + true == 2 }", "when { false }")  # fmt: skip
POLICY = st.builds(
    "{} ({}, {}, {}) {};".format,
    st.sampled_from(("permit", "permit", "forbid")),
    st.sampled_from(PRINCIPALS),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from(CONDITIONS),
)


def engine(text: str, roles: frozenset[str] = frozenset(("a", "b"))) -> CedarCalls:
    return CedarCalls([("site.cedar", text)], NAMES, lambda _: roles)


def ask(tool: str = "check_model", action: str = "call", **arguments: object) -> Question:
    return Question(caller=ADA, action=action, object=tool, arguments=arguments)


@share(0.4)
@given(st.lists(POLICY, max_size=12), st.sampled_from(["check_model", "check_gpus", "show_artifact", "servers/time/now"]),
       st.sampled_from(["call", "connect", "approve"]), st.sampled_from([{}, {"n": 1}, {"n": 2}, {"n": "x"}]))  # fmt: skip
def test_the_decision_is_that_of_the_engine_with_every_policy(
    policies: list[str], tool: str, action: str, arguments: dict[str, object]
) -> None:
    import cedarpy

    mine = engine("\n".join(policies))
    question = ask(tool, action, **arguments)
    request = {
        "principal": {"type": "Caller", "id": caller_name(ADA)},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Object", "id": tool},
        "context": {"arguments": arguments},
    }
    whole = cedarpy.is_authorized(request, "\n".join(policies), mine._written(question))
    allowed = whole.decision is cedarpy.Decision.Allow and not whole.diagnostics.errors
    assert mine.decide(question).allowed is allowed
    if not mine.decide(question).reads:
        for others in ({"n": 5}, {"n": 1}, {"n": 2}, {}, {"n": "x"}):
            assert mine.decide(ask(tool, action, **others)).allowed is allowed, "then the arguments change nothing"


def test_one_evaluation_is_enough_if_many_roles_have_policies() -> None:
    roles = [f"r{number}" for number in range(30)]
    text = "".join(f'permit (principal in Role::"{one}", action, resource) when {{ principal.id != "" }};\n' for one in roles)
    names = Names(objects=OBJECTS, groups=OBJECTS.groups, roles=roles)
    import cedarpy

    for held, times in ((roles, 1), (roles[:2], 2), (roles[:8], 8), (roles[:9], 1)):
        mine = CedarCalls([("site.cedar", text)], names, lambda _, held=held: frozenset(held))  # type: ignore[misc]
        with mock.patch("cedarpy.is_authorized", wraps=cedarpy.is_authorized) as asked:
            assert mine.decide(ask()).allowed
        assert asked.call_count == times


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permit (principal, action, resource)", "not in the policy language"),
        ("permit (principal, action, resource) when { nothing };", "not in the policy language"),
        ("permit (principal == ?principal, action, resource);", "template"),
        ('permit (principal, action, resource == Object::"chek_model");', "did you mean 'check_model'"),
        ('permit (principal, action == Action::"cal", resource);', "did you mean 'call'"),
        ('forbid (principal in Role::"aa", action, resource);', "no Role"),
        ('forbid (principal, action, resource in Group::"chek");', "no Group"),
        ('forbid (principal in User::"x", action, resource);', "principal == Caller"),
        ('forbid (principal == Role::"a", action, resource);', "never is"),
        ('forbid (principal, action, resource == Group::"check");', "never is"),
        ("forbid (principal is User, action, resource);", "never is"),
        ("forbid (principal, action, resource is Group);", "never is"),
        ('forbid (principal in Object::"check_model", action, resource);', "never is"),
        ('forbid (principal, action, resource) when { resource in Group::"chek" };', "no Group"),
        ('forbid (principal, action, resource) when { principal in [Role::"a", Role::"z"] };', "no Role"),
        ('forbid (principal, action, resource) when { principal is User };', "'User' is not known"),
        ('forbid (principal, action, resource) when { context.x == Team::"t" };', "is not known|no attribute"),
        ("forbid (principal, action, resource) when { principal.tenent == 1 };", "no attribute 'tenent'"),
        ("forbid (principal, action, resource) when { principal has mail };", "no attribute 'mail'"),
        ("forbid (principal, action, resource) when { context.path == 1 };", "no attribute 'path'"),
        ("forbid (principal, action, resource) when { context has path };", "no attribute 'path'"),
        ('forbid (principal, action, resource) when { context["path"] == 1 };', "no attribute 'path'"),
        ("forbid (principal, action, resource) when { resource.owner == 1 };", "no attribute 'owner'"),
        (f"permit (principal, action, resource) when {{ {'(' * 2000}true{')' * 2000} }};", "nested"),
        (f"permit (principal, action, resource) when {{ {'[' * 60}1{']' * 60} == 1 }};", "nested"),
        (f"permit (principal, action, resource) when {{ {'if true then ' * 9000}1 }};", "longer"),
    ],
)  # fmt: skip
def test_a_slip_in_a_policy_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        engine(f"{ANY}{text}")
    assert "site.cedar" in str(refused.value)


@pytest.mark.parametrize("between", ["", " ", "\n", "// one\n"], ids=["nothing", "space", "line", "comment"])
def test_a_path_of_too_many_names_is_refused_before_it_is_parsed(between: str) -> None:
    """Mutation: with 8000 names, Cedar's parser takes minutes and all memory."""
    for asked in ("context has a{} == 1", "context{} == 1"):
        text = f"permit (principal, action, resource) when {{ {asked.format(f'{between}.{between}a' * 51)} }};"
        with pytest.raises(Refused, match="names with points between them"):
            statements(text, "x")
    text = f'permit (principal, action, resource) when {{ context has a{".a" * 49} && context.a == "{".a" * 99}" }};'
    assert len(statements(text, "x")) == 1


def test_brackets_in_texts_and_comments_do_not_count() -> None:
    statements(f'// {"(" * 999}\n@id("{"[" * 99}\\"{"[" * 99}") permit (principal, action, resource);', "x")
    statements("permit (principal, action, resource);\n" * 2000, "x")
    statements(f"permit (principal, action, resource) when {{ {'(' * (DEEPEST - 1)}true{')' * (DEEPEST - 1)} }};", "x")
    split = statements("// a;\n\nx;\n\n  y(;);\nz", "x")
    assert [(one.line, one.text.strip()) for one in split] == [(3, "x;"), (5, "y(;);"), (6, "z")]
    with pytest.raises(Refused, match="line 3"):
        statements(f"// one\npermit (principal, action, resource);\npermit ({' ' * LONGEST}", "x")
    with pytest.raises(Refused, match="nested"):
        statements(f'"unclosed {"(" * 99}', "x")


@pytest.mark.parametrize("length", [60, 250])
def test_a_long_list_of_alternatives_is_a_policy(length: int) -> None:
    text = "permit (principal, action, resource) when { " + " || ".join(
        f"context.arguments.n == {one}" for one in range(length)
    )
    mine = engine(text + " };")
    assert [mine.decide(ask(n=n)).allowed for n in (0, length - 1, length)] == [True, True, False]


@pytest.mark.parametrize("part", [" && true", " + 1", ".a", " else 1"])
def test_what_is_too_long_to_be_read_is_refused_in_words(part: str) -> None:
    begins = {" + 1": "1", ".a": "context.arguments", " else 1": "if true then 1" * 700}.get(part, "true")
    with pytest.raises(Refused, match=r"write it as several policies|not in the policy language"):
        engine(f"{ANY}permit (principal, action, resource) when {{ {begins}{part * 1500} == 1 }};")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": 2**63}, "64 bits"),
        ({"a": -(2**63) - 1}, "64 bits"),
        ({"a": [None]}, "null in a list"),
        ({"a": float("nan")}, "too large"),
        ({"a": 1e300}, "too large"),
        ({"a": 0.00001}, "digits"),
        ({"a": "\ud800"}, "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({"a": {"__entity": {"type": "Role", "id": "a"}}}, "not read as data"),
        ({"a": [{"__extn": {"fn": "ip", "arg": "1.2.3.4"}}]}, "not read as data"),
        ({"__expr": "true"}, "not read as data"),
        ({"a": object()}, "object"),
        ({"a": list(range(60_000))}, "more than"),
    ],
)  # fmt: skip
def test_what_cedar_cannot_hold_is_denied_and_never_changed(value: dict[str, object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        cedar_value(value)
    found = engine(ANY + "forbid (principal, action, resource) when { context.arguments has b };").decide(ask(**value))
    assert not found.allowed
    assert "no policy of this site can allow" in found.reason


def test_what_is_nested_without_end_is_denied() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(Refused, match="nested"):
        cedar_value(deep)


HARMLESS = engine(ANY + 'forbid (principal, action, resource) when { context.arguments has "not there" };')


LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats() | st.just(0.25)
VALUES = st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3), max_leaves=8)


@share(0.4)
@given(VALUES)
def test_cedar_reads_every_value_that_is_passed_on(value: object) -> None:
    try:
        cedar_value({"v": value})
    except Refused:
        return
    found = HARMLESS.decide(ask(v=value))
    assert found.allowed, found.rule


def test_a_number_with_a_point_is_a_decimal() -> None:
    mine = engine(ANY + 'forbid (principal, action, resource) when { context.arguments.x.greaterThan(decimal("0.5")) };')
    assert [mine.decide(ask(x=x)).allowed for x in (0.5, 0.25, -3.0, 0.5001)] == [True, True, True, False]
    assert not mine.decide(ask(x=1)).allowed, "a whole number is no decimal, and the policy fails"


class Panic(BaseException):
    """As `pyo3_runtime.PanicException`, which is no `Exception`."""


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("error", [ValueError("x"), Panic("x"), RecursionError("x"), MemoryError()])
def test_an_engine_that_fails_denies(error: BaseException) -> None:
    mine = engine(ANY + "permit (principal, action, resource) when { context.arguments has n };")
    with mock.patch("cedarpy.is_authorized", side_effect=error):
        found = mine.decide(ask())
    assert not found.allowed
    assert "could not be evaluated" in found.reason
    with mock.patch("cedarpy.is_authorized", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        mine.decide(ask())


def test_an_allow_with_errors_is_a_denial_that_names_the_policy() -> None:
    found = engine(ANY + '@id("careless") permit (principal, action, resource) when { context.arguments.n > 1 };').decide(ask())
    assert not found.allowed
    assert "careless" in found.rule
    assert "careless" not in found.reason, "the caller learns that it failed, and the operator learns which"


def test_no_decision_is_a_denial_even_without_an_error() -> None:
    import cedarpy

    mine = engine(ANY + "permit (principal, action, resource) when { context.arguments has n };")
    for answer, allowed in (("NoDecision", False), ("Deny", True)):
        found = cedarpy.AuthzResult({"decision": answer, "diagnostics": {"reason": [], "errors": []}})
        with mock.patch("cedarpy.is_authorized", return_value=found):
            assert mine.decide(ask()).allowed is allowed, "the policy without a condition permits it, if the engine decided"


def test_without_any_policy_nothing_is_permitted() -> None:
    for text in ("", "// none\n", 'forbid (principal, action, resource == Object::"check_gpus");'):
        found = engine(text).decide(ask())
        assert (found.allowed, "no policy of this site permits" in found.reason) == (False, True)
