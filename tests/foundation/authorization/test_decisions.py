"""One table of decisions, for both engines: each alone, and both together."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from arcops.identity import Identity
from foundation.authorization.authorizing import OPERATOR, Authorization, decide, explained, nearby, possible
from foundation.authorization.casbin_roles import enforced
from foundation.authorization.decision import Decision, Question
from foundation.strict_yaml import load_all
from tests.foundation.authorization.sites import ANY, HERE, OBJECTS, caller, site

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")

ROWS: Any = load_all((HERE / "table.yaml").read_bytes(), what="the table")[0]
ENGINES = {"both": "", "roles": "engines: {cedar: false}\n", "cedar": "engines: {roles: false}\n"}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authorization]:
    """The same policy with both engines on, and with one of them."""
    found = {}
    for name, switch in ENGINES.items():
        folder = tmp_path_factory.mktemp(name) / "access"
        folder.mkdir()
        (folder / "roles.yaml").write_text(switch + (HERE / "roles.yaml").read_text())
        shutil.copy(HERE / "calls.cedar", folder)
        found[name] = Authorization(folder, OBJECTS)
    return found


def question(row: Any) -> Question:
    issuer, tenant, name = row["caller"]
    scopes, roles = frozenset(row.get("scopes", ())), frozenset(row.get("roles_in_token", ()))
    who = Identity(issuer=issuer, tenant=tenant, id=name, scopes=scopes, roles=roles)
    tool, _, action = row["call"].rpartition(":")
    return Question(caller=who, action=action, object=tool, arguments=row.get("arguments"))


def decided(asked: Question, at: Authorization) -> Decision:
    return decide(asked.caller, asked.action, asked.object, asked.arguments, at)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['caller'][2]}-{row['call']}-{row['why'][:20]}")
def test_both_engines_decide_as_the_table_says(row: Any, sites: dict[str, Authorization]) -> None:
    asked = question(row)
    found = decided(asked, sites["both"])
    assert (found.allowed, found.epoch) == (row["decided"] == "allow", sites["both"].policy().epoch)
    assert row["why"] in found.reason
    assert decided(asked, sites["both"]) == found, "also when it was compiled before"
    alone = {name: decided(asked, sites[name]) for name in ("roles", "cedar") if name in row}
    assert {name: one.allowed for name, one in alone.items()} == {name: row[name] == "allow" for name in alone}
    assert {one.engine: one.allowed for one in explained(asked, sites["both"]).engines} == {
        name: row[name] == "allow" for name in alone
    }
    if "roles" in row:
        assert enforced(asked, sites["both"].policy().roles, OBJECTS)[0] is (row["roles"] == "allow")
    assert found.allowed is (bool(alone) and all(one.allowed for one in alone.values())), "both must allow"


def test_each_policy_of_the_table_decides_a_row() -> None:
    """Without any one of the Cedar policies, and without any one of the roles, the table would say something else."""
    said = [row["why"] for row in ROWS]
    assert sum("forbids" in one for one in said) >= 5
    assert sum("could not be evaluated" in one for one in said) >= 2


def test_what_reads_arguments_is_never_kept(tmp_path: Path) -> None:
    reading = 'forbid (principal, action, resource == Object::"check_model") when { context.arguments.n == 1 };'
    at = site(tmp_path / "access", one=ANY + reading)
    who = caller(scopes=("check",))
    answers = [decide(who, "call", "check_model", {"n": n}, at) for n in (2, 1, 2)]
    assert [one.allowed for one in answers] == [True, False, True]
    assert all(one.reads for one in answers)
    other = decide(who, "call", "check_gpus", {"n": 1}, at)
    assert (other.allowed, other.reads) == (True, False), "no policy about this tool reads them"
    assert decide(who, "call", "check_gpus", None, at) is other
    assert not decide(caller(), "call", "check_model", {"n": 1}, at).reads, "the roles deny it, whatever the arguments"


@pytest.mark.parametrize(
    ("cedar", "found"),
    [
        (ANY, True),
        ('permit (principal, action, resource) when { context.arguments.n == 1 };', True),
        (ANY + 'forbid (principal, action, resource) when { context.arguments.n == 1 };', True),
        (ANY + 'forbid (principal, action, resource == Object::"check_model");', False),
        ('permit (principal, action, resource == Object::"check_gpus") when { context.arguments.n == 1 };', False),
        ('forbid (principal, action, resource) when { context.arguments.n == 1 };', False),
        (
            'permit (principal, action, resource) when { context.arguments.n == 1 };'
            'forbid (principal, action, resource == Object::"check_model");',
            False,
        ),
        (
            'permit (principal, action, resource) when { context.arguments.n == 1 };'
            'forbid (principal, action, resource) when { principal.tenant == "acme" };',
            False,
        ),
        (
            'permit (principal, action, resource) when { principal.tenant == "no such" };'
            'forbid (principal, action, resource) when { context.arguments.n == 1 };',
            False,
        ),
    ],
)  # fmt: skip
def test_what_is_possible_with_some_arguments(cedar: str, found: bool, tmp_path: Path) -> None:
    """A list shows what some call of may be allowed; it shows nothing that no arguments would open."""
    at = site(tmp_path / "access", one=cedar)
    assert possible(caller(scopes=("check",)), "call", "check_model", at) is found
    assert not possible(caller(), "call", "check_model", at), "the roles deny it"


def test_what_fails_is_not_possible(tmp_path: Path) -> None:
    at = site(tmp_path / "access", one="permit (principal, action, resource) when { context.arguments.n == 1 };")
    who = caller(scopes=("check",))
    assert possible(who, "call", "check_model", at)
    with mock.patch("cedarpy.is_authorized", side_effect=RuntimeError("lost")):
        assert not possible(who, "call", "check_model", at)
    (tmp_path / "access" / "one.cedar").write_text("no policy")
    assert not possible(who, "call", "check_model", at)


def test_the_user_of_this_machine_is_decided_by_what_ships(tmp_path: Path) -> None:
    at = site(tmp_path / "access", "roles: {read: {denies: ['*:*']}}\n", one="forbid (principal, action, resource);\n")
    for tool, action in (("show_artifact", "call"), ("new_key", "call"), ("check_model", "connect"), ("waivers", "approve")):
        assert decide(OPERATOR, action, tool, None, at).allowed
    assert decide(nearby("read"), "call", "show_artifact", None, at).allowed
    assert not decide(nearby("read"), "call", "new_key", None, at).allowed
    assert not decide(caller(scopes=("read",)), "call", "show_artifact", None, at).allowed


@pytest.mark.parametrize("odd", [{"scopes": {"read"}}, {"roles": None}, {"id": None}, {"id": "\ud800"}, {"issuer": 1}])
def test_a_caller_who_is_no_identity_is_denied(odd: dict[str, Any], tmp_path: Path) -> None:
    asked = {"issuer": "https://i", "tenant": "t", "id": "x", "scopes": frozenset(), "roles": frozenset()} | odd
    at = site(tmp_path / "access", one=ANY)
    assert not decide(Identity(**asked), "call", "show_artifact", None, at).allowed
    assert not decide(None, "call", "show_artifact", None, at).allowed  # type: ignore[arg-type]  # what a fault would pass


def test_a_caller_with_other_roles_is_another_caller(tmp_path: Path) -> None:
    at = site(tmp_path / "access")
    assert not decide(caller(), "call", "show_artifact", None, at).allowed
    assert decide(caller(scopes=("read",)), "call", "show_artifact", None, at).allowed
    assert not decide(caller(), "call", "show_artifact", None, at).allowed
