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
    "claims": (
        When(claims=(Claim(name="groups", values=("admins", "x")),)),
        {"claims": (Claim(name="user", values=("ann",)),)},
    ),
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
        rule(Action.DENY, servers=("a",), when=When(clients=("Codex",))),
        rule(Action.DENY, servers=("a",), when=When(profiles=("Prod*",))),
        rule(Action.DENY, servers=("a",), when=When(tags=("EU",))),
        rule(Action.DENY, servers=("a",), when=When(since=NOW, until=NOW)),
        rule(Action.DENY, servers=("a",), when=When(since=NOW.replace(tzinfo=None))),
    ],
)
def test_a_rule_that_was_meant_otherwise_is_refused(wrong: Rule) -> None:
    with pytest.raises(Refused):
        ruled(wrong)


def test_what_takes_away_applies_if_it_is_not_known_who_publishes() -> None:
    """Mutation: a claim that is not known does not fit."""
    when = When(claims=(Claim(name="groups", values=("guests",)),))
    unknown = replace(WHERE, claims=())
    said = ruled(rule(Action.DENY, servers=("far",), when=when), where=unknown)[1][0]
    assert said.refused
    assert "over REST" in said.effect
    assert not ruled(rule(Action.ALLOW, servers=("none",), when=when), where=unknown)[1]
    assert not ruled(rule(Action.DEFAULT, keys=(Key(name="env:A", value="b"),), when=when), where=unknown)[1]


def test_a_server_is_denied_in_each_spelling_and_allowed_in_one() -> None:
    spelled = replace(FAR, name="FAR")
    assert ruled(rule(Action.DENY, servers=("f*",)), servers=(spelled,))[1][0].refused
    assert ruled(rule(Action.ALLOW, servers=("far",)), servers=(spelled,))[1][0].refused
    assert not ruled(rule(Action.ALLOW, servers=("FAR",)), servers=(spelled,))[1]


TIME_PIN = Pin(package="pypi:mcp-server-time", version="1.0.0")
SCOPE_PIN = Pin(package="npm:@scope/*", version="1.2.3")
IMAGE_PIN = Pin(package="oci:ghcr.io/a/b", version="sha256:" + "a1" * 32)


@pytest.mark.parametrize(
    ("pin", "command", "args"),
    [
        (TIME_PIN, "uvx", ["mcp-server-time"]), (TIME_PIN, "uvx", ["MCP_Server.Time==0.9"]),
        (TIME_PIN, "uvx", ["--from=mcp-server-time[all]>=1", "x"]), (TIME_PIN, "uvx", ["mcp-server-time@latest"]),
        (TIME_PIN, "cmd", ["/c", "uvx mcp-server-time"]), (TIME_PIN, "mcp-server-time", []),
        (TIME_PIN, "C:\\\\bin\\\\mcp-server-time.exe", []),
        (TIME_PIN, "sh", ["-c", "exec uvx 'mcp-server-time' --x"]), (TIME_PIN, "sh", ["-c", "uvx mcp-server-time 'x"]),
        (SCOPE_PIN, "npx", ["-y", "@scope/name"]), (SCOPE_PIN, "npx", ["-y", "@scope/name@latest"]),
        (SCOPE_PIN, "npx", ["-p", "x@npm:@scope/name@1"]), (SCOPE_PIN, "bunx", ["--package=@scope/name@1.2.4"]),
        (IMAGE_PIN, "docker", ["run", "ghcr.io/a/b"]), (IMAGE_PIN, "docker", ["run", "ghcr.io/a/b:latest"]),
        (IMAGE_PIN, "podman", ["run", "docker://ghcr.io/a/b:1@sha256:" + "b2" * 32]),
    ],
)  # fmt: skip
def test_a_command_is_no_way_around_a_pin(pin: Pin, command: str, args: list[str]) -> None:
    """Mutation: only ``package`` is looked at."""
    server = Wanted(name="x", command=command, args=tuple(args))
    said = ruled(rule(Action.PIN, pins=(pin,), strip=True), servers=(server,))[1]
    assert said
    assert all(one.refused for one in said)


@pytest.mark.parametrize(
    ("pin", "command", "args"),
    [
        (TIME_PIN, "uvx", ["mcp-server-time==1.0.0"]), (TIME_PIN, "uvx", ["mcp-server-time@1.0.0"]),
        (SCOPE_PIN, "npx", ["-y", "@scope/name@1.2.3"]), (IMAGE_PIN, "docker", ["run", "ghcr.io/a/b@sha256:" + "a1" * 32]),
        (TIME_PIN, "npx", ["mcp-server-time-zone"]), (Pin(package="npm:*", version="1.0.0"), "npx", ["anything"]),
    ],
)  # fmt: skip
def test_a_command_at_the_pinned_version_is_let_through(pin: Pin, command: str, args: list[str]) -> None:
    assert not ruled(rule(Action.PIN, pins=(pin,)), servers=(Wanted(name="x", command=command, args=tuple(args)),))[1]


@pytest.mark.parametrize("package", ["pypi:MCP_Server.Time==0.9", "pypi:mcp-server--time==0.9"])
def test_names_of_packages_are_compared_as_their_registry_does(package: str) -> None:
    assert ruled(rule(Action.PIN, pins=(TIME_PIN,)), servers=(replace(TIME, package=package),))[1][0].refused


def test_a_tag_is_no_way_around_a_pin() -> None:
    tagged = replace(TIME, package="oci:ghcr.io/a/b:v1@sha256:" + "b2" * 32)
    assert ruled(rule(Action.PIN, pins=(IMAGE_PIN,)), servers=(tagged,))[1][0].refused
    near = replace(TIME, package="oci:docker.io/library/b@sha256:" + "b2" * 32)
    assert ruled(rule(Action.PIN, pins=(Pin(package="oci:b", version="sha256:x"),)), servers=(near,))[1][0].refused


@pytest.mark.parametrize(
    ("key", "args"),
    [
        ("env:HTTP_*", ["-e", "HTTP_PROXY"]), ("env:HTTP_*", ["-eHTTP_PROXY=x"]), ("env:HTTP_*", ["--env=http_proxy=x"]),
        ("env:HTTP_*", ["-c", "HTTP_PROXY=x exec server"]), ("header:X-A", ["--header", "x-a: b"]),
        ("header:X-A", ["-HX-A:b"]), ("header:X-A", ["--header=X-A:${B}"]),
    ],
)  # fmt: skip
def test_an_argument_is_no_way_around_what_is_taken_out(key: str, args: list[str]) -> None:
    server = Wanted(name="x", command="docker", args=tuple(args))
    said = ruled(rule(Action.REDACT, keys=(Key(name=key),)), servers=(server,))[1]
    assert said
    assert all(one.refused for one in said)


def test_a_variable_is_taken_out_in_each_spelling_and_required_with_a_value() -> None:
    spelled = replace(TIME, env=(Setting(name="Http_Proxy", before="x"), Setting(name="EMPTY")))
    left, _ = ruled(rule(Action.REDACT, keys=(Key(name="env:HTTP_PROXY"),)), servers=(spelled,))
    assert left[0].env == (Setting(name="EMPTY"),)
    assert ruled(rule(Action.REQUIRE, keys=(Key(name="env:EMPTY"),)), servers=(spelled,))[1][0].refused


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
