"""What a site promises its callers: rules that promtool runs, alerts with a runbook each, and the editor's set-up."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from adapters.http.serve import reserved_port
from services.config.documents import BASE
from tests.adapters.test_observability import FOLDER, asked, every
from tests.deployments.building import HOUSE
from tests.waiting import until

pytestmark = pytest.mark.site

SLO = FOLDER / "arcops.slo.yaml"
RUN = ("--config.file=prometheus.yml", "--storage.tsdb.path=data")
PAGE = (FOLDER / "runbooks.md").read_text(encoding="utf-8")
observed = pytest.mark.requirement("BASE-8/promises-are-watched")


def rules() -> list[dict[str, str]]:
    files = (FOLDER / "arcops.rules.yaml", SLO)
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


@observed
def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    named = re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)
    assert named == [rule["alert"] for rule in rules() if "alert" in rule]
    for section in PAGE.split("\n## ")[1:]:
        assert re.search(r"^1\. ", section, re.MULTILINE), section.partition("\n")[0]


@observed
def test_the_promises_are_of_a_metric_that_is_there() -> None:
    """`tests/adapters/test_observability.py` holds the metrics of the front to what a server shows."""
    part = "/" + BASE.strip("/").partition("/")[0]
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        for name, labels in asked(rule["expr"]):
            if name in recorded:
                continue
            if "record" in rule:
                assert name == "arcops_http_requests_total"
                assert set(labels) <= {"job", "part", "status"}
    told = SLO.read_text()
    assert set(re.findall(r'part!?="([^"]+)"', told)) == {part}
    for _, goal in re.findall(r"> ([\d.]+) \* ([\d.]+)", told):
        assert goal in ("0.001", "0.005"), "99.9 % of configuration reads, 99.5 % of the control plane"


@observed
@pytest.mark.parametrize("words", [("check", "rules", SLO.name), ("test", "rules", "arcops.slo.test.yaml")])
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([program, *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@observed
def test_an_error_budget_that_is_ten_times_as_large_is_found(tmp_path: Path) -> None:
    """The smallest change: a promise that is not held any more is not told, and the test of the rules says so."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    folder = tmp_path
    (folder / SLO.name).write_text(SLO.read_text().replace("* 0.001", "* 0.01"))
    shutil.copy(FOLDER / "arcops.slo.test.yaml", folder)
    done = subprocess.run([program, "test", "rules", "arcops.slo.test.yaml"], cwd=folder, capture_output=True, check=False)
    assert done.returncode != 0


@observed
def test_a_real_prometheus_loads_the_rules_and_runs_every_expression(tmp_path: Path) -> None:
    """Each of the rules and of the dashboard is evaluated by the server itself; a wrong one would be an error."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    (tmp_path / "prometheus.yml").write_text(
        json.dumps({"rule_files": [str(FOLDER / "arcops.rules.yaml"), str(SLO)], "global": {"evaluation_interval": "1s"}})
    )
    with (
        reserved_port() as port,
        (tmp_path / "log").open("w") as log,
        subprocess.Popen([program, *RUN, f"--web.listen-address=127.0.0.1:{port}"], cwd=tmp_path, stderr=log) as server,
    ):
        address = f"127.0.0.1:{port}"
        try:

            def answered(path: str, **query: str) -> Any:
                assert server.poll() is None, (tmp_path / "log").read_text()
                try:
                    return httpx2.get(f"http://{address}{path}", params=query, trust_env=False)
                except httpx2.TransportError:
                    return None

            def evaluated() -> list[dict[str, Any]]:
                told = answered("/api/v1/rules")
                if told is None or told.status_code != 200:
                    return []
                found = [one for group in told.json()["data"]["groups"] for one in group["rules"]]
                return found if found and all(one["health"] != "unknown" for one in found) else []

            found = until(evaluated, "each rule was evaluated", seconds=60)
            assert len(found) == len(rules())
            assert {one["health"] for one in found} == {"ok"}, [one for one in found if one["health"] != "ok"]
            for expression in every():
                said = answered("/api/v1/query", query=expression.replace("$__rate_interval", "5m"))
                assert said.json()["status"] == "success", (expression, said.text)
            assert answered("/api/v1/query", query="sum(").json()["status"] == "error"
        finally:
            server.terminate()
            server.wait()


@pytest.mark.requirement("BASE-10/developer-setup")
def test_an_editor_finds_how_to_start_what_there_is(tmp_path: Path) -> None:
    """Each launch names a module and arguments that exist, and the container of development installs by `make`."""
    from adapters.cli.main import read

    launches = json.loads((HOUSE / ".vscode" / "launch.json").read_text())["configurations"]
    assert {one["name"] for one in launches} >= {"server", "MCP over standard streams", "flow"}
    for one in launches:
        if one.get("module") == "adapters.cli":
            read(one["args"])
        if program := one.get("program"):
            assert Path(program.replace("${workspaceFolder}", str(HOUSE))).is_file()
    tasks = {one["label"]: one for one in json.loads((HOUSE / ".vscode" / "tasks.json").read_text())["tasks"]}
    assert {one["preLaunchTask"] for one in launches if "preLaunchTask" in one} == tasks.keys()
    container = json.loads((HOUSE / ".devcontainer" / "devcontainer.json").read_text())
    assert container["postCreateCommand"].startswith("make ")
    make = shutil.which("make")
    assert make
    for command in [container["postCreateCommand"], *(one["command"] for one in tasks.values()), "make dev", "make inspect"]:
        program, *words = command.split()
        done = subprocess.run([make, "-n", *words], cwd=HOUSE, capture_output=True, text=True, check=False)
        assert (program, done.returncode) == ("make", 0), done.stderr
        assert "--reload" in done.stdout or words != ["dev"]
    key = tmp_path / "keys" / "arcops.key"
    subprocess.run([make, f"DEV={tmp_path}", str(key)], cwd=HOUSE, capture_output=True, check=True)
    assert (key.stat().st_mode & 0o777, (tmp_path / "passphrase").stat().st_mode & 0o777) == (0o600, 0o600)
    base = (HOUSE / ".devcontainer" / container["build"]["dockerfile"]).read_text()
    assert re.search(r"^FROM ", base, re.MULTILINE)
    assert "fail_under = 80" in (HOUSE / "pyproject.toml").read_text()
