"""Runbooks without a site: templates as data, values that cannot be anything else, pages, and what a check decides."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cli.commands import Command, declared
from arcops.errors import Broken, Refused
from services.host.runbooks.checking import Ran, looked
from services.host.runbooks.pages import page
from services.host.runbooks.parameters import refuse_other
from services.host.runbooks.runbook import Runbook, check_of, command_of, made
from services.host.runbooks.template import (
    FRESH_DAYS,
    Check,
    Compare,
    Gives,
    Kind,
    Role,
    Template,
    Where,
    filled,
    names,
    parsed,
    template,
)

pytestmark = pytest.mark.requirement("HOST-008-012/runbooks-are-generated")

DIGEST = f"sha256:{'0' * 64}"
VALUES = {
    Kind.SERVER: "time-one",
    Kind.PACKAGE: "pypi:mcp-server-time==2026.10.10",
    Kind.NUMBER: "3",
    Kind.DIGEST: DIGEST,
    Kind.PATH: "/srv/file.tar",
    Kind.STEM: "/srv/keys/new",
    Kind.WORD: "ours",
    Kind.LINE: "the tools team",
}
NOW = datetime(2026, 12, 1, tzinfo=UTC)
ALL = [(name, role) for name in names() for role in template(name).roles]


def values(of: Template) -> list[str]:
    return [f"{one.name}={VALUES[one.kind]}" for one in of.parameters if one.default is None]


def runbook(name: str, role: Role) -> Runbook:
    return made(template(name), role, values(template(name)))


SECRET = {("access", "key", "new"), ("host", "invite")}
"""Commands that print a secret."""
COMMANDS = {one.words: one for one in declared() if isinstance(one, Command)}


def command(arguments: tuple[str, ...]) -> tuple[Command, tuple[str, ...]]:
    """The command that *arguments* begin with, and the rest."""
    for length in (3, 2, 1):
        if found := COMMANDS.get(arguments[:length]):
            return found, arguments[length:]
    raise AssertionError(f"no command begins like {arguments}")


@pytest.mark.parametrize(("name", "role"), ALL, ids=lambda value: str(value))
def test_each_runbook_is_the_same_text_each_time_in_milliseconds(name: str, role: Role) -> None:
    begun = time.process_time()
    first, again = (page(runbook(name, role), NOW) for _ in range(2))
    assert time.process_time() - begun < 1
    assert first == again
    of = template(name)
    assert f"version {of.version}, updated {of.updated}" in first
    assert all(source in first for source in of.sources)
    assert all(f"## {number}. {step.title}" in first for number, step in enumerate(of.steps, 1))
    assert ("Another role does this" in first) == any(role not in step.roles for step in of.steps)


@pytest.mark.parametrize("name", names())
def test_every_command_is_one_of_ours_and_every_check_only_looks(name: str) -> None:
    of = template(name)
    known = runbook(name, of.roles[0]).values | {one.name: VALUES[one.kind] for step in of.steps for one in step.check.gives}
    for step in of.steps:
        found, rest = command(command_of(step, known))
        given_ = found.given([one if not one.startswith("/") else "/dev/null" for one in rest])
        assert not given_.tool.reads_only, f"{step.title} changes nothing"
        assert found.words not in SECRET, f"{step.title} prints a secret, and what it prints is kept"
        look, rest = command(check_of(step, known))
        tool = look.capability()
        assert tool is not None
        assert tool.reads_only, f"the check of {step.title} changes something"
        reads = bool(step.check.where or step.check.gives)
        assert not reads or rest[-2:] == ("--format", "json"), "what a check reads is JSON"


def test_what_is_older_than_thirty_days_is_stale_and_so_is_what_is_from_tomorrow() -> None:
    of = template("deploy")
    day = datetime.fromisoformat(of.updated).replace(tzinfo=UTC)
    assert not of.stale(day + timedelta(days=FRESH_DAYS))
    assert of.stale(day + timedelta(days=FRESH_DAYS + 1))
    assert of.stale(day - timedelta(days=1))
    assert "STALE" in page(runbook("deploy", Role.SRE), day + timedelta(days=FRESH_DAYS + 1))


@pytest.mark.parametrize(
    "name", ["", ".", "../deploy", "deploy.yaml", "/etc/passwd", "deploy/", "Deploy", "no-such", "deploy\0"]
)
def test_a_name_with_a_path_is_no_template(name: str) -> None:
    with pytest.raises(Refused, match="there is no runbook"):
        template(name)


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        (["server=a"], "needs --set package"),
        (["server=a", "server=b"], "given twice"),
        (["server"], "is not NAME=VALUE"),
        (["other=a"], "with one of this runbook's parameters"),
        (["server=Big"], "cannot be the name of a server"),
        (["server=--package"], "does not begin with '-'"),
        (["server=metrics"], "the address of something else"),
        (["server=a", "package=pypi:x"], "one exact version"),
        (["server=a", "package=pypi:x==1", "owner=a\nb"], "one line"),
        (["server=a", "package=pypi:x==1", "owner="], "is empty"),
        (["server=a", "package=pypi:x==1", "owner=o", "tier=open"], "write one of"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_name(given_: list[str], why: str) -> None:
    rest = [one for one in values(template("deploy")) if why.startswith("needs") or one.split("=")[0] not in str(given_)]
    with pytest.raises(Refused, match=why):
        made(template("deploy"), Role.DEVELOPER, [*given_, *([] if why.startswith("needs") else rest)])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((Kind.NUMBER, one) for one in ("", "-1", "1.5", "01", "1e3", "\u0661", "9" * 10)),
        *((Kind.DIGEST, one) for one in ("sha256:0", DIGEST.upper(), f"{DIGEST}\n", DIGEST[7:])),
        *((Kind.PATH, one) for one in ("a", "./a", "/a/../b", "~/a", "/a\0b")),
        *((Kind.STEM, one) for one in ("/keys/a.key", "/keys/.a", "a")),
        *((Kind.WORD, one) for one in ("", "a b", "-a", "a;b", "$(a)", "a'")),
        *((Kind.LINE, one) for one in ("", "  ", "a\rb", "a\u202eb", "x" * 501, "--yes")),
    ],
)
def test_what_no_value_of_a_kind_may_be(kind: Kind, value: str) -> None:
    with pytest.raises(Refused):
        refuse_other(kind, value, "it")


@given(st.text(min_size=1, max_size=40))
def test_no_value_adds_an_argument_an_option_or_another_value(text: str) -> None:
    """A value is one argument of the command, whatever is in it: quotes, spaces, a name in braces."""
    of = template("deploy")
    try:
        one = made(of, Role.DEVELOPER, ["server=a", "package=pypi:x==1", f"owner={text}"])
    except Refused:
        return
    plain = made(of, Role.DEVELOPER, ["server=a", "package=pypi:x==1", "owner=tools"])
    for step in of.steps:
        known, other = one.values | {"lock": DIGEST}, plain.values | {"lock": DIGEST}
        found, expected = command_of(step, known), command_of(step, other)
        assert found == tuple(text if each == "tools" else each for each in expected)


TINY = """\
name: tiny
version: 1
updated: '2026-11-30'
title: Tiny
why: To test.
sources: [a]
parameters: [{name: server, kind: server, doc: d}]
steps:
  - title: One
    why: So.
    roles: [sre]
    command: [host, start, '{server}']
    check: {command: [host, status, '{server}'], where: [{at: a, test: is, value: b}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("name: tiny", "name: other", "its file is called 'tiny'"),
        ("'2026-11-30'", "'2026-02-30'", "not a day"),
        ("'2026-11-30'", "yesterday", "not a day"),
        ("version: 1", "version: 0", "a version from 1"),
        ("sources: [a]", "sources: []", "a source"),
        ("start, '{server}'", "start, '{name}'", "uses name"),
        ("status, '{server}'", "status, '{name}'", "uses name"),
        ("value: b", "value: '{name}'", "uses name"),
        ("roles: [sre]", "roles: []", "needs a role"),
        ("roles: [sre]", "roles: [boss]", "roles"),
        ("kind: server,", "kind: choice,", "a choice without choices"),
        ("kind: server,", "kind: server, shell: x,", "shell"),
        ("why: To test.", "why: To test.\nrun: rm", "run"),
        ("parameters: [", "parameters: [{name: server, kind: word, doc: d}, ", "there twice"),
        ("title: Tiny", "title: !!python/name:os.system x", "tags are not allowed"),
        ("title: Tiny", "title: Tiny\ntitle: Other", "twice"),
    ],
)
def test_a_template_that_is_not_right_is_refused(old: str, new: str, why: str) -> None:
    assert parsed(TINY.encode(), "tiny").title == "Tiny"
    assert old in TINY
    with pytest.raises(Refused, match=why):
        parsed(TINY.replace(old, new).encode(), "tiny")


