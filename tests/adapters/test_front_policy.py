"""From a token or an API key, through the policy of the place, to a line in the audit log: the whole way, at a real server."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.serving import Served, served
from tests.adapters.typed import typed
from tests.models import Bench, bench
from tests.simulators.issuer import Issuer, issuing
from tests.waiting import until

pytestmark = [pytest.mark.requirement("BASE-3/roles-down-to-a-tool"), pytest.mark.xdist_group("access")]

AUDIENCE = "https://arcops.example/mcp"
ROLES = """\
roles:
  lookers:
    allows: ["list_artifacts:call", "explain_rule:call"]
callers:
  - {issuer: "ISSUER", tenant: "", id: ada, roles: [lookers]}
"""
CEDAR = """\
permit (principal, action, resource);
forbid (principal, action == Action::"call", resource == Object::"explain_rule")
when { context.arguments has name && context.arguments.name == "weights/complete" };
"""
SECRET = "a-secret-that-no-log-may-have"


@dataclass(frozen=True)
class Front:
    server: Served
    issuer: Issuer
    here: Bench

    def call(self, secret: str, tool: str, **arguments: object) -> Any:
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": tool,
                "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        }
        headers = {
            "authorization": f"Bearer {secret}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "tools/call",
            "mcp-name": tool,
        }
        return self.server.post(headers=headers, json=body, timeout=60)

    def token(self, name: str, *scopes: str) -> str:
        given = " ".join(f"arcops:{one}" for one in scopes)
        now = int(time.time())
        return self.issuer.token(aud=AUDIENCE, sub=name, iat=now, exp=now + 600, scope=given)

    def typed(self, *words: str) -> str:
        done = typed(*words, environment=self.here.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def records(self, tool: str) -> list[dict[str, Any]]:
        """What the audit log says of *tool*, the oldest first. The log is written a moment after the answer."""
        found = json.loads(self.typed("audit", "query", "--tool", tool, "--format", "json"))
        return [one["record"] for one in reversed(found["records"])]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    here = bench(tmp_path_factory.mktemp("front"))
    with issuing() as issuer:
        own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_ROOTS": str(here.home.parent)}
        access = here.home / "access"
        access.mkdir(mode=0o700)
        (access / "roles.yaml").write_text(ROLES.replace("ISSUER", issuer.url))
        (access / "site.cedar").write_text(CEDAR)
        with served("mcp", "--http", env={**here.environment, **own}) as server:
            yield Front(server=server, issuer=issuer, here=here)


def test_a_role_allows_what_no_scope_of_the_token_does_and_the_call_is_recorded(front: Front) -> None:
    answer = front.call(front.token("ada"), "list_artifacts")
    assert answer.status_code == 200
    assert not answer.json()["result"].get("isError")
    until(lambda: len(front.records("list_artifacts")) == 1, "the record")
    (record,) = front.records("list_artifacts")
    assert record["actor"] == {"id": "ada", "issuer": front.issuer.url, "tenant": ""}
    assert (record["action"], record["outcome"], record["door"], record["tier"]) == ("tools/call", "done", "mcp", "air-gapped")
    assert record["latencyUs"] > 0
    assert record["request"]


def test_what_no_role_allows_is_denied_and_recorded(front: Front) -> None:
    for name in ("ada", "eve"):
        answer = front.call(front.token(name), "show_artifact", artifact=SECRET)
        assert answer.status_code == 403
    assert front.call(front.token("eve"), "list_artifacts").status_code == 403, "another one has no role"
    until(lambda: len(front.records("show_artifact")) == 2, "the record")
    assert {(one["actor"]["id"], one["outcome"], one["reason"]) for one in front.records("show_artifact")} == {
        ("ada", "denied", "policy"),
        ("eve", "denied", "policy"),
    }


def test_an_argument_is_judged_by_cedar(front: Front) -> None:
    assert front.call(front.token("ada"), "explain_rule", name="weights/formats").status_code == 200
    assert front.call(front.token("ada"), "explain_rule", name="weights/complete").status_code == 403


def test_an_api_key_may_what_its_scopes_say_until_it_is_revoked(front: Front) -> None:
    made = json.loads(front.typed("access", "key", "new", "mine", "--scopes", "read", "--days", "1", "--format", "json"))
    assert front.call(made["secret"], "list_policies").status_code == 200
    assert front.call(made["secret"], "check_model", path="model").status_code == 403
    until(lambda: len(front.records("list_policies")) == 1, "the record")
    assert front.records("list_policies")[0]["actor"]["id"] == made["id"]
    front.typed("access", "key", "revoke", made["id"])
    assert front.call(made["secret"], "list_policies").status_code == 401


def test_a_token_that_is_revoked_in_the_middle_of_a_session_is_refused_at_its_next_request(front: Front) -> None:
    """The session stays its caller's: they go on with it by a new token."""

    def post(token: str, message: dict[str, object], **headers: str) -> Any:
        more = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream", **headers}
        return front.server.post(headers=more, json={"jsonrpc": "2.0", "id": 1, **message}, timeout=60)

    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    mine, new = front.token("ada", "read"), front.token("ada", "read")
    opened = post(mine, {"method": "initialize", "params": about})
    session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    assert post(mine, {"method": "ping"}, **session).status_code == 200
    assert mine != new
    front.typed("access", "revoke", "--token", hashlib.sha256(mine.encode()).hexdigest())
    refused = until(lambda: _refused(post(mine, {"method": "ping"}, **session)), "the next request is refused")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert "revoked here" in refused.json()["error"]["message"]
    assert post(new, {"method": "ping"}, **session).status_code == 200
    front.typed("access", "revoke", "--caller", f"{front.issuer.url},,ada", "--until", "2026-01-01T00:00:00Z")
    assert post(front.token("ada", "read"), {"method": "ping"}, **session).status_code == 200


