"""A role, or a policy, that demands a second factor counts only for who showed one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.identity import Identity
from foundation.authorization.authorizing import Authorization, decide
from foundation.authorization.casbin_roles import enforced
from foundation.authorization.decision import Question
from foundation.identity.reading import identity_of
from tests.foundation.authorization.sites import ANY, OBJECTS, caller, site

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool", "BASE-10/second-factors-and-saml")

MFA = "https://refeds.org/profile/mfa"
ROLES = f"""\
roles:
  publish: {{allows: ["@publish:call"], amr: [mfa, otp]}}
  strong: {{allows: ["@check:call"], acr: ["{MFA}", gold]}}
  above: {{inherits: [strong], allows: ["show_artifact:call"]}}
callers:
  - {{issuer: "https://login.example.org", tenant: acme, id: named, roles: [strong]}}
"""


def may(who: Identity, tool: str, at: Authorization) -> bool:
    asked = Question(caller=who, action="call", object=tool, arguments={})
    found = decide(who, "call", tool, {}, at).allowed
    assert found is enforced(asked, at.policy().roles, OBJECTS)[0], "as pycasbin itself decides"
    return found


@pytest.fixture
def at(tmp_path: Path) -> Authorization:
    return site(tmp_path / "access", ROLES)


@pytest.mark.parametrize(
    ("amr", "allowed"),
    [((), False), (("pwd",), False), (("mfa",), False), (("otp", "mfa"), True), (("pwd", "otp", "mfa"), True)],
)
def test_all_of_amr(at: Authorization, amr: tuple[str, ...], allowed: bool) -> None:
    assert may(replace(caller(scopes=("publish",)), amr=frozenset(amr)), "sign_model_files", at) is allowed


@pytest.mark.parametrize(("acr", "allowed"), [("", False), ("0", False), (MFA + "/", False), (MFA, True), ("gold", True)])
def test_one_of_acr_however_the_role_was_given(at: Authorization, acr: str, allowed: bool) -> None:
    for who in (caller("strong"), caller("above"), caller(id="named")):
        assert may(replace(who, acr=acr), "check_model", at) is allowed
    assert may(replace(caller("above"), acr=acr), "show_artifact", at) is allowed, "it inherits the demand"


def test_a_decision_is_of_this_proof_and_no_other(at: Authorization) -> None:
    strong = replace(caller("strong"), acr=MFA)
    assert [may(one, "check_model", at) for one in (strong, caller("strong"), strong)] == [True, False, True]


@pytest.mark.parametrize(
    "text",
    [
        "roles: {a: {allows: ['@check:call'], denies: ['check_model:call'], amr: [mfa]}}",
        "roles: {a: {denies: ['check_model:call']}, b: {inherits: [a], acr: [gold]}}",
        "roles: {a: {acr: [gold]}, b: {inherits: [a], denies: ['check_model:call']}}",
    ],
)
def test_a_denial_that_would_only_count_for_some_is_refused(tmp_path: Path, text: str) -> None:
    at = site(tmp_path / "access", text)
    assert "denies something and demands acr or amr" in at.policy().wrong
    assert not decide(caller(scopes=("check",)), "call", "check_model", {}, at).allowed


@pytest.mark.parametrize("text", ["amr: mfa", "acr: []", "amr: [1]", "acr: ['']"])
def test_a_demand_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    assert site(tmp_path / "access", f"roles: {{a: {{{text}}}}}").policy().wrong


def test_a_policy_of_cedar_reads_them(tmp_path: Path) -> None:
    forbid = 'forbid (principal, action, resource == Object::"check_model") unless { principal.amr.contains("mfa") };'
    at = site(tmp_path / "access", site=ANY + forbid)
    assert not at.policy().wrong
    who = caller(scopes=("check",))
    assert not decide(who, "call", "check_model", {}, at).allowed
    assert decide(replace(who, amr=frozenset(("mfa",))), "call", "check_model", {}, at).allowed
    other = site(tmp_path / "other", site=f'{ANY}forbid (principal, action, resource) when {{ principal.acr == "" }};')
    assert not decide(who, "call", "check_gpus", {}, other).allowed
    assert decide(replace(who, acr="0"), "call", "check_gpus", {}, other).allowed


CLAIMS = {"iss": "https://login.example.org", "sub": "ada"}


def test_they_come_from_the_token() -> None:
    found = identity_of({**CLAIMS, "acr": MFA, "amr": ["pwd", "mfa"]})
    assert (found.acr, found.amr) == (MFA, frozenset(("pwd", "mfa")))
    tenant, object_ = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-000000000000"
    entra = {
        "iss": f"https://sts.windows.net/{tenant}/",
        "tid": tenant,
        "oid": object_,
        "ver": "1.0",
        "acr": "1",
        "amr": ["mfa"],
    }
    assert (identity_of(entra).acr, identity_of(entra).amr) == ("1", frozenset(("mfa",)))


ACR = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3))
AMR = st.none() | st.text(max_size=5) | st.lists(st.none() | st.integers() | st.text(max_size=4))


@given(st.fixed_dictionaries({"acr": ACR, "amr": AMR}))
def test_what_is_no_proof_proves_nothing(claims: dict[str, Any]) -> None:
    found = identity_of({**CLAIMS, **claims})
    assert found.acr in ("", claims["acr"])
    listed = claims["amr"] if isinstance(claims["amr"], list) else []
    assert all(one in listed and isinstance(one, str) and one.isprintable() for one in found.amr)
