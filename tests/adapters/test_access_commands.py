"""``arcops access``: the exit code is the decision, and a site that broke its policy is told what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.adapters.typed import Done, typed

pytestmark = pytest.mark.requirement("BASE-3/roles-down-to-a-tool")

ADA = ("--as", "https://login.example.org,acme,ada")
ROLES = """\
roles:
  lead: {inherits: [check], allows: ["show_artifact:call"], denies: ["check_gpus:call"]}
callers:
  - {issuer: "https://login.example.org", tenant: acme, id: ada, roles: [lead]}
"""
CALLS = """\
@id("any") permit (principal, action, resource);
@id("lab-only") forbid (principal, action, resource == Object::"check_model")
unless { context.arguments has target && context.arguments.target like "lab/*" };
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "access"
    folder.mkdir()
    (folder / "roles.yaml").write_text(ROLES)
    (folder / "calls.cedar").write_text(CALLS)
    return tmp_path


def access(home: Path, *line: str) -> Done:
    return typed("access", *line, environment={"ARCOPS_HOME": str(home)})


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (("show_artifact", *ADA), 0, "allowed"),
        (("check_gpus", *ADA), 3, "denied: a role of the caller denies"),
        (("check_model", *ADA, "--arguments", '{"target": "lab/a"}'), 0, "reads the arguments"),
        (("check_model", *ADA, "--arguments", '{"target": "a"}'), 3, "denied: a policy of this site forbids"),
        (("check_model", *ADA), 3, "denied: a policy of this site forbids"),
        (("new_key", *ADA), 3, "permission new_key:call"),
        (("new_key", *ADA, "--scopes", "trust"), 0, "allowed"),
        (
            ("check_inference", *ADA, "--arguments", '{"url": "http://127.0.0.1:1", "models": ["a"]}'),
            3,
            "check_inference:connect",
        ),
        (("waivers", *ADA, "--action", "approve", "--roles", "approver,other"), 0, "allowed"),
        (("waivers", *ADA, "--action", "approve"), 3, "permission waivers:approve"),
        (("chek_model", *ADA), 3, "no tool of this name"),
        (("show_artifact", "--as", "https://login.example.org,,ada"), 3, "no role"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "explain"])
def test_the_exit_code_is_the_decision(home: Path, verb: str, line: tuple[str, ...], code: int, said: str) -> None:
    found = access(home, verb, *line)
    assert (found.returncode, found.stderr) == (code, "")
    assert said in found.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("check", "show_artifact"), "--as"),
        (("check", "show_artifact", "--as", "ada"), "ISSUER,TENANT,ID"),
        (("check", "show_artifact", "--as", ",acme,ada"), "ISSUER,TENANT,ID"),
        (("check", *ADA), "TOOL"),
        (("check", "show_artifact", *ADA, "--action", "cal"), "use one of: call, connect, approve"),
        (("check", "show_artifact", *ADA, "--arguments", "["), "the arguments"),
        (("check", "show_artifact", *ADA, "--arguments", "[]"), "not a JSON object"),
        (("check", "check_model", *ADA, "--arguments", '{"target": 1}'), "no ask of check_model"),
        (("check", "check_model", *ADA, "--arguments", '{"target": "a", "target": "b"}'), "the arguments"),
    ],
)
def test_a_wrong_question_is_no_decision(home: Path, line: tuple[str, ...], said: str) -> None:
    found = access(home, *line)
    assert (found.returncode, found.stdout) == (2, "")
    assert said in found.stderr


def test_explain_names_the_rule_of_each_engine(home: Path) -> None:
    found = access(home, "explain", "check_gpus", *ADA).stdout
    assert "call, roles: denies: role lead denies check_gpus:call" in found
    assert "call, cedar: allows: permit calls.cedar: any" in found
    assert "call, pycasbin: denies: lead, check_gpus, call, deny" in found
    assert "roles: lead; inherited: check" in found
    assert "policy sha256:" in found
    told = json.loads(access(home, "explain", "check_gpus", *ADA, "--format", "json").stdout)
    assert told["checked"]["allowed"] is False
    assert {one["engine"] for one in told["checked"]["engines"]} == {"roles", "cedar"}


def test_roles_lists_what_ships_and_what_the_site_wrote(home: Path) -> None:
    found = access(home, "roles")
    assert found.returncode == 0
    assert "lead (of this site)" in found.stdout
    assert "read (comes with ArcOps)" in found.stdout
    assert "denies check_gpus:call" in found.stdout
    assert "engines: roles, cedar; callers with roles here: 1" in found.stdout


def test_a_policy_that_is_wrong_denies_and_says_why(home: Path) -> None:
    (home / "access" / "roles.yaml").write_text("roles: {lead: {alows: []}}\n")
    for line in (("check", "show_artifact", *ADA), ("explain", "show_artifact", *ADA), ("roles",)):
        found = access(home, *line)
        assert found.returncode == 3
        assert "the role 'lead' has the key 'alows', which is not known" in found.stdout
    assert access(home, "check", "new_key", "--as", "arcops:this-machine,,operator", "--scopes", "trust").returncode == 0


def test_without_a_policy_the_scopes_decide(tmp_path: Path) -> None:
    assert access(tmp_path, "check", "show_artifact", *ADA, "--scopes", "read").returncode == 0
    assert access(tmp_path, "check", "check_gpus", *ADA, "--scopes", "read").returncode == 3
    assert not list(tmp_path.iterdir()), "a question writes nothing"


def test_a_role_that_demands_more_is_shown_and_explained(tmp_path: Path) -> None:
    folder = tmp_path / "access"
    folder.mkdir()
    (folder / "roles.yaml").write_text('roles: {strong: {allows: ["@check:call"], acr: [gold], amr: [mfa]}}\n')
    asked = ("check_gpus", *ADA, "--roles", "strong")
    weak = access(tmp_path, "explain", *asked, "--acr", "gold", "--amr", "pwd")
    assert weak.returncode == 3
    assert "do not count without another acr or more of amr: strong" in weak.stdout
    strong = access(tmp_path, "explain", *asked, "--acr", "gold", "--amr", "pwd,mfa")
    assert (strong.returncode, "do not count" in strong.stdout) == (0, False), strong.stdout
    listed = access(tmp_path, "roles").stdout
    assert "  acr gold\n  amr mfa\n" in listed
