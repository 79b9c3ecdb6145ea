"""``arcops host new``, ``deploy``, ``share``, ``rollback``, from outside: from nothing to an answered call, and back."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest

from services.host import sharing
from services.host.scaffold.kinds import kinds
from tests.adapters.serving import Served, served
from tests.adapters.test_host_serve import HEADERS, said
from tests.adapters.typed import typed
from tests.services.host.hosts import SMALL
from tests.waiting import until

STEPS = ("services.host.rows.Rows.allow", "capabilities.server.updating.gated", "services.host.rows.Rows.switch")
REFUSED, BROKEN = 2, "raise SystemExit('a dependency is missing')\n"


@dataclass(frozen=True)
class Site:
    """A home with a trusted key, and nothing else."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"ARCOPS_HOME": str(self.folder / "home"), "ARCOPS_PASSPHRASE": "of a test", "PATH": os.environ["PATH"]}

    def arcops(self, *line: str, expect: int = 0) -> str:
        done = typed("host", *line, environment=self.environment, cwd=self.folder)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def deployed(self, *line: str) -> Any:
        done = typed("host", "deploy", "echo", "--format", "json", *line, environment=self.environment, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def changes(self, what: str, into: str) -> None:
        file = self.folder / "echo" / "echo_server" / "tools.py"
        file.write_text(file.read_text().replace(what, into))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    for line in (("keys", "new"), ("keys", "trust", str(tmp_path / "home" / "keys" / "arcops.pub"))):
        assert typed(*line, environment=made.environment).returncode == 0
    made.arcops("new", "echo")
    return made


def called(host: Served, key: str, text: str = "hello") -> httpx2.Response:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        **HEADERS,
        "authorization": f"Bearer {key}",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "echo",
    }
    params = {"name": "echo", "arguments": {"text": text}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return httpx2.post(f"{host.url}/echo/mcp", headers=headers, json=message, timeout=600)


def text_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(said(answer)["result"]["content"][0]["text"])


@pytest.mark.requirement(
    "HOST-001-004/new-versions-are-tried-first",
    "HOST-OPS/from-a-folder-to-an-address",
    "HOST-OPS/operations-per-server",
    "HOST-018/owners-and-sharing",
    "HOST-018/shares-count-at-each-call",
)
def test_from_nothing_to_a_call_to_a_new_version_and_back(site: Site) -> None:
    first = site.deployed("--owner", "team")
    assert (first["version"], first["changed"], first["verdict"]) == (1, True, "AMBER")
    assert {one["client"] for one in first["snippets"]} >= {"vscode", "codex", "claude-code"}
    texts = [one["text"] for one in first["snippets"]]
    assert all(one["text"] or one["problem"] for one in first["snippets"])
    assert not any(first["secret"] in one for one in texts)
    again = site.deployed()
    assert (again["version"], again["changed"], again["secret"]) == (1, False, "")

    with served("host", "serve", env=site.environment) as host:
        assert text_of(called(host, first["secret"])) == "hello"
        assert called(host, "arcops_" + "a" * 16 + "_" + "b" * 43).status_code == 401

        site.changes("return text", "return text.upper()")
        assert site.deployed()["version"] == 2
        until(lambda: text_of(called(host, first["secret"])) == "HELLO", "the new version answers")

        site.changes("return text.upper()", "return 1 / 0\n\n\n" + BROKEN)
        told = site.arcops("deploy", "echo", expect=REFUSED)
        assert "version 3 of echo does not serve, and version 2 goes on" in told
        assert text_of(called(host, first["secret"])) == "HELLO"
        assert "* 2 " in site.arcops("history", "echo")
        assert "? 3 " in site.arcops("history", "echo")
        told = site.arcops("diff", "echo", "--from", "1", "--to", "2")
        assert "-echo_server/tools.py:     return text\n+echo_server/tools.py:     return text.upper()\n" in told

        site.arcops("rollback", "echo")
        until(lambda: text_of(called(host, first["secret"])) == "hello", "the version before answers")

        metrics = host.get("/metrics").text
        assert 'arcops_hosted_state{server="echo",state="Running"} 1.0' in metrics
        assert 'arcops_hosted_calls_total{server="echo"}' in metrics

        share = json.loads(site.arcops("share", "echo", "--format", "json"))
        assert share["owner"] == "team"
        key = share["shares"][0]["share"]
        site.arcops("share", "echo", "--revoke", key)
        until(lambda: called(host, first["secret"]).status_code == 403, "what was revoked does not count")
        site.arcops("share", "echo", "--with", key)
        until(lambda: called(host, first["secret"]).status_code == 200, "what is shared again counts again")


@pytest.mark.requirement("HOST-005-006-022/every-change-is-audited", "HOST-OPS/operations-per-server")
def test_a_client_that_is_not_known_is_said_before_anything_is_done(site: Site) -> None:
    assert "there is no client family 'vscod'" in site.arcops("deploy", "echo", "--for", "vscod", expect=REFUSED)
    assert "echo" not in site.arcops("list")


def test_a_key_that_is_not_shared_does_not_stay(site: Site) -> None:
    with mock.patch.object(sharing, "MOST_SHARES", 0):
        assert "are the most" in site.arcops("deploy", "echo", expect=REFUSED)
    made = typed("access", "key", "list", "--all", "--format", "json", environment=site.environment).stdout
    assert [one["revoked"] is not None for one in json.loads(made)["keys"]] == [True]
    assert site.deployed()["secret"]


def test_a_wrap_writes_through_no_link(site: Site) -> None:
    repository = site.folder / "repository"
    repository.mkdir()
    (repository / "pyproject.toml").write_text('[project]\nname = "r"\nscripts = {r = "r:main"}\n')
    (repository / "arcops_serve.py").symlink_to(site.folder / "outside")
    assert "exists already" in site.arcops("wrap", "repository", expect=REFUSED)
    assert not (site.folder / "outside").exists()
    assert not (repository / "arcops.yaml").exists()


def test_each_change_has_a_record_with_its_actor(site: Site) -> None:
    site.deployed("--no-key")
    site.changes("return text", "return text.upper()")
    site.deployed("--no-key")
    share = ("share", "echo", "--with", "role:analysts")
    lines = (("rollback", "echo"), ("stop", "echo"), ("start", "echo"), ("restart", "echo"), share, ("deny", "echo"))
    for line in (*lines, ("remove", "echo")):
        site.arcops(*line)
    site.arcops("remove", "echo", expect=REFUSED)  # what was refused is told, too
    done = typed("audit", "query", "--format", "json", "--limit", "100", environment=site.environment)
    entries = [one["record"] for one in json.loads(done.stdout)["records"]]
    found = [one for one in entries if one["tool"].startswith("host_")]
    told = [(one["tool"], one["object"].partition("@")[0], one["outcome"]) for one in reversed(found)]
    locks = [one["object"].partition("@")[2] for one in reversed(found) if one["tool"] == "host_put"]
    assert len(set(locks)) == 2, "each deployment is recorded with the digest of what was deployed"
    assert all(one.startswith("sha256:") for one in locks)
    changes = ["host_put", "host_put", *(f"host_{line[0]}" for line in lines), "host_remove"]
    assert told[1:] == [*((one, "servers/echo", "done") for one in changes), ("host_remove", "", "refused")]
    assert told[0][0] == "host_new"
    assert all(one["actor"]["id"] and one["at"] for one in found)
    asked = ("access", "check", "--as", "https://login.example.org,acme,ann", "--scopes")
    for tool in ("host_put", "host_remove", "host_rollback", "host_share", "host_deploy"):
        assert typed(*asked, "read,check,publish", tool, environment=site.environment).returncode == 3
        assert typed(*asked, "trust", tool, environment=site.environment).returncode == 0


@pytest.mark.requirement("HOST-OPS/existing-servers-are-wrapped")
def test_a_wrapped_repository_is_deployed_and_a_wrapped_command_is_a_row(site: Site) -> None:
    repository = site.folder / "mine"
    repository.mkdir()
    (repository / "server.py").write_text(SMALL.read_text())
    assert "arcops host wrap" in site.arcops("deploy", str(repository), expect=REFUSED)
    assert "Next: arcops host deploy" in site.arcops("wrap", str(repository))
    assert "version 1 counts now, AMBER" in site.arcops("deploy", str(repository), "--no-key")
    assert "time: pypi:mcp-server-time==2026.10.10" in site.arcops(
        "wrap", "--run", "uvx mcp-server-time==2026.10.10", "--name", "time"
    )
    assert "only a shell understands" in site.arcops("wrap", str(repository), "--run", "a | b", expect=REFUSED)


@pytest.mark.requirement("HOST-001-004/new-versions-are-tried-first")
@pytest.mark.parametrize("step", STEPS)
def test_a_deployment_that_was_killed_is_finished_by_the_next_one(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site.deployed("--no-key")
    site.changes("return text", "return text.upper()")
    with monkeypatch.context() as patched:

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt("a signal")

        patched.setattr(step, killed)
        assert "stopped" in site.arcops("deploy", "echo", "--no-key", expect=1)
    assert "* 1 " in site.arcops("history", "echo")
    put = site.deployed("--no-key")
    assert (put["version"], put["changed"]) == (2, True)
    assert "* 2 " in site.arcops("history", "echo")


@pytest.mark.requirement("HOST-007/templates-pass-the-gate")
def test_every_template_is_judged_tried_and_served(site: Site) -> None:
    wanted = [*((kind, "python") for kind in kinds()), *((kind, "node") for kind in ("echo", "github") if shutil.which("node"))]
    for kind, language in wanted:
        name = f"{kind}-{language}"
        site.arcops("new", kind, name, "--language", language)
        assert f"{name}: version 1 counts now, AMBER" in site.arcops("deploy", name, "--no-key")