def test_a_role_without_a_step_is_refused_and_a_name_without_a_value_is_our_bug() -> None:
    with pytest.raises(Refused, match="has no step"):
        made(parsed(TINY.encode(), "tiny"), Role.SECURITY, ["server=a"])
    with pytest.raises(Broken):
        filled("{a}", {})
    assert filled("{a}{b}", {"a": "{b}", "b": "{a}"}) == "{b}{a}", "a value is read again"


ANSWER = {"a": {"b": ["x", "y"], "c": True, "d": "", "e": DIGEST}}


@pytest.mark.parametrize(
    ("asked", "passes"),
    [
        (Where(at="a.c", test=Compare.IS, value="true"), True),
        (Where(at="a.c", test=Compare.IS, value="false"), False),
        (Where(at="a.c", test=Compare.IS_NOT, value="false"), True),
        (Where(at="a.c", test=Compare.IS_NOT, value="true"), False),
        (Where(at="a.b", test=Compare.HAS, value="y"), True),
        (Where(at="a.b", test=Compare.HAS, value="z"), False),
        (Where(at="a.c", test=Compare.HAS, value="true"), False),
        (Where(at="a.d", test=Compare.EMPTY), True),
        (Where(at="a.b", test=Compare.EMPTY), False),
        (Where(at="a.b", test=Compare.FILLED), True),
        (Where(at="a.d", test=Compare.FILLED), False),
        (Where(at="a.no.such", test=Compare.FILLED), False),
        (Where(at="a.no.such", test=Compare.IS, value="x"), False),
    ],
)
def test_what_a_check_decides(asked: Where, passes: bool) -> None:
    found = looked(Check(command=("x",), where=(asked,)), ran(json.dumps(ANSWER)), {})
    assert found.passes is passes
    assert bool(found.why) is not passes


def ran(stdout: str, exit_: int = 0) -> Ran:
    return Ran(command=("x",), exit=exit_, stdout=stdout, stderr="first\nthe reason\n")


def test_a_check_that_says_nothing_that_can_be_read_does_not_pass() -> None:
    check = Check(command=("x",), where=(Where(at="a.c", test=Compare.IS, value="true"),))
    assert looked(check, ran("no JSON"), {}).why == "the check's answer is not JSON"
    assert looked(check, ran(json.dumps(ANSWER), exit_=2), {}).why == "the reason"
    assert not looked(check, ran("[]"), {}).passes


def test_what_a_check_gives_is_of_its_kind_or_the_check_does_not_pass() -> None:
    check = Check(command=("x",), gives=(Gives(name="lock", at="a.e", kind=Kind.DIGEST),))
    assert looked(check, ran(json.dumps(ANSWER)), {}).values == {"lock": DIGEST}
    other = replace(check, gives=(Gives(name="lock", at="a.d", kind=Kind.DIGEST),))
    found = looked(other, ran(json.dumps(ANSWER)), {})
    assert (found.passes, found.values) == (False, {})
