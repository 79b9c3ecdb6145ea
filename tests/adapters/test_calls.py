"""A call is read once: what the guard understood and decided is what is counted and done, and nothing else passes for it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from adapters.http.access import IDENTITY
from adapters.http.calls import CALL, DECISION, OTHER, Call, call_in
from adapters.mcp import needs
from adapters.mcp.needs import asked_by, permit, understood
from adapters.mcp.offering import FIND, USE
from arcops.errors import Broken, Refused
from capabilities.access.known import known_objects
from capabilities.catalogue import tool_named
from foundation.authorization.authorizing import Authorization, nearby

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")
AT = Authorization(None, known_objects())
LIST = tool_named("list_artifacts")
WHO = nearby("read")


def read(name: object, arguments: object = None, **more: Any) -> Call | None:
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": name, "arguments": arguments}, **more}
    return asked_by(json.dumps(message).encode(), AT).call


def context(call: Call | None, decision: object) -> Any:
    return SimpleNamespace(request=SimpleNamespace(scope={IDENTITY: WHO, CALL: call, DECISION: decision}))


def test_a_call_is_named_by_what_it_calls() -> None:
    assert LIST is not None
    for call in (read("list_artifacts", {"limit": 3}), read(USE, {"name": "list_artifacts", "arguments": {"limit": 3}})):
        assert call is not None
        assert (call.id, call.name, call.tool, call.arguments) == (7, "list_artifacts", LIST, {"limit": 3})
        assert call.ask.limit == 3
    for name, shown in ((FIND, FIND), ("no_such_tool", OTHER), (None, OTHER), (USE, OTHER)):
        call = read(name, {"name": 3} if name == USE else None)
        assert call is not None
        assert (call.name, call.tool, call.ask) == (shown, None, None)
    wrong = read("list_artifacts", {"limit": "three"})
    assert wrong is not None
    assert (wrong.name, wrong.ask) == ("list_artifacts", None)
    assert read("list_artifacts", method="tools/list") is None
    assert read("list_artifacts", id=True) == replace(cast(Call, read("list_artifacts")), id=None)


def test_what_the_guard_understood_is_used_only_for_these_arguments() -> None:
    """Mutation: the tool takes the guard's ask for other arguments, or of another tool."""
    assert LIST is not None
    call = read("list_artifacts", {"limit": 3})
    assert call is not None
    ctx = context(call, None)
    assert understood(ctx, LIST, {"limit": 3}) is call.ask
    other = understood(ctx, LIST, {"limit": 4})
    assert (other.limit, other is call.ask) == (4, False)
    policies = tool_named("list_policies")
    assert policies is not None
    assert type(understood(ctx, policies, {})) is policies.ask
    with pytest.raises(Refused):
        understood(ctx, LIST, {"limit": "three"})


def test_a_decision_counts_for_the_ask_that_it_was_made_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutation: the decision about another ask is used."""
    assert LIST is not None
    call = read("list_artifacts", {"limit": 3})
    assert call is not None
    made: list[object] = []
    allowed, denied = SimpleNamespace(allowed=True), SimpleNamespace(allowed=False, reason="no")

    def again(tool: object, ask: object, *_: object) -> Any:
        made.append(ask)
        return denied

    monkeypatch.setattr(needs, "permitted", again)
    permit(context(call, allowed), LIST, call.ask, AT)
    assert made == []
    other = replace(call.ask)
    for ctx, ask in ((context(call, allowed), other), (context(None, allowed), call.ask)):
        with pytest.raises(Refused, match="no"):
            permit(ctx, LIST, ask, AT)
        assert made.pop() is ask
    with pytest.raises(Refused, match="no"):
        permit(context(call, denied), LIST, call.ask, AT)


def test_a_request_that_no_guard_has_read_goes_no_further() -> None:
    with pytest.raises(Broken, match="was not read by a guard"):
        call_in({"type": "http"})
