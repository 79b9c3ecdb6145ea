"""On the day on which roles came, no token lost or gained anything: each tool, with each set of scopes, as before."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from arcops.identity import Identity
from capabilities.access.known import known_objects
from capabilities.access.permitting import permitted
from capabilities.catalogue import all_tools
from capabilities.contract import Scope, Tool, always
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.objects import ACTIONS
from foundation.authorization.shipped import SCOPES

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")

EVERY_SET = [frozenset(chosen) for size in range(len(Scope) + 1) for chosen in combinations(Scope, size)]
SHIPPED = Authorization(None, known_objects())


def who(scopes: frozenset[Scope]) -> Identity:
    return Identity(issuer="https://i", tenant="t", id="x", scopes=frozenset(one.value for one in scopes))


def test_the_scopes_of_tokens_are_those_of_the_contract() -> None:
    assert set(SCOPES) == {one.value for one in Scope}


@pytest.mark.parametrize("connecting", [False, True])
def test_every_tool_with_every_set_of_scopes_is_decided_as_before(connecting: bool) -> None:
    assert len(EVERY_SET) == 2 ** len(Scope)
    for one in all_tools():
        tool: Tool[object, object] = replace(one, connects=always if connecting else lambda _: False)
        for scopes in EVERY_SET:
            before = all(needed in scopes for needed in tool.scopes(object())) and not tool.approves
            assert permitted(tool, object(), who(scopes), SHIPPED).allowed is before, (one.name, scopes)


def test_no_scope_lets_a_caller_approve() -> None:
    for scopes in EVERY_SET:
        for name in ("waivers", "servers", "servers/time", "servers/time/get_time"):
            assert not decide(who(scopes), "approve", name, None, SHIPPED).allowed
    approver = replace(who(frozenset()), roles=frozenset(("approver",)))
    assert decide(approver, "approve", "waivers", None, SHIPPED).allowed
    assert not decide(approver, "call", "draft_waiver", None, SHIPPED).allowed, "who approves does not draft"


def test_a_tool_that_cannot_say_whether_it_connects_needs_both() -> None:
    def broken(_: object) -> bool:
        raise ValueError("no")

    tool = replace(next(one for one in all_tools() if one.scope is Scope.CHECK), connects=broken)
    assert not permitted(tool, object(), who(frozenset((Scope.CHECK,))), SHIPPED).allowed
    assert permitted(tool, object(), who(frozenset((Scope.CHECK, Scope.CONNECT))), SHIPPED).allowed


def test_words_that_are_no_scope_grant_nothing() -> None:
    for word in ("", "READ", "read ", "reader", "*", "@read", "approver", "caller:x"):
        odd = Identity(
            issuer="https://i", tenant="t", id="x", scopes=frozenset((word,)), roles=frozenset((word,)) - {"approver"}
        )
        for one in all_tools():
            for action in ACTIONS:
                assert not decide(odd, action, one.name, None, SHIPPED).allowed, word
