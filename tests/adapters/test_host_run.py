"""A server by itself: by its own name, and by ``arcops host run``, with the callers, records and probes of every hosted one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.adapters.serving import REPOSITORY, Served, environment, served
from tests.adapters.test_host_deploy import called, text_of
from tests.adapters.typed import typed
from tests.waiting import until


@pytest.fixture
def project(tmp_path: Path) -> Path:
    there = {"ARCOPS_HOME": str(tmp_path / "home")}
    assert typed("host", "new", "echo", environment=there, cwd=tmp_path).returncode == 0
    return tmp_path / "echo"


@contextmanager
def by_its_name(project: Path, *more: str) -> Iterator[Served]:
    own = {"ARCOPS_HOME": str(project.parent / "home"), "PYTHONPATH": f"{REPOSITORY}:{project}", "ARCOPS_NOT_FOR_IT": "x"}
    program = [sys.executable, "-m", "echo_server.alone"]
    with served(*more, env=environment(own), program=program, cwd=project) as host:
        yield host


@pytest.mark.requirement("HOST-007/templates-run-alone")
def test_by_its_own_name_it_is_guarded_recorded_and_watched(project: Path) -> None:
    with by_its_name(project) as host:
        assert httpx2.get(f"{host.url}/livez").status_code == 200
        assert httpx2.get(f"{host.url}/readyz").json()["ready"] is True
        assert called(host, "no-such-token").status_code == 401
        mine = host.secret["authorization"].removeprefix("Bearer ")
        assert text_of(called(host, mine)) == "hello"
        shown = host.get("/echo/status").json()
        assert shown["state"] == "Running"
        assert shown["calls"] > 0
        assert "arcops_" in host.get("/metrics").text
    home = {"ARCOPS_HOME": str(project.parent / "home")}
    told = typed("audit", "query", "--format", "json", environment=home)
    assert '"servers/echo"' in told.stdout, told.stderr
    assert '"denied"' in told.stdout


@pytest.mark.requirement("HOST-007/templates-run-alone")
def test_its_roles_and_shares_count(project: Path) -> None:
    home = {"ARCOPS_HOME": str(project.parent / "home")}
    made = typed("access", "key", "new", "other", "--scopes", "read", "--days", "1", environment=home)
    id_, secret = made.stdout.split()[0], made.stdout.split("secret ")[1].split()[0]
    with by_its_name(project) as host:
        assert called(host, secret).status_code == 403
    with by_its_name(project, "--share", f"user:arcops,,{id_}") as host:
        assert text_of(called(host, secret)) == "hello"


@pytest.mark.requirement("HOST-007/templates-run-alone")
def test_a_changed_file_counts_at_once(project: Path) -> None:
    own = {"ARCOPS_HOME": str(project.parent / "home")}
    with served("host", "run", str(project), "--reload", env=own) as host:
        mine = host.secret["authorization"].removeprefix("Bearer ")
        assert text_of(called(host, mine)) == "hello"
        tools = project / "echo_server" / "tools.py"
        tools.write_text(tools.read_text().replace("return text", "return text.upper()"))
        until(lambda: "HELLO" in called(host, mine).text, "the new code answers")  # a call may end with the old code


def test_a_folder_without_a_server_is_refused(tmp_path: Path) -> None:
    done = typed("host", "run", str(tmp_path), environment={"ARCOPS_HOME": str(tmp_path)})
    assert done.returncode == 2
    assert "arcops host wrap" in done.stderr
