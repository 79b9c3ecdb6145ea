"""An organisation's rules: each action, each condition, the order, and the same bytes each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amend.client.applying import applied
from amend.client.rules import Claim, Context, Key, Pin, PolicySet, Rule, When
from arcops.errors import Refused
from arcops.seen.client import Action, Decision, Setting, Transport, Wanted
from tests.evidence import NOW

pytestmark = pytest.mark.requirement("CONF-POL/policies-are-deterministic", "CONF-6-7-8/publishing-is-checked")

TIME = Wanted(name="time", package="pypi:mcp-server-time==1.0.0", env=(Setting(name="TZ", before="UTC"),))
FAR = Wanted(
    name="far",
    transport=Transport.HTTP,
    url="https://mcp.example.com/mcp",
    headers=(Setting(name="X-Team", before="a"),),
    tools=("read", "write"),
)
WHERE = Context(client="codex", profile="prod", tags=("eu",), claims=(Claim(name="groups", values=("admins",)),), at=NOW)


def ruled(*rules: Rule, servers: tuple[Wanted, ...] = (TIME, FAR), where: Context = WHERE) -> tuple[Any, tuple[Decision, ...]]:
    return applied(servers, PolicySet(id="corp", version="1.0.0", rules=rules), where)


def rule(action: Action, **more: Any) -> Rule:
    return Rule(id=more.pop("id", "r"), action=action, **more)


def test_without_rules_nothing_changes() -> None:
    assert ruled() == ((TIME, FAR), ())
    assert applied((TIME,), None, WHERE) == ((TIME,), ())


class TestActions:
    def test_deny_refuses_or_takes_out(self) -> None:
        left, said = ruled(rule(Action.DENY, servers=("f*",)))
        assert left == (TIME, FAR)
        assert [one.refused for one in said] == [True]
        left, said = ruled(rule(Action.DENY, servers=("f*",), strip=True))
        assert left == (TIME,)
        assert [one.refused for one in said] == [False]

    def test_allow_leaves_only_what_some_rule_allows(self) -> None:
        left, said = ruled(rule(Action.ALLOW, servers=("time",), strip=True))
        assert left == (TIME,)
        assert "far" in said[0].effect
        both = rule(Action.ALLOW, servers=("time",), strip=True), rule(Action.ALLOW, id="s", servers=("far",), strip=True)
        assert ruled(*both) == ((TIME, FAR), ())
        assert ruled(rule(Action.ALLOW, servers=("time",)))[1][0].refused

    def test_tools_are_limited(self) -> None:
        left, _ = ruled(rule(Action.DENY, tools=("write",), strip=True), servers=(FAR,))
        assert left[0].tools == ("read",)
        assert ruled(rule(Action.DENY, tools=("write",)), servers=(FAR,))[1][0].refused
        left, _ = ruled(rule(Action.DENY, tools=("write",)), servers=(TIME,))
        assert left[0].denied_tools == ("write",)
        assert ruled(rule(Action.DENY, tools=("w*",)), servers=(TIME,))[1][0].refused, "a pattern over tools that are not known"
        left, _ = ruled(rule(Action.ALLOW, servers=("*",), tools=("read",), strip=True), servers=(FAR, TIME))
        assert [one.tools for one in left] == [("read",), ("read",)]
        assert ruled(rule(Action.DENY, tools=("*",), strip=True), servers=(FAR,))[1][-1].refused, "no tool would be left"

    def test_pins(self) -> None:
        pin = (Pin(package="pypi:mcp-server-time", version="2.0.0"),)
        assert ruled(rule(Action.PIN, pins=pin))[1][0].refused
        left, said = ruled(rule(Action.PIN, pins=pin, strip=True))
        assert left[0].package == "pypi:mcp-server-time==2.0.0"
        assert not said[0].refused
        same = (Pin(package="pypi:mcp-server-time", version="1.0.0"),)
        assert ruled(rule(Action.PIN, pins=same))[1] == ()

    def test_redact_require_and_default(self) -> None:
        left, _ = ruled(rule(Action.REDACT, keys=(Key(name="env:T*"), Key(name="header:x-team"))))
        assert (left[0].env, left[1].headers) == ((), ())
        said = ruled(rule(Action.REQUIRE, keys=(Key(name="header:X-Audit"), Key(name="package"))))[1]
        assert [(one.server, one.refused) for one in said] == [("time", True), ("far", True)]
        left, said = ruled(rule(Action.DEFAULT, keys=(Key(name="header:X-Audit", value="on"), Key(name="env:TZ", value="CET"))))
        assert left[1].headers[-1] == Setting(name="X-Audit", before="on")
        assert left[0].env == TIME.env, "what is there stays"

    def test_rules_go_in_order(self) -> None:
        give = rule(Action.DEFAULT, keys=(Key(name="header:X-Audit", value="on"),))
        need = rule(Action.REQUIRE, id="n", servers=("far",), keys=(Key(name="header:X-Audit"),))
        assert not any(one.refused for one in ruled(give, need)[1])
        assert any(one.refused for one in ruled(need, give)[1])


FIT: dict[str, tuple[When, dict[str, Any]]] = {
    "profile": (When(profiles=("pr*",)), {"profile": "dev"}),
    "client": (When(clients=("codex",)), {"client": "vscode"}),
    "tags": (When(tags=("eu",)), {"tags": ()}),
    "claims": (When(claims=(Claim(name="groups", values=("admins", "x")),)), {"claims": ()}),
    "another claim": (
        When(claims=(Claim(name="groups", values=("admins",)),)),
        {"claims": (Claim(name="groups", values=("b",)),)},
    ),
    "since": (When(since=NOW), {"at": NOW - timedelta(seconds=1)}),
    "until": (When(until=NOW + timedelta(seconds=1)), {"at": NOW + timedelta(seconds=1)}),
}


@pytest.mark.parametrize("what", FIT)
def test_each_condition_decides(what: str) -> None:
    when, otherwise = FIT[what]
    one = rule(Action.DENY, servers=("far",), strip=True, when=when)
    assert ruled(one)[0] == (TIME,)
    assert ruled(one, where=replace(WHERE, **otherwise))[0] == (TIME, FAR)


@pytest.mark.parametrize(
    "wrong",
    [
        rule(Action.DENY),
        rule(Action.PIN, servers=("a",)),
        rule(Action.DENY, servers=("a",), keys=(Key(name="env:A"),)),
        rule(Action.REQUIRE, keys=(Key(name="env:"),)),
        rule(Action.REQUIRE, keys=(Key(name="colour"),)),
        rule(Action.REDACT, keys=(Key(name="package"),)),
        rule(Action.REDACT, keys=(Key(name="env:A"),), strip=True),
        rule(Action.DENY, servers=("a",), when=When(since=NOW, until=NOW)),
        rule(Action.DENY, servers=("a",), when=When(since=NOW.replace(tzinfo=None))),
    ],
)
def test_a_rule_that_was_meant_otherwise_is_refused(wrong: Rule) -> None:
    with pytest.raises(Refused):
        ruled(wrong)


def test_two_rules_of_one_id_are_refused() -> None:
    with pytest.raises(Refused, match="two rules"):
        ruled(rule(Action.DENY, servers=("a",)), rule(Action.DENY, servers=("b",)))


@given(
    st.permutations([TIME, FAR]),
    st.lists(st.sampled_from(["time", "far", "*", "x*"]), min_size=1, max_size=2),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_no_denied_server_is_left(servers: list[Wanted], globs: list[str], strip: bool) -> None:
    """Either it is taken out, or the draft is refused."""
    from amend.client.rules import fits

    left, said = ruled(rule(Action.DENY, servers=tuple(globs), strip=strip), servers=tuple(servers))
    denied = {one.name for one in servers if fits(one.name, tuple(globs))}
    assert {one.server for one in said} == denied
    assert all(one.refused is not strip for one in said)
    assert ({one.name for one in left} & denied == set()) is (strip or not denied)