def _refused(answer: Any) -> Any:
    return answer if answer.status_code == 401 else None


def test_a_token_that_is_not_accepted_is_recorded_without_its_words(front: Front) -> None:
    assert front.call(SECRET, "list_artifacts").status_code == 401
    no_one = {"id": "", "issuer": "", "tenant": ""}
    until(lambda: [one for one in _all(front) if one["reason"] == "token" and one["actor"] == no_one], "the record")


def test_no_value_and_no_secret_is_in_the_log(front: Front) -> None:
    answer = front.call(front.token("ada"), "explain_rule", name=SECRET)
    assert answer.json()["result"]["isError"]
    until(lambda: any(one["outcome"] == "refused" for one in front.records("explain_rule")), "the record")
    logs = list((front.here.home / "audit").rglob("log"))
    assert logs
    assert not [one for one in logs if SECRET.encode() in one.read_bytes()]
    front.typed("audit", "verify")


def test_a_policy_that_is_spoiled_denies_everyone(front: Front) -> None:
    roles = front.here.home / "access" / "roles.yaml"
    good = roles.read_text()
    try:
        roles.write_text("roles: {lookers: {allows: ['no_such_tool:call']}}")
        assert front.call(front.token("ada", "read"), "list_artifacts").status_code == 403
    finally:
        roles.write_text(good)
    until(lambda: front.call(front.token("ada"), "list_artifacts").status_code == 200, "the record")


def test_the_probe_says_that_calls_are_recorded(front: Front) -> None:
    assert front.server.get("/readyz").json()["parts"]["audit"] == "ok"


def _all(front: Front) -> list[dict[str, Any]]:
    found = json.loads(front.typed("audit", "query", "--format", "json", "--limit", "1000"))
    return [one["record"] for one in found["records"]]


@pytest.mark.parametrize("bounded", [False, True], ids=["every file", "roots"])
def test_the_holder_of_a_key_is_never_this_user(tmp_path: Path, bounded: bool) -> None:
    here = bench(tmp_path)
    made = typed(
        "access", "key", "new", "mine", "--scopes", "check", "--days", "1", "--format", "json", environment=here.environment
    )
    secret = json.loads(made.stdout)["secret"]
    (tmp_path / "outside").mkdir()
    roots = {"ARCOPS_ROOTS": str(tmp_path / "served")} if bounded else {}
    with issuing() as issuer, served("mcp", "--http", env={**here.environment, **roots}) as server:
        answer = Front(server=server, issuer=issuer, here=here).call(secret, "check_model", target=str(tmp_path / "outside"))
    assert answer.status_code == (200 if bounded else 401)
    assert "ARCOPS_ROOTS" in answer.text if not bounded else answer.json()["result"]["isError"]
