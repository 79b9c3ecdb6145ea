"""The compiled roles decide as pycasbin's `enforce`, whatever the policy."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Broken
from arcops.identity import Identity
from foundation.authorization.casbin_roles import LINKS, CasbinRoles, closure, enforced, probed
from foundation.authorization.decision import Question
from foundation.authorization.objects import ACTIONS
from foundation.authorization.role_policy import DEEPEST, Permission, Role, RolePolicy
from tests.examples import share
from tests.foundation.authorization.sites import OBJECTS

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")

NAMES = [f"r{number}" for number in range(14)]
TOOLS = [*sorted(OBJECTS.actions), "servers/time/now", "servers/timer/now", "nothing"]
PATTERNS = st.sampled_from(
    [*TOOLS, "*", "check_*", "c*", "servers/*", "servers/time*", "check_model*", *(f"@{one}" for one in OBJECTS.groups), "@own"]
)
PERMISSIONS = st.builds(Permission, object=PATTERNS, action=st.sampled_from([*ACTIONS, "*"]))
LISTS = st.lists(PERMISSIONS, max_size=3).map(tuple)


@st.composite
def policies(draw: st.DrawFn) -> RolePolicy:
    """Roles that may inherit in circles and in long chains, which a file may not: the decision must still be the same."""
    chain = draw(st.booleans())
    roles = {}
    for number, name in enumerate(NAMES):
        inherits = {NAMES[(number + 1) % len(NAMES)]} if chain else set()
        inherits |= draw(st.sets(st.sampled_from(NAMES), max_size=2))
        roles[name] = Role(name=name, inherits=tuple(sorted(inherits)), allows=draw(LISTS), denies=draw(LISTS))
    groups = {"own": draw(st.frozensets(st.sampled_from(TOOLS), max_size=3))}
    return RolePolicy(roles=roles, groups=groups, scopes=frozenset(NAMES[:3]))


CALLERS = st.builds(
    Identity,
    issuer=st.just("https://i"),
    tenant=st.sampled_from(["", "t"]),
    id=st.sampled_from(["x", "r1", "caller:x"]),
    scopes=st.frozensets(st.sampled_from(NAMES), max_size=2),
    roles=st.frozensets(st.sampled_from([*NAMES, "other"]), max_size=2),
)


@share(0.25)
@given(policies(), CALLERS, st.lists(st.tuples(st.sampled_from(TOOLS), st.sampled_from(ACTIONS)), min_size=1, max_size=3))
def test_the_compiled_roles_decide_as_enforce(policy: RolePolicy, who: Identity, asked: list[tuple[str, str]]) -> None:
    engine = CasbinRoles(policy, OBJECTS)
    for tool, action in asked:
        question = Question(caller=who, action=action, object=tool)
        allowed, rule = enforced(question, policy, OBJECTS)
        said = engine.decide(question)
        assert said.allowed is allowed, (said.rule, rule)


def chain(length: int) -> RolePolicy:
    roles = {
        f"c{number}": Role(
            name=f"c{number}",
            inherits=(f"c{number + 1}",) if number < length else (),
            allows=(Permission(object="check_model", action="call"),) if number == length else (),
        )
        for number in range(length + 1)
    }
    return RolePolicy(roles=roles)


@pytest.mark.parametrize(("length", "allowed"), [(0, True), (LINKS - 2, True), (LINKS - 1, True), (LINKS, False), (40, False)])
def test_roles_count_as_far_as_pycasbin_follows_them(length: int, allowed: bool) -> None:
    policy = chain(length)
    who = Identity(issuer="https://i", tenant="", id="x", roles=frozenset(("c0",)))
    question = Question(caller=who, action="call", object="check_model")
    assert enforced(question, policy, OBJECTS)[0] is allowed
    assert CasbinRoles(policy, OBJECTS).decide(question).allowed is allowed
    assert len(closure("c0", policy)) == min(length, LINKS - 1) + 1
    assert DEEPEST == LINKS - 1, "what a file may have is what counts"


def test_a_difference_from_pycasbin_allows_nothing() -> None:
    policy = chain(0)
    who = Identity(issuer="https://i", tenant="", id="x", roles=frozenset(("c0",)))
    question = Question(caller=who, action="call", object="check_model")
    probed(CasbinRoles(policy, OBJECTS), [question], OBJECTS)
    with (
        mock.patch("foundation.authorization.casbin_roles.enforced", return_value=(False, "")),
        pytest.raises(Broken, match="nothing is allowed"),
    ):
        probed(CasbinRoles(policy, OBJECTS), [question], OBJECTS)


def test_asking_pycasbin_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    who = Identity(issuer="https://i", tenant="", id="secret-name", roles=frozenset(("c0",)))
    assert not enforced(Question(caller=who, action="call", object="check_gpus"), chain(0), OBJECTS)[0]
    assert capfd.readouterr() == ("", ""), "a denial would be logged with the caller's name"
