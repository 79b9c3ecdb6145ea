"""Which other login would be allowed what this one is denied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.identity import Identity
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.decision import Decision
from foundation.authorization.stronger import stronger
from tests.foundation.authorization.sites import ANY, caller, site

pytestmark = pytest.mark.requirement("BASE-10/second-factors-and-saml")

ROLES = """\
roles:
  careful: {allows: ["@check:call"], acr: [silver, gold]}
  both: {allows: ["@publish:call"], acr: [gold], amr: [otp]}
  above: {inherits: [careful], allows: ["show_artifact:call"], acr: [gold]}
  factor: {allows: ["show_artifact:call"], amr: [otp]}
"""


def asks(tool: str, at: Authorization) -> Callable[[Identity], Decision]:
    return lambda one: decide(one, "call", tool, {}, at)


@pytest.mark.parametrize(
    ("roles", "tool", "found"),
    [
        (("careful",), "check_model", ("gold", "silver")),
        (("careful",), "sign_model_files", ()),  # no login of this caller may that
        (("both",), "sign_model_files", ("gold",)),
        (("careful", "both"), "sign_model_files", ("gold",)),
        (("above",), "check_model", ("gold",)),  # silver is enough for the inherited role, and not for this one
        (("factor",), "show_artifact", ()),  # there is no word for amr alone
        ((), "check_model", ()),
        (("unknown",), "check_model", ()),
    ],
)
def test_those_with_which_it_is_allowed(tmp_path: Path, roles: tuple[str, ...], tool: str, found: tuple[str, ...]) -> None:
    at = site(tmp_path / "access", ROLES)
    who = replace(caller(), roles=frozenset(roles))
    assert not asks(tool, at)(who).allowed
    assert stronger(who, asks(tool, at), at) == found


def test_what_cedar_forbids_however_one_logs_in_is_not_promised(tmp_path: Path) -> None:
    only_silver = f'{ANY}forbid (principal, action, resource) unless {{ principal.acr == "silver" }};'
    at = site(tmp_path / "access", ROLES, site=only_silver)
    assert stronger(caller("careful"), asks("check_model", at), at) == ("silver",)


def test_not_what_the_caller_has_shown_already(tmp_path: Path) -> None:
    at = site(tmp_path / "access", ROLES)
    who = replace(caller("both"), acr="gold")  # and still no amr
    assert stronger(who, asks("sign_model_files", at), at) == ()


def test_at_most_a_few_are_tried(tmp_path: Path) -> None:
    many = ", ".join(f"a{number:03}" for number in range(100))
    at = site(tmp_path / "access", f"roles: {{careful: {{allows: ['@check:call'], acr: [{many}]}}}}")
    asked: list[Identity] = []

    def may(one: Identity) -> Decision:
        asked.append(one)
        return decide(one, "call", "check_model", {}, at)

    assert len(stronger(caller("careful"), may, at)) == len(asked) == 8
